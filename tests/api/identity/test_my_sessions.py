"""A player's sessions and password over HTTP."""

from __future__ import annotations

from uuid import uuid4

from tests.api.world import User, World

PASSWORD = "correct horse"


def logged_in(world: World, user: User, *, password: str = PASSWORD, agent: str = "laptop") -> User:
    """The same player, on another device."""
    email = user.get("/api/me").json()["user"]["email"]
    body = {"email": email, "password": password}
    answer = world.client.post("/api/auth/login", json=body, headers={"User-Agent": agent})
    assert answer.status_code == 200, answer.text
    return User(world.client, answer.json())


def test_a_player_sees_where_they_are_logged_in(world: World) -> None:
    """Each session with its device, the newest first, and which one asks."""
    phone = world.signup()
    laptop = logged_in(world, phone)
    page = laptop.get("/api/me/sessions").json()
    assert [session["is_current"] for session in page["data"]] == [True, False]
    assert page["data"][0]["user_agent"] == "laptop"
    assert not page["has_more"]
    assert world.signup("Bob").get("/api/me/sessions").json()["data"][0]["session_id"] not in {
        session["session_id"] for session in page["data"]
    }


def test_a_player_ends_a_session_elsewhere(world: World) -> None:
    """A lost phone is logged out from the laptop."""
    phone = world.signup()
    laptop = logged_in(world, phone)
    [lost] = [each["session_id"] for each in laptop.get("/api/me/sessions").json()["data"] if not each["is_current"]]
    assert laptop.request("DELETE", f"/api/me/sessions/{lost}").status_code == 204
    assert [user.get("/api/me").status_code for user in (phone, laptop)] == [401, 200]
    again = laptop.request("DELETE", f"/api/me/sessions/{lost}")
    assert (again.status_code, again.json()["code"]) == (404, "unknown_session")


def test_the_sessions_of_others_are_not_there(world: World) -> None:
    """Somebody else's session and one that never was get the same answer."""
    ann, eve = world.signup("Ann"), world.signup("Eve")
    session = ann.get("/api/me/sessions").json()["data"][0]["session_id"]
    for id in (session, uuid4()):
        refused = eve.request("DELETE", f"/api/me/sessions/{id}")
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_session")
    assert ann.get("/api/me").status_code == 200


def test_a_changed_password_logs_all_other_devices_out(world: World) -> None:
    """The one that changed it stays, and the new password is the one that counts."""
    phone = world.signup()
    laptop = logged_in(world, phone)
    email = laptop.get("/api/me").json()["user"]["email"]
    changed = laptop.post("/api/me/password", json={"old": PASSWORD, "new": "another horse"})
    assert changed.status_code == 204
    assert [user.get("/api/me").status_code for user in (phone, laptop)] == [401, 200]
    old = world.client.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    assert old.json()["code"] == "wrong_credentials"
    assert logged_in(world, laptop, password="another horse").get("/api/me").status_code == 200


def test_who_does_not_know_the_password_does_not_change_it(world: World) -> None:
    """A token that was left lying about is not enough."""
    ann = world.signup()
    refused = ann.post("/api/me/password", json={"old": "wrong horse", "new": "another horse"})
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_password")
    short = ann.post("/api/me/password", json={"old": PASSWORD, "new": "short"})
    assert short.status_code == 422
    assert logged_in(world, ann).get("/api/me").status_code == 200
