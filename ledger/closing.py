"""Use cases: a week is closed, declared settled, and made final."""

from __future__ import annotations

from concurrent.futures import Future
from uuid import UUID

from ledger.book import Decision
from ledger.cases import explain
from ledger.events import AccountOpened, BetLost, BetWon, StakeReturned
from ledger.facts import Fact, fact_of
from ledger.ledger import Ledger
from ledger.prizes import Award, awards
from ledger.recorder import LogRecorder
from ledger.rules import Rules
from ledger.settlement import Settlement
from ledger.standings import standings_hash
from ledger.week import WeekNotResolved


class Balances:
    """The fold of a log that gives its standings: what each entry has, by pool, up to `position`.

    `played` holds the entries with a resolved bet.
    """

    def __init__(self, recorder: LogRecorder) -> None:
        self._recorder = recorder
        self.position = 0
        self.pool_of: dict[UUID, str] = {}
        self.available: dict[UUID, int] = {}
        self.played: set[UUID] = set()

    def advance(self, *, until: int) -> None:
        """Fold what was appended up to a position."""
        for record in self._recorder.read_all(after=self.position, until=until):
            if record.topic.startswith("account."):
                event = fact_of(record).event
                if isinstance(event, AccountOpened):
                    self.pool_of[record.stream] = event.pool_name
                elif isinstance(event, BetWon | BetLost | StakeReturned):
                    self.played.add(record.stream)
                self.available[record.stream] = getattr(event, "available", self.available.get(record.stream, 0))
        self.position = until

    def standings_hash(self, week: str) -> str:
        """Return the hash of the standings at this position."""
        return standings_hash(week, self._pools())

    def awards(self, rules: Rules) -> list[Award]:
        """Return who wins what by the standings at this position, pool after pool."""
        if not rules.prizes:
            return []
        return [award for pool in self._pools().values() for award in awards(pool, played=self.played, rules=rules)]

    def _pools(self) -> dict[str, dict[UUID, int]]:
        pools: dict[str, dict[UUID, int]] = {}
        for entry, name in self.pool_of.items():
            pools.setdefault(name, {})[entry] = self.available[entry]
        return pools


def close_week(ledger: Ledger, *, week: str, actor: str, request: str, reason: str | None = None) -> Future[Fact]:
    """Stop stakes at the week's end; raises WeekNotOver before it.

    Here and below, `reason` is that of an operator who does by hand what the clock should have done: it is noted with
    the act, unless that had been done before.
    """

    def decide(on: Decision) -> Fact:
        return explain(on, on.week().close(at=on.now), reason=reason)

    return ledger.desk(week).ask(decide, actor=actor, request=request)


def settle_week(ledger: Ledger, *, week: str, actor: str, request: str, reason: str | None = None) -> Fact:
    """Declare everything resolved, with the hash of the standings; raises WeekNotResolved while something waits.

    Where nothing was resolved since the last time, that first answer is returned.
    """
    recorder = ledger.recorder(week)
    balances = Balances(recorder)
    open_stakes = recorder.count_open_stakes()

    def decide(on: Decision) -> Fact:
        settlements = on.settlements(on.games())
        settled = on.week().settled
        if settled is not None and not _resolved_since(settlements, settled):
            return settled
        balances.advance(until=on.known)
        again = on.week().settle(
            unresolved=_unresolved(on), open_stakes=open_stakes, standings_hash=balances.standings_hash(week)
        )
        return explain(on, again, reason=reason)

    # The fold takes long: most of it is done before the head is held. No stake can open after the week closed.
    balances.advance(until=recorder.head().position)
    return ledger.desk(week).ask(decide, actor=actor, request=request, alone=True).result()


def finalise_week(
    ledger: Ledger, *, week: str, actor: str, request: str, override: bool = False, reason: str | None = None
) -> Fact:
    """Make the week final; raises WeekNotOver inside the correction window and CaseOpen while a case is open.

    An operator may override both. Raises WeekNotResolved while a correction is under way, or after one until the week
    is settled again. The prizes are awarded in the same append, right behind `week.finalised`: no week is final without
    them.
    """
    recorder = ledger.recorder(week)
    balances = Balances(recorder)

    def decide(on: Decision) -> Fact:
        playing = on.week()
        if playing.finalised is not None:
            return playing.finalised
        unresolved, settled = _unresolved(on), playing.settled
        if settled is not None and _resolved_since(on.settlements(on.games()), settled):
            raise WeekNotResolved(f"week {week} was corrected since it was settled: settle it again first")
        balances.advance(until=on.known)
        final = playing.finalise(
            at=on.now,
            unresolved=unresolved,
            standings_hash=balances.standings_hash(week),
            override=override,
            open_cases=_open_cases(on),
        )
        _award(on, balances.awards(playing.rules), currency=playing.rules.prize_currency)
        return explain(on, final, reason=reason)

    balances.advance(until=recorder.head().position)
    return ledger.desk(week).ask(decide, actor=actor, request=request, alone=True).result()


def seal_week(ledger: Ledger, *, week: str, actor: str, request: str) -> Fact:
    """Close the book of a final week, once: from here on every append to its log is refused with WeekSealed.

    Raises WeekNotOver before the week is final, and CaseOpen while a case waits.
    """

    def decide(on: Decision) -> Fact:
        return on.week().seal(open_cases=_open_cases(on))

    # Alone, because it is the last event of the log.
    return ledger.desk(week).ask(decide, actor=actor, request=request, alone=True).result()


def override_request(reason: str) -> str:
    """Return the `request` under which an operator ends the correction window early: it tells everybody why."""
    return f"override: {reason.strip()}"


def _award(on: Decision, prizes: list[Award], *, currency: str) -> None:
    accounts = on.accounts([award.entry for award in prizes])
    for account, award in zip(accounts, prizes, strict=True):
        account.award_prize(rank=award.rank, amount_cents=award.amount_cents, currency=currency)


def _unresolved(on: Decision) -> list[str]:
    games = on.games()
    waiting = zip(games, on.settlements(games), strict=True)
    return [game.listing.external_id for game, settlement in waiting if not settlement.is_resolved]


def _open_cases(on: Decision) -> list[UUID]:
    return [case.id for case in on.cases() if case.is_open]


def _resolved_since(settlements: list[Settlement], settled: Fact) -> bool:
    return any(each.completed is not None and each.completed.position > settled.position for each in settlements)
