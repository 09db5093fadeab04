"""Games as operators look at them: where each stands, what was said of its end, and which ones are stuck."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

from ledger.book import Decision
from ledger.game import Game, UnknownGame
from ledger.ledger import Ledger
from ledger.settlement import Settlement, Word
from ledger.week import Week


class MarketStands(NamedTuple):
    """A market: its quote, and why it is suspended, if so."""

    market_id: UUID
    market: str
    line: str | None
    prices: dict[str, int]
    suspended: str | None


@dataclass(frozen=True, slots=True)
class GameStands:
    """A game of a week as it stands now.

    `suspended` and `locked` say why no stakes are taken, `said` what the sources said of its end. `waits_for` is what a
    stuck game waits for, null where it is not stuck; `void_at` is when it is void without an official result, null once
    it has one. `version` grows with each change of the game.
    """

    week: str
    game_id: UUID
    external_id: str
    source: str
    league: str
    home: str
    away: str
    starts_at: datetime
    version: int
    moved_out: bool
    suspended: str | None
    locked: str | None
    started_at: datetime | None
    markets: list[MarketStands]
    said: list[str]
    resolution: int
    is_resolved: bool
    waits_for: str | None
    void_at: datetime | None


class Games:
    """Reads where games stand, straight from the ledger. `stuck_after`: how long after its start a game is over."""

    def __init__(self, ledger: Ledger, *, stuck_after: timedelta) -> None:
        self._ledger = ledger
        self._stuck_after = stuck_after

    def games(self, week: str, *, stuck_only: bool = False) -> list[GameStands]:
        """Return the games of a week in order of start, or those that are stuck; raises LogNotOpen, LogArchived."""
        self._ledger.recorder(week).head()
        standing = self._ledger.desk(week).ask(
            partial(_stand, stuck_after=self._stuck_after), actor="operator", request="games"
        )
        return [each for each in standing.result() if each.waits_for is not None or not stuck_only]

    def game(self, week: str, game_id: UUID) -> GameStands:
        """Return a game of a week; raises UnknownGame."""
        for each in self.games(week):
            if each.game_id == game_id:
                return each
        raise UnknownGame(f"game {game_id} is not listed in week {week}: see `fairpool games list {week}`")


def _stand(on: Decision, *, stuck_after: timedelta) -> list[GameStands]:
    games, week = sorted(on.games(), key=lambda game: (game.starts_at, game.id)), on.week()
    return [
        _stands(week, game, settlement, at=on.now, stuck_after=stuck_after)
        for game, settlement in zip(games, on.settlements(games), strict=True)
    ]


def _stands(week: Week, game: Game, settlement: Settlement, *, at: datetime, stuck_after: timedelta) -> GameStands:
    listed = game.listing
    return GameStands(
        week=week.week,
        game_id=game.id,
        external_id=listed.external_id,
        source=listed.source,
        league=listed.league,
        home=listed.home,
        away=listed.away,
        starts_at=game.starts_at,
        version=game.version,
        moved_out=game.moved_out,
        suspended=game.suspended,
        locked=game.locked,
        started_at=game.started_at,
        markets=[_market(game, name) for name in sorted(game.markets)],
        said=[_told(word) for word in settlement.words.values()],
        resolution=settlement.resolution,
        is_resolved=settlement.is_resolved,
        waits_for=_waits_for(week, game, settlement, is_over=at >= game.starts_at + stuck_after),
        void_at=None if settlement.is_resolved else week.ends_at + week.rules.settlement_deadline,
    )


def _waits_for(week: Week, game: Game, settlement: Settlement, *, is_over: bool) -> str | None:
    """Say what keeps a game that should be over from being resolved."""
    if settlement.is_resolved or not (is_over or week.closed is not None) or week.finalised is not None:
        return None
    if settlement.settling is not None:
        return "its bets to be settled: see `fairpool projections status`"
    if "provisional" in settlement.words:
        return "an official result, or its confirmation"
    return "a new start, or the week's close" if game.is_postponed else "a result"


def _market(game: Game, name: str) -> MarketStands:
    market = game.markets[name]
    quote = market.quote
    line, prices = (None, {}) if quote is None else (quote.line, dict(quote.prices))
    return MarketStands(market.market_id, name, line, prices, market.suspended)


def _told(word: Word) -> str:
    end = f"{word.home_score}:{word.away_score}" if word.status == "final" else word.status
    return f"{word.source}: {end}, {word.certainty}, revision {word.revision}"
