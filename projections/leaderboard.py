"""The leaderboard: who stands where in a pool, by available credits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from msgspec.structs import replace

from ledger.events import (
    AccountOpened,
    BetLost,
    BetWon,
    BoughtBack,
    CreditsGranted,
    PayoutCorrected,
    StakePlaced,
    StakeReturned,
)
from ledger.facts import Fact
from projections.projection import Key, Projection
from projections.rows import Row, Rows
from projections.view import View

_COUNTED_IN: Final = {BetWon: "won", BetLost: "lost", StakeReturned: "returned"}
_COUNTED_AS: Final = {"won": "won", "lost": "lost", "push": "returned", "void": "returned"}


class Score(Row, frozen=True):
    """What an entry has to show: `credits` available, credits at stake, and its bets by outcome."""

    TABLE: ClassVar[str] = "leaderboard"
    KEY: ClassVar[str] = "entry"

    log: str
    entry: UUID
    pool_id: UUID
    pool_name: str
    position: int
    credits: int = 0
    at_stake: int = 0
    open_bets: int = 0
    won: int = 0
    lost: int = 0
    returned: int = 0


class ScoreStake(Row, frozen=True):
    """The stake of an open bet, remembered until it is resolved."""

    TABLE: ClassVar[str] = "leaderboard_stakes"
    KEY: ClassVar[str] = "bet_id"

    log: str
    bet_id: UUID
    stake: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A line of a pool's leaderboard; equal credits share a rank (1, 2, 2, 4)."""

    rank: int
    log: str
    entry: UUID
    pool_id: UUID
    pool_name: str
    credits: int
    at_stake: int
    open_bets: int
    won: int
    lost: int
    returned: int
    position: int


class LeaderboardProjection(Projection):
    """Folds every movement of credits into scores."""

    name = "leaderboard"
    tables = (Score, ScoreStake)
    FOLDS = (AccountOpened, CreditsGranted, BoughtBack, StakePlaced, BetWon, BetLost, StakeReturned, PayoutCorrected)
    IS_BY_STREAM = True

    def keys(self, fact: Fact) -> Iterator[Key]:
        """The entry's score, and the bet that is resolved."""
        match fact.event:
            case BetWon() | BetLost() | StakeReturned() as event:
                yield Score, fact.stream
                yield ScoreStake, event.bet_id
            case CreditsGranted() | StakePlaced() | PayoutCorrected() | BoughtBack():
                yield Score, fact.stream

    def apply(self, rows: Rows, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case StakePlaced() as event:
                _stake(rows, fact, event)
            case BetWon() | BetLost() | StakeReturned() as event:
                _resolve(rows, fact, event)
            case AccountOpened(pool_id=pool_id, pool_name=pool_name):
                rows.add(Score(fact.log, fact.stream, pool_id, pool_name, fact.position))
            case CreditsGranted(available=available) | BoughtBack(available=available):
                rows.put(replace(rows.need(Score, fact.stream), position=fact.position, credits=available))
            case PayoutCorrected() as event:
                _correct(rows, fact, event)


class Leaderboard(View):
    """What readers ask of the leaderboard."""

    NAME = "leaderboard"

    def leaderboard(self, pool_id: UUID) -> list[Standing]:
        """Return the standings of a pool, best first; who shares a rank stands in order of entry."""
        return self._all("leaderboard", Standing, pool_id=pool_id)

    def standing(self, entry: UUID) -> Standing | None:
        """Return where an entry stands in its pool."""
        return self._one("standing", Standing, entry=entry)


def _stake(rows: Rows, fact: Fact, event: StakePlaced) -> None:
    score = rows.need(Score, fact.stream)
    rows.add(ScoreStake(fact.log, event.bet_id, event.stake))
    rows.put(
        replace(
            score,
            position=fact.position,
            credits=event.available,
            at_stake=score.at_stake + event.stake,
            open_bets=score.open_bets + 1,
        )
    )


def _resolve(rows: Rows, fact: Fact, event: BetWon | BetLost | StakeReturned) -> None:
    score = rows.need(Score, fact.stream)
    bet = rows.need(ScoreStake, event.bet_id)
    rows.remove(bet)
    counted = _COUNTED_IN[type(event)]
    rows.put(
        replace(
            score,
            position=fact.position,
            credits=event.available,
            at_stake=score.at_stake - bet.stake,
            open_bets=score.open_bets - 1,
            **{counted: getattr(score, counted) + 1},
        )
    )


def _correct(rows: Rows, fact: Fact, event: PayoutCorrected) -> None:
    score = rows.need(Score, fact.stream)
    counts = {"won": score.won, "lost": score.lost, "returned": score.returned}
    counts[_COUNTED_AS[event.from_outcome]] -= 1
    counts[_COUNTED_AS[event.to_outcome]] += 1
    rows.put(replace(score, position=fact.position, credits=event.available, **counts))
