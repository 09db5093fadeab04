"""What players decide to protect themselves, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from api.people.protection import months_later
from tests.api.world import MONDAY, WEEK, User, World


def cool_off(user: User, days: int, **more: Any) -> httpx.Response:
    return user.post("/api/me/cool-off", json={"days": days, "confirm": True}, **more)


def is_enrolled(world: World, user: User, week: str = WEEK) -> bool:
    (shown,) = [each for each in user.get("/api/me/export").json()["weeks"] if each["week"] == week]
    return str(shown["facts"][-1]["type"]) == "entry.enrolled"


def test_a_cool_off_bars_enrolling_and_betting_until_it_ends(world: World) -> None:
    """At once, and the refusal says until when; reading goes on."""
    (ann,) = world.playing("Ann")
    market = world.market()
    answer = cool_off(ann, 2)
    assert answer.status_code == 201
    assert (answer.json()["kind"], answer.json()["is_in_force"]) == ("cool_off", True)
    for refused in (ann.bet(market.bet()), ann.post(f"/api/weeks/{WEEK}/entry")):
        assert (refused.status_code, refused.json()["code"]) == (403, "restricted")
        assert "until 2026-11-18T05:00:00Z" in refused.json()["detail"]
    assert ann.get("/api/me").status_code == 200
    world.clock.set(MONDAY + timedelta(days=2))
    assert ann.bet(market.bet()).status_code == 201


def test_self_exclusion_can_be_for_good(world: World) -> None:
    """Without an end, and however late it is."""
    (ann,) = world.playing("Ann")
    answer = ann.post("/api/me/self-exclusion", json={"months": None, "confirm": True})
    assert (answer.status_code, answer.json()["ends_at"]) == (201, None)
    world.clock.set(MONDAY + timedelta(days=6))
    refused = ann.bet(world.market().bet())
    assert (refused.json()["code"], "any more" in refused.json()["detail"]) == ("restricted", True)


def test_a_restriction_needs_a_length_and_a_confirmation(world: World) -> None:
    """Nobody excludes themselves by a slip of the finger, or for too short."""
    ann = world.signup()
    unfit: list[tuple[str, dict[str, Any]]] = [
        ("cool-off", {"days": 7}),
        ("cool-off", {"days": 7, "confirm": False}),
        ("cool-off", {"days": 0, "confirm": True}),
        ("cool-off", {"days": 43, "confirm": True}),
        ("self-exclusion", {"months": 5, "confirm": True}),
        ("self-exclusion", {"months": 61, "confirm": True}),
        ("self-exclusion", {"confirm": True}),
    ]
    for path, body in unfit:
        assert ann.post(f"/api/me/{path}", json=body).json()["code"] == "invalid_request", body
    assert ann.get("/api/me/restrictions").json() == {"data": []}


def test_a_restriction_cannot_be_shortened_but_a_longer_one_follows(world: World) -> None:
    """The one that ends last counts."""
    ann = world.signup()
    cool_off(ann, 10)
    cool_off(ann, 1)
    world.open_week()
    assert "2026-11-25" in ann.post(f"/api/weeks/{WEEK}/entry").json()["detail"]
    cool_off(ann, 20)
    assert "2026-12-05" in ann.post(f"/api/weeks/{WEEK}/entry").json()["detail"]
    assert len(ann.get("/api/me/restrictions").json()["data"]) == 3


def test_a_repeated_request_is_one_restriction(world: World) -> None:
    """A retry with its Idempotency-Key gets the same restriction, other terms under it are refused."""
    ann = world.signup()
    key = {"Idempotency-Key": "pause"}
    first = cool_off(ann, 5, headers=key).json()
    assert cool_off(ann, 5, headers=key).json() == first
    assert cool_off(ann, 6, headers=key).json()["code"] == "idempotency_key_reused"
    assert len(ann.get("/api/me/restrictions").json()["data"]) == 1


def test_requests_of_one_client_id_are_not_one_request(world: World) -> None:
    """An app may send the same X-Request-Id each time: its second cool-off is a new one, and in force."""
    ann, headers = world.signup(), {"X-Request-Id": "my-app-1.0"}
    first = cool_off(ann, 1, headers=headers).json()
    world.clock.set(world.clock.now() + timedelta(days=3))
    second = cool_off(ann, 1, headers=headers).json()
    assert second["is_in_force"]
    assert second["ends_at"] > first["ends_at"]


def test_a_coming_week_that_it_covers_is_left(world: World) -> None:
    """An entry is withdrawn where the restriction lasts beyond the week's start, and kept where it does not."""
    world.open_week()
    ann, bob = world.enrolled("Ann", "Bob")
    world.clock.set(MONDAY - timedelta(hours=25))
    assert cool_off(ann, 1).json()["withdrawn"] == []
    assert cool_off(bob, 2).json()["withdrawn"] == [WEEK]
    assert (is_enrolled(world, ann), is_enrolled(world, bob)) == (True, False)


def test_what_is_staked_is_played_to_its_end_and_paid(world: World) -> None:
    """A restriction during the week neither withdraws from it nor takes a payout."""
    (ann,) = world.playing("Ann")
    market = world.market()
    bet = ann.bet(market.bet(stake=100)).json()
    assert cool_off(ann, 42).json()["withdrawn"] == []
    world.settle(market.game_id, home=30, away=20, bets=[bet])
    world.project()
    assert ann.get(f"/api/bets/{bet['bet_id']}").json()["status"] == "won"
    assert ann.get("/api/me").json()["credits"]["available"] == 1090


def test_months_end_on_the_same_day_or_the_months_last() -> None:
    """31 August plus six months is the last of February, also in a leap year."""
    august = datetime(2026, 8, 31, 12, tzinfo=UTC)
    assert months_later(august, 6) == datetime(2027, 2, 28, 12, tzinfo=UTC)
    assert months_later(august, 18) == datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert months_later(august, 60) == datetime(2031, 8, 31, 12, tzinfo=UTC)
    assert months_later(datetime(2026, 12, 1, tzinfo=UTC), 12) == datetime(2027, 12, 1, tzinfo=UTC)


def test_a_lower_limit_is_at_once_and_a_higher_one_waits(world: World) -> None:
    """What follows is shown until it is in force, a day later."""
    ann = world.signup()
    none = {"cents": None, "next_cents": None, "next_from": None}
    assert ann.get("/api/me/limits").json() == {"currency": "USD", "weekly": none, "monthly": none}
    ann.request("PUT", "/api/me/limits", json={"weekly_cents": 2000, "monthly_cents": 5000})
    asked = ann.request("PUT", "/api/me/limits", json={"weekly_cents": 3000, "monthly_cents": 4000}).json()
    day_later = world.clock.now() + timedelta(days=1)
    assert asked["monthly"] == none | {"cents": 4000}
    assert asked["weekly"] == {
        "cents": 2000,
        "next_cents": 3000,
        "next_from": day_later.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    world.clock.set(day_later)
    assert ann.get("/api/me/limits").json()["weekly"] == none | {"cents": 3000}


def test_limits_are_set_whole(world: World) -> None:
    """Leaving one out is not the same as lifting it."""
    ann = world.signup()
    unfit: list[dict[str, Any]] = [{}, {"weekly_cents": 1}, {"weekly_cents": -1, "monthly_cents": None}]
    for body in unfit:
        assert ann.request("PUT", "/api/me/limits", json=body).json()["code"] == "invalid_request", body
