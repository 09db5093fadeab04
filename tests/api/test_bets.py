"""Placing bets over HTTP."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest

from ledger import listing, weeks
from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.world import KICK_OFF, WEEK, World, serving


def test_a_bet_is_answered_with_its_frozen_terms(world: World) -> None:
    """201 brings id, status, credits left, payout, the terms and the place in the ledger."""
    (ann,) = world.playing("Ann")
    market = world.market()
    answer = ann.bet(market.bet(stake=50))
    assert answer.status_code == 201
    body = answer.json()
    assert answer.headers["Location"] == f"/api/bets/{body['bet_id']}"
    assert body.pop("position").startswith(f"{WEEK}:")
    assert body.pop("placed_at") == "2026-11-16T05:00:00.000000Z"
    assert len(body.pop("bet_id")) == 36
    assert body == {
        "status": "placed",
        "remaining_credits": 950,
        "potential_payout": 95,
        "stake": 50,
        "price": -110,
        "line": "-6.5",
        "outcome": "home",
        "market": "spread",
        "market_id": str(market.market_id),
        "game_id": str(market.game_id),
        "odds_id": str(market.odds_id),
        "week": WEEK,
    }


def test_the_same_bet_sent_twenty_times_at_once_is_one_bet(world: World) -> None:
    """Twenty requests with one key get one answer, and credits leave once."""
    (ann,) = world.playing("Ann")
    market = world.market()
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: ann.bet(market.bet(), key="k"), range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    world.project()
    assert ann.get("/api/me").json()["credits"] == {
        "available": 950,
        "at_stake": 50,
        "potential": 95,
        "open_bets": 1,
    }


def test_a_repeated_bet_is_answered_as_before_when_the_week_is_long_over(world: World) -> None:
    """The answer comes from the event, and says that it is a replay."""
    (ann,) = world.playing("Ann")
    market = world.market()
    first = ann.bet(market.bet())
    world.clock.set(KICK_OFF + timedelta(days=30))
    again = ann.bet(market.bet())
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


def test_a_key_used_for_other_terms_is_refused(world: World) -> None:
    """One key names one bet."""
    (ann,) = world.playing("Ann")
    market = world.market()
    ann.bet(market.bet(stake=50))
    other = ann.bet(market.bet(stake=60))
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_changed_quote_is_refused_with_the_new_one(world: World) -> None:
    """A bet at an old quote gets the one on the board, ready to bet at."""
    (ann,) = world.playing("Ann")
    old = world.market()
    new = world.quote(old.game_id, line="-7.0", prices={"home": 120, "away": -140}, minutes=1)
    refused = ann.bet(old.bet())
    assert refused.status_code == 409
    assert refused.json()["code"] == "quote_changed"
    assert refused.json()["quote"] == {
        "odds_id": str(new.odds_id),
        "line": "-7.0",
        "prices": [
            {"outcome": "away", "price": -140, "decimal": "1.71"},
            {"outcome": "home", "price": 120, "decimal": "2.20"},
        ],
        "quoted_at": "2026-11-15T05:01:00.000000Z",
    }
    assert ann.bet(old.bet(odds_id=refused.json()["quote"]["odds_id"])).status_code == 201


def test_a_stake_beyond_the_credits_is_refused(world: World) -> None:
    """Nobody stakes more than is available, and the refusal leaves no trace."""
    (ann,) = world.playing("Ann")
    market = world.market()
    refused = ann.bet(market.bet(stake=1001))
    assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_credits")
    assert ann.bet(market.bet(stake=1000)).json()["remaining_credits"] == 0


def test_a_market_takes_no_stakes_from_its_games_start_on(world: World) -> None:
    """The scheduled start counts, by the service's clock."""
    (ann,) = world.playing("Ann")
    market = world.market()
    world.clock.set(KICK_OFF)
    refused = ann.bet(market.bet())
    assert (refused.status_code, refused.json()["code"]) == (409, "market_closed")


def test_a_suspended_market_takes_no_stakes(world: World) -> None:
    """Why it is suspended is in the answer."""
    (ann,) = world.playing("Ann")
    market = world.market()
    listing.suspend(
        world.ledger, week=WEEK, game_id=market.game_id, market="spread", why="injury", actor="feed:nfl", request="s"
    ).result()
    refused = ann.bet(market.bet())
    assert refused.json()["code"] == "market_closed"
    assert "injury" in refused.json()["detail"]


def test_an_unknown_market_is_not_found(world: World) -> None:
    """A market that nobody listed is 404."""
    (ann,) = world.playing("Ann")
    refused = ann.bet(world.market().bet(market_id=str(uuid4())))
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_market")


def test_a_market_is_found_before_any_desk_has_read_the_log(dsn: str) -> None:
    """A process that has just started takes bets on what is listed, from who logged in at another."""
    with serving(dsn) as world:
        (ann,) = world.playing("Ann")
        market = world.market()
        world.project()
    with serving(dsn) as restarted:
        restarted.clock.set(world.clock.now())
        headers = {"Authorization": f"Bearer {ann.token}", "Idempotency-Key": "one"}
        placed = restarted.client.post("/api/bets", json=market.bet(), headers=headers)
        assert placed.status_code == 201


def test_an_unknown_outcome_is_refused(world: World) -> None:
    """A spread has no draw."""
    (ann,) = world.playing("Ann")
    refused = ann.bet(world.market().bet(outcome="draw"))
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_outcome")


def test_who_is_not_enrolled_places_no_bet(world: World) -> None:
    """Without an entry in the market's week there is nothing to stake."""
    world.playing("Ann")
    refused = world.signup("Bob").bet(world.market().bet())
    assert (refused.status_code, refused.json()["code"]) == (409, "not_enrolled")


def test_before_the_draw_no_bet_is_taken(world: World) -> None:
    """Bets open with the draw."""
    world.open_week()
    (ann,) = world.enrolled("Ann")
    refused = ann.bet(world.market().bet())
    assert (refused.status_code, refused.json()["code"]) == (409, "betting_closed")


def test_operators_do_not_bet(world: World) -> None:
    """Who can settle a week has no stake in it."""
    world.playing("Ann")
    refused = world.operator().bet(world.market().bet())
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("stake", [50.0, 50.5, True, "50", None, 0, -1, 2**60, [50]])
def test_credits_are_whole_positive_numbers(world: World, stake: object) -> None:
    """No float, boolean, string, zero or negative number is a stake."""
    (ann,) = world.playing("Ann")
    refused = ann.bet(world.market().bet(stake=stake))
    assert refused.status_code == 422
    problem = refused.json()
    assert (problem["code"], problem["errors"][0]["field"]) == ("invalid_request", "body.stake")


def test_a_bet_needs_an_idempotency_key(world: World) -> None:
    """Without a key a retry could bet twice."""
    (ann,) = world.playing("Ann")
    refused = ann.post("/api/bets", json=world.market().bet())
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_required")


@pytest.mark.parametrize("key", ["", "with space", "x" * 201, "caf\u00e9"])
def test_an_idempotency_key_is_visible_ascii(world: World, key: str) -> None:
    """Keys go into the ledger: they are short and printable."""
    (ann,) = world.playing("Ann")
    headers = {"Idempotency-Key": key.encode("latin-1")}
    refused = ann.post("/api/bets", json=world.market().bet(), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_invalid")


def test_bets_are_read_by_who_placed_them_only(world: World) -> None:
    """The bet of another player is 404, as if it were not there."""
    ann, bob = world.playing("Ann", "Bob")
    placed = ann.bet(world.market().bet()).json()
    world.project()
    mine = ann.get(f"/api/bets/{placed['bet_id']}")
    assert mine.status_code == 200
    assert mine.json()["potential_payout"] == placed["potential_payout"]
    assert mine.json()["position"] == placed["position"]
    others = bob.get(f"/api/bets/{placed['bet_id']}")
    assert (others.status_code, others.json()["code"]) == (404, "unknown_bet")
    assert bob.get("/api/bets").json() == {
        "data": [],
        "has_more": False,
        "next_cursor": None,
        "previous_cursor": None,
    }


def test_bets_come_newest_first_in_pages_there_and_back(world: World) -> None:
    """Each bet once, in the order in which they were placed, backwards."""
    (ann,) = world.playing("Ann")
    market = world.market()
    placed = [ann.bet(market.bet(stake=stake), key=f"k{stake}").json()["bet_id"] for stake in range(1, 6)]
    world.project()
    for limit in (1, 2, 5, 6):
        assert [bet["bet_id"] for bet in there_and_back(ann.get, "/api/bets", limit=limit)] == placed[::-1]
    refuses_what_is_no_page(ann.get, "/api/bets")


def test_bets_of_all_weeks_are_one_list(world: World) -> None:
    """The newest week first, also where a page ends between two weeks; `week` keeps to one of them."""
    (ann,) = world.playing("Ann")
    placed = [ann.bet(world.market().bet(), key=f"k{number}").json()["bet_id"] for number in range(3)]
    following = weeks.following(WEEK)
    world.open_week(following)
    assert ann.post(f"/api/weeks/{following}/entry").status_code == 201
    world.draw(following)
    game = world.game(week=following, at=KICK_OFF + timedelta(days=7))
    market = world.quote(game, week=following)
    placed += [ann.bet(market.bet(), key=f"k{number}").json()["bet_id"] for number in range(2)]
    world.project()
    for limit in (2, 3):
        assert [bet["bet_id"] for bet in there_and_back(ann.get, "/api/bets", limit=limit)] == placed[::-1]
    assert [bet["bet_id"] for bet in there_and_back(ann.get, "/api/bets", limit=1, week=WEEK)] == placed[2::-1]
    assert len(ann.get("/api/bets", params={"week": "current"}).json()["data"]) == 2


def test_bets_are_filtered_by_week_status_game_and_market(world: World) -> None:
    """Settled bets leave the open ones, and another week, game or market has none."""
    (ann,) = world.playing("Ann")
    market = world.market()
    won = ann.bet(market.bet(), key="won").json()
    lost = ann.bet(market.bet(outcome="away"), key="lost").json()
    world.settle(market.game_id, home=30, away=20, bets=[won, lost])
    world.project()
    (bet,) = ann.get("/api/bets", params={"status": "won", "week": WEEK}).json()["data"]
    assert (bet["bet_id"], bet["status"], bet["payout"]) == (won["bet_id"], "won", 95)
    assert ann.get("/api/bets", params={"status": "placed"}).json()["data"] == []
    for other in ({"week": "2026-W46"}, {"game_id": str(uuid4())}, {"market": "total"}):
        assert ann.get("/api/bets", params=other).json()["data"] == []
    same = {"game_id": str(market.game_id), "market": "spread"}
    assert len(ann.get("/api/bets", params=same).json()["data"]) == 2


def test_a_dry_run_answers_with_what_would_be(world: World) -> None:
    """Terms, payout and credits, without an id, a place or a key; and nothing is stored."""
    (ann,) = world.playing("Ann")
    market = world.market()
    head = world.ledger.recorder(WEEK).head()
    rehearsed = ann.post("/api/bets?dry_run=true", json=market.bet(stake=50))
    assert (rehearsed.status_code, rehearsed.headers.get("Location")) == (200, None)
    assert world.ledger.recorder(WEEK).head() == head
    said = rehearsed.json()
    assert said.pop("dry_run") is True
    placed = ann.bet(market.bet(stake=50)).json()
    assert said == {name: placed[name] for name in placed.keys() - {"bet_id", "status", "position", "placed_at"}}


def test_a_dry_run_is_refused_as_the_bet_would_be(world: World) -> None:
    """With the same code, and the new quote where that is the reason."""
    (ann,) = world.playing("Ann")
    market = world.market()
    world.quote(market.game_id, line="-7.0", minutes=1)
    for terms in ({}, {"stake": 1001}, {"outcome": "draw"}, {"market_id": str(uuid4())}, {"stake": True}):
        rehearsed = ann.post("/api/bets?dry_run=true", json=market.bet(**terms))
        refused = ann.bet(market.bet(**terms))
        assert rehearsed.status_code == refused.status_code >= 400
        assert rehearsed.json() | {"request_id": ""} == refused.json() | {"request_id": ""}


def test_dry_run_is_yes_or_no(world: World) -> None:
    """Anything else is an error, never a bet; `false` is a bet, which needs a key."""
    (ann,) = world.playing("Ann")
    market = world.market()
    refused = ann.post("/api/bets?dry_run=perhaps", json=market.bet(), headers={"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "query.dry_run")
    unkeyed = ann.post("/api/bets?dry_run=false", json=market.bet())
    assert (unkeyed.status_code, unkeyed.json()["code"]) == (400, "idempotency_key_required")
    placed = ann.post("/api/bets?dry_run=false", json=market.bet(), headers={"Idempotency-Key": "k"})
    assert placed.status_code == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_bet_is_json(world: World, kind: str) -> None:
    """A form of another site, which a browser would send without asking, places no bet."""
    (ann,) = world.playing("Ann")
    headers = {"Content-Type": kind, "Idempotency-Key": "k"}
    refused = ann.post("/api/bets", content=json.dumps(world.market().bet()), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")
