"""From facts to what clients are told. An event says how things stood at its position, whenever it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from api.bets import BetShown
from api.games import shown_game
from api.livefeed.frames import Message
from api.livefeed.shapes import TOPICS, GameSettled, MarketChanged, QuoteChanged, WeekChanged
from api.me import Credits
from api.quotes import QuoteShown, shown_prices
from ledger.events import (
    BetLost,
    BetWon,
    BoughtBack,
    CreditsGranted,
    GameLocked,
    GameMovedOut,
    GameRescheduled,
    GameScheduled,
    GameUnlocked,
    MarketQuoted,
    MarketReopened,
    MarketSuspended,
    PayoutCorrected,
    ResultRecorded,
    SettlementCompleted,
    StakePlaced,
    StakeReturned,
)
from ledger.facts import Fact
from ledger.ids import settlement_stream
from projections.accounts import Account, AccountsProjection
from projections.bets import Bet, BetsProjection
from projections.board import BoardProjection, Game
from projections.rows import Rows
from projections.settlements import Settlement, SettlementsProjection
from projections.weeks import Week, WeeksProjection, week_of

_QUOTES: Final = frozenset({"quotes"})
_GAMES: Final = frozenset({"quotes", "settlements"})
_SETTLEMENTS: Final = frozenset({"settlements"})
_EVERYBODY: Final = frozenset(TOPICS)


class Told(NamedTuple):
    """What all who listen to one of the topics are told of a position."""

    position: int
    topics: frozenset[str]
    message: Message


def streams_behind(fact: Fact) -> tuple[UUID, ...]:
    """Return the streams whose past says how the subject of a fact stood; none for what speaks for itself."""
    match fact.event:
        case GameScheduled() | GameRescheduled() | GameMovedOut() | GameLocked() | GameUnlocked():
            return fact.stream, settlement_stream(fact.stream)
        case ResultRecorded(applied=True, game_id=game_id):
            return game_id, fact.stream
        case SettlementCompleted():
            return (fact.stream,)
        case _:
            return (fact.stream,) if fact.event.TOPIC.startswith("week.") else ()


def told_of(facts: Sequence[Fact], past: Iterable[Fact]) -> list[Told]:
    """Return what is told of some facts of a log, in order; `past` is all of the streams behind them."""
    if not facts:
        return []
    first, last = facts[0].position, facts[-1].position
    told = [each for fact in facts for each in _spoken(fact)]
    rows = Rows()
    weeks, settlements, board = WeeksProjection(), SettlementsProjection(), BoardProjection()
    for fact in sorted(past, key=lambda fact: fact.position):
        if fact.position > last:
            break
        weeks.apply(rows, fact)
        settlements.apply(rows, fact)
        # For a settlement that is completed nothing of its game is read.
        if not isinstance(fact.event, ResultRecorded) or rows.get(Game, fact.event.game_id) is not None:
            board.apply(rows, fact)
        if fact.position >= first:
            told += _seen(fact, rows)
    return sorted(told, key=lambda each: each.position)


class OwnAccount:
    """An entry's credits and bets, folded from its account's stream as the projections fold them."""

    def __init__(self, entry: UUID) -> None:
        self.entry = entry
        self._rows = Rows()
        self._projections = (AccountsProjection(), BetsProjection())

    @property
    def pool_id(self) -> UUID | None:
        """The pool that the entry was dealt into."""
        account = self._rows.get(Account, self.entry)
        return account.pool_id if account is not None else None

    def fold(self, fact: Fact) -> None:
        """Take one fact of the stream."""
        for projection in self._projections:
            projection.apply(self._rows, fact)

    def balance(self) -> list[Message]:
        """Return the credits as they stand, nothing until the entry has an account."""
        account = self._rows.get(Account, self.entry)
        return [Message("balance", Credits.of(account).model_dump_json())] if account is not None else []

    def told_of(self, fact: Fact) -> list[Message]:
        """Fold one fact and return what its owner is told: the bet, then the balance."""
        self.fold(fact)
        match fact.event:
            case StakePlaced() | BetWon() | BetLost() | StakeReturned() | PayoutCorrected() as event:
                bet = self._rows.need(Bet, event.bet_id)
                shown = BetShown.of(bet, week=week_of(bet.log))
                return [Message("bet", shown.model_dump_json()), *self.balance()]
            case CreditsGranted() | BoughtBack():
                return self.balance()
            case _:
                return []


def _spoken(fact: Fact) -> Iterator[Told]:
    """Yield what is told of a fact that speaks for itself."""
    match fact.event:
        case MarketQuoted() as event:
            quote = QuoteShown(
                odds_id=event.odds_id, line=event.line, prices=shown_prices(event.prices), quoted_at=event.at
            )
            changed = QuoteChanged(game_id=fact.stream, market_id=event.market_id, market=event.market, quote=quote)
            yield Told(fact.position, _QUOTES, Message("quote", changed.model_dump_json()))
        case MarketSuspended() | MarketReopened() as event:
            market = MarketChanged(
                game_id=fact.stream,
                market_id=event.market_id,
                suspended=isinstance(event, MarketSuspended),
                why=event.why,
            )
            yield Told(fact.position, _QUOTES, Message("market", market.model_dump_json()))


def _seen(fact: Fact, rows: Rows) -> Iterator[Told]:
    """Yield what is told of a fact by how its subject stands right after it."""
    match fact.event:
        case GameScheduled() | GameRescheduled() | GameMovedOut() | GameLocked() | GameUnlocked():
            yield Told(fact.position, _GAMES, _game(fact, fact.stream, rows))
        case ResultRecorded(applied=True, game_id=game_id):
            yield Told(fact.position, _GAMES, _game(fact, game_id, rows))
        case SettlementCompleted():
            yield Told(fact.position, _SETTLEMENTS, _settled(rows.need(Settlement, fact.stream)))
        case _ if fact.event.TOPIC.startswith("week."):
            week = WeekChanged.of(rows.need(Week, week_of(fact.log)))
            yield Told(fact.position, _EVERYBODY, Message("week", week.model_dump_json()))


def _game(fact: Fact, game_id: UUID, rows: Rows) -> Message:
    game = rows.need(Game, game_id)
    settlement = rows.get(Settlement, settlement_stream(game_id))
    return Message("game", shown_game(game, settlement, now=fact.at).model_dump_json())


def _settled(settlement: Settlement) -> Message:
    shown = GameSettled(
        game_id=settlement.game_id,
        resolution=settlement.resolution,
        result_status=settlement.status,
        certainty=settlement.certainty,
        home_score=settlement.home_score,
        away_score=settlement.away_score,
        bets=settlement.bets,
        paid=settlement.paid,
    )
    return Message("settlement", shown.model_dump_json())
