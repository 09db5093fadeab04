"""The clock as a feed: what is due is done, once. The time is passed in; what was done stands in the log.

A tick may be repeated, run in several processes, or come late: the ledger refuses or ignores what is done already.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from ledger import closing, drawing, listing, settling
from ledger.aggregate import LedgerError
from ledger.beacon import RoundAwaited
from ledger.book import Decision
from ledger.datastore import OUTAGES
from ledger.desk import DeskClosed, LedgerUnavailable
from ledger.ledger import Ledger
from ledger.week import CaseOpen, WeekNotOver, WeekNotResolved
from ledger.weeks import following

CLOCK: Final = "clock"
BEACON_PAUSE: Final = timedelta(seconds=30)
_log = logging.getLogger(__name__)


class _Agenda(NamedTuple):
    """What is due in a week now, and the next instant at which something will be."""

    state: str
    to_draw: bool = False
    to_lock: Sequence[UUID] = ()
    to_close: bool = False
    to_return: Sequence[UUID] = ()
    to_void: Sequence[UUID] = ()
    to_settle: bool = False
    to_finalise: bool = False
    next_at: datetime | None = None


class Deadlines:
    """Does what is due in every week that is open. `opens_weeks`: the next week is opened when one is drawn."""

    def __init__(self, ledger: Ledger, *, opens_weeks: bool = False) -> None:
        self._ledger = ledger
        self._opens_weeks = opens_weeks
        self._over: set[str] = set()
        self._draws_at: dict[str, datetime] = {}

    def run(self, stop: threading.Event, *, poll_seconds: float = 0.5) -> None:
        """Tick until `stop` is set."""
        while not stop.wait(poll_seconds):
            try:
                self.tick()
            except (LedgerError, *OUTAGES) as error:
                _log.warning("the clock waits: %s", error)
                stop.wait(1.0)

    def tick(self) -> int:
        """Do what is due now, week by week, and return how many things that were.

        What one week is refused holds up no other: the first refusal is raised when all have had their turn. Raises
        LedgerUnavailable at once.
        """
        weeks = self._ledger.weeks()
        acts = [partial(self._tick, week) for week in weeks if week not in self._over]
        if self._opens_weeks and weeks:
            acts.append(partial(self._open_next, weeks[-1]))
        done, refused = 0, []
        for act in acts:
            try:
                done += act()
            except (DeskClosed, LedgerUnavailable):
                # The other weeks would wait for the database as long, one after another.
                raise
            except LedgerError as refusal:
                refused.append(refusal)
        if refused:
            raise refused[0]
        return done

    def next_at(self) -> datetime | None:
        """Return the next instant, after now, at which something falls due; None where nothing will."""
        agendas = [self._agenda(week) for week in self._ledger.weeks() if week not in self._over]
        now = self._ledger.clock()
        instants = [agenda.next_at for agenda in agendas if agenda.next_at is not None]
        instants += [instant for instant in self._draws_at.values() if instant > now]
        return min(instants, default=None)

    def _tick(self, week: str) -> int:
        agenda = self._agenda(week)
        if agenda.state == "final":
            self._over.add(week)
            return 0
        request = f"{week}/clock"
        done = 0
        if agenda.to_draw:
            done += self._draw(week, request=request)
        for game_id in agenda.to_lock:
            locked = listing.lock_started(self._ledger, week=week, game_id=game_id, actor=CLOCK, request=request)
            done += len(locked.result())
        if agenda.to_close:
            closing.close_week(self._ledger, week=week, actor=CLOCK, request=request).result()
            return done + 1 + self._tick(week)
        for game_id in agenda.to_return:
            returned = settling.return_postponed(self._ledger, week=week, game_id=game_id, request=request)
            done += len(returned.result())
        for game_id in agenda.to_void:
            voided = settling.meet_deadline(self._ledger, week=week, game_id=game_id, request=request)
            done += len(voided.result())
        return done + self._conclude(week, agenda)

    def _draw(self, week: str, *, request: str) -> int:
        """Draw a week; while it waits for a round of the beacon, it is tried again when that may have come."""
        now, due = self._ledger.clock(), self._draws_at.get(week)
        if due is not None and now < due:
            return 0
        try:
            drawing.draw(self._ledger, week=week, actor=CLOCK, request=request)
        except RoundAwaited as awaited:
            _log.log(logging.INFO if awaited.until else logging.WARNING, "%s", awaited)
            self._draws_at[week] = awaited.until or now + BEACON_PAUSE
            return 0
        self._draws_at.pop(week, None)
        return 1

    def _conclude(self, week: str, agenda: _Agenda) -> int:
        """Declare the week settled, or final; what still waits is no fault, and comes with the next tick."""
        request = f"{week}/clock"
        try:
            if agenda.to_settle:
                closing.settle_week(self._ledger, week=week, actor=CLOCK, request=request)
                return 1
            if agenda.to_finalise:
                closing.finalise_week(self._ledger, week=week, actor=CLOCK, request=request)
                return 1
        except (WeekNotResolved, WeekNotOver, CaseOpen) as error:
            _log.info("%s", error)
        return 0

    def _open_next(self, week: str) -> int:
        """Open the week after the last one, with the same rules, once that one is drawn."""
        agenda = self._agenda(week)
        if agenda.state in ("unknown", "registering"):
            return 0
        rules = self._ledger.desk(week).ask(lambda on: on.week().rules, actor=CLOCK, request="rules").result()
        due = f"{following(week)}/open"
        drawing.open_week(self._ledger, week=following(week), rules=rules, actor=CLOCK, request=due)
        return 1

    def _agenda(self, week: str) -> _Agenda:
        return self._ledger.desk(week).ask(_agenda, actor=CLOCK, request=f"{week}/agenda").result()


def _agenda(on: Decision) -> _Agenda:
    week, games = on.week(), on.games()
    if week.opened is None:
        return _Agenda(week.state)
    settlements = on.settlements(games)
    both = list(zip(games, settlements, strict=True))
    deadline: datetime = week.ends_at + week.rules.settlement_deadline
    is_closed = week.closed is not None
    unsettled = [game.id for game, settlement in both if settlement.settling is None]
    never_ended = [game for game, settlement in both if not settlement.words]
    resolved = all(settlement.is_resolved for settlement in settlements)
    last = max((each.completed.position for each in settlements if each.completed is not None), default=0)
    is_news = week.settled is None or last > week.settled.position
    lockable = [game for game in games if game.locked is None and not game.moved_out]
    to_settle = is_closed and week.finalised is None and resolved and is_news
    may_end = resolved and not to_settle and not any(case.is_open for case in on.cases())
    upcoming: list[datetime] = [week.starts_at, week.ends_at, *(game.starts_at for game in lockable)]
    if is_closed and unsettled:
        upcoming.append(deadline)
    if week.final_at is not None and week.finalised is None:
        upcoming.append(week.final_at)
    return _Agenda(
        state=week.state,
        to_draw=week.grouped is None and on.now >= week.starts_at,
        to_lock=[game.id for game in lockable if on.now >= game.starts_at],
        to_close=week.state == "grouped" and on.now >= week.ends_at,
        to_return=[game.id for game in never_ended if is_closed and game.is_postponed],
        to_void=unsettled if is_closed and on.now >= deadline else [],
        to_settle=to_settle,
        to_finalise=week.final_at is not None and may_end and on.now >= week.final_at,
        next_at=min((instant for instant in upcoming if instant > on.now), default=None),
    )
