"""Payees: winners say how to be paid on the provider's pages, and what the provider says of them is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from feeds.payments.payees import Payee, PayeeGone
from feeds.payments.provider import IdentityCheck
from feeds.payments.till import PaymentsOff
from ledger.datastore import Datastore
from ledger.payment import PaymentMoved
from tests.feeds.payments.shop import Shop, shop

RETURN_URL = "https://app.example/prizes"


@pytest.fixture
def selling(datastore: Datastore) -> Iterator[Shop]:
    """A shop with Ann signed up."""
    with shop(datastore) as opened:
        opened.sign_up("ann")
        yield opened


def payee(selling: Shop, name: str = "ann") -> Payee:
    return selling.money.payees.payee(selling.player(name))


def account_page(selling: Shop, name: str = "ann") -> str:
    page = selling.money.payout_desk.account_page(selling.player(name), return_url=RETURN_URL)
    return selling.ask(page)


def identity_page(selling: Shop) -> str | None:
    page = selling.money.payout_desk.identity_page(selling.player("ann"), return_url=RETURN_URL)
    return selling.ask(page)


def test_a_player_has_one_account(selling: Shop) -> None:
    """However often it is asked for, also at once; it is active when the provider says so, and as long as it does."""
    assert payee(selling) == Payee(selling.player("ann"))
    desk = selling.money.payout_desk

    async def at_once() -> list[str]:
        return await asyncio.gather(
            *(desk.account_page(selling.player("ann"), return_url=RETURN_URL) for _ in range(3))
        )

    pages = selling.ask(at_once())
    assert len({*pages, account_page(selling)}) == 4
    [account] = selling.sandbox.objects("account")
    assert (payee(selling).account_ref, payee(selling).account_is_active) == (account["id"], False)
    selling.sandbox.complete_onboarding(account["id"])
    selling.deliver()
    assert payee(selling).account_is_active
    selling.sandbox.restrict(account["id"])
    selling.deliver(*reversed(selling.sandbox.webhooks.taken()))
    assert not payee(selling).account_is_active


def test_an_identity_is_checked_until_it_is_known(selling: Shop) -> None:
    """A check that failed is followed by the next, also where its message is late; one that succeeded by none."""
    first = identity_page(selling)
    assert first is not None
    assert identity_page(selling) == first
    [check] = selling.sandbox.objects("identity.verification_session")
    selling.sandbox.fail_verification(check["id"])
    second = identity_page(selling)
    assert second is not None and second != first
    assert (payee(selling).identity_status, payee(selling).identity_number) == ("open", 2)
    selling.deliver()
    assert payee(selling).identity_status == "open"
    _, again = selling.sandbox.objects("identity.verification_session")
    selling.sandbox.fail_verification(again["id"])
    selling.deliver()
    assert payee(selling).identity_status == "failed"
    assert identity_page(selling) not in (first, second, None)
    selling.sandbox.verify(selling.sandbox.objects("identity.verification_session")[-1]["id"])
    selling.deliver()
    assert payee(selling).identity_status == "verified"
    assert identity_page(selling) is None


def test_what_is_out_of_date_is_not_kept(selling: Shop) -> None:
    """Somebody kept something since it was read: it has to be asked again."""
    payees = selling.money.payees
    read = payees.ensure(selling.player("ann"))
    check = IdentityCheck(ref="vs_1", status="open", url=None)
    payees.keep_identity(read, check, number=1)
    with pytest.raises(PaymentMoved):
        payees.keep_identity(read, check, number=1)
    payees.note_tax_form(selling.player("ann"), selling.clock())
    assert payee(selling).tax_form_at == selling.clock()


def test_nobody_is_paid_who_is_not_there(selling: Shop) -> None:
    """Neither account nor tax form of somebody unknown is kept, and messages of others' accounts change nothing."""
    with pytest.raises(PayeeGone):
        account_page(selling, "eve")
    with pytest.raises(PayeeGone):
        selling.money.payees.note_tax_form(selling.player("eve"), selling.clock())
    foreign = selling.ask(selling.provider.open_account(selling.player("eve")))
    selling.sandbox.complete_onboarding(foreign.ref)
    selling.deliver()
    assert selling.money.payees.called(foreign.ref) is None


def test_where_no_prizes_are_paid_nobody_is_asked(datastore: Datastore) -> None:
    """The pages are off with the prizes."""
    with shop(datastore, pays_prizes=False) as selling:
        selling.sign_up("ann")
        assert not selling.money.payout_desk.is_on
        with pytest.raises(PaymentsOff):
            account_page(selling)
        with pytest.raises(PaymentsOff):
            identity_page(selling)
        assert selling.sandbox.objects("account") == []
