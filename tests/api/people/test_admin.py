"""What operators see of people and do about them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.world import MONDAY, WEEK, User, World

PLAYERS = "/api/admin/players"
PHONE = {"X-Device-Id": "a-shared-phone"}


@pytest.fixture
def operator(world: World) -> User:
    return world.operator()


def suspend(operator: User, user: User, **more: Any) -> httpx.Response:
    return operator.post(f"{PLAYERS}/{user.id}/suspension", json={"reason": "two accounts", **more})


def lift(operator: User, user: User) -> httpx.Response:
    return operator.request("DELETE", f"{PLAYERS}/{user.id}/suspension?reason=a mistake")


def acts(operator: User, user: User) -> list[tuple[str, str | None]]:
    """What the log has about somebody, the oldest first, but for looks at the log itself."""
    log = operator.get(f"{PLAYERS}/{user.id}").json()["log"]
    return [(note["act"], note["reason"]) for note in reversed(log) if note["act"] != "looked at the player"]


def test_a_suspension_bars_until_it_is_lifted(world: World, operator: User) -> None:
    """From enrolling and betting; the player reads why, and the log keeps who did it and why."""
    (ann,) = world.playing("Ann")
    market = world.market()
    answer = suspend(operator, ann)
    assert (answer.status_code, answer.json()["kind"]) == (201, "suspension")
    refused = ann.bet(market.bet())
    assert (refused.status_code, refused.json()["code"]) == (403, "restricted")
    assert "until this is lifted: your account is suspended" in refused.json()["detail"]
    assert ann.get("/api/me/restrictions").json()["data"][0]["reason"] == "two accounts"
    (lifted,) = lift(operator, ann).json()["data"]
    assert (lifted["is_in_force"], lifted["lifted_at"] is not None) == (False, True)
    assert ann.bet(market.bet()).status_code == 201
    assert acts(operator, ann) == [("suspended the player", "two accounts"), ("lifted the suspension", "a mistake")]


def test_a_suspension_can_end_by_itself(world: World, operator: User) -> None:
    """At its instant, which lies in the future."""
    (ann,) = world.playing("Ann")
    assert suspend(operator, ann, until=str(MONDAY + timedelta(days=1))).status_code == 201
    assert ann.bet(world.market().bet()).json()["code"] == "restricted"
    world.clock.set(MONDAY + timedelta(days=1))
    assert suspend(operator, ann, until=str(MONDAY + timedelta(days=1))).json()["code"] == "invalid_request"
    assert suspend(operator, ann, until="2026-11-20T00:00:00").json()["code"] == "invalid_request"
    beyond = suspend(operator, ann, until="9999-12-31T23:59:59-12:00").json()
    assert [error["field"] for error in beyond["errors"]] == ["body.until"]
    assert ann.get("/api/me").json()["restrictions"] == []


def test_a_suspension_withdraws_from_the_coming_week(world: World, operator: User) -> None:
    """In the ledger it is the operator's doing, for a reason that tells nothing about the person."""
    world.open_week()
    (ann,) = world.enrolled("Ann")
    assert suspend(operator, ann).json()["withdrawn"] == [WEEK]
    fact = ann.get("/api/me/export").json()["weeks"][0]["facts"][-1]
    assert (fact["type"], fact["data"]) == ("entry.withdrawn", {"reason": "operator"})
    assert fact["actor"] == f"operator:{operator.id}"


def test_lifting_a_suspension_leaves_what_the_player_chose(world: World, operator: User) -> None:
    """An operator cannot end a self-exclusion, and lifting nothing changes nothing."""
    world.open_week()
    ann = world.signup("Ann")
    ann.post("/api/me/self-exclusion", json={"months": None, "confirm": True})
    suspend(operator, ann)
    lift(operator, ann)
    lift(operator, ann)
    assert ann.post(f"/api/weeks/{WEEK}/entry").json()["code"] == "restricted"


def test_colleagues_are_not_suspended(world: World, operator: User) -> None:
    """Neither oneself nor another operator; and each act has a reason."""
    ann = world.signup("Ann")
    for colleague in (operator, world.operator()):
        answer = suspend(operator, colleague)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    for reason in ("", "   "):
        assert suspend(operator, ann, reason=reason).json()["code"] == "invalid_request"
    assert operator.request("DELETE", f"{PLAYERS}/{ann.id}/suspension").json()["code"] == "invalid_request"
    assert acts(operator, ann) == []


def test_an_operator_corrects_what_a_player_said(world: World, operator: User) -> None:
    """Birth and place too, for a reason that is logged; the log says what was corrected."""
    ann = world.signup("Ann")
    ann.request("PATCH", "/api/me", json={"date_of_birth": "1990-05-17"})
    corrected = {"reason": "passport shown", "date_of_birth": "1991-05-17", "jurisdiction": "US-NY"}
    answer = operator.request("PATCH", f"{PLAYERS}/{ann.id}", json=corrected).json()
    assert (answer["date_of_birth"], answer["jurisdiction"], answer["name"]) == ("1991-05-17", "US-NY", "Ann")
    assert ann.get("/api/me/profile").json() == answer
    assert acts(operator, ann) == [("corrected date_of_birth, jurisdiction", "passport shown")]
    del corrected["reason"]
    assert operator.request("PATCH", f"{PLAYERS}/{ann.id}", json=corrected).json()["code"] == "invalid_request"


def test_a_player_is_shown_with_what_surrounds_them(world: World, operator: User) -> None:
    """Person, restrictions, entries, who shares a device; and each look is logged before it is shown."""
    world.open_week()
    ann, bob = world.signup("Ann"), world.signup("Bob")
    for user in (ann, bob):
        user.post(f"/api/weeks/{WEEK}/entry", headers=PHONE)
    shown = operator.get(f"{PLAYERS}/{ann.id}?reason=ticket", headers={"X-Request-Id": "request-4711"}).json()
    assert (shown["person"]["name"], shown["restrictions"]) == ("Ann", [])
    assert [entry["week"] for entry in shown["entries"]] == [WEEK]
    assert [(each["name"], each["devices"]) for each in shown["shares_device_with"]] == [("Bob", 1)]
    (note,) = shown["log"]
    assert (note["act"], note["reason"], note["request_id"]) == ("looked at the player", "ticket", "request-4711")


def test_players_are_found(world: World, operator: User) -> None:
    """By address however it is spelt, part of a name, shared device; newest first, in pages both ways."""
    ann, bob, anna = world.signup("Ann"), world.signup("Bob"), world.signup("Anna")
    email = ann.get("/api/me").json()["user"]["email"]
    for user in (ann, bob):
        user.get("/api/me/profile", headers=PHONE)
    suspend(operator, bob)

    def found(**search: Any) -> list[str]:
        return [each["name"] for each in there_and_back(operator.get, PLAYERS, limit=1, **search)]

    assert found() == ["Anna", "Bob", "Ann", "Op"]
    assert found(email=f" {email.upper()} ") == ["Ann"]
    assert found(name="ANN") == ["Anna", "Ann"]
    assert found(name="%") == []
    assert found(shares_device=True) == ["Bob", "Ann"]
    assert found(shares_device=False, name="ann") == ["Anna"]
    listed = {each["name"]: each for each in operator.get(PLAYERS).json()["data"]}
    assert (listed["Bob"]["is_restricted"], listed["Ann"]["is_restricted"]) == (True, False)
    assert {act for act, _ in acts(operator, anna)} == {"listed the player"}
    refuses_what_is_no_page(operator.get, PLAYERS)


def test_who_is_not_there_is_not_found(world: World, operator: User) -> None:
    """Every route says the same of an unknown player, and logs nothing."""
    path = f"{PLAYERS}/{uuid4()}"
    for answer in (
        operator.get(path),
        operator.request("PATCH", path, json={"reason": "x", "name": "Y"}),
        operator.post(f"{path}/suspension", json={"reason": "x"}),
        operator.request("DELETE", f"{path}/suspension?reason=x"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_player")


def test_the_log_cannot_be_changed(world: World) -> None:
    """The service adds to it; nothing is rewritten or removed but with the person."""
    with world.ledger.datastore.connection() as connection:
        found = connection.execute(
            "SELECT privilege_type FROM information_schema.role_table_grants"
            " WHERE grantee = 'fairpool_service' AND table_name = 'people_log'"
        )
        assert {row["privilege_type"] for row in found} == {"SELECT", "INSERT"}
