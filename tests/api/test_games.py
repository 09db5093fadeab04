"""The board over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from ledger import listing
from tests.api.world import KICK_OFF, MONDAY, WEEK, World


def test_games_are_listed_by_the_date_of_a_stated_zone(world: World) -> None:
    """A night game in New York is the next day's in London."""
    world.open_week()
    game = world.game(at=datetime(2026, 11, 20, 1, 15, tzinfo=UTC))
    world.project()
    new_york = world.client.get("/api/games", params={"date": "2026-11-19"}).json()
    assert (new_york["date"], new_york["zone"]) == ("2026-11-19", "America/New_York")
    assert [each["game_id"] for each in new_york["data"]] == [str(game)]
    assert world.client.get("/api/games", params={"date": "2026-11-20"}).json()["data"] == []
    london = world.client.get("/api/games", params={"date": "2026-11-20", "zone": "Europe/London"}).json()
    assert [each["game_id"] for each in london["data"]] == [str(game)]


def test_without_a_date_today_is_meant(world: World) -> None:
    """Today is where the service's clock is, in the zone."""
    world.open_week()
    world.game(at=MONDAY)
    world.project()
    assert world.client.get("/api/games").json()["date"] == "2026-11-15"
    world.clock.set(MONDAY)
    today = world.client.get("/api/games").json()
    assert (today["date"], len(today["data"])) == ("2026-11-16", 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("date", "yesterday"), ("date", "9999-12-31"), ("date", "2026-02-30"), ("zone", "Mars/Olympus"), ("zone", "../x")],
)
def test_a_date_or_zone_that_is_none_is_refused(world: World, name: str, value: str) -> None:
    """The problem names the parameter."""
    refused = world.client.get("/api/games", params={name: value})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, f"query.{name}")


def test_markets_show_their_quotes_american_and_decimal(world: World) -> None:
    """What a bet needs is there: ids, line, prices, and whether it would be taken."""
    world.open_week()
    game = world.game()
    market = world.quote(game, prices={"home": 120, "away": -140})
    world.project()
    answer = world.client.get(f"/api/games/{game}/markets").json()
    assert (answer["game"]["home"], answer["game"]["away"]) == ("BAL", "CIN")
    assert answer["as_of"] == "2026-11-15T05:00:00.000000Z"
    assert answer["data"] == [
        {
            "market_id": str(market.market_id),
            "market": "spread",
            "quote": {
                "odds_id": str(market.odds_id),
                "line": "-6.5",
                "prices": [
                    {"outcome": "away", "price": -140, "decimal": "1.71"},
                    {"outcome": "home", "price": 120, "decimal": "2.20"},
                ],
                "quoted_at": "2026-11-15T05:00:00.000000Z",
            },
            "is_open": True,
            "closed_because": None,
            "locked": False,
            "suspended": False,
            "closing_soon": False,
        }
    ]


def test_markets_close_as_the_game_draws_near(world: World) -> None:
    """Closing soon ten minutes before the start, locked from the start on, whether or not the clock has locked it."""
    world.open_week()
    game = world.game()
    world.quote(game)
    world.project()

    def flags() -> tuple[object, ...]:
        (market,) = world.client.get(f"/api/games/{game}/markets").json()["data"]
        return market["is_open"], market["closing_soon"], market["locked"], market["closed_because"]

    world.clock.set(KICK_OFF - timedelta(minutes=10, seconds=1))
    assert flags() == (True, False, False, None)
    world.clock.set(KICK_OFF - timedelta(minutes=10))
    assert flags() == (True, True, False, None)
    world.clock.set(KICK_OFF)
    assert flags() == (False, False, True, "scheduled start")
    listing.lock(
        world.ledger, week=WEEK, game_id=game, why="kick-off", started_at=KICK_OFF, actor="feed:nfl", request="l"
    ).result()
    world.project()
    assert flags() == (False, False, True, "kick-off")


def test_a_suspended_market_says_why(world: World) -> None:
    """Only the market that is suspended is closed."""
    world.open_week()
    game = world.game()
    world.quote(game)
    world.quote(game, "total", line="44.0", prices={"over": -110, "under": -110})
    listing.suspend(
        world.ledger, week=WEEK, game_id=game, market="spread", why="injury", actor="feed:nfl", request="s"
    ).result()
    world.project()
    spread, total = world.client.get(f"/api/games/{game}/markets").json()["data"]
    assert (spread["is_open"], spread["suspended"], spread["closed_because"]) == (False, True, "injury")
    assert (total["is_open"], total["suspended"], total["closed_because"]) == (True, False, None)


def test_an_unknown_game_is_not_found(world: World) -> None:
    """No game, no markets."""
    for path in (f"/api/games/{uuid4()}", f"/api/games/{uuid4()}/markets"):
        answer = world.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_game")
