"""A player's subscription over HTTP."""

from __future__ import annotations

from datetime import timedelta

from tests.api.selling import Shop, check_out, checking_out, look
from tests.api.world import MONDAY, WEEK, World

PATH = "/api/me/subscription"


def test_without_a_subscription_there_is_nothing_to_end(world: World) -> None:
    """Null, and a refusal."""
    ann = world.signup()
    assert (ann.get(PATH).status_code, ann.get(PATH).json()) == (200, None)
    refused = ann.request("DELETE", PATH)
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_subscription")


def test_a_subscription_enrols_each_week(shop: Shop) -> None:
    """Once it is paid; a second one is refused."""
    shop.open_week()
    ann = shop.signup()
    bought = shop.bought(ann, "subscription")
    assert (bought["week"], bought["status"], bought["outcome"]) == (None, "paid", None)
    assert ann.get(PATH).json() == {"status": "active", "ends_at": None, "renews": True}
    assert ann.post(f"/api/weeks/{WEEK}/entry").json()["via"] == "subscription"
    refused = checking_out(ann, kind="subscription", key="two")
    assert (refused.status_code, refused.json()["code"]) == (409, "already_subscribed")


def test_a_subscription_is_ended_with_what_was_paid_for(shop: Shop) -> None:
    """It renews no more, and goes on until its end; ended again, it stays so."""
    ann = shop.signup()
    shop.bought(ann, "subscription")
    ended = ann.request("DELETE", PATH)
    assert ended.status_code == 200, ended.text
    assert ended.json() == {"status": "active", "ends_at": "2026-11-22T05:00:00.000000Z", "renews": False}
    assert ann.request("DELETE", PATH).json() == ended.json() == ann.get(PATH).json()
    shop.clock.set(MONDAY + timedelta(days=6))
    (subscription,) = shop.sandbox.objects("subscription")
    shop.sandbox.renew(subscription["id"])
    assert ann.get(PATH).json() is None


def test_an_end_that_the_provider_did_not_hear_is_said_again(shop: Shop) -> None:
    """503, and it renews still."""
    ann = shop.signup()
    shop.bought(ann, "subscription")
    shop.sandbox.faults.add("drop_before", "/v1/subscriptions/*", times=3)
    silent = ann.request("DELETE", PATH)
    assert (silent.status_code, silent.json()["code"]) == (503, "payments_unavailable")
    assert ann.get(PATH).json()["renews"]
    assert not ann.request("DELETE", PATH).json()["renews"]


def test_a_subscription_whose_renewal_failed_waits_for_it(shop: Shop) -> None:
    """Past due, it enrols nobody; a renewal is a payment of the player's, too."""
    ann = shop.signup()
    payment = check_out(ann, kind="subscription")
    shop.pay(payment)
    shop.follow_up()
    (subscription,) = shop.sandbox.objects("subscription")
    shop.clock.set(MONDAY)
    shop.sandbox.fail_renewal(subscription["id"])
    assert ann.get(PATH).json() == {"status": "past_due", "ends_at": None, "renews": True}
    shop.sandbox.renew(subscription["id"])
    shop.project()
    assert ann.get(PATH).json()["status"] == "active"
    renewal, first = ann.get("/api/payments").json()["data"]
    assert (first["payment_id"], renewal["status"], renewal["expires_at"]) == (payment["payment_id"], "paid", None)
    assert look(ann, renewal) == renewal


def test_an_erased_player_is_charged_no_more(shop: Shop) -> None:
    """The subscription ends at the provider's with the account."""
    ann = shop.signup()
    shop.bought(ann, "subscription")
    assert ann.post("/api/me/deletion", json={"password": "correct horse"}).status_code == 200
    shop.follow_up()
    (subscription,) = shop.sandbox.objects("subscription")
    assert subscription["status"] == "canceled"
