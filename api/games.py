"""Games, their markets, and the quotes on offer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Annotated, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, Field

from api.http.cursors import Page, paging
from api.http.moments import Moment
from api.http.places import Paging
from api.http.reading import CAUGHT_UP, Shown
from api.identity.principal import PUBLIC
from api.markets import MarketShown, shown_markets
from api.refusal import Refusal
from api.services import Services, ServicesDep
from ledger.game import POSTPONED
from ledger.instants import instant_text
from ledger.weeks import NEW_YORK
from projections.board import Game
from projections.settlements import Settlement

router = APIRouter(prefix="/games", tags=["games"])

Status = Literal["upcoming", "postponed", "started", "ended", "moved_out"]
_PLACE: Final = re.compile(r"[0-9T:.Z-]{27} [0-9a-f-]{36}")


class GameShown(Shown):
    """A game, and how it ended.

    `status`: upcoming; postponed; started; ended, once something settles it; or moved_out of its week. `state` is
    what the ledger holds, scheduled, locked or moved_out; `locked` and `suspended` say why it takes no stakes.
    `result_status` (final, cancelled, abandoned, postponed, no_result or operator), `certainty` (provisional or
    official) and the scores are those of the result that counts so far. `resolution` counts what has settled bets on
    the game, 0 for nothing yet: results, corrections, and operators' voids; `is_settled` once there is a result, and
    every bet on the game is settled under the latest.
    `markets` is null unless it was asked for with `include=markets`.
    """

    game_id: UUID
    week: str = Field(examples=["2026-W47"])
    league: str = Field(examples=["NFL"])
    home: str = Field(examples=["BAL"])
    away: str = Field(examples=["CIN"])
    starts_at: Moment
    status: Status
    state: str = Field(examples=["scheduled"])
    locked: str | None
    suspended: str | None
    started_at: Moment | None
    result_status: str | None
    certainty: str | None
    home_score: int | None
    away_score: int | None
    resolution: int
    is_settled: bool
    markets: list[MarketShown] | None


class GamesOfDay(Page[GameShown]):
    """The games that start on a date, as the clocks of `zone` show it, in order of start.

    They start at or after `since` and before `until`, which lie 23 to 25 hours apart.
    """

    date: date
    zone: str = Field(examples=[NEW_YORK.key])
    since: Moment
    until: Moment


class Markets(BaseModel):
    """A game's markets: moneyline, spread, total, those that are quoted."""

    game: GameShown
    data: list[MarketShown]


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("this is no time zone of the IANA database, like America/New_York")
    return name


Day = Annotated[
    date | None,
    Query(
        ge=date(2000, 1, 1),
        le=date(2999, 12, 31),
        examples=["2026-11-19"],
        json_schema_extra={"pattern": "^2[0-9]{3}-"},
    ),
]
Zone = Annotated[
    str,
    Query(max_length=64, examples=[NEW_YORK.key], json_schema_extra={"format": "time-zone"}),
    AfterValidator(_zone),
]


def _day_paging(
    limit: Annotated[int, Query(ge=1, le=200)] = 200, cursor: Annotated[str | None, Query(max_length=400)] = None
) -> Paging:
    """Return the page that is asked for: a whole day, unless it is a very busy one."""
    return paging(limit, cursor)


@router.get("", dependencies=[CAUGHT_UP], openapi_extra=PUBLIC)
def list_games(
    services: ServicesDep,
    paging: Annotated[Paging, Depends(_day_paging)],
    date: Day = None,
    zone: Zone = NEW_YORK.key,
    league: Annotated[str | None, Query(max_length=40, examples=["NFL"])] = None,
    status: Status | None = None,
    include: Literal["markets"] | None = None,
) -> GamesOfDay:
    """Return the games that start on a date, today's unless it is given, by the clocks of the viewer's zone.

    Without a zone the date is the week's, that of New York. `league` and `status` leave out other games;
    `include=markets` brings each game's markets along, so that a board needs one request.
    """
    clocks = ZoneInfo(zone)
    day = date or services.clock().astimezone(clocks).date()
    since, until = _midnight(day, clocks), _midnight(day + timedelta(days=1), clocks)
    # A day has a few hundred games at most, so that one function says what a status is, here and in each answer.
    games = [
        game
        for game in services.views.board.games_between(since, until)
        if league in (None, game.league) and status in (None, status_of(game, services.clock()))
    ]
    found = _behind(games, paging)
    show = _shower(services, found, with_markets=include is not None)
    page = Page[GameShown].of(found, paging, show=show, place=_place)
    return GamesOfDay(date=day, zone=zone, since=since, until=until, **dict(page))


@router.get("/{game_id}", dependencies=[CAUGHT_UP], openapi_extra=PUBLIC)
def get_game(game_id: UUID, services: ServicesDep, include: Literal["markets"] | None = None) -> GameShown:
    """Return a game. Refused with `unknown_game`."""
    game = _game(services, game_id)
    return _shower(services, [game], with_markets=include is not None)(game)


@router.get("/{game_id}/markets", dependencies=[CAUGHT_UP], openapi_extra=PUBLIC)
def list_markets(game_id: UUID, services: ServicesDep) -> Markets:
    """Return a game's markets with their current quotes. Refused with `unknown_game`."""
    game = _game(services, game_id)
    shown = _shower(services, [game], with_markets=True)(game)
    return Markets(game=shown.model_copy(update={"markets": None}), data=shown.markets or [])


def status_of(game: Game, now: datetime) -> Status:
    """Return where a game is, by what the ledger holds and by the clock."""
    if game.state == "moved_out":
        return "moved_out"
    if game.result_status is not None:
        return "ended"
    if game.suspended == POSTPONED and game.started_at is None:
        return "postponed"
    return "started" if game.locked is not None or now >= game.starts_at else "upcoming"


def shown_game(
    game: Game, settlement: Settlement | None, *, now: datetime, markets: list[MarketShown] | None = None
) -> GameShown:
    """Return a game as clients see it, with what has been settled of it so far."""
    resolution = settlement.resolution if settlement is not None else 0
    # Before a result an operator's void may be settled, and the other bets still wait for one.
    has_result = settlement is not None and settlement.status is not None
    completed = settlement.completed_resolution if settlement is not None else 0
    return GameShown.of(
        game,
        status=status_of(game, now),
        resolution=resolution,
        is_settled=has_result and 0 < resolution == completed,
        markets=markets,
    )


def _game(services: Services, game_id: UUID) -> Game:
    game = services.views.board.game(game_id)
    if game is None:
        raise Refusal("unknown_game", f"There is no game {game_id}.")
    return game


def _place(game: Game) -> str:
    """Return a game's place in the order of start: a text that sorts as the games do."""
    return f"{instant_text(game.starts_at)} {game.game_id}"


def _behind(games: list[Game], paging: Paging) -> list[Game]:
    """Return the games that follow the place of a page's cursor; read back, those before it, the nearest first."""
    place = paging.place(_PLACE)
    if place is None:
        return games[: paging.fetch]
    if paging.is_back:
        return [game for game in reversed(games) if _place(game) < place][: paging.fetch]
    return [game for game in games if _place(game) > place][: paging.fetch]


def _shower(services: Services, games: Sequence[Game], *, with_markets: bool) -> Callable[[Game], GameShown]:
    """Return how to show some games, with what other projections hold of them: one query each for all."""
    now = services.clock()
    game_ids = [game.game_id for game in games]
    settled = {each.game_id: each for each in services.views.settlements.settlements_of_games(game_ids)}
    markets = shown_markets(services, games, now=now) if with_markets else None

    def show(game: Game) -> GameShown:
        of_game = markets.get(game.game_id, []) if markets is not None else None
        return shown_game(game, settled.get(game.game_id), now=now, markets=of_game)

    return show


def _midnight(day: date, clocks: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, clocks)
