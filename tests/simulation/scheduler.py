"""One scheduler for all that a simulated service does: a seed says who takes the next step, so a seed is a run.

Each thread of each process is a greenlet. It runs until it pauses: at each access to the store, and wherever it waits.
There, and only there, others may come in between, time may pass, and the process may die.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Final, TypeAlias

from greenlet import GreenletExit, getcurrent, greenlet

STEPS_MAX: Final = 100_000
_Waiting: TypeAlias = "tuple[float, int, Task, int]"


class Crash(GreenletExit):
    """The process is killed at this step: nothing that it had in memory is there any more."""


class Stuck(AssertionError):
    """Everybody waits, and nobody is left who could end that; or there is no end."""


class Task:
    """A thread of a process. `turn` counts how often it was called: what was to wake it earlier is void."""

    __slots__ = ("is_over", "name", "process", "thread", "turn")

    def __init__(self, process: str, name: str, thread: greenlet) -> None:
        self.process = process
        self.name = name
        self.thread = thread
        self.turn = 0
        self.is_over = False


class Signal:
    """Where those wait who are called when something has changed, to look whether it is what they wait for."""

    __slots__ = ("_scheduler", "_waiting")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waiting: list[tuple[Task, int]] = []

    def notify(self) -> None:
        """Call all who wait."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for task, turn in waiting:
                self._scheduler.call(task, turn)

    def await_(self, task: Task) -> None:
        """Have a task called."""
        self._waiting.append((task, task.turn))


class Scheduler:
    """Lets one task after another take a step. `now` counts seconds since `begins`; nothing but waiting takes time.

    Tasks are started and killed by one another; it is made, and run, where the world begins.
    """

    def __init__(self, random: Random, *, begins: datetime) -> None:
        self.random = random
        self.now = 0.0
        self.steps = 0
        self._begins = begins
        self._hub = getcurrent()
        self._tasks: list[Task] = []
        self._ready: list[Task] = []
        # Who wakes at a time, and who at a number of steps; numbered, so that the first to wait wakes first.
        self._sleeping: list[_Waiting] = []
        self._skipping: list[_Waiting] = []
        self._slept = 0
        self._running: Task | None = None
        self._is_killing = False

    def clock(self) -> datetime:
        """Return the time of the world."""
        return self._begins + timedelta(seconds=self.now)

    def start(self, process: str, name: str, run: Callable[[], None]) -> Task:
        """Start a thread of a process, which takes its first step when its turn comes."""
        task = Task(process, name, greenlet(run, self._hub))
        self._tasks.append(task)
        self._ready.append(task)
        return task

    def call(self, task: Task, turn: int) -> None:
        """Have a task that waits take its next step, unless it was called since `turn`."""
        if task.turn == turn and not task.is_over:
            task.turn += 1
            self._ready.append(task)

    def pause(self) -> None:
        """End a step of the task that calls: anybody may be next. Does nothing outside of tasks."""
        if self._running is not None:
            self._ready.append(self._running)
            self._leave()

    def sleep(self, seconds: float) -> None:
        """Let time pass for the task that calls."""
        self._wake_at(self.now + seconds)
        self._leave()

    def wait(self, until: Callable[[], bool], *on: Signal, seconds: float | None = None) -> bool:
        """Let the task that calls wait until something is so, or time is over; return which.

        It looks again whenever one of `on` is notified.
        """
        ends = None if seconds is None else self.now + seconds
        while not until():
            if ends is not None and self.now >= ends:
                return False
            assert self._running is not None
            for signal in on:
                signal.await_(self._running)
            if ends is not None:
                self._wake_at(ends)
            self._leave()
        return True

    def skip(self, steps: int) -> None:
        """Let others take so many steps."""
        assert self._running is not None
        self._slept += 1
        heappush(self._skipping, (self.steps + steps, self._slept, self._running, self._running.turn))
        self._leave()

    def linger(self, pauses: int) -> None:
        """Be slow: let others go first so many times."""
        for _ in range(pauses):
            self.pause()

    def kill(self, process: str) -> None:
        """Have all threads of a process die where they stand."""
        killer, self._is_killing = self._running, True
        for task in [task for task in self._tasks if task.process == process]:
            self._tasks.remove(task)
            task.is_over, self._running = True, task
            task.thread.parent = getcurrent()
            task.thread.throw(Crash)
        self._running, self._is_killing = killer, False

    def run(self, *, until: Callable[[], bool], observe: Callable[[], None]) -> None:
        """Let tasks take steps until something is so; `observe` looks at the world after each of them. Raises Stuck."""
        while not until():
            task = self._running = self._next()
            task.thread.switch()
            self._running = None
            if task.thread.dead and not task.is_over:
                task.is_over = True
                self._tasks.remove(task)
            self.steps += 1
            observe()
            if self.steps > STEPS_MAX:
                raise Stuck(f"no end after {self.steps} steps: {self._standing()}")

    def _leave(self) -> None:
        if self._is_killing:
            # What a dying process tidies up with takes no steps.
            raise Crash
        self._hub.switch()

    def _wake_at(self, at: float) -> None:
        assert self._running is not None
        self._slept += 1
        heappush(self._sleeping, (at, self._slept, self._running, self._running.turn))

    def _next(self) -> Task:
        """Draw who is next; when everybody waits for a time, it is then."""
        ready = self._ready
        while True:
            while self._skipping and self._skipping[0][0] <= self.steps:
                self._call_first(self._skipping)
            while ready:
                drawn = int(self.random.random() * len(ready))
                task, ready[drawn] = ready[drawn], ready[-1]
                ready.pop()
                if not task.is_over:
                    return task
            self._pass_time()

    def _pass_time(self) -> None:
        """Go on to when somebody wakes, and call all who do by then."""
        while self._sleeping:
            at, _, task, turn = self._sleeping[0]
            if task.turn == turn and not task.is_over:
                self.now = max(self.now, at)
            elif at > self.now:
                heappop(self._sleeping)
                continue
            while self._sleeping and self._sleeping[0][0] <= self.now:
                self._call_first(self._sleeping)
            return
        raise Stuck(f"everybody waits: {self._standing()}")

    def _call_first(self, waiting: list[_Waiting]) -> None:
        _, _, task, turn = heappop(waiting)
        self.call(task, turn)

    def _standing(self) -> str:
        return ", ".join(f"{task.process} {task.name}" for task in self._tasks)
