"""Bets: what was staked on which terms, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from msgspec.structs import replace

from ledger.events import AccountOpened, BetLost, BetWon, PayoutCorrected, StakePlaced, StakeReturned
from ledger.facts import Fact
from ledger.settling import PlacedBet
from projections.projection import Key, Projection
from projections.rows import Row, Rows
from projections.view import View


class Bet(Row, frozen=True):
    """A bet. `status`: placed, won, lost, push or void; `payout` is null while placed.

    `position` and `placed_at` are those of the stake, `settled_position` and `settled_at` those of the last
    resolution that changed it; `corrected` counts the changes after the first.
    """

    TABLE: ClassVar[str] = "bets"
    KEY: ClassVar[str] = "bet_id"

    log: str
    bet_id: UUID
    entry: UUID
    pool_id: UUID
    game_id: UUID
    market_id: UUID
    odds_id: UUID
    market: str
    outcome: str
    line: str | None
    price: int
    stake: int
    potential_payout: int
    placed_at: datetime
    position: int
    status: str = "placed"
    void_reason: str | None = None
    payout: int | None = None
    resolution: int = 0
    corrected: int = 0
    settled_at: datetime | None = None
    settled_position: int | None = None


class Bettor(Row, frozen=True):
    """The pool of an entry, remembered because a stake does not repeat it."""

    TABLE: ClassVar[str] = "bettors"
    KEY: ClassVar[str] = "entry"

    log: str
    entry: UUID
    pool_id: UUID


class BetsProjection(Projection):
    """Folds a bet's stake, its resolution and its corrections."""

    name = "bets"
    tables = (Bet, Bettor)
    FOLDS = (AccountOpened, StakePlaced, BetWon, BetLost, StakeReturned, PayoutCorrected)
    IS_BY_STREAM = True

    def keys(self, fact: Fact) -> Iterator[Key]:
        """The bettor who places a bet; the bet that is resolved or corrected."""
        match fact.event:
            case StakePlaced():
                yield Bettor, fact.stream
            case BetWon() | BetLost() | StakeReturned() | PayoutCorrected() as event:
                yield Bet, event.bet_id

    def apply(self, rows: Rows, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case StakePlaced() as event:
                rows.add(_placed(fact, event, rows.need(Bettor, fact.stream)))
            case BetWon() as event:
                _settle(rows, fact, event, status="won", payout=event.payout)
            case BetLost() as event:
                _settle(rows, fact, event, status="lost", payout=0)
            case StakeReturned(reason="push") as event:
                _settle(rows, fact, event, status="push", payout=event.amount)
            case StakeReturned() as event:
                _settle(rows, fact, event, status="void", payout=event.amount, void_reason=event.reason)
            case PayoutCorrected() as event:
                _correct(rows, fact, event)
            case AccountOpened(pool_id=pool_id):
                rows.add(Bettor(fact.log, fact.stream, pool_id))


class Bets(View):
    """What readers and the settler ask of bets."""

    NAME = "bets"

    def bet(self, bet_id: UUID) -> Bet | None:
        """Return a bet by id."""
        return self._one("bet", Bet, bet_id=bet_id)

    def bets_of_entries(
        self,
        entries: Sequence[UUID],
        *,
        status: str | None = None,
        game_id: UUID | None = None,
        market: str | None = None,
        place: tuple[str, int] | None = None,
        is_back: bool = False,
        limit: int = 50,
    ) -> list[Bet]:
        """Return some bets of entries: from behind a place (log and position) on, newest first.

        With `is_back` those before it, the nearest first.
        """
        log, position = place or (None, None)
        return self._all(
            "bets_of_entries",
            Bet,
            entries=list(entries),
            status=status,
            game_id=game_id,
            market=market,
            log=log,
            position=position,
            is_back=is_back,
            limit=limit,
        )

    def open_or_settled_bets_of_game(
        self, log: str, game_id: UUID, *, after_position: int, cut: int, limit: int
    ) -> list[PlacedBet]:
        """Return the game's bets placed behind `after_position`, up to and with `cut`, in order of position."""
        return self._all(
            "open_or_settled_bets_of_game",
            PlacedBet,
            log=log,
            game_id=game_id,
            after_position=after_position,
            cut=cut,
            limit=limit,
        )

    def staked_on_game(self, log: str, game_id: UUID, *, cut: int) -> int:
        """Return the sum of the stakes of the game's bets placed up to and with `cut`."""
        return self._number("staked_on_game", log=log, game_id=game_id, cut=cut)


def _placed(fact: Fact, event: StakePlaced, bettor: Bettor) -> Bet:
    return Bet(
        log=fact.log,
        bet_id=event.bet_id,
        entry=fact.stream,
        pool_id=bettor.pool_id,
        game_id=event.game_id,
        market_id=event.market_id,
        odds_id=event.odds_id,
        market=event.market,
        outcome=event.outcome,
        line=event.line,
        price=event.price,
        stake=event.stake,
        potential_payout=event.potential_payout,
        placed_at=fact.at,
        position=fact.position,
    )


def _settle(rows: Rows, fact: Fact, event: BetWon | BetLost | StakeReturned, **outcome: Any) -> None:
    _resolve(rows, fact, rows.need(Bet, event.bet_id), resolution=event.resolution, **outcome)


def _correct(rows: Rows, fact: Fact, event: PayoutCorrected) -> None:
    bet = rows.need(Bet, event.bet_id)
    _resolve(
        rows,
        fact,
        bet,
        status=event.to_outcome,
        void_reason=event.reason if event.to_outcome == "void" else None,
        payout=event.to_payout,
        resolution=event.resolution,
        corrected=bet.corrected + 1,
    )


def _resolve(rows: Rows, fact: Fact, bet: Bet, **changes: Any) -> None:
    rows.put(replace(bet, settled_at=fact.at, settled_position=fact.position, **changes))
