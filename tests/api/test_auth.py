"""Signing up and logging in over HTTP."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from api.passwords import Passwords
from api.tokens import Tokens
from tests.api.world import SIGNING_KEY, World, serving

ANN: dict[str, Any] = {"email": "ann@example.org", "password": "correct horse", "name": "Ann"}
LOGIN = {"email": ANN["email"], "password": ANN["password"]}


def test_who_signs_up_is_logged_in(world: World) -> None:
    """The answer is a token that the API accepts, and how long it does."""
    answer = world.client.post("/api/auth/signup", json=ANN)
    assert answer.status_code == 201
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    me = world.client.get("/api/me", headers={"Authorization": f"Bearer {body['token']}"})
    assert me.json()["user"] == {
        "id": body["player_id"],
        "email": "ann@example.org",
        "name": "Ann",
        "role": "player",
    }


def test_one_email_address_has_one_account_however_it_is_spelt(world: World) -> None:
    """Case and surrounding spaces make no other address."""
    world.client.post("/api/auth/signup", json=ANN)
    again = world.client.post("/api/auth/signup", json=ANN | {"email": " ANN@Example.ORG "})
    assert (again.status_code, again.json()["code"]) == (409, "email_taken")
    assert world.client.post("/api/auth/login", json=LOGIN | {"email": "Ann@example.org"}).status_code == 200


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(world: World) -> None:
    """Nobody learns from a log-in who has an account."""
    world.client.post("/api/auth/signup", json=ANN)
    wrong = world.client.post("/api/auth/login", json=LOGIN | {"password": "wrong horse"})
    unknown = world.client.post("/api/auth/login", json=LOGIN | {"email": "bob@example.org"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.headers["WWW-Authenticate"] == "Bearer"
    assert {**wrong.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
    assert wrong.json()["code"] == "wrong_credentials"


def test_the_role_is_not_the_clients_to_choose(world: World) -> None:
    """A field that a sign-up does not have is refused, not ignored."""
    refused = world.client.post("/api/auth/signup", json=ANN | {"role": "operator"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "body.role"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "a@b\x00c"),
        ("email", "a b@example.org"),
        ("email", "a" * 250 + "@example.org"),
        ("email", 7),
        ("password", "short"),
        ("password", "x" * 201),
        ("password", "\ud800" * 10),
        ("name", "   "),
        ("name", "x" * 41),
        ("name", "An\x00n"),
        ("name", None),
    ],
)
def test_a_sign_up_that_does_not_fit_is_refused_without_repeating_it(world: World, field: str, value: object) -> None:
    """The problem names the field and does not echo what was sent."""
    body, headers = json.dumps(ANN | {field: value}), {"Content-Type": "application/json"}
    refused = world.client.post("/api/auth/signup", content=body, headers=headers)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [f"body.{field}"]
    assert ANN["password"] not in refused.text


def test_a_log_in_renews_a_hash_that_was_made_at_another_cost(dsn: str) -> None:
    """Raising the cost in the settings reaches every player who comes back."""
    with serving(dsn, passwords=Passwords(memory_kib=8, passes=1)) as world:
        world.client.post("/api/auth/signup", json=ANN)
    with serving(dsn, passwords=Passwords(memory_kib=16, passes=1)) as world:
        assert world.client.post("/api/auth/login", json=LOGIN).status_code == 200
        player = world.services.players.player_with_email(ANN["email"])
        assert player is not None
        assert "m=16," in player.password_hash
        assert world.client.post("/api/auth/login", json=LOGIN).status_code == 200


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer a b", "Basic YTpi", "Bearer not.a.token"])
def test_without_a_valid_token_there_is_no_entry(world: World, header: str | None) -> None:
    """401 says how to log in."""
    headers = {} if header is None else {"Authorization": header}
    refused = world.client.get("/api/me", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_of_an_hour_ago_has_expired(world: World) -> None:
    """Tokens are short-lived, by real time."""
    ann = world.signup()
    old = Tokens(SIGNING_KEY, now=lambda: time.time() - 3600).issue(player_id=ann.id, role="player")
    refused = world.client.get("/api/me", headers={"Authorization": f"Bearer {old.text}"})
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
