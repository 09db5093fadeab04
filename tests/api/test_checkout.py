"""Payments over HTTP: without a provider, and in front of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.people.gates import Gates
from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.selling import Shop, check_out, checking_out, look, selling, session_of
from tests.api.world import MONDAY, WEEK, World


@pytest.mark.parametrize(
    "body", [{"kind": "weekly_pass", "week": WEEK}, {"kind": "buy_back"}, {"kind": "subscription"}]
)
def test_without_a_provider_nothing_is_sold(world: World, body: dict[str, str]) -> None:
    """The refusal says that the game goes on."""
    refused = checking_out(world.signup(), **body)
    assert (refused.status_code, refused.json()["code"]) == (409, "payments_off")
    assert "the game goes on without it" in refused.json()["detail"]


def test_without_a_provider_there_are_no_payments(world: World) -> None:
    """An empty list, and no payment by any id."""
    ann = world.signup()
    listed = ann.get("/api/payments").json()
    assert listed == {"data": [], "has_more": False, "next_cursor": None, "previous_cursor": None}
    for path in (f"/api/payments/{uuid4()}", f"/api/payments/{uuid4()}/receipt"):
        answer = ann.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_payment")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "prize"},
        {"kind": "weekly_pass", "week": "2026W47"},
        {"kind": "weekly_pass", "amount_cents": 1},
        {"kind": "subscription", "week": WEEK},
    ],
)
def test_what_is_not_for_sale_is_refused(world: World, body: dict[str, Any]) -> None:
    """A kind that is none, a week that is none, a price of one's own, a week for a subscription."""
    refused = checking_out(world.signup(), **body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


def test_offers_say_what_is_sold(world: World, shop: Shop) -> None:
    """With prices, to anybody; nothing where nothing is sold, and there entry is free."""
    assert world.client.get("/api/payments/offers").json() == {"data": [], "entry_is_free": True}
    offers = shop.client.get("/api/payments/offers").json()
    assert offers["data"][0] == {"kind": "weekly_pass", "amount_cents": 500, "currency": "usd"}
    assert [offer["kind"] for offer in offers["data"]] == ["weekly_pass", "buy_back", "subscription"]
    assert not offers["entry_is_free"]


def test_a_checkout_needs_a_key_and_a_player(world: World) -> None:
    """Repeating it must be safe, and operators buy nothing."""
    keyless = world.signup().post("/api/payments/checkout", json={"kind": "weekly_pass"})
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_required")
    refused = checking_out(world.operator(), kind="weekly_pass")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_pass_is_for_a_week_that_is_open(shop: Shop) -> None:
    """The next one unless told; what the word `next` meant for a key, it still means a week later."""
    ann = shop.signup()
    for week in ({}, {"week": "2026-W48"}, {"week": "2026-W60"}):
        refused = checking_out(ann, kind="weekly_pass", **week)
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_week")
    shop.open_week()
    first = check_out(ann, kind="weekly_pass")
    assert first["week"] == WEEK
    shop.clock.set(MONDAY)
    assert check_out(ann, kind="weekly_pass")["payment_id"] == first["payment_id"]


def test_the_same_key_is_the_same_checkout(shop: Shop) -> None:
    """It can be opened again after a broken connection; other terms under it are refused."""
    shop.open_week()
    ann = shop.signup()
    first, again = (check_out(ann, kind="weekly_pass") for _ in range(2))
    assert first == again == look(ann, first) == check_out(ann, kind="weekly_pass", key="another")
    assert first == {
        "payment_id": first["payment_id"],
        "kind": "weekly_pass",
        "week": WEEK,
        "status": "open",
        "outcome": None,
        "reason": None,
        "amount_cents": 500,
        "currency": "usd",
        "refunded_cents": 0,
        "checkout_url": f"{shop.sandbox.base_url}/c/pay/{session_of(first)}",
        "created_at": "2026-11-15T05:00:00.000000Z",
        "expires_at": "2026-11-16T04:59:00.000000Z",
        "paid_at": None,
        "refunded_at": None,
    }
    reused = checking_out(ann, kind="subscription")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert len(shop.sandbox.objects("checkout.session")) == 1


def test_a_pass_enrols_once_it_is_paid(shop: Shop) -> None:
    """By the pass, which a second one is refused for; the first answer to enrolling is that of the pass."""
    shop.open_week()
    ann = shop.signup()
    bought = shop.bought(ann, "weekly_pass")
    assert (bought["status"], bought["outcome"], bought["checkout_url"]) == ("paid", "credited", None)
    assert ann.get("/api/me").json()["registered_for_next"]
    entry = ann.post(f"/api/weeks/{WEEK}/entry")
    assert (entry.status_code, entry.json()["via"]) == (201, "week_pass")
    refused = checking_out(ann, kind="weekly_pass", key="two")
    assert (refused.status_code, refused.json()["code"]) == (409, "already_enrolled")
    receipt = ann.get(f"/api/payments/{bought['payment_id']}/receipt").json()
    assert (receipt["amount_cents"], receipt["paid_at"]) == (500, "2026-11-15T05:00:00.000000Z")
    assert receipt["receipt_url"].startswith(shop.sandbox.base_url)


def test_taking_part_takes_a_pass_where_passes_are_sold(shop: Shop) -> None:
    """The refusal says how to get one; who withdrew is not let in again, and gets the money back."""
    shop.open_week()
    ann = shop.signup()
    refused = ann.post(f"/api/weeks/{WEEK}/entry")
    assert (refused.status_code, refused.json()["code"]) == (402, "pass_required")
    assert "POST /api/payments/checkout" in refused.json()["detail"]
    bought = shop.bought(ann, "weekly_pass")
    assert ann.request("DELETE", f"/api/weeks/{WEEK}/entry").status_code == 200
    assert ann.post(f"/api/weeks/{WEEK}/entry").json()["code"] == "pass_required"
    shop.follow_up()
    back = look(ann, bought)
    assert (back["status"], back["outcome"], back["reason"]) == ("refunded", "refused", "withdrawn")


@pytest.mark.parametrize(("free_entry", "status"), [(True, 201), (False, 402)])
def test_an_operator_says_whether_entry_is_free(dsn: str, free_entry: bool, status: int) -> None:
    """A free way in beside passes, or none where nothing is sold."""
    with selling(dsn, cents={"weekly_pass": 500} if free_entry else {}, free_entry=free_entry) as shop:
        shop.open_week()
        ann = shop.signup()
        assert ann.post(f"/api/weeks/{WEEK}/entry").status_code == status


def test_a_buy_back_is_for_who_is_bust(shop: Shop) -> None:
    """This week's; before, it is refused, afterwards there are credits again, and a second one is refused."""
    ann, bob = shop.playing("Ann", "Bob")
    shop.bet_and_lose(ann)
    refused = checking_out(bob, kind="buy_back", key="two")
    assert (refused.status_code, refused.json()["code"]) == (409, "buy_back_refused")
    bought = shop.bought(ann, "buy_back", key="two")
    assert (bought["week"], bought["amount_cents"], bought["outcome"]) == (WEEK, 700, "credited")
    assert ann.get("/api/me").json()["credits"]["available"] == 1000
    assert checking_out(ann, kind="buy_back", key="three").json()["code"] == "buy_back_refused"


def test_a_buy_back_that_is_paid_too_late_goes_back(shop: Shop) -> None:
    """A slow payment that arrives when the week is over is refunded, and gives no credits."""
    (ann,) = shop.playing("Ann")
    shop.bet_and_lose(ann)
    late = check_out(ann, kind="buy_back", key="late")
    shop.sandbox.begin_slow_payment(session_of(late))
    shop.finish()
    shop.sandbox.end_slow_payment(session_of(late), succeeds=True)
    shop.follow_up()
    back = look(ann, late)
    assert (back["status"], back["outcome"], back["reason"]) == ("refunded", "refused", "late")
    (standing,) = ann.get("/api/me/weeks").json()["data"]
    assert standing["standing"]["credits"] == 0
    receipt = ann.get(f"/api/payments/{late['payment_id']}/receipt").json()
    assert (receipt["refunded_cents"], receipt["refunded_at"]) == (700, back["refunded_at"])


def test_a_checkout_that_nobody_pays_expires(shop: Shop) -> None:
    """It has no address any more, and no receipt."""
    shop.open_week()
    ann = shop.signup()
    payment = check_out(ann, kind="weekly_pass")
    path = f"/api/payments/{payment['payment_id']}/receipt"
    refused = ann.get(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_paid")
    shop.clock.set(MONDAY)
    shop.sandbox.tick()
    shop.project()
    assert (look(ann, payment)["status"], look(ann, payment)["checkout_url"]) == ("expired", None)
    assert "expired" in ann.get(path).json()["detail"]


def test_a_limit_of_ones_own_holds(shop: Shop) -> None:
    """What is in open checkouts counts, what came back does not; the week and the month are looked at."""
    shop.open_week()
    ann = shop.signup()
    ann.request("PUT", "/api/me/limits", json={"weekly_cents": 899, "monthly_cents": None})
    bought = shop.bought(ann, "weekly_pass")
    refused = checking_out(ann, kind="subscription", key="two")
    assert (refused.status_code, refused.json()["code"]) == (409, "spend_limit_reached")
    assert "899 cents" in refused.json()["detail"]
    shop.sandbox.refund(shop.intent_of(bought))
    shop.project()
    assert look(ann, bought)["status"] == "refunded"
    assert checking_out(ann, kind="subscription", key="two").status_code == 201
    bob = shop.signup("Bob")
    bob.request("PUT", "/api/me/limits", json={"weekly_cents": None, "monthly_cents": 300})
    refused = checking_out(bob, kind="weekly_pass")
    assert "limit for a month" in refused.json()["detail"]


def test_who_may_not_take_part_pays_for_nothing(dsn: str) -> None:
    """Neither in a pause nor outside the gates: not for a pass, and not for a subscription."""
    with selling(dsn, gates=Gates(minimum_age=21)) as shop:
        shop.open_week()
        ann, bob = shop.signup("Ann"), shop.signup("Bob")
        ann.post("/api/me/cool-off", json={"days": 7, "confirm": True})
        bob.request("PATCH", "/api/me", json={"date_of_birth": "2010-01-01"})
        for kind in ("weekly_pass", "subscription"):
            codes = [checking_out(user, kind=kind).json()["code"] for user in (ann, bob)]
            assert codes == ["restricted", "too_young"]


def test_a_pause_between_checkout_and_payment_sends_the_money_back(shop: Shop) -> None:
    """What keeps somebody from taking part is looked at again when the payment has come."""
    shop.open_week()
    ann = shop.signup()
    payment = check_out(ann, kind="weekly_pass")
    ann.post("/api/me/cool-off", json={"days": 7, "confirm": True})
    shop.pay(payment)
    shop.follow_up()
    back = look(ann, payment)
    assert (back["status"], back["reason"]) == ("refunded", "not_admitted")


def test_a_dispute_bars_until_it_is_won(shop: Shop) -> None:
    """Neither a checkout nor an enrolment; the week that has begun is played on."""
    (ann,) = shop.playing("Ann")
    dispute = shop.sandbox.dispute(shop.intent_of(ann.get("/api/payments").json()["data"][0]))
    shop.project()
    assert ann.get("/api/payments").json()["data"][0]["status"] == "disputed"
    shop.open_week("2026-W48")
    for refused in (checking_out(ann, kind="weekly_pass", key="two"), ann.post("/api/weeks/2026-W48/entry")):
        assert (refused.status_code, refused.json()["code"]) == (403, "dispute_open")
    assert ann.bet(shop.market().bet()).status_code == 201
    shop.sandbox.close_dispute(dispute["id"], won=True)
    shop.project()
    assert check_out(ann, kind="weekly_pass", key="two")["week"] == "2026-W48"


def test_a_provider_that_is_silent_is_asked_again_with_the_same_key(shop: Shop) -> None:
    """503 says when; then there is one checkout, and one payment."""
    shop.open_week()
    ann = shop.signup()
    shop.sandbox.faults.add("drop_after", "/v1/checkout/sessions", times=3)
    silent = checking_out(ann, kind="weekly_pass")
    assert (silent.status_code, silent.json()["code"]) == (503, "payments_unavailable")
    assert silent.headers["Retry-After"] == "1"
    assert "127.0.0.1" not in silent.text
    assert check_out(ann, kind="weekly_pass")["status"] == "open"
    assert len(ann.get("/api/payments").json()["data"]) == 1
    assert len(shop.sandbox.objects("checkout.session")) == 1


def test_what_the_provider_refuses_fails(dsn: str) -> None:
    """A price below its least: the player hears that it will not do it, and not why; nothing stays open."""
    with selling(dsn, cents={"weekly_pass": 1}) as shop:
        shop.open_week()
        ann = shop.signup()
        refused = checking_out(ann, kind="weekly_pass")
        assert (refused.status_code, refused.json()["code"]) == (409, "payment_refused")
        assert "Stripe" not in refused.text
        shop.project()
        assert [payment["status"] for payment in ann.get("/api/payments").json()["data"]] == ["failed"]


def test_a_key_whose_checkout_never_opened_ends(shop: Shop) -> None:
    """Once it could be paid no longer, the key says so: a new request takes a new one."""
    shop.open_week()
    ann = shop.signup()
    shop.sandbox.faults.add("drop_before", "/v1/checkout/sessions", times=3)
    assert checking_out(ann, kind="weekly_pass").status_code == 503
    shop.clock.set(MONDAY - timedelta(minutes=20))
    ended = checking_out(ann, kind="weekly_pass")
    assert (ended.status_code, ended.json()["code"]) == (409, "checkout_expired")
    closed = checking_out(ann, kind="weekly_pass", key="two")
    assert (closed.status_code, closed.json()["code"]) == (409, "registration_closed")


def test_payments_of_others_are_not_there(shop: Shop) -> None:
    """Neither a payment nor its receipt, nor in the list."""
    shop.open_week()
    ann, bob = shop.signup("Ann"), shop.signup("Bob")
    payment_id = check_out(ann, kind="weekly_pass")["payment_id"]
    for path in (f"/api/payments/{payment_id}", f"/api/payments/{payment_id}/receipt"):
        assert bob.get(path).json()["code"] == "unknown_payment"
    assert bob.get("/api/payments").json()["data"] == []


def test_payments_are_paged_newest_first(shop: Shop) -> None:
    """There and back."""
    shop.open_week()
    ann = shop.signup()
    made = []
    for number in range(5):
        made.append(check_out(ann, key=str(number), kind="weekly_pass")["payment_id"])
        shop.clock.set(shop.clock.now() + timedelta(minutes=1))
        with shop.ledger.datastore.connection() as connection:
            # As if it had run out already: while a checkout is open, there is no other.
            connection.execute("UPDATE payers SET expires_at = created_at WHERE payment_id = %s", (made[-1],))
    found = there_and_back(ann.get, "/api/payments", limit=2)
    assert [payment["payment_id"] for payment in found] == made[::-1]
    refuses_what_is_no_page(ann.get, "/api/payments")
