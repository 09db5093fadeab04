"""The board as readers see it: games, their markets and quotes, and how the games ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from msgspec import field
from msgspec.structs import replace

from ledger.events import (
    GameLocked,
    GameMovedOut,
    GameRescheduled,
    GameScheduled,
    GameUnlocked,
    MarketQuoted,
    MarketReopened,
    MarketSuspended,
    ResultRecorded,
)
from ledger.facts import Fact
from ledger.ids import market_id
from projections.projection import Key, Projection, each
from projections.rows import MissingRow, Row, Rows
from projections.view import View
from projections.weeks import week_of

MARKETS: Final = ("moneyline", "spread", "total")


class Game(Row, frozen=True):
    """One listing of a game in a week. `state`: scheduled, locked or moved_out.

    `suspended` and `locked` say why it takes no stakes; `result_status`, the scores and `certainty` are those of
    the record that counts. `position` is that of the listing.
    """

    TABLE: ClassVar[str] = "games"
    KEY: ClassVar[str] = "game_id"

    log: str
    game_id: UUID
    week: str
    source: str
    external_id: str
    league: str
    home: str
    away: str
    starts_at: datetime
    listed_at: datetime
    position: int
    state: str = "scheduled"
    locked: str | None = None
    locked_at: datetime | None = None
    started_at: datetime | None = None
    suspended: str | None = None
    result_status: str | None = None
    certainty: str | None = None
    home_score: int | None = None
    away_score: int | None = None


class Market(Row, frozen=True):
    """A market and the quote on offer: American prices by outcome. `suspended` says why it takes no stakes.

    A market that was suspended before its first quote has no `odds_id`; readers do not see it.
    """

    TABLE: ClassVar[str] = "markets"
    KEY: ClassVar[str] = "market_id"

    log: str
    market_id: UUID
    game_id: UUID
    market: str
    odds_id: UUID | None = None
    line: str | None = None
    prices: dict[str, int] = field(default_factory=dict)
    source: str | None = None
    quoted_at: datetime | None = None
    suspended: str | None = None


class BoardProjection(Projection):
    """Folds `game.*`, and the results that count."""

    name = "board"
    tables = (Game, Market)
    FOLDS = (
        GameScheduled,
        GameRescheduled,
        GameMovedOut,
        GameLocked,
        GameUnlocked,
        MarketQuoted,
        MarketSuspended,
        MarketReopened,
        ResultRecorded,
    )

    def keys(self, fact: Fact) -> Iterator[Key]:
        """The game, and the markets that the fact speaks of."""
        match fact.event:
            case MarketQuoted() as event:
                yield Market, event.market_id
            case MarketSuspended(market_id=None):
                yield Game, fact.stream
            case MarketReopened(market_id=None):
                yield Game, fact.stream
                yield from each(Market, *_market_ids(fact.stream))
            case MarketSuspended() | MarketReopened() as event:
                yield Market, event.market_id
            case GameRescheduled() | GameMovedOut() | GameLocked() | GameUnlocked():
                yield Game, fact.stream
            case ResultRecorded(game_id=game_id):
                yield Game, game_id

    def apply(self, rows: Rows, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case GameScheduled() as event:
                rows.add(_listed(fact, event))
            case GameRescheduled(starts_at=starts_at):
                _change(rows, fact.stream, starts_at=starts_at)
            case GameMovedOut(starts_at=starts_at):
                _change(rows, fact.stream, state="moved_out", starts_at=starts_at)
            case GameLocked() as event:
                _lock(rows, fact, event)
            case GameUnlocked():
                _unlock(rows, fact.stream)
            case MarketQuoted() as event:
                rows.put(_quoted(rows, fact, event))
            case MarketSuspended(market_id=None, why=why):
                _change(rows, fact.stream, suspended=why)
            case MarketSuspended(market_id=UUID() as market, why=why):
                rows.put(replace(_market(rows, fact, market), suspended=why))
            case MarketReopened(market_id=None):
                _reopen_all(rows, fact.stream)
            case MarketReopened(market_id=UUID() as market):
                rows.put(replace(_market(rows, fact, market), suspended=None))
            case ResultRecorded(applied=True) as event:
                _settle(rows, event)


class Board(View):
    """What readers ask of the board."""

    NAME = "board"

    def game(self, game_id: UUID) -> Game | None:
        """Return a game by id."""
        return self._one("game", Game, game_id=game_id)

    def games(self, game_ids: Sequence[UUID]) -> list[Game]:
        """Return the games with some ids, in order of start."""
        return self._all("games", Game, game_ids=list(game_ids))

    def games_between(self, since: datetime, until: datetime) -> list[Game]:
        """Return the games that start at or after `since` and before `until`, in order of start."""
        return self._all("games_between", Game, since=since, until=until)

    def games_of_log(self, log: str) -> list[Game]:
        """Return all listings of a week's log, in order of start."""
        return self._all("games_of_log", Game, log=log)

    def listings(self, source: str, external_id: str) -> list[Game]:
        """Return how a source's game was listed, in whichever weeks, newest first."""
        return self._all("listings", Game, source=source, external_id=external_id)

    def market(self, market_id: UUID) -> Market | None:
        """Return a market by id: its log says in which week a stake on it is placed."""
        return self._one("market", Market, market_id=market_id)

    def markets_of_games(self, game_ids: Sequence[UUID]) -> list[Market]:
        """Return the quoted markets of some games, each game's together: moneyline, spread, total."""
        return self._all("markets_of_games", Market, game_ids=list(game_ids))


def _listed(fact: Fact, event: GameScheduled) -> Game:
    return Game(
        log=fact.log,
        game_id=fact.stream,
        week=week_of(fact.log),
        source=event.source,
        external_id=event.external_id,
        league=event.league,
        home=event.home,
        away=event.away,
        starts_at=event.starts_at,
        listed_at=fact.at,
        position=fact.position,
    )


def _lock(rows: Rows, fact: Fact, event: GameLocked) -> None:
    """A lock is repeated when the real start is learnt: its own time stays that of the first."""
    game = rows.need(Game, fact.stream)
    state = "moved_out" if game.state == "moved_out" else "locked"
    locked_at = game.locked_at or fact.at
    rows.put(replace(game, state=state, locked=event.why, locked_at=locked_at, started_at=event.started_at))


def _unlock(rows: Rows, game_id: UUID) -> None:
    game = rows.need(Game, game_id)
    state = "moved_out" if game.state == "moved_out" else "scheduled"
    rows.put(replace(game, state=state, locked=None, locked_at=None, started_at=None))


def _quoted(rows: Rows, fact: Fact, event: MarketQuoted) -> Market:
    known = rows.get(Market, event.market_id)
    return Market(
        log=fact.log,
        market_id=event.market_id,
        game_id=fact.stream,
        market=event.market,
        odds_id=event.odds_id,
        line=event.line,
        prices=event.prices,
        source=event.source,
        quoted_at=event.at,
        suspended=known.suspended if known is not None else None,
    )


def _reopen_all(rows: Rows, game_id: UUID) -> None:
    _change(rows, game_id, suspended=None)
    for each_id in _market_ids(game_id):
        market = rows.get(Market, each_id)
        if market is not None:
            rows.put(replace(market, suspended=None))


def _settle(rows: Rows, event: ResultRecorded) -> None:
    _change(
        rows,
        event.game_id,
        result_status=event.status,
        certainty=event.certainty,
        home_score=event.home_score,
        away_score=event.away_score,
    )


def _change(rows: Rows, game_id: UUID, **changes: Any) -> None:
    rows.put(replace(rows.need(Game, game_id), **changes))


def _market(rows: Rows, fact: Fact, wanted: UUID) -> Market:
    """Return a market of the fact's game; one that is suspended before its first quote is made here."""
    known = rows.get(Market, wanted)
    if known is not None:
        return known
    for name in MARKETS:
        if market_id(fact.stream, name) == wanted:
            return Market(fact.log, wanted, fact.stream, name)
    raise MissingRow(f"game {fact.stream} has no market {wanted}")


def _market_ids(game_id: UUID) -> list[UUID]:
    return [market_id(game_id, name) for name in MARKETS]
