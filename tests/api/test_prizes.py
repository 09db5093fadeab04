"""Prizes over HTTP: what the winner sees and is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from feeds.payments.prizes import PrizePolicy
from tests.api.selling import RETURN_URL, Shop, selling
from tests.api.world import WEEK, User, World

APP = "https://play.example.org"


@pytest.fixture
def strict(dsn: str) -> Iterator[Shop]:
    """A service that wants to know who winners are, and a tax form from them."""
    policy = PrizePolicy(identity_required=True, tax_threshold_cents=1000)
    with selling(dsn, policy=policy, cors_origins=(APP,)) as shop:
        yield shop


def prize_of(user: User) -> dict[str, Any]:
    (prize,) = user.get("/api/me/prizes").json()["data"]
    found: dict[str, Any] = prize
    return found


def stands(user: User) -> tuple[str, str | None]:
    prize = prize_of(user)
    return prize["state"], prize["reason"]


def onboard(shop: Shop, user: User) -> None:
    """Have a winner open an account, and tell all about themselves."""
    page = user.post("/api/me/payout-account")
    assert page.status_code == 200, page.text
    shop.client.post(page.json()["url"])
    shop.project()


def test_who_has_won_nothing_has_no_prizes(world: World) -> None:
    """An empty list, and where no prizes are paid there is no account to open."""
    ann = world.signup()
    assert ann.get("/api/me/prizes").json() == {"data": []}
    for path in ("/api/me/payout-account", "/api/me/identity-check"):
        refused = ann.post(path)
        assert (refused.status_code, refused.json()["code"]) == (409, "payments_off")


def test_a_winner_is_paid_once_there_is_an_account(shop: Shop) -> None:
    """Owed, then held with what to do about it, then paid."""
    ann = shop.winner()
    won = prize_of(ann)
    assert won == {
        "entry": won["entry"],
        "week": WEEK,
        "pool_name": "W2026-47-A",
        "rank": 1,
        "amount_cents": 5000,
        "currency": "usd",
        "awarded_at": "2026-11-23T06:00:00.000000Z",
        "state": "owed",
        "reason": None,
        "why": None,
        "to_do": None,
        "paid_at": None,
    }
    shop.follow_up()
    held = prize_of(ann)
    assert (held["state"], held["reason"]) == ("held", "payout_account")
    assert "/api/me/payout-account" in held["to_do"]
    onboard(shop, ann)
    shop.follow_up()
    paid = prize_of(ann)
    assert (paid["state"], paid["reason"], paid["to_do"]) == ("paid", None, None)
    assert paid["paid_at"] == "2026-11-23T06:00:00.000000Z"
    (transfer,) = shop.sandbox.objects("transfer")
    assert transfer["amount"] == 5000


def test_a_winner_shows_who_they_are_and_sends_a_form(strict: Shop) -> None:
    """What is asked for comes one after the other; an operator notes the form, and the winner can read that."""
    ann, operator = strict.winner(), strict.operator()
    onboard(strict, ann)
    strict.follow_up()
    assert stands(ann) == ("held", "identity")
    page = ann.post("/api/me/identity-check", json={"return_url": f"{APP}/prizes?tab=1"})
    assert page.status_code == 200, page.text
    strict.client.post(page.json()["url"])
    assert ann.post("/api/me/identity-check").json() == {"url": None}
    strict.follow_up()
    assert stands(ann) == ("held", "tax")
    noted = operator.post(f"/api/admin/players/{ann.id}/tax-form", json={"reason": "filed as 4711"})
    assert noted.json() == {
        "account_is_active": True,
        "identity_status": "verified",
        "tax_form_at": "2026-11-23T06:00:00.000000Z",
    }
    strict.follow_up()
    assert stands(ann) == ("paid", None)
    assert ann.get("/api/me/export").json()["tables"]["people_log"][-1]["reason"] == "filed as 4711"


@pytest.mark.parametrize(
    "url",
    [
        "https://play.example.org.evil.example/",
        "https://play.example.org@evil.example/",
        "https://evil.example\\@play.example.org/",
        "http://play.example.org/",
        "javascript:alert(1)",
        "//play.example.org/",
    ],
)
def test_the_providers_pages_lead_back_to_ours_only(strict: Shop, url: str) -> None:
    """To a page of the service's origins, or to its own; nothing is opened for another."""
    ann = strict.signup()
    for path in ("/api/me/payout-account", "/api/me/identity-check"):
        refused = ann.post(path, json={"return_url": url})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.return_url")
    assert strict.sandbox.requests("POST") == []


def test_who_has_won_nothing_needs_no_account(strict: Shop) -> None:
    """Accounts and checks cost the operator: nobody opens one for fun."""
    ann = strict.signup()
    for path in ("/api/me/payout-account", "/api/me/identity-check"):
        refused = ann.post(path)
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_prize")
    assert strict.sandbox.requests("POST") == []


def test_the_providers_pages_lead_back_where_they_should(strict: Shop) -> None:
    """Where the app says, and else where the service does."""
    ann = strict.winner()
    for given, expected in ((None, RETURN_URL), (f"{APP}/prizes", f"{APP}/prizes")):
        body = {"return_url": given} if given else None
        page = ann.post("/api/me/payout-account", json=body)
        assert strict.sandbox.requests("POST", "/v1/account_links")[-1].params["return_url"] == expected
        assert page.json()["url"].startswith(strict.sandbox.base_url)
    assert len(strict.sandbox.objects("account")) == 1


def test_a_provider_that_is_silent_is_asked_again(shop: Shop) -> None:
    """503; then it is the same account."""
    ann = shop.winner()
    shop.sandbox.faults.add("drop_after", "/v1/accounts", times=3)
    silent = ann.post("/api/me/payout-account")
    assert (silent.status_code, silent.json()["code"]) == (503, "payments_unavailable")
    assert ann.post("/api/me/payout-account").status_code == 200
    assert len(shop.sandbox.objects("account")) == 1
