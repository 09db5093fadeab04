"""Codes by mail: verifying an address, resetting a password, confirming a sign-up."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from api.http.limits import Limit, Limits
from api.http.ratelimits import Meters
from api.identity.proofs import LIFETIMES, Proofs, Purpose
from tests.api.world import User, World, real_now, serving

ANN = {"email": "ann@example.org", "password": "correct horse", "name": "Ann"}
LOGIN = {"email": ANN["email"], "password": ANN["password"]}


@pytest.fixture
def confirming(dsn: str) -> Iterator[World]:
    """A service where a sign-up counts once its code has come back."""
    with serving(dsn, confirms_signup=True) as world:
        yield world


def post(world: World, path: str, **body: str) -> httpx.Response:
    return world.client.post(f"/api/auth/{path}", json=body)


def ann(world: World) -> User:
    return User(world.client, world.client.post("/api/auth/signup", json=ANN).json())


def told(answer: httpx.Response) -> tuple[int, object]:
    """All that an answer tells: its status, and what it says but for the request's id."""
    body = answer.json()
    return answer.status_code, {**body, "request_id": ""} if "request_id" in body else body


def test_a_mailed_code_sets_a_new_password_and_ends_all_sessions(world: World) -> None:
    """Whoever was logged in, the thief too, is out; the old password is nothing."""
    user = ann(world)
    assert post(world, "password-reset", email=" ANN@example.org").status_code == 202
    letter = world.letters.next()
    assert letter.to == "ann@example.org"
    assert "30 minutes" in letter.text
    post(world, "password-reset", email="ann@example.org")
    assert post(world, "password-reset/confirm", code=world.letters.code(), password="new horse").status_code == 204
    assert user.get("/api/me").status_code == 401
    assert post(world, "refresh", refresh_token=user.refresh_token).json()["code"] == "refresh_invalid"
    assert post(world, "login", **LOGIN).json()["code"] == "wrong_credentials"
    assert post(world, "login", email=ANN["email"], password="new horse").status_code == 200


def test_a_reset_is_answered_alike_for_known_and_unknown_addresses(world: World) -> None:
    """And only the known one gets mail."""
    ann(world)
    answers = [
        post(world, "password-reset", email=email) for email in ("nobody@example.org", ANN["email"], "no address")
    ]
    assert [told(answer) for answer in answers] == [(202, {"status": "accepted"})] * 3
    assert world.letters.next().to == ANN["email"]
    assert world.letters.is_empty()


def test_a_code_is_good_once(world: World) -> None:
    """The second who comes with it is refused, and the password stays that of the first."""
    ann(world)
    post(world, "password-reset", email=ANN["email"])
    code = world.letters.code()
    assert post(world, "password-reset/confirm", code=code, password="first horse").status_code == 204
    again = post(world, "password-reset/confirm", code=code, password="second horse")
    assert (again.status_code, again.json()["code"]) == (422, "code_invalid")
    assert post(world, "login", email=ANN["email"], password="first horse").status_code == 200


def test_a_newer_code_replaces_the_one_before(world: World) -> None:
    """One way in at a time."""
    ann(world)
    for _ in range(2):
        post(world, "password-reset", email=ANN["email"])
    older, newer = world.letters.code(), world.letters.code()
    assert post(world, "password-reset/confirm", code=older, password="older horse").json()["code"] == "code_invalid"
    assert post(world, "password-reset/confirm", code=newer, password="newer horse").status_code == 204


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize(("left", "status"), [(timedelta(minutes=1), 204), (timedelta(0), 422)], ids=str)
def test_a_code_expires(world: World, purpose: Purpose, left: timedelta, status: int) -> None:
    """While some of its time is left it is good, then it is nothing."""
    issued_at = real_now() - LIFETIMES[purpose] + left
    proofs = Proofs(world.ledger.datastore, new_secret=secrets.token_bytes, now=lambda: issued_at)
    code = proofs.issue(player_id=ann(world).id, purpose=purpose)
    if purpose is Purpose.RESET_PASSWORD:
        answer = post(world, "password-reset/confirm", code=code, password="late horse")
    else:
        answer = post(world, "verify-email", code=code)
    assert answer.status_code == status


def test_a_made_up_code_is_refused(world: World) -> None:
    """For either purpose."""
    for code in ("", "made up", "A" * 43, "ä"):
        assert post(world, "verify-email", code=code).json()["code"] == "code_invalid"
        refused = post(world, "password-reset/confirm", code=code, password="any horse")
        assert refused.json()["code"] == "code_invalid"


def test_a_code_serves_its_own_purpose_only(world: World) -> None:
    """What verifies an address does not open the account."""
    user = ann(world)
    user.post("/api/auth/verify-email/resend")
    code = world.letters.code()
    assert post(world, "password-reset/confirm", code=code, password="any horse").json()["code"] == "code_invalid"
    assert post(world, "verify-email", code=code).status_code == 204


def test_a_mailed_code_verifies_the_address(world: World) -> None:
    """Whoever asks again afterwards gets no more mail."""
    user = ann(world)
    before = world.services.players.player(user.id)
    assert before is not None
    assert before.email_verified_at is None
    assert user.post("/api/auth/verify-email/resend").status_code == 202
    assert post(world, "verify-email", code=world.letters.code()).status_code == 204
    after = world.services.players.player(user.id)
    assert after is not None
    assert after.email_verified_at is not None
    assert user.post("/api/auth/verify-email/resend").status_code == 202
    post(world, "password-reset", email=ANN["email"])
    assert "password" in world.letters.next().subject


def test_a_sign_up_mails_a_code_where_the_service_sends_mail(dsn: str) -> None:
    """The player is logged in all the same."""
    with serving(dsn, verifies_at_signup=True) as world:
        assert ann(world).get("/api/me").status_code == 200
        assert post(world, "verify-email", code=world.letters.code()).status_code == 204


def test_a_confirmed_sign_up_tells_nobody_who_has_an_account(confirming: World) -> None:
    """Known and unknown addresses are answered alike, at sign-up and at the log-ins that follow."""
    first = confirming.client.post("/api/auth/signup", json=ANN)
    assert "confirm" in confirming.letters.next().text
    second = confirming.client.post("/api/auth/signup", json=ANN | {"password": "guessed horse"})
    assert told(first) == told(second) == (202, {"status": "accepted"})
    letter = confirming.letters.next()
    assert (letter.to, letter.subject) == (ANN["email"], "Your fairpool account")
    tries = [
        post(confirming, "login", **LOGIN),
        post(confirming, "login", email=ANN["email"], password="guessed horse"),
    ]
    assert [answer.json()["code"] for answer in tries] == ["wrong_credentials"] * 2


def test_a_confirmed_sign_up_logs_in_once_its_code_is_back(confirming: World) -> None:
    """Then with the password that it was made with."""
    confirming.client.post("/api/auth/signup", json=ANN)
    assert post(confirming, "verify-email", code=confirming.letters.code()).status_code == 204
    assert post(confirming, "login", **LOGIN).status_code == 200


def test_a_reset_confirms_a_sign_up_too(confirming: World) -> None:
    """Whoever reads the mail owns the address, whichever mail it was."""
    confirming.client.post("/api/auth/signup", json=ANN)
    confirming.letters.next()
    post(confirming, "password-reset", email=ANN["email"])
    post(confirming, "password-reset/confirm", code=confirming.letters.code(), password="new horse")
    assert post(confirming, "login", email=ANN["email"], password="new horse").status_code == 200


def test_one_address_is_sent_a_few_letters_a_minute(dsn: str) -> None:
    """Nobody fills somebody else's letterbox, by whichever way; another address still gets its mail."""
    meters = Meters(replace(Limits.off(), log_in=Limit(2, 60)), now=lambda: 0)
    with serving(dsn, meters=meters) as world:
        user = ann(world)
        answers = [user.post("/api/auth/verify-email/resend").status_code for _ in range(3)]
        assert answers == [202, 202, 429]
    with serving(dsn, meters=meters, confirms_signup=True) as world:
        bob, eve = (ANN | {"email": f"{name}@example.org"} for name in ("bob", "eve"))
        answers = [world.client.post("/api/auth/signup", json=who).status_code for who in (bob, bob, bob, eve)]
        assert answers == [202, 202, 429, 202]
