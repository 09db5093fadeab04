"""API keys over HTTP: handed out, used, taken back."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx

from api.identity.revocations import Revocations
from ledger.datastore import Datastore
from tests.api.world import WEEK, User, World, real_now, serving


def make(operator: User, **changes: Any) -> httpx.Response:
    return operator.post("/api/admin/keys", json={"role": "service", "name": "settler", **changes})


def using(world: World, key: str, method: str, path: str) -> httpx.Response:
    return world.client.request(method, path, headers={"Authorization": f"Bearer {key}"})


def test_a_key_is_told_once_and_works(world: World) -> None:
    """The list knows it by its prefix alone."""
    operator = world.operator()
    made = make(operator)
    assert made.status_code == 201
    key = made.json()["key"]
    [listed] = operator.get("/api/admin/keys").json()["data"]
    assert "key" not in listed
    assert key.startswith(listed["prefix"])
    assert (listed["name"], listed["scopes"], listed["created_by"]) == (
        "settler",
        ["audit", "operate"],
        str(operator.id),
    )
    assert using(world, key, "POST", f"/api/admin/weeks/{WEEK}/open").status_code == 200


def test_a_key_does_what_its_scopes_say_and_no_more(world: World) -> None:
    """One that reads does not operate; none plays, and none makes keys."""
    operator = world.operator()
    reader = make(operator, scopes=["audit"]).json()["key"]
    settler = make(operator).json()["key"]
    for key, method, path in (
        (reader, "POST", f"/api/admin/weeks/{WEEK}/open"),
        (settler, "POST", f"/api/weeks/{WEEK}/entry"),
        (settler, "GET", "/api/admin/keys"),
    ):
        refused = using(world, key, method, path)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_revoked_key_is_refused_at_once(world: World) -> None:
    """And again is not there any more."""
    operator = world.operator()
    made = make(operator).json()
    assert using(world, made["key"], "POST", f"/api/admin/weeks/{WEEK}/open").status_code == 200
    path = f"/api/admin/keys/{made['key_id']}"
    assert operator.request("DELETE", path).status_code == 204
    assert using(world, made["key"], "POST", f"/api/admin/weeks/{WEEK}/open").json()["code"] == "unauthenticated"
    assert operator.request("DELETE", path).json()["code"] == "unknown_api_key"
    assert operator.get("/api/admin/keys").json()["data"] == []


def test_revoking_a_key_revokes_nothing_else(world: World) -> None:
    """The id of a session is the id of no key."""
    operator = world.operator()
    (session,) = operator.get("/api/me/sessions").json()["data"]
    refused = operator.request("DELETE", f"/api/admin/keys/{session['session_id']}")
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_api_key")
    assert operator.get("/api/me").status_code == 200


def test_a_revoked_key_is_refused_in_other_processes_within_a_second(dsn: str) -> None:
    """Also where it is warm."""
    now = [0.0]
    with serving(dsn) as here, closing(Datastore(dsn)) as datastore:
        there_knows = Revocations(datastore, window=timedelta(minutes=15), monotonic=lambda: now[0])
        with serving(dsn, revocations=there_knows) as there:
            operator = here.operator()
            made = make(operator).json()
            assert using(there, made["key"], "POST", f"/api/admin/weeks/{WEEK}/open").status_code == 200
            operator.request("DELETE", f"/api/admin/keys/{made['key_id']}")
            now[0] = 1.0
            assert using(there, made["key"], "POST", f"/api/admin/weeks/{WEEK}/open").status_code == 401


def test_a_key_that_does_not_fit_is_not_made(world: World) -> None:
    """The problem names the field."""
    operator = world.operator()
    for field, value in (
        ("role", "operator"),
        ("role", "player"),
        ("scopes", ["people"]),
        ("scopes", []),
        ("name", ""),
        ("name", "a\nb"),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("expires_at", "2030-01-01T00:00:00"),
        ("expires_at", "9999-12-31T23:59:59-12:00"),
        ("created_by", str(uuid4())),
    ):
        refused = make(operator, **{field: value})
        assert refused.status_code == 422, (field, value)
        assert [error["field"].split(".")[1] for error in refused.json()["errors"]] == [field]
    assert operator.get("/api/admin/keys").json()["data"] == []


def test_an_expiry_is_kept(world: World) -> None:
    """A guest's key ends by itself."""
    operator = world.operator()
    until = (real_now() + timedelta(days=1)).isoformat()
    assert make(operator, role="auditor", expires_at=until).json()["expires_at"] is not None


def test_keys_come_in_pages_newest_first(world: World) -> None:
    """With cursors both ways."""
    operator = world.operator()
    names = [make(operator, name=f"key {number}").json()["name"] for number in range(3)][::-1]
    first = operator.get("/api/admin/keys", params={"limit": 2}).json()
    second = operator.get("/api/admin/keys", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [key["name"] for key in (*first["data"], *second["data"])] == names
    back = operator.get("/api/admin/keys", params={"limit": 2, "cursor": second["previous_cursor"]}).json()
    assert back["data"] == first["data"]


def test_only_operators_hand_out_keys(world: World) -> None:
    """A player is refused, whatever the method."""
    ann = world.signup()
    for method, path in (("POST", ""), ("GET", ""), ("DELETE", f"/{uuid4()}")):
        body = {"role": "service", "name": "mine"} if method == "POST" else None
        assert ann.request(method, f"/api/admin/keys{path}", json=body).json()["code"] == "forbidden"
