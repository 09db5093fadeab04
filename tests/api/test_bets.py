"""Placing bets over HTTP."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest

from api.bets import recorded
from ledger import listing
from tests.api.world import KICK_OFF, WEEK, World, serving


def test_a_bet_is_answered_with_its_frozen_terms(world: World) -> None:
    """201 brings id, status, credits left, payout, the terms and the place in the ledger."""
    (ann,) = world.playing("Ann")
    market = world.market()
    answer = ann.bet(market.bet(stake=50))
    assert answer.status_code == 201
    body = answer.json()
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


def test_a_request_that_is_given_up_does_not_take_back_its_command() -> None:
    """Who hangs up while a bet is being recorded has bet all the same."""
    answer: Future[int] = Future()

    async def give_up() -> None:
        waiting = asyncio.ensure_future(recorded(answer))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(give_up())
    assert not answer.cancelled()


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
    assert bob.get("/api/bets").json() == {"data": [], "has_more": False, "next_cursor": None}


def test_bets_come_newest_first_in_pages(world: World) -> None:
    """Following next_cursor visits each bet once."""
    (ann,) = world.playing("Ann")
    market = world.market()
    placed = [ann.bet(market.bet(stake=stake), key=f"k{stake}").json()["bet_id"] for stake in range(1, 6)]
    world.project()
    seen, cursor = [], None
    while True:
        page = ann.get("/api/bets", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [bet["bet_id"] for bet in page["data"]]
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
        if cursor is None:
            break
    assert seen == placed[::-1]


def test_bets_are_filtered_by_week_and_status(world: World) -> None:
    """Settled bets leave the open ones, and another week has none."""
    (ann,) = world.playing("Ann")
    market = world.market()
    won = ann.bet(market.bet(), key="won").json()
    lost = ann.bet(market.bet(outcome="away"), key="lost").json()
    world.settle(market.game_id, home=30, away=20, bets=[won, lost])
    world.project()
    (bet,) = ann.get("/api/bets", params={"status": "won", "week": WEEK}).json()["data"]
    assert (bet["bet_id"], bet["status"], bet["payout"]) == (won["bet_id"], "won", 95)
    assert ann.get("/api/bets", params={"status": "placed"}).json()["data"] == []
    assert ann.get("/api/bets", params={"week": "2026-W46"}).json()["data"] == []


@pytest.mark.parametrize("cursor", ["%%%", "bm9uc2Vuc2U", "Og"])
def test_a_cursor_that_is_not_ours_is_refused(world: World, cursor: str) -> None:
    """A made-up cursor is an error, not an empty page."""
    refused = world.signup().get("/api/bets", params={"cursor": cursor})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")
