"""The board over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from api.games import shown_game, status_of
from ledger import listing, settling
from projections.board import Game
from projections.settlements import Settlement
from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.world import KICK_OFF, MONDAY, WEEK, World


def test_games_are_listed_by_the_date_of_a_stated_zone(world: World) -> None:
    """A night game in New York is the next day's in London."""
    world.open_week()
    game = world.game(at=datetime(2026, 11, 20, 1, 15, tzinfo=UTC))
    world.project()
    new_york = world.client.get("/api/games", params={"date": "2026-11-19"}).json()
    assert (new_york["date"], new_york["zone"]) == ("2026-11-19", "America/New_York")
    assert (new_york["since"], new_york["until"]) == ("2026-11-19T05:00:00.000000Z", "2026-11-20T05:00:00.000000Z")
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
            "bettable": False,
            "is_open": True,
            "closed_because": None,
            "locked": False,
            "suspended": False,
            "closing_soon": False,
            "closes_at": "2026-11-19T05:00:00.000000Z",
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


def test_a_market_is_bettable_while_its_week_takes_stakes(world: World) -> None:
    """Not before the draw, nor once it is suspended or the week is closed; the ledger agrees."""
    world.open_week()
    (ann,) = world.enrolled("Ann")
    market = world.market()

    def bettable() -> bool:
        world.project()
        (shown,) = world.client.get(f"/api/games/{market.game_id}/markets").json()["data"]
        answer: bool = shown["bettable"]
        return answer

    assert not bettable()
    assert ann.bet(market.bet()).json()["code"] == "betting_closed"
    world.draw()
    assert bettable()
    assert ann.bet(market.bet()).status_code == 201
    suspend_spread(world, market.game_id)
    assert not bettable()


def test_a_game_shows_how_it_ended_and_when_all_is_settled(world: World) -> None:
    """The result that counts, how often it was decided, and whether every bet on it is settled."""
    ann, _ = world.playing("Ann", "Bob")
    market = world.market()
    path = f"/api/games/{market.game_id}"

    def shown() -> tuple[object, ...]:
        world.project()
        game = world.client.get(path).json()
        return game["status"], game["result_status"], game["certainty"], game["resolution"], game["is_settled"]

    assert shown() == ("upcoming", None, None, 0, False)
    world.clock.set(KICK_OFF)
    assert shown() == ("started", None, None, 0, False)
    world.clock.set(MONDAY)
    placed = ann.bet(market.bet()).json()
    world.settle(market.game_id, home=30, away=20, bets=[placed])
    assert shown() == ("ended", "final", "official", 1, False)
    settling.complete(world.ledger, week=WEEK, game_id=market.game_id, resolution=1, staked=50).result()
    assert shown() == ("ended", "final", "official", 1, True)
    game = world.client.get(path).json()
    assert (game["home_score"], game["away_score"], game["markets"]) == (30, 20, None)


def test_a_board_needs_one_request(world: World) -> None:
    """With `include=markets` each game brings its markets, the same as by itself."""
    world.open_week()
    games = [world.game(name, at=KICK_OFF + timedelta(minutes=number)) for number, name in enumerate("ab")]
    for game in games:
        world.quote(game)
    world.quote(games[0], "total", line="44.0", prices={"over": -110, "under": -110})
    world.project()
    params = {"date": "2026-11-19"}
    assert [each["markets"] for each in world.client.get("/api/games", params=params).json()["data"]] == [None, None]
    board = world.client.get("/api/games", params=params | {"include": "markets"}).json()["data"]
    assert [[market["market"] for market in game["markets"]] for game in board] == [["spread", "total"], ["spread"]]
    for game in board:
        alone = world.client.get(f"/api/games/{game['game_id']}/markets").json()
        assert alone["data"] == game["markets"]
        assert world.client.get(f"/api/games/{game['game_id']}", params={"include": "markets"}).json() == game


def test_games_of_a_busy_day_are_paged_in_order_of_start(world: World) -> None:
    """There and back, also where several start at once, and without those that are left out."""
    world.open_week()
    games = [world.game(str(number), at=KICK_OFF + timedelta(minutes=number // 2)) for number in range(5)]
    world.project()
    found = there_and_back(world.client.get, "/api/games", limit=2, date="2026-11-19")
    assert {each["game_id"] for each in found} == set(map(str, games))
    assert [each["starts_at"] for each in found] == sorted(each["starts_at"] for each in found)
    refuses_what_is_no_page(world.client.get, "/api/games")


def test_games_are_filtered_by_league_and_status(world: World) -> None:
    """The status follows the clock and the result."""
    world.open_week()
    early, late = world.game("early"), world.game("late", at=KICK_OFF + timedelta(hours=1))
    world.project()
    world.clock.set(KICK_OFF)

    def listed(**params: str) -> list[str]:
        page = world.client.get("/api/games", params={"date": "2026-11-19"} | params).json()
        return [each["game_id"] for each in page["data"]]

    assert listed(league="NFL", status="started") == [str(early)]
    assert listed(status="upcoming") == [str(late)]
    assert listed(league="NBA") == listed(status="ended") == []
    assert world.client.get("/api/games", params={"status": "over"}).json()["errors"][0]["field"] == "query.status"


def suspend_spread(world: World, game: UUID) -> None:
    listing.suspend(
        world.ledger, week=WEEK, game_id=game, market="spread", why="injury", actor="feed:nfl", request="s"
    ).result()


def game_like(**changes: Any) -> Game:
    """A game of the board that starts at KICK_OFF."""
    game = Game(WEEK, uuid4(), WEEK, "nfl", "1", "NFL", "BAL", "CIN", KICK_OFF, MONDAY, 1)
    return replace(game, **changes)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "upcoming"),
        ({"suspended": "injury"}, "upcoming"),
        ({"state": "locked", "locked": "kick-off"}, "started"),
        ({"suspended": "postponed"}, "postponed"),
        ({"suspended": "postponed", "started_at": MONDAY, "locked": "kick-off"}, "started"),
        ({"suspended": "postponed", "result_status": "postponed"}, "ended"),
        ({"locked": "kick-off", "result_status": "final"}, "ended"),
        ({"state": "moved_out", "result_status": "postponed"}, "moved_out"),
    ],
)
def test_a_status_says_where_a_game_is(changes: dict[str, Any], status: str) -> None:
    """What settles it outweighs what it was stopped by."""
    assert status_of(game_like(**changes), MONDAY) == status


@pytest.mark.parametrize(
    ("status", "completed", "is_settled"), [(None, 1, False), ("final", 1, True), ("final", 0, False)]
)
def test_a_game_is_settled_by_a_result_and_not_by_a_void(status: str | None, completed: int, is_settled: bool) -> None:
    """Where an operator's void is all that was settled, the other bets still wait."""
    settlement = Settlement(WEEK, uuid4(), uuid4(), resolution=1, status=status, completed_resolution=completed)
    assert shown_game(game_like(result_status=status), settlement, now=MONDAY).is_settled is is_settled


def test_a_suspended_market_says_why(world: World) -> None:
    """Only the market that is suspended is closed."""
    world.open_week()
    game = world.game()
    world.quote(game)
    world.quote(game, "total", line="44.0", prices={"over": -110, "under": -110})
    suspend_spread(world, game)
    world.project()
    spread, total = world.client.get(f"/api/games/{game}/markets").json()["data"]
    assert (spread["is_open"], spread["suspended"], spread["closed_because"]) == (False, True, "injury")
    assert (total["is_open"], total["suspended"], total["closed_because"]) == (True, False, None)


def test_an_unknown_game_is_not_found(world: World) -> None:
    """No game, no markets."""
    for path in (f"/api/games/{uuid4()}", f"/api/games/{uuid4()}/markets"):
        answer = world.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_game")
