"""Bet slips over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from ledger import weeks
from tests.api.world import KICK_OFF, WEEK, Market, User, World


def send(user: User, *bets: dict[str, Any], key: str = "one", **more: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    return user.post("/api/bets/slip", json={"bets": bets, **more}, headers=headers)


def rehearse(user: User, *bets: dict[str, Any], **more: Any) -> httpx.Response:
    return user.post("/api/bets/slip?dry_run=true", json={"bets": bets, **more})


def position(world: World) -> int:
    return world.ledger.recorder(WEEK).head().position


def other_week(world: World, ann: User) -> Market:
    """A market of the following week, which takes bets once this one is over."""
    following = weeks.following(WEEK)
    world.open_week(following)
    assert ann.post(f"/api/weeks/{following}/entry").status_code == 201
    return world.quote(world.game(week=following, at=KICK_OFF + timedelta(days=7)), week=following)


def test_each_bet_of_a_slip_has_its_own_answer(world: World) -> None:
    """Placed with its terms, or refused with its problem, in the order of the slip; and a sum."""
    (ann,) = world.playing("Ann")
    market = world.market()
    answer = send(
        ann,
        market.bet(stake=50),
        market.bet(outcome="draw"),
        market.bet(market_id=str(uuid4())),
        market.bet(outcome="away", stake=25),
    )
    assert answer.status_code == 200
    body = answer.json()
    bets = body.pop("bets")
    assert body == {
        "dry_run": False,
        "placed": 2,
        "refused": 2,
        "staked": 75,
        "remaining_credits": 925,
        "position": bets[3]["bet"]["position"],
    }
    assert [bet["status"] for bet in bets] == ["placed", "refused", "refused", "placed"]
    assert [bet["problem"] and bet["problem"]["code"] for bet in bets] == [
        None,
        "unknown_outcome",
        "unknown_market",
        None,
    ]
    assert bets[1]["problem"]["instance"] == "/api/bets/slip"
    assert bets[1]["problem"]["request_id"] == answer.headers["X-Request-Id"]
    world.project()
    for bet in (bets[0]["bet"], bets[3]["bet"]):
        shown = ann.get(f"/api/bets/{bet['bet_id']}").json()
        assert {name: bet[name] for name in bet.keys() & shown.keys()} == {
            name: shown[name] for name in bet.keys() & shown.keys()
        }


def test_a_changed_quote_in_a_slip_comes_with_the_new_one(world: World) -> None:
    """The client offers the new quote for that bet alone."""
    (ann,) = world.playing("Ann")
    old, game = world.market(), world.game("KC-DEN")
    other = world.quote(game, "total", line="45.5", prices={"over": -110, "under": -110})
    new = world.quote(old.game_id, line="-7.0", minutes=1)
    stale, placed = send(ann, old.bet(), other.bet(outcome="over")).json()["bets"]
    assert (stale["problem"]["code"], stale["problem"]["status"]) == ("quote_changed", 409)
    assert stale["problem"]["quote"]["odds_id"] == str(new.odds_id)
    assert stale["problem"]["quote"]["line"] == "-7.0"
    assert placed["status"] == "placed"


def test_all_or_nothing_stakes_all(world: World) -> None:
    """In one append: the bets' places follow one another."""
    (ann,) = world.playing("Ann")
    market = world.market()
    answer = send(ann, market.bet(stake=600), market.bet(stake=400), all_or_nothing=True)
    assert answer.status_code == 201
    body = answer.json()
    assert (body["placed"], body["staked"], body["remaining_credits"]) == (2, 1000, 0)
    first, second = (int(bet["bet"]["position"].partition(":")[2]) for bet in body["bets"])
    assert second == first + 1


def test_all_or_nothing_stakes_nothing_where_a_bet_is_refused(world: World) -> None:
    """The answer is the first refusal's problem, with its quote, and names every bet that was refused."""
    (ann,) = world.playing("Ann")
    old = world.market()
    new = world.quote(old.game_id, line="-7.0", minutes=1)
    at_new = old.bet(odds_id=str(new.odds_id))
    before = position(world)
    refused = send(ann, at_new, old.bet(), at_new | {"stake": 951}, at_new | {"stake": 950}, all_or_nothing=True)
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["status"]) == (409, "quote_changed", 409)
    assert problem["quote"]["odds_id"] == str(new.odds_id)
    assert [(each["field"], each["code"]) for each in problem["errors"]] == [
        ("body.bets.1", "quote_changed"),
        ("body.bets.2", "insufficient_credits"),
    ]
    assert position(world) == before
    assert send(ann, at_new, all_or_nothing=True).status_code == 201


def test_a_bet_that_reaches_no_ledger_refuses_all_or_nothing(world: World) -> None:
    """An unknown market is 404, a week without an entry 409; nothing is staked."""
    (ann,) = world.playing("Ann")
    market = world.market()
    bob = world.signup("Bob")
    before = position(world)
    unknown = send(ann, market.bet(), market.bet(market_id=str(uuid4())), all_or_nothing=True)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_market")
    assert unknown.json()["errors"][0]["field"] == "body.bets.1"
    stranger = send(bob, market.bet(), all_or_nothing=True)
    assert (stranger.status_code, stranger.json()["code"]) == (409, "not_enrolled")
    (alone,) = send(bob, market.bet()).json()["bets"]
    assert (alone["status"], alone["problem"]["code"]) == ("refused", "not_enrolled")
    assert position(world) == before


def test_a_slip_may_span_weeks_unless_it_is_all_or_nothing(world: World) -> None:
    """Each bet is placed in its own week, or refused by it."""
    (ann,) = world.playing("Ann")
    market, later = world.market(), other_week(world, ann)
    spanning = send(ann, market.bet(), later.bet(), all_or_nothing=True)
    assert (spanning.status_code, spanning.json()["code"]) == (422, "slip_spans_weeks")
    answer = send(ann, market.bet(), later.bet()).json()
    assert [bet["status"] for bet in answer["bets"]] == ["placed", "refused"]
    assert answer["bets"][1]["problem"]["code"] == "betting_closed"
    assert answer["position"] == answer["bets"][0]["bet"]["position"]
    world.draw(weeks.following(WEEK))
    again = send(ann, market.bet(), later.bet()).json()
    assert [(bet["status"], bet["replayed"]) for bet in again["bets"]] == [("placed", True), ("placed", False)]
    assert (again["position"], again["remaining_credits"]) == (again["bets"][1]["bet"]["position"], 950)
    assert again["bets"][0]["bet"] == answer["bets"][0]["bet"]


def test_a_slip_in_doubt_is_not_told_as_refused(world: World) -> None:
    """Where one of its weeks does not answer, the same key again finds out what came of it."""
    (ann,) = world.playing("Ann")
    market, later = world.market(), other_week(world, ann)
    world.ledger.desk(weeks.following(WEEK)).close()
    answer = send(ann, market.bet(), later.bet())
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert send(ann, market.bet(), later.bet()).status_code == 503
    assert ann.get("/api/me/statement").json()["available"] == 950


@pytest.mark.parametrize("all_or_nothing", [False, True])
def test_the_same_slip_sent_twenty_times_at_once_is_one_slip(world: World, all_or_nothing: bool) -> None:
    """Twenty requests with one key get the same bets, and credits leave once."""
    (ann,) = world.playing("Ann")
    market = world.market()
    bets = [market.bet(stake=10), market.bet(outcome="away", stake=20)]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: send(ann, *bets, all_or_nothing=all_or_nothing), range(20)))
    assert {answer.status_code for answer in answers} == {201 if all_or_nothing else 200}
    placed = [[bet["bet"] for bet in answer.json()["bets"]] for answer in answers]
    assert placed == [placed[0]] * 20
    assert {answer.json()["remaining_credits"] for answer in answers} == {970}
    world.project()
    assert ann.get("/api/me").json()["credits"]["available"] == 970


def test_a_repeated_slip_is_answered_as_before_when_the_week_is_long_over(world: World) -> None:
    """From the events; each bet says that it is a replay."""
    (ann,) = world.playing("Ann")
    market = world.market()
    first = send(ann, market.bet(), market.bet(), all_or_nothing=True)
    world.clock.set(KICK_OFF + timedelta(days=30))
    again = send(ann, market.bet(), market.bet(), all_or_nothing=True)
    assert again.status_code == 201
    assert [bet["bet"] for bet in again.json()["bets"]] == [bet["bet"] for bet in first.json()["bets"]]
    assert [bet["replayed"] for bet in first.json()["bets"] + again.json()["bets"]] == [False, False, True, True]


def test_a_key_used_for_another_slip_is_refused(world: World) -> None:
    """Fewer or more bets, other terms, all or nothing, or a single bet: as a whole, and nothing is stored."""
    (ann,) = world.playing("Ann")
    market = world.market()
    one, two = market.bet(stake=1), market.bet(stake=2)
    send(ann, one, two)
    before = position(world)
    strangers = [one, two, market.bet(market_id=str(uuid4()))]
    others = [send(ann, *bets) for bets in ([one], [one, two, one], [two, one], strangers)]
    for refused in (*others, send(ann, one, two, all_or_nothing=True), ann.bet(one)):
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert position(world) == before


def test_a_dry_run_of_a_slip_says_what_would_be(world: World) -> None:
    """The answers are those of the slip that follows, without ids and places; no key is needed, nothing is stored."""
    (ann,) = world.playing("Ann")
    market = world.market()
    bets = [market.bet(stake=600), market.bet(stake=600), market.bet(stake=400), market.bet(market_id=str(uuid4()))]
    before = position(world)
    rehearsed = rehearse(ann, *bets)
    assert (rehearsed.status_code, position(world)) == (200, before)
    said, done = rehearsed.json(), send(ann, *bets).json()
    assert [bet["status"] for bet in said["bets"]] == ["accepted", "refused", "accepted", "refused"]
    assert (said["dry_run"], said["position"]) == (True, None)
    for name in ("placed", "refused", "staked", "remaining_credits"):
        assert said[name] == done[name]
    for would, did in zip(said["bets"], done["bets"], strict=True):
        if would["bet"] is None:
            assert would["problem"] | {"request_id": ""} == did["problem"] | {"request_id": ""}
        else:
            assert would["bet"].pop("dry_run") is True
            assert would["bet"] == {name: did["bet"][name] for name in would["bet"]}
            assert would["bet"].keys() & {"bet_id", "position", "placed_at"} == set()


def test_a_dry_run_of_all_or_nothing_is_refused_as_the_slip_would_be(world: World) -> None:
    """With the same problem."""
    (ann,) = world.playing("Ann")
    market = world.market()
    bets = [market.bet(), market.bet(stake=1000)]
    rehearsed, refused = rehearse(ann, *bets, all_or_nothing=True), send(ann, *bets, all_or_nothing=True)
    assert rehearsed.status_code == refused.status_code == 409
    assert rehearsed.json() | {"request_id": ""} == refused.json() | {"request_id": ""}
    accepted = rehearse(ann, *bets[:1], all_or_nothing=True)
    assert (accepted.status_code, accepted.json()["placed"]) == (200, 1)


def test_a_slip_needs_a_key_and_between_one_and_twenty_bets(world: World) -> None:
    """As strict as a single bet."""
    (ann,) = world.playing("Ann")
    bet = world.market().bet()
    unkeyed = ann.post("/api/bets/slip", json={"bets": [bet]})
    assert (unkeyed.status_code, unkeyed.json()["code"]) == (400, "idempotency_key_required")
    assert [send(ann, *[bet] * size).status_code for size in (0, 21)] == [422, 422]
    for wrong in ({"stake": 1.5}, {"stake": True}, {"stake": 0}, {"more": 1}, {"odds_id": None}):
        refused = send(ann, bet, bet | wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
        assert refused.json()["errors"][0]["field"] == f"body.bets.1.{next(iter(wrong))}"
    assert send(ann, bet, all_or_nothing=1).status_code == 422
    assert send(ann, bet, more=True).status_code == 422
    assert send(ann, *[bet] * 20).json()["placed"] == 20


def test_who_does_not_play_sends_no_slip(world: World) -> None:
    """A stranger is 401, an operator 403."""
    world.playing("Ann")
    bet = world.market().bet()
    assert world.client.post("/api/bets/slip", json={"bets": [bet]}).status_code == 401
    refused = send(world.operator(), bet)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_who_may_not_bet_sends_no_slip_and_rehearses_none(world: World) -> None:
    """A cool-off bars the slip as a whole, and its dry run as for real; a single bet's too."""
    (ann,) = world.playing("Ann")
    bet = world.market().bet()
    before = position(world)
    assert ann.post("/api/me/cool-off", json={"days": 7, "confirm": True}).is_success
    dry = ann.post("/api/bets?dry_run=true", json=bet)
    for refused in (send(ann, bet), send(ann, bet, all_or_nothing=True), rehearse(ann, bet), dry):
        assert (refused.status_code, refused.json()["code"]) == (403, "restricted")
    assert position(world) == before


def test_who_may_no_longer_bet_still_gets_the_first_answers(world: World) -> None:
    """A bet and a slip whose answers got lost stand, and say so, though the player has taken a break since."""
    (ann,) = world.playing("Ann")
    bet = world.market().bet(stake=10)
    first, slip = ann.bet(bet, key="single"), send(ann, bet, key="slip")
    assert ann.post("/api/me/cool-off", json={"days": 7, "confirm": True}).is_success
    assert ann.bet(bet, key="single").content == first.content
    again = send(ann, bet, key="slip").json()["bets"][0]
    assert (again["bet"], again["replayed"]) == (slip.json()["bets"][0]["bet"], True)
    assert ann.bet(bet, key="new").json()["code"] == "restricted"
