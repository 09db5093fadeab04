"""Signing up and logging in over HTTP."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt

from api.identity.passwords import Passwords
from api.identity.revocations import Revocations
from api.identity.tokens import Tokens
from ledger.datastore import Datastore
from tests.api.world import SIGNING_KEY, User, World, serving

ANN: dict[str, Any] = {"email": "ann@example.org", "password": "correct horse", "name": "Ann"}
LOGIN = {"email": ANN["email"], "password": ANN["password"]}


def test_who_signs_up_is_logged_in(world: World) -> None:
    """The answer is a token that the API accepts, and how long it does."""
    answer = world.client.post("/api/auth/signup", json=ANN)
    assert answer.status_code == 201
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert body["refresh_expires_in"] == 30 * 24 * 3600
    me = world.client.get("/api/me", headers={"Authorization": f"Bearer {body['token']}"})
    assert (
        me.json()["user"].items()
        >= {
            "id": body["player_id"],
            "email": "ann@example.org",
            "name": "Ann",
            "role": "player",
        }.items()
    )


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


def test_a_sign_up_that_does_not_fit_is_refused_without_repeating_it(world: World) -> None:
    """The problem names the field and does not echo what was sent."""
    for field, value in (
        ("email", "nobody"),
        ("email", "a@b\x00c"),
        ("email", "a b@example.org"),
        ("email", "ann,bob@example.org"),
        ("email", "ann<bob@example.org>"),
        ("email", "ann:bob@example.org;"),
        ("email", "(ann)bob@example.org"),
        ("email", "a" * 250 + "@example.org"),
        ("email", 7),
        ("password", "short"),
        ("password", "x" * 201),
        ("password", "\ud800" * 10),
        ("name", "   "),
        ("name", "x" * 41),
        ("name", "An\x00n"),
        ("name", None),
    ):
        body, headers = json.dumps(ANN | {field: value}), {"Content-Type": "application/json"}
        refused = world.client.post("/api/auth/signup", content=body, headers=headers)
        assert refused.status_code == 422, (field, value)
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


def test_without_a_valid_token_there_is_no_entry(world: World) -> None:
    """401 says how to log in."""
    for header in (None, "", "Bearer", "Bearer a b", "Basic YTpi", "Bearer not.a.token", "Bearer fpk_no_key"):
        headers = {} if header is None else {"Authorization": header}
        refused = world.client.get("/api/me", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated"), header
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_of_an_hour_ago_has_expired(world: World) -> None:
    """Tokens are short-lived, by real time."""
    ann = world.signup()
    an_hour_ago = Tokens(SIGNING_KEY, now=lambda: time.time() - 3600)
    old = an_hour_ago.issue(player_id=ann.id, role="player", session=uuid4())
    refused = world.client.get("/api/me", headers={"Authorization": f"Bearer {old.text}"})
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_the_published_keys_are_those_that_sign(world: World) -> None:
    """They are a JSON Web Key Set, and say nothing of the private half."""
    [key] = world.client.get("/api/auth/keys").json()["keys"]
    header = jwt.get_unverified_header(world.signup().token)
    assert (key["kid"], key["kty"], key["crv"], key["alg"]) == (header["kid"], "OKP", "Ed25519", "EdDSA")
    assert set(key) == {"kid", "x", "kty", "crv", "alg", "use"}


def test_a_refresh_token_gets_the_next_pair_of_tokens(world: World) -> None:
    """Both are new, and the access token works."""
    ann = world.signup()
    answer = world.client.post("/api/auth/refresh", json={"refresh_token": ann.refresh_token})
    assert answer.status_code == 200
    assert answer.json()["player_id"] == str(ann.id)
    assert answer.json()["refresh_token"] != ann.refresh_token
    again = world.client.post("/api/auth/refresh", json={"refresh_token": answer.json()["refresh_token"]})
    assert User(world.client, again.json()).get("/api/me").status_code == 200


def test_a_used_refresh_token_ends_its_session_at_once(world: World) -> None:
    """A thief and the player are both logged out: nobody can tell who is who."""
    ann = world.signup()
    first = refreshed(world, ann.refresh_token)
    second = refreshed(world, first.refresh_token)
    reused = world.client.post("/api/auth/refresh", json={"refresh_token": ann.refresh_token})
    assert (reused.status_code, reused.json()["code"]) == (401, "refresh_reused")
    assert [user.get("/api/me").status_code for user in (ann, first, second)] == [401, 401, 401]
    late = world.client.post("/api/auth/refresh", json={"refresh_token": second.refresh_token})
    assert (late.status_code, late.json()["code"]) == (401, "refresh_invalid")


def test_twenty_refreshes_at_once_leave_one_line_of_tokens(world: World) -> None:
    """Tabs that wake up together, or retries on a bad line, all get the same successor."""
    ann = world.signup()
    body = {"refresh_token": ann.refresh_token}
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: world.client.post("/api/auth/refresh", json=body), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    [successor] = {answer.json()["refresh_token"] for answer in answers}
    assert refreshed(world, successor).get("/api/me").status_code == 200


def test_access_and_refresh_tokens_do_not_stand_in_for_each_other(world: World) -> None:
    """Each is refused where the other belongs."""
    ann = world.signup()
    as_access = world.client.get("/api/me", headers={"Authorization": f"Bearer {ann.refresh_token}"})
    assert (as_access.status_code, as_access.json()["code"]) == (401, "unauthenticated")
    as_refresh = world.client.post("/api/auth/refresh", json={"refresh_token": ann.token})
    assert (as_refresh.status_code, as_refresh.json()["code"]) == (401, "refresh_invalid")


def test_a_log_out_ends_the_session_and_no_other(world: World) -> None:
    """Its access token is refused at once, its refresh token too; the other device stays logged in."""
    world.client.post("/api/auth/signup", json=ANN)
    phone, laptop = (User(world.client, world.client.post("/api/auth/login", json=LOGIN).json()) for _ in range(2))
    assert phone.get("/api/me").status_code == 200
    assert phone.post("/api/auth/logout").status_code == 204
    assert phone.get("/api/me").json()["code"] == "unauthenticated"
    refused = world.client.post("/api/auth/refresh", json={"refresh_token": phone.refresh_token})
    assert refused.json()["code"] == "refresh_invalid"
    assert laptop.get("/api/me").status_code == 200


def test_a_log_out_may_be_repeated(world: World) -> None:
    """A client that missed the answer asks again and gets the same one."""
    ann = world.signup()
    assert [ann.post("/api/auth/logout").status_code for _ in range(2)] == [204, 204]


def test_a_log_out_everywhere_ends_all_sessions_of_one_player(world: World) -> None:
    """Every device is logged out; other players are not."""
    world.client.post("/api/auth/signup", json=ANN)
    phone, laptop = (User(world.client, world.client.post("/api/auth/login", json=LOGIN).json()) for _ in range(2))
    bob = world.signup("Bob")
    assert phone.post("/api/auth/logout-everywhere").status_code == 204
    assert [user.get("/api/me").status_code for user in (phone, laptop, bob)] == [401, 401, 200]


def test_a_log_out_in_one_process_is_known_in_another_within_a_second(dsn: str) -> None:
    """The other process asks the database again when what it knows is a second old."""
    now = [0.0]
    with serving(dsn) as here, closing(Datastore(dsn)) as datastore:
        there_knows = Revocations(datastore, window=timedelta(minutes=15), monotonic=lambda: now[0])
        with serving(dsn, revocations=there_knows) as there:
            ann = here.signup()
            over_there = {"Authorization": f"Bearer {ann.token}"}
            assert there.client.get("/api/me", headers=over_there).status_code == 200
            ann.post("/api/auth/logout")
            now[0] += 1.0
            assert there.client.get("/api/me", headers=over_there).status_code == 401


def test_an_erased_players_tokens_are_refused(world: World) -> None:
    """The sessions go with the player, and that they are no more outlives both."""
    ann = world.signup()
    with world.ledger.datastore.connection() as connection:
        connection.execute("DELETE FROM players WHERE id = %s", (ann.id,))
    assert world.services.revocations.recent() == {session_of(ann)}


def refreshed(world: World, refresh_token: str) -> User:
    """The user with the tokens that follow."""
    answer = world.client.post("/api/auth/refresh", json={"refresh_token": refresh_token})
    assert answer.status_code == 200, answer.text
    return User(world.client, answer.json())


def session_of(user: User) -> UUID:
    """The session that an access token belongs to."""
    return UUID(jwt.decode(user.token, options={"verify_signature": False})["sid"])
