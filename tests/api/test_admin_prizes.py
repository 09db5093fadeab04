"""Prizes over HTTP, as operators see them."""

from __future__ import annotations

from uuid import uuid4

from ledger.rules import Prize
from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.selling import Shop
from tests.api.test_prizes import onboard, prize_of, stands
from tests.api.world import WEEK, User

WHY = {"reason": "ticket 4711"}


def test_an_operator_holds_and_releases_a_prize(shop: Shop) -> None:
    """Held it is not paid, for a reason that the winner reads; released it is; each act again changes nothing."""
    ann, operator = shop.winner(), shop.operator()
    onboard(shop, ann)
    path = f"/api/admin/prizes/{prize_of(ann)['entry']}"
    held = operator.post(f"{path}/hold", json=WHY)
    assert (held.status_code, held.json()["state"], held.json()["reason"]) == (200, "held", "operator")
    assert operator.post(f"{path}/hold", json=WHY).json() == {**held.json(), "position": None}
    shop.follow_up()
    assert (stands(ann), prize_of(ann)["why"]) == (("held", "operator"), "ticket 4711")
    refused = operator.post(f"{path}/retry", json=WHY)
    assert (refused.status_code, refused.json()["code"]) == (409, "prize_not_releasable")
    released = operator.post(f"{path}/release", json=WHY)
    assert released.json()["state"] == "owed"
    assert operator.post(f"{path}/release", json=WHY).json() == released.json()
    shop.follow_up()
    assert stands(ann) == ("paid", None)
    for act in ("hold", "release", "retry"):
        refused = operator.post(f"{path}/{act}", json=WHY)
        assert (refused.status_code, refused.json()["code"]) == (409, "prize_paid_already")
    assert operator.get(path).json()["state"] == "paid"


def test_what_only_the_winner_can_mend_is_not_released(shop: Shop) -> None:
    """Without an account there is nowhere to pay to."""
    ann, operator = shop.winner(), shop.operator()
    shop.follow_up()
    refused = operator.post(f"/api/admin/prizes/{prize_of(ann)['entry']}/release", json=WHY)
    assert (refused.status_code, refused.json()["code"]) == (409, "prize_not_releasable")


def test_a_payment_that_failed_is_tried_again(shop: Shop) -> None:
    """The provider had not enough to pay it from: the winner hears no more than that it failed."""
    ann, operator = shop.winner(), shop.operator()
    onboard(shop, ann)
    shop.sandbox.set_balance(0)
    shop.follow_up()
    assert stands(ann) == ("failed", None)
    path = f"/api/admin/prizes/{prize_of(ann)['entry']}"
    failed = operator.get(path).json()
    assert (failed["state"], failed["reason"], failed["attempt"]) == ("failed", "balance_insufficient", 1)
    shop.sandbox.set_balance(10_000)
    assert operator.post(f"{path}/retry", json=WHY).json()["state"] == "owed"
    shop.follow_up()
    assert stands(ann) == ("paid", None)


def test_a_dispute_holds_a_prize_until_an_operator_releases_it(shop: Shop) -> None:
    """Who has charged back waits."""
    ann, operator = shop.winner(), shop.operator()
    onboard(shop, ann)
    shop.sandbox.dispute(shop.intent_of(ann.get("/api/payments").json()["data"][0]))
    shop.follow_up()
    held = prize_of(ann)
    assert (held["state"], held["reason"]) == ("held", "dispute")
    assert operator.post(f"/api/admin/prizes/{held['entry']}/release", json=WHY).status_code == 200
    shop.follow_up()
    assert stands(ann) == ("paid", None)


def test_an_entry_without_a_prize_has_none(shop: Shop) -> None:
    """404 on every path; and an act needs its reason."""
    operator = shop.operator()
    path = f"/api/admin/prizes/{uuid4()}"
    answers = [operator.get(path), *(operator.post(f"{path}/{act}", json=WHY) for act in ("hold", "release", "retry"))]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "unknown_prize")] * 4
    for body in ({}, {"reason": ""}, {"reason": "  "}):
        assert operator.post(f"{path}/hold", json=body).status_code == 422


def test_prizes_are_listed_by_week_and_state_with_totals(shop: Shop) -> None:
    """Newest first, there and back; without a person. Who has won, an operator finds by the entry."""
    operator = shop.operator()
    ann, *others = winners(shop, "Ann", "Bob", "Cem")
    onboard(shop, ann)
    shop.follow_up()
    found = there_and_back(operator.get, "/api/admin/prizes", limit=2)
    assert [prize["entry"] for prize in found] == sorted((prize["entry"] for prize in found), reverse=True)
    assert there_and_back(operator.get, "/api/admin/prizes", limit=1, week=WEEK) == found
    assert {prize["entry"] for prize in found} == {prize_of(user)["entry"] for user in (ann, *others)}
    listed = operator.get("/api/admin/prizes", params={"week": WEEK, "state": "held"}).json()
    assert [prize["reason"] for prize in listed["data"]] == ["payout_account"] * 2
    assert listed["totals"] == [
        {"state": "held", "currency": "usd", "number": 2, "amount_cents": 4000},
        {"state": "paid", "currency": "usd", "number": 1, "amount_cents": 2000},
    ]
    assert str(ann.id) not in operator.get("/api/admin/prizes").text
    (winner,) = operator.get("/api/admin/players", params={"entry": prize_of(ann)["entry"]}).json()["data"]
    assert winner["id"] == str(ann.id)
    assert operator.get("/api/admin/prizes").json()["totals"] is None
    assert operator.get("/api/admin/prizes", params={"week": "2026-W40"}).json()["totals"] == []
    refuses_what_is_no_page(operator.get, "/api/admin/prizes")


def winners(shop: Shop, *names: str) -> list[User]:
    """Have some players win a prize each."""
    users = shop.playing(*names, pool_max=1, prize_min_entries=1, prizes=(Prize(amount_cents=2000, rank=1),))
    market = shop.market()
    bets = [user.bet(market.bet(stake=100)).json() for user in users]
    shop.resolve(market.game_id, home=20, away=10, bets=bets)
    shop.finish()
    return users
