"""A week: registering → grouped → closed → settled → final, and the draw in between."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from ledger import weeks
from ledger.aggregate import Aggregate, LedgerError
from ledger.draw import ALGORITHM, Pool, commitment, roster_hash
from ledger.events import (
    Beacon,
    DrawnPool,
    PoolsDrawn,
    RosterFrozen,
    WeekClosed,
    WeekFinalised,
    WeekGrouped,
    WeekOpened,
    WeekSealed,
    WeekSettled,
)
from ledger.facts import Fact
from ledger.ids import pool_id
from ledger.instants import Instant
from ledger.rules import Rules, rules_hash


class UnknownWeek(LedgerError):
    """The week has not been opened."""

    code = "unknown_week"


class UnsoundRules(LedgerError):
    """The rules hold a value that no week can be played by."""

    code = "unsound_rules"


class WeekNotOver(LedgerError):
    """It is too early in the week for this."""

    code = "too_early"


class RegistrationClosed(LedgerError):
    """The week no longer takes enrolments."""

    code = "registration_closed"


class BettingClosed(LedgerError):
    """The week takes no stakes: it is not drawn yet, or it is over."""

    code = "betting_closed"


class WrongSeed(LedgerError):
    """The seed does not open the week's commitment."""

    code = "wrong_seed"


class WeekNotResolved(LedgerError):
    """Something in the week still waits for a result or a payout."""

    code = "week_not_resolved"


class CaseOpen(LedgerError):
    """A case of the week is open: it is applied or closed before the week's book is."""

    code = "case_open"


class Week(Aggregate):
    """One week's state and rules. The facts it keeps answer commands that come again."""

    def __init__(self) -> None:
        self.opened: Fact | None = None
        self.frozen: Fact | None = None
        self.drawn: Fact | None = None
        self.grouped: Fact | None = None
        self.closed: Fact | None = None
        self.settled: Fact | None = None
        self.settled_n = 0
        self.finalised: Fact | None = None
        self.sealed: Fact | None = None
        # What the opening fixes; a week that nobody opened has none of it (see `require_open`).
        self.week: str
        self.rules: Rules
        self.starts_at: Instant
        self.ends_at: Instant
        self.seed_commitment: str

    @property
    def state(self) -> str:
        """Where the week is: unknown, registering, grouped, closed, settled or final."""
        for state, fact in (
            ("final", self.finalised),
            ("settled", self.settled),
            ("closed", self.closed),
            ("grouped", self.grouped),
            ("registering", self.opened),
        ):
            if fact is not None:
                return state
        return "unknown"

    @property
    def rules_hash(self) -> str:
        """The hash of the rules that the week plays by."""
        return self._opening.rules_hash

    @property
    def draw_seed(self) -> str:
        """The revealed seed in hex, which is the next week's commitment; refused before the draw."""
        self.require_open()
        if self.drawn is None:
            raise WeekNotOver(f"week {self.week} is not drawn yet: its seed is still secret")
        assert isinstance(self.drawn.event, PoolsDrawn)
        return self.drawn.event.seed

    def open(self, *, week: str, rules: Rules, seed_commitment: str) -> Fact:
        """Open the week for enrolments."""
        if self.opened is not None:
            return self.opened
        require_sound(week, rules)
        return self.trigger(
            WeekOpened(
                ends_at=Instant.of(weeks.ends_at(week)),
                rules=rules,
                rules_hash=rules_hash(rules),
                seed_commitment=seed_commitment,
                starts_at=Instant.of(weeks.starts_at(week)),
                week=week,
            )
        )

    def admit(self, at: datetime) -> None:
        """Refuse an enrolment, or its withdrawal, once the week has started."""
        self.require_open()
        if self.frozen is not None or at >= self.starts_at:
            raise RegistrationClosed(f"week {self.week} started at {self.starts_at}: enrol for the next one")

    def freeze_roster(
        self, *, entries: Collection[UUID], position: int, at: datetime, beacon: Beacon | None = None
    ) -> Fact:
        """Fix who plays; `position` is where the log ends, `entries` who is enrolled there.

        `beacon` names the round that the draw waits for; it must still be to come.
        """
        self.require_open()
        if at < self.starts_at:
            raise WeekNotOver(f"week {self.week} is drawn when it starts, at {self.starts_at}")
        return self.frozen or self.trigger(
            RosterFrozen(
                beacon=beacon, position=position, roster_hash=roster_hash(self.week, entries), size=len(entries)
            )
        )

    def draw(self, *, seed: bytes, pools: Collection[Pool], randomness: str = "", signature: str = "") -> Fact:
        """Reveal the seed and the pools that follow from it and from what the beacon said at the frozen round."""
        if self.drawn is not None:
            return self.drawn
        self.require_open()
        if self.frozen is None:
            raise WeekNotOver(f"week {self.week}: the roster is frozen before the draw")
        if commitment(seed).hex() != self.seed_commitment:
            raise WrongSeed(f"week {self.week}: the seed does not open the commitment {self.seed_commitment}")
        drawn = tuple(
            DrawnPool(name=pool.name, pool_id=pool_id(self.week, pool.name), size=len(pool.entries)) for pool in pools
        )
        return self.trigger(
            PoolsDrawn(algorithm=ALGORITHM, pools=drawn, randomness=randomness, seed=seed.hex(), signature=signature)
        )

    def group(self) -> Fact:
        """Open betting, after the last account was granted."""
        self.require_open()
        if self.drawn is None:
            raise WeekNotOver(f"week {self.week} is grouped after its draw")
        return self.grouped or self.trigger(WeekGrouped())

    def require_betting(self) -> None:
        """Refuse stakes outside `grouped`."""
        self.require_open()
        if self.state != "grouped":
            raise BettingClosed(f"week {self.week} takes no stakes: it is {self.state}")

    def close(self, *, at: datetime) -> Fact:
        """Stop stakes, at the week's end."""
        self.require_open()
        if self.grouped is None or at < self.ends_at:
            raise WeekNotOver(f"week {self.week} is {self.state} and ends at {self.ends_at}")
        return self.closed or self.trigger(WeekClosed())

    def settle(self, *, unresolved: Collection[str], open_stakes: int, standings_hash: str) -> Fact:
        """Declare everything resolved, for the first time or after a correction."""
        self.require_open()
        if self.closed is None:
            raise WeekNotResolved(f"week {self.week} is {self.state}: it is settled after it closed")
        if unresolved or open_stakes:
            waiting = ", ".join(sorted(unresolved)[:5]) or "no game"
            raise WeekNotResolved(f"week {self.week}: {open_stakes} stakes are open, and waiting for {waiting}")
        return self.trigger(WeekSettled(n=self.settled_n + 1, standings_hash=standings_hash))

    @property
    def final_at(self) -> datetime | None:
        """When the correction window is over: counted from the last settlement, and bounded from the week's end."""
        if self.settled is None:
            return None
        limit: timedelta = self.rules.correction_limit
        return min(self.settled.at + self.rules.correction_window, self.ends_at + limit)

    def finalise(
        self,
        *,
        at: datetime,
        unresolved: Collection[str],
        standings_hash: str,
        override: bool,
        open_cases: Collection[UUID] = (),
    ) -> Fact:
        """End the correction window, in which no case may be open; raises CaseOpen.

        An operator may `override` its length and open cases, never an unfinished resolution.
        """
        if self.finalised is not None:
            return self.finalised
        self.require_open()
        if self.final_at is None:
            raise WeekNotResolved(f"week {self.week} is {self.state}: it is finalised after it is settled")
        if unresolved:
            raise WeekNotResolved(f"week {self.week}: a correction of {', '.join(sorted(unresolved))} is under way")
        if not override:
            self._require_no_case(open_cases)
        if at < self.final_at and not override:
            raise WeekNotOver(f"week {self.week} may be corrected until {self.final_at}")
        return self.trigger(WeekFinalised(standings_hash=standings_hash))

    def seal(self, *, open_cases: Collection[UUID]) -> Fact:
        """Close the book of a final week; raises WeekNotOver before that, CaseOpen while a case waits."""
        if self.sealed is not None:
            return self.sealed
        self.require_open()
        if self.finalised is None:
            raise WeekNotOver(f"week {self.week} is {self.state}: it is sealed after it is final")
        self._require_no_case(open_cases)
        return self.trigger(WeekSealed())

    def _require_no_case(self, open_cases: Collection[UUID]) -> None:
        if open_cases:
            named = ", ".join(sorted(map(str, open_cases))[:5])
            raise CaseOpen(
                f"week {self.week}: {len(open_cases)} cases are open, among them {named}: apply or close them"
            )

    def require_open(self) -> None:
        """Refuse a week that nobody opened."""
        if self.opened is None:
            raise UnknownWeek("the week is not open: an operator opens it first")

    @property
    def _opening(self) -> WeekOpened:
        self.require_open()
        assert self.opened is not None
        assert isinstance(self.opened.event, WeekOpened)
        return self.opened.event

    def apply(self, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case WeekOpened() as event:
                self.opened = fact
                self.week = event.week
                self.rules = event.rules
                self.starts_at = event.starts_at
                self.ends_at = event.ends_at
                self.seed_commitment = event.seed_commitment
            case RosterFrozen():
                self.frozen = fact
            case PoolsDrawn():
                self.drawn = fact
            case WeekGrouped():
                self.grouped = fact
            case WeekClosed():
                self.closed = fact
            case WeekSettled(n=n):
                self.settled = fact
                self.settled_n = n
            case WeekFinalised():
                self.finalised = fact
            case WeekSealed():
                self.sealed = fact


def require_sound(week: str, rules: Rules) -> None:
    """Refuse rules that no week can be played by."""
    unsound = rules.unsound()
    if unsound:
        raise UnsoundRules(f"week {week} cannot be played by these values: {', '.join(unsound)}")
