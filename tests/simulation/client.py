"""A client of the service: it asks any process, and asks again where it was not told what became of its request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from feeds.ingest import OUTAGES
from tests.simulation.scheduler import Scheduler, Signal
from tests.simulation.service import Process

T = TypeVar("T")
_PATIENCE_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 1.0


class NoAnswer(Exception):
    """The process died, or did not answer in time."""


class NobodyThere(Exception):
    """No process runs at the moment."""


class Client:
    """Sends requests to `processes`, those that take some at the moment."""

    def __init__(self, scheduler: Scheduler, processes: Callable[[], Sequence[Process]]) -> None:
        self.scheduler = scheduler
        self.doubts = 0
        self._processes = processes

    def insist(self, request: Callable[[Process], T]) -> T:
        """Ask until there is an answer; raises the LedgerError that is one."""
        while True:
            try:
                return self._ask(request)
            except NobodyThere:
                pass
            except (NoAnswer, *OUTAGES):
                self.doubts += 1
            self.scheduler.sleep(_PAUSE_SECONDS)

    def _ask(self, request: Callable[[Process], T]) -> T:
        """Have a process do something in a thread of its own; raises NobodyThere, NoAnswer, or what it raised."""
        processes = self._processes()
        if not processes:
            raise NobodyThere
        process = self.scheduler.random.choice(processes)
        answers: list[T] = []
        errors: list[Exception] = []
        answered = Signal(self.scheduler)

        def handle() -> None:
            try:
                answers.append(request(process))
            except Exception as error:
                errors.append(error)
            answered.notify()

        process.start("request", handle)
        self.scheduler.wait(
            lambda: bool(answers or errors) or process.is_dead, answered, process.death, seconds=_PATIENCE_SECONDS
        )
        if process.is_dead or not (answers or errors):
            raise NoAnswer
        if errors:
            raise errors[0]
        return answers[0]
