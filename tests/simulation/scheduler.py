"""One scheduler for all that a simulated service does: a seed says who takes the next step, so a seed is a run.

Each thread of each process is a greenlet. It runs until it pauses: at each access to the store, and wherever it waits.
There, and only there, others may come in between, time may pass, and the process may die.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Final

from greenlet import GreenletExit, getcurrent, greenlet

STEPS_MAX: Final = 100_000


class Crash(GreenletExit):
    """The process is killed at this step: nothing that it had in memory is there any more."""


class Stuck(AssertionError):
    """Everybody waits, and nobody is left who could end that; or there is no end."""


class Task:
    """A thread of a process; `waits_until` says what for, where it waits for something."""

    __slots__ = ("name", "process", "thread", "waits_until", "wakes_at")

    def __init__(self, process: str, name: str, thread: greenlet) -> None:
        self.process = process
        self.name = name
        self.thread = thread
        self.waits_until: Callable[[], bool] | None = None
        self.wakes_at: float | None = None


class Scheduler:
    """Lets one task after another take a step. `now` counts seconds since `begins`; nothing but waiting takes time."""

    def __init__(self, random: Random, *, begins: datetime) -> None:
        self.random = random
        self.now = 0.0
        self.steps = 0
        self._begins = begins
        self._tasks: dict[greenlet, Task] = {}
        self._dying: set[greenlet] = set()

    def clock(self) -> datetime:
        """Return the time of the world."""
        return self._begins + timedelta(seconds=self.now)

    def start(self, process: str, name: str, run: Callable[[], None]) -> Task:
        """Start a thread of a process, which takes its first step when its turn comes."""
        task = Task(process, name, greenlet(run))
        self._tasks[task.thread] = task
        return task

    def pause(self) -> None:
        """End a step of the task that calls: anybody may be next. Does nothing outside of tasks."""
        if getcurrent() in self._tasks or getcurrent() in self._dying:
            self._leave()

    def sleep(self, seconds: float) -> None:
        """Let time pass for the task that calls."""
        self._leave(wakes_at=self.now + seconds)

    def wait(self, until: Callable[[], bool], *, seconds: float | None = None) -> bool:
        """Let the task that calls wait until something is so, or time is over; return which."""
        if until():
            return True
        self._leave(waits_until=until, wakes_at=None if seconds is None else self.now + seconds)
        return until()

    def skip(self, steps: int) -> None:
        """Let others take so many steps."""
        target = self.steps + steps
        self.wait(lambda: self.steps >= target)

    def is_alive(self, task: Task) -> bool:
        """Say whether a task has not come to its end."""
        return task.thread in self._tasks

    def kill(self, process: str) -> None:
        """Have all threads of a process die where they stand."""
        for task in [task for task in self._tasks.values() if task.process == process]:
            self._dying.add(self._tasks.pop(task.thread).thread)
            task.thread.parent = getcurrent()
            task.thread.throw(Crash)
            self._dying.discard(task.thread)

    def run(self, *, until: Callable[[], bool], observe: Callable[[], None]) -> None:
        """Let tasks take steps until something is so; `observe` looks at the world after each of them. Raises Stuck."""
        while not until():
            task = self._next()
            task.waits_until = task.wakes_at = None
            task.thread.parent = getcurrent()
            task.thread.switch()
            if task.thread.dead:
                self._tasks.pop(task.thread, None)
            self.steps += 1
            observe()
            if self.steps > STEPS_MAX:
                raise Stuck(f"no end after {self.steps} steps: {self._standing()}")

    def _leave(self, *, waits_until: Callable[[], bool] | None = None, wakes_at: float | None = None) -> None:
        thread = getcurrent()
        if thread in self._dying:
            # What a dying process tidies up with takes no steps.
            raise Crash
        task = self._tasks[thread]
        task.waits_until, task.wakes_at = waits_until, wakes_at
        assert thread.parent is not None
        thread.parent.switch()

    def _next(self) -> Task:
        """Draw who is next; when everybody waits for a time, it is then."""
        ready = [task for task in self._tasks.values() if self._is_ready(task)]
        if ready:
            return self.random.choice(ready)
        sleeping = [task for task in self._tasks.values() if task.wakes_at is not None]
        if not sleeping:
            raise Stuck(f"everybody waits: {self._standing()}")
        first = min(sleeping, key=lambda task: (task.wakes_at, task.process, task.name))
        assert first.wakes_at is not None
        self.now = max(self.now, first.wakes_at)
        return first

    def _is_ready(self, task: Task) -> bool:
        if task.wakes_at is not None and task.wakes_at <= self.now:
            return True
        if task.waits_until is not None:
            return task.waits_until()
        return task.wakes_at is None

    def _standing(self) -> str:
        return ", ".join(f"{task.process} {task.name}" for task in self._tasks.values())
