"""Payments over HTTP, as operators see them."""

from __future__ import annotations

from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.selling import Shop
from tests.api.world import WEEK

PATH = "/api/admin/payments"


def test_payments_are_listed_by_week(shop: Shop) -> None:
    """Newest first, there and back, without a person."""
    users, operator = shop.playing("Ann", "Bob", "Cem"), shop.operator()
    shop.bought(users[0], "subscription", key="two")
    listed = there_and_back(operator.get, PATH, limit=3)
    assert {payment["kind"] for payment in listed} == {"weekly_pass", "subscription"}
    of_week = there_and_back(operator.get, PATH, limit=2, week=WEEK)
    assert of_week == [payment for payment in listed if payment["week"] == WEEK]
    assert {payment["outcome"] for payment in of_week} == {"credited"}
    assert {payment["entry"] for payment in of_week} == {
        user.post(f"/api/weeks/{WEEK}/entry").json()["entry"] for user in users
    }
    assert not any(str(user.id) in operator.get(PATH).text for user in users)
    refuses_what_is_no_page(operator.get, PATH)


def test_what_is_to_be_given_back_and_is_not_is_found(shop: Shop) -> None:
    """A dispute keeps a refund back: the operator sees that it is owed."""
    shop.open_week()
    ann, operator = shop.signup(), shop.operator()
    bought = shop.bought(ann, "weekly_pass")
    dispute = shop.sandbox.dispute(shop.intent_of(bought))
    assert ann.request("DELETE", f"/api/weeks/{WEEK}/entry").status_code == 200
    shop.follow_up()
    (owed,) = operator.get(PATH, params={"is_owed": True}).json()["data"]
    assert (owed["payment_id"], owed["reason"], owed["dispute"]) == (bought["payment_id"], "withdrawn", "open")
    shop.sandbox.close_dispute(dispute["id"], won=True)
    shop.follow_up()
    assert operator.get(PATH, params={"is_owed": True}).json()["data"] == []
