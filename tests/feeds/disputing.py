"""A small week in which operators dispute, and what of it can be held against a preview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final
from uuid import UUID

from feeds.disputes import Disputes
from ledger.closing import Balances
from ledger.facts import Fact
from ledger.proposal import Change
from ledger.rules import Prize, Rules
from ledger.week import Week
from projections.bets import Bets
from projections.effects import Preview
from projections.leaderboard import Leaderboard
from projections.previews import Previews
from tests.feeds.small_week import WEEK, SmallWeek

ANN, BEN = "operator:ann", "operator:ben"
PLAYERS: Final = ("kim", "lou", "max", "nia", "oli")
RULES: Final = Rules(pool_max=3, prizes=(Prize(rank=1, amount_cents=5_000), Prize(rank=2, amount_cents=3_000)))
Changes = Mapping[UUID, tuple[Any, Any]]
_numbers = count(1)


@dataclass(frozen=True)
class State:
    """Where a week stands, by its projections and by the fold that awards the prizes."""

    bets: Mapping[UUID, tuple[str, int]]
    credits: Mapping[UUID, int]
    ranks: Mapping[UUID, int]
    prizes: Mapping[UUID, int]

    def changes(self, name: str, later: State) -> Changes:
        """What of one kind is different later: by id, before and after."""
        before, after = getattr(self, name), getattr(later, name)
        absent = ("placed", 0) if name == "bets" else 0
        found = {key: (before.get(key, absent), after.get(key, absent)) for key in before.keys() | after.keys()}
        return {key: change for key, change in found.items() if change[0] != change[1]}


def begin(week: SmallWeek, *, rules: Rules = RULES) -> Disputes:
    """Open a week of five players, in two pools and with prizes; returns its disputes."""
    week.begin(*PLAYERS, rules=rules)
    return disputes(week)


def disputes(week: SmallWeek, *, approval_above: int = 100) -> Disputes:
    """What operators do about a week; more than 100 credits take two of them."""
    previews = Previews(week.ledger, projections=week.runner)
    return Disputes(week.ledger, previews, approval_above=approval_above)


def state(week: SmallWeek) -> State:
    """Read where a week stands now."""
    week.runner.catch_up()
    board, recorder = Leaderboard(week.datastore), week.ledger.recorder(WEEK)
    balances = Balances(recorder)
    balances.advance(until=recorder.head().position)
    entries, rules = list(balances.pool_of), look(week).rules
    pools = {row.pool_id for entry in entries if (row := board.standing(entry)) is not None}
    rows = [row for pool in pools for row in board.leaderboard(pool)]
    placed = Bets(week.datastore).bets_of_entries(entries, limit=10_000)
    return State(
        bets={bet.bet_id: (bet.status, bet.payout or 0) for bet in placed},
        credits={row.entry: row.credits for row in rows},
        ranks={row.entry: row.rank for row in rows},
        prizes={award.entry: award.amount_cents for award in balances.awards(rules)},
    )


def look(week: SmallWeek) -> Week:
    desk = week.ledger.desk(WEEK)
    return desk.ask(lambda on: on.week(), actor="test", request="look").result()


def shown(preview: Preview) -> dict[str, Changes]:
    """What a preview says to change, in the form of `State.changes`."""
    found: dict[str, Changes] = {
        name: {each.entry: (each.before, each.after) for each in getattr(preview, name)}
        for name in ("credits", "ranks", "prizes")
    }
    found["bets"] = {
        bet.bet_id: ((bet.from_outcome, bet.from_payout), (bet.to_outcome, bet.to_payout)) for bet in preview.bets
    }
    return found


def carry_through(it: Disputes, change: Change, *, subject: str | None = None) -> tuple[UUID, list[Fact]]:
    """Take a change from a case to its ruling, by two operators; returns the case, and what the ruling answers."""
    request = f"dispute {next(_numbers)}"
    subject = subject or f"game:{change.game_id}"
    case = it.open(week=WEEK, subject=subject, reason="a test", actor=ANN, request=request).stream
    proposed = it.propose(week=WEEK, case_id=case, change=change, actor=ANN, request=request)
    it.approve(week=WEEK, case_id=case, preview_hash=hash_of(proposed), actor=BEN, request=request)
    return case, it.apply(week=WEEK, case_id=case, actor=ANN)


def hash_of(proposed: Fact) -> str:
    """The hash of the preview that a proposal was made on."""
    said: str = proposed.event.preview_hash  # type: ignore[attr-defined]
    return said
