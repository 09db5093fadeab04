"""A week that is open for bets now, by the system's clock, and its players, logged in: what an API process serves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Final
from uuid import UUID

from psycopg.conninfo import make_conninfo

from api.services import Services
from fairpool.clocks import HandClock, system_clock
from fairpool.core import Core, core
from fairpool.settings import Settings
from fairpool.web import services
from ledger import drawing, enrolment, ids, listing
from ledger.rules import Rules
from ledger.weeks import ends_at, starts_at, week_at
from tests.examples import MARKETS, SOURCE

GAMES: Final = 16
# Players log in and enrol at the same time, as many do.
_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class OpenWeek:
    """A drawn week with open markets: tokens of its players, and bodies of bets on all that is on offer."""

    week: str
    tokens: tuple[str, ...]
    bets: tuple[dict[str, Any], ...]


def open_week(settings: Settings, dsn: str, *, players: int) -> OpenWeek:
    """Open the current week, enrol players, draw it, put games on the board and bring the projections up to date.

    Tokens are those of real sessions, made by the service's own keys; the players have no passwords, as hashing these
    would take longer than all the rest. In the last minutes of a week no game can be bet on, so this raises.
    """
    now = system_clock()
    week = week_at(now)
    clock = HandClock(starts_at(week) - timedelta(hours=1))
    # Nobody relies on these commits: a machine that fails meanwhile starts over.
    with core(settings, make_conninfo(dsn, options="-c synchronous_commit=off"), clock=clock) as built:
        drawing.open_week(built.ledger, week=week, rules=Rules(), actor="clock", request="open")
        offered = services(built)
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            ids_of_players = list(threads.map(lambda number: _enrolled(offered, week, number), range(players)))
        clock.set(starts_at(week))
        drawing.draw(built.ledger, week=week, actor="clock", request="draw")
        clock.set(now)
        bets = [bet for number in range(GAMES) for bet in _listed(built, week, number, now)]
        while built.projections.step():
            pass
        return OpenWeek(week, tuple(_token(offered, player) for player in ids_of_players), tuple(bets))


def _enrolled(offered: Services, week: str, number: int) -> UUID:
    player = offered.players.create(email=f"player{number}@example.org", name=f"Player {number}", password_hash="none")
    enrolment.enrol(offered.ledger, player_id=player.id, week=week, via="free", request=f"enrol {number}")
    return player.id


def _token(offered: Services, player_id: UUID) -> str:
    player = offered.players.player(player_id)
    assert player is not None
    session = offered.sessions.open(player, user_agent="load")
    assert session is not None
    return offered.tokens.issue(player_id=player.id, role=player.role, session=session.id).text


def _listed(built: Core, week: str, number: int, now: datetime) -> list[dict[str, Any]]:
    """List a game with its markets; return a bet on each outcome."""
    origin: dict[str, Any] = {"source": SOURCE, "actor": f"feed:{SOURCE}", "request": f"game {number}"}
    game = ids.game_id(week, SOURCE, f"g{number}")
    listing.schedule(
        built.ledger,
        week=week,
        game_id=game,
        external_id=f"g{number}",
        league="NFL",
        home="BAL",
        away="CIN",
        starts_at=ends_at(week) - timedelta(minutes=1),
        **origin,
    ).result()
    bets: list[dict[str, Any]] = []
    for market, quote in MARKETS.items():
        listing.quote(built.ledger, week=week, game_id=game, market=market, at=now, **quote, **origin).result()
        market_id = ids.market_id(game, market)
        names = {"market_id": str(market_id), "odds_id": str(ids.odds_id(market_id, SOURCE, now)), "stake": 1}
        bets += [{**each, "outcome": outcome} for each, outcome in product([names], quote["prices"])]
    return bets
