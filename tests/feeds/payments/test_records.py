"""Records: who pays what, kept beside the ledger, and gone with the person."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

from feeds.payments.provider import ProviderPayment
from feeds.payments.records import Records
from ledger.datastore import Datastore
from tests.feeds.payments.shop import shop
from tests.feeds.small_week import WEEK


def test_payments_are_listed_newest_first_and_gone_with_the_person(datastore: Datastore) -> None:
    """Page by page in both directions, each player's own; the provider's names stay, and nobody is linked to them."""
    with shop(datastore) as selling:
        selling.open("ann", "bob")
        records, ann, bob = selling.money.records, selling.player("ann"), selling.player("bob")
        bought = []
        for kind, name in (("weekly_pass", "ann"), ("weekly_pass", "bob"), ("subscription", "ann")):
            bought.append(selling.buy(name, kind, key=kind))  # type: ignore[arg-type]
            selling.clock.set(selling.clock() + timedelta(seconds=1))
        first, bobs, second = (each.payment_id for each in bought)

        def listed(**place: object) -> list[object]:
            return [each.payment_id for each in records.payments(player_id=ann, **place)]  # type: ignore[arg-type]

        assert listed() == [second, first]
        assert listed(limit=1) == [second]
        assert listed(before=second) == [first]
        assert listed(before=first, is_back=True) == [second]
        assert listed(before=bobs) == []
        assert records.payment(bobs, player_id=ann) is None
        assert set(records.payments_of(ann)) == {first, second}
        ref = records.ref_of(first)
        assert ref is not None and records.named(ref) == (first, ref)
        payer = records.payer(first)
        assert payer is not None and (payer.player_id, payer.request, payer.week) == (ann, "weekly_pass", WEEK)
        selling.erase("ann")
        assert (records.payer(first), records.payments_of(ann), records.ref_of(first)) == (None, [], ref)
        assert records.payments_of(bob) == [bobs]


def test_who_hears_of_a_payment_at_once_notes_the_same(datastore: Datastore) -> None:
    """Several messages of a payment that was not known come at the same time: all of them are taken."""
    records, together = Records(datastore), Barrier(6)

    def note(said: ProviderPayment) -> None:
        together.wait()
        records.note(said)

    with ThreadPoolExecutor(6) as threads:
        for number in range(60):
            said = ProviderPayment(
                payment_id=uuid4(),
                kind="subscription",
                week=None,
                ref=f"in_{number}",
                status="paid",
                amount_cents=400,
                currency="usd",
                intent_ref=f"pi_{number}",
            )
            for noted in [threads.submit(note, said) for _ in range(6)]:
                noted.result()
            assert records.named(f"pi_{number}") == records.named(f"in_{number}") == (said.payment_id, said.ref)
