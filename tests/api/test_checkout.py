"""Payments over HTTP: without a provider, and in front of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from api.payments import Kind, Payment
from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.world import WEEK, User, World, serving

AT = datetime(2026, 11, 15, 5, tzinfo=UTC)


@dataclass
class Till:
    """Takes payments in memory, five dollars each."""

    kept: list[Payment] = field(default_factory=list)
    keys: dict[tuple[UUID, str], int] = field(default_factory=dict)

    async def checkout(self, *, player_id: UUID, kind: Kind, week: str | None, key: str) -> Payment:
        if (player_id, key) not in self.keys:
            self.keys[player_id, key] = len(self.kept)
            at = AT + timedelta(minutes=len(self.kept))
            self.kept.append(
                Payment(uuid4(), player_id, kind, week, "open", 500, "usd", at, checkout_url="https://pay.example/1")
            )
        return self.kept[self.keys[player_id, key]]

    def payment(self, payment_id: UUID, *, player_id: UUID) -> Payment | None:
        own = [each for each in self.kept if each.player_id == player_id]
        return next((each for each in own if each.payment_id == payment_id), None)

    def payments(
        self, *, player_id: UUID, before: UUID | None = None, is_back: bool = False, limit: int = 50
    ) -> Sequence[Payment]:
        own = [each for each in self.kept if each.player_id == player_id]
        ids = [each.payment_id for each in own]
        if before is None:
            return own[::-1][:limit]
        place = ids.index(before) if before in ids else 0
        return own[place + 1 :][:limit] if is_back else own[:place][::-1][:limit]


@pytest.fixture
def till() -> Till:
    """A provider without payments."""
    return Till()


@pytest.fixture
def selling(dsn: str, till: Till) -> Iterator[World]:
    """A service that takes payments."""
    with serving(dsn, payments=till) as world:
        yield world


def check_out(user: User, *, key: str = "one", **body: object) -> dict[str, object]:
    answer = user.post("/api/payments/checkout", json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    payment: dict[str, object] = answer.json()
    return payment


@pytest.mark.parametrize(
    "body", [{"kind": "weekly_pass", "week": WEEK}, {"kind": "buy_back"}, {"kind": "subscription"}]
)
def test_without_a_provider_nothing_is_sold(world: World, body: dict[str, str]) -> None:
    """The refusal says that the game is free."""
    refused = world.signup().post("/api/payments/checkout", json=body, headers={"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["code"]) == (409, "payments_off")
    assert refused.json()["detail"] == "Payments are switched off here: the game is free."


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
def test_what_is_not_for_sale_is_refused(world: World, body: dict[str, object]) -> None:
    """A kind that is none, a week that is none, a price of one's own, a week for a subscription."""
    refused = world.signup().post("/api/payments/checkout", json=body, headers={"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


def test_a_checkout_needs_a_key_and_a_player(world: World) -> None:
    """Repeating it must be safe, and operators buy nothing."""
    body = {"kind": "weekly_pass"}
    keyless = world.signup().post("/api/payments/checkout", json=body)
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_required")
    operator = world.operator().post("/api/payments/checkout", json=body, headers={"Idempotency-Key": "k"})
    assert (operator.status_code, operator.json()["code"]) == (403, "forbidden")


def test_a_checkout_is_for_the_week_that_is_meant(selling: World) -> None:
    """A pass is for the next week, a buy-back for the current one, unless told."""
    ann = selling.signup()
    assert check_out(ann, key="1", kind="weekly_pass")["week"] == WEEK
    assert check_out(ann, key="2", kind="buy_back")["week"] == "2026-W46"
    assert check_out(ann, key="3", kind="weekly_pass", week="2026-W48")["week"] == "2026-W48"
    assert check_out(ann, key="4", kind="subscription")["week"] is None
    refused = ann.post(
        "/api/payments/checkout", json={"kind": "weekly_pass", "week": "2026-W60"}, headers={"Idempotency-Key": "5"}
    )
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_week")


def test_the_same_key_is_the_same_checkout(selling: World) -> None:
    """It can be opened again after a broken connection."""
    ann = selling.signup()
    first, again = (check_out(ann, kind="weekly_pass") for _ in range(2))
    assert first == again == ann.get(f"/api/payments/{first['payment_id']}").json()
    assert first == {
        "payment_id": first["payment_id"],
        "kind": "weekly_pass",
        "week": WEEK,
        "status": "open",
        "amount_cents": 500,
        "currency": "usd",
        "checkout_url": "https://pay.example/1",
        "created_at": "2026-11-15T05:00:00.000000Z",
        "expires_at": None,
        "paid_at": None,
        "refunded_at": None,
    }


def test_a_receipt_is_there_once_it_is_paid(selling: World, till: Till) -> None:
    """Before, it is refused; a refund shows on it."""
    ann = selling.signup()
    path = f"/api/payments/{check_out(ann, kind='weekly_pass')['payment_id']}/receipt"
    refused = ann.get(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_paid")
    later = AT + timedelta(minutes=1)
    till.kept[0] = replace(till.kept[0], status="refunded", paid_at=AT, refunded_at=later, refunded_cents=500)
    receipt = ann.get(path).json()
    assert (receipt["amount_cents"], receipt["currency"], receipt["refunded_cents"]) == (500, "usd", 500)
    assert (receipt["paid_at"], receipt["refunded_at"]) == (
        "2026-11-15T05:00:00.000000Z",
        "2026-11-15T05:01:00.000000Z",
    )


def test_payments_of_others_are_not_there(selling: World) -> None:
    """Neither a payment nor its receipt, nor in the list."""
    ann, bob = selling.signup("Ann"), selling.signup("Bob")
    payment_id = check_out(ann, kind="weekly_pass")["payment_id"]
    for path in (f"/api/payments/{payment_id}", f"/api/payments/{payment_id}/receipt"):
        assert bob.get(path).json()["code"] == "unknown_payment"
    assert bob.get("/api/payments").json()["data"] == []


def test_payments_are_paged_newest_first(selling: World) -> None:
    """There and back."""
    ann = selling.signup()
    made = [check_out(ann, key=str(number), kind="weekly_pass")["payment_id"] for number in range(5)]
    found = there_and_back(ann.get, "/api/payments", limit=2)
    assert [payment["payment_id"] for payment in found] == made[::-1]
    refuses_what_is_no_page(ann.get, "/api/payments")
