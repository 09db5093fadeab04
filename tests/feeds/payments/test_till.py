"""The till: who may buy what until when, and that one request opens one checkout."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from fairpool.sandbox.faults import Harm
from feeds.payments.provider import ProviderRefused, ProviderUnavailable
from feeds.payments.till import LONGEST, CheckoutExpired, PaymentsOff, Prices
from ledger import weeks
from ledger.account import AccountNotOpen, BuyBackRefused, KeyReused
from ledger.aggregate import LedgerError
from ledger.datastore import Datastore
from ledger.entry import AlreadyEnrolled
from ledger.events import BoughtBack, EntryEnrolled
from ledger.recorder import LogNotOpen
from ledger.week import BettingClosed, RegistrationClosed
from tests.feeds.payments.shop import Shop, shop
from tests.feeds.small_week import NEXT_WEEK, STARTS_AT, WEEK, at

SESSIONS = "/v1/checkout/sessions"


@pytest.fixture
def selling(datastore: Datastore) -> Iterator[Shop]:
    """A shop an hour before the week starts, with Ann and Bob signed up."""
    with shop(datastore) as opened:
        opened.open("ann", "bob")
        yield opened


def opened(selling: Shop) -> list[str]:
    """The payments whose checkouts the provider has made."""
    return [session["client_reference_id"] for session in selling.sandbox.objects("checkout.session")]


def topics(selling: Shop) -> list[str]:
    return [fact.event.TOPIC for fact in selling.office()]


def test_a_request_opens_one_checkout(selling: Shop) -> None:
    """The same key is the same checkout, also once it is paid; with other terms it is refused, and opens nothing."""
    payment = selling.buy("ann", "weekly_pass")
    again = selling.buy("ann", "weekly_pass")
    assert payment == again
    assert (payment.amount_cents, payment.currency, payment.week) == (500, "usd", WEEK)
    selling.pay(payment)
    assert selling.buy("ann", "weekly_pass").payment_id == payment.payment_id
    with pytest.raises(KeyReused):
        selling.buy("ann", "subscription")
    with pytest.raises(KeyReused):
        selling.buy("ann", "weekly_pass", week=NEXT_WEEK)
    bobs = selling.buy("bob", "weekly_pass")
    assert opened(selling) == [str(payment.payment_id), str(bobs.payment_id)]


def test_an_open_checkout_is_given_again(selling: Shop) -> None:
    """Another key gets the checkout that is open for the same, and another one for something else, or afterwards."""
    first = selling.buy("ann", "weekly_pass", key="one")
    assert selling.buy("ann", "weekly_pass", key="two") == first
    other = selling.buy("ann", "subscription", key="three")
    assert other.payment_id != first.payment_id
    session = selling.session(first)
    selling.ask(selling.provider.expire_checkout(session))
    selling.deliver()
    assert selling.look("ann", first).status == "expired"
    assert selling.buy("ann", "weekly_pass", key="four").payment_id not in (first.payment_id, other.payment_id)


def test_what_has_no_price_is_not_sold(datastore: Datastore) -> None:
    """A kind that is switched off is refused, and nothing is recorded; the others are sold."""
    with shop(datastore, prices=Prices("usd", {"weekly_pass": 500})) as selling:
        selling.open("ann")
        till = selling.money.till
        assert (till.sells("weekly_pass"), till.sells("buy_back"), till.sells("subscription")) == (True, False, False)
        for kind in ("buy_back", "subscription"):
            with pytest.raises(PaymentsOff):
                selling.buy("ann", kind)
        assert selling.office() == []
        assert selling.buy("ann", "weekly_pass").checkout_url
        assert till.sells_entries


def test_a_pass_is_sold_until_half_an_hour_before_the_week(selling: Shop) -> None:
    """Its checkout ends with the week's start; who is enrolled, and weeks that are not open, are refused."""
    selling.week.enrol(WEEK, "bob")
    with pytest.raises(AlreadyEnrolled):
        selling.buy("bob", "weekly_pass")
    with pytest.raises(LogNotOpen):
        selling.buy("ann", "weekly_pass", week=NEXT_WEEK)
    selling.clock.set(STARTS_AT - timedelta(minutes=30, seconds=1))
    payment = selling.buy("ann", "weekly_pass")
    assert payment.expires_at == STARTS_AT
    selling.clock.set(STARTS_AT - timedelta(minutes=30))
    selling.sign_up("eve")
    with pytest.raises(RegistrationClosed):
        selling.buy("eve", "weekly_pass")
    selling.until("Mon 00:00")
    with pytest.raises(RegistrationClosed):
        selling.buy("eve", "weekly_pass")
    assert opened(selling) == [str(payment.payment_id)]


@pytest.mark.parametrize(
    ("week", "hours"),
    [
        pytest.param("2026-W11", 23, id="clocks go forward"),
        pytest.param("2026-W45", 25, id="clocks go back"),
    ],
)
def test_checkouts_end_by_new_yorks_clocks(datastore: Datastore, week: str, hours: int) -> None:
    """On a Sunday on which clocks change a checkout ends with the day, or after a day at the latest."""
    before = weeks.preceding(week)
    with shop(datastore, week_id=before) as selling:
        selling.week.open(week)
        selling.sign_up("ann")
        selling.clock.set(at("Sun 00:00", week=before))
        payment = selling.buy("ann", "weekly_pass", week=week)
        assert payment.expires_at is not None
        assert weeks.starts_at(week) - selling.clock() == timedelta(hours=hours)
        assert payment.expires_at == selling.clock() + min(LONGEST, timedelta(hours=hours))
        [session] = selling.sandbox.objects("checkout.session")
        assert session["expires_at"] == int(payment.expires_at.timestamp())


def test_a_buy_back_is_sold_to_who_is_bust(selling: Shop) -> None:
    """Neither with credits left, nor with a bet open, nor without an account, nor twice."""
    selling.begin("ann", "bob")
    with pytest.raises(BuyBackRefused) as refused:
        selling.buy("ann", "buy_back")
    assert refused.value.reason == "not_bust"
    selling.week.listed("g1", at("Tue 20:00"))
    selling.week.bet("ann", "g1", "spread", "home", 1000)
    with pytest.raises(BuyBackRefused):
        selling.buy("ann", "buy_back")
    selling.until("Tue 23:30")
    selling.week.result("g1", 10, 20)
    selling.follow_up()
    payment = selling.sold("ann", "buy_back")
    assert (payment.verdict, len(selling.week.events(BoughtBack))) == ("accepted", 1)
    selling.sign_up("eve")
    with pytest.raises(AccountNotOpen):
        selling.buy("eve", "buy_back")
    with pytest.raises(BuyBackRefused) as refused:
        selling.buy("ann", "buy_back", key="again")
    assert refused.value.reason == "second"
    assert opened(selling) == [str(payment.payment_id)]


def test_a_buy_back_is_sold_until_friday_half_past_eleven(selling: Shop) -> None:
    """A checkout before that ends at the cutoff, Saturday 00:00; from then on none is opened."""
    selling.bust("ann", "bob")
    early = selling.buy("bob", "buy_back")
    assert early.expires_at == selling.clock() + LONGEST
    selling.clock.set(at("Fri 23:29") + timedelta(seconds=59))
    late = selling.buy("ann", "buy_back")
    assert late.expires_at == at("Sat 00:00")
    selling.clock.set(at("Fri 23:30"))
    with pytest.raises(BuyBackRefused) as refused:
        selling.buy("bob", "buy_back", key="again")
    assert refused.value.reason == "late"
    selling.until("next Mon 00:00")
    with pytest.raises(BettingClosed):
        selling.buy("bob", "buy_back", key="again")


def test_a_checkout_cut_short_goes_on(selling: Shop) -> None:
    """The provider is down, or acts and does not say so: the same request, or another, gets the one checkout."""
    harms: tuple[Harm, ...] = ("error_before", "drop_before", "error_after", "drop_after", "error_kept")
    for harm in harms:
        selling.sign_up(harm)
        selling.sandbox.faults.add(harm, SESSIONS, method="POST", times=3)
        selling.sandbox.faults.add("error_before", SESSIONS, method="GET", times=3)
        with pytest.raises(ProviderUnavailable):
            selling.buy(harm, "weekly_pass", key="one")
        selling.sandbox.faults.clear()
        other = selling.buy(harm, "weekly_pass", key="two")
        assert selling.buy(harm, "weekly_pass", key="one") == other
        assert other.checkout_url
        assert opened(selling)[-1] == str(other.payment_id)
        assert selling.sold(harm, key="one").verdict == "accepted"
    assert len(opened(selling)) == len(harms)
    assert topics(selling) == ["payment.checkout_opened", "payment.paid"] * len(harms)


def test_what_was_never_opened_cannot_be_once_it_is_late(selling: Shop) -> None:
    """The provider was down until the last half hour: the payment has failed, and another key says why not."""
    selling.sandbox.faults.add("error_before", SESSIONS, method="POST", times=3)
    with pytest.raises(ProviderUnavailable):
        selling.buy("ann", "weekly_pass")
    selling.clock.set(STARTS_AT - timedelta(minutes=29))
    for _ in range(2):
        with pytest.raises(CheckoutExpired):
            selling.buy("ann", "weekly_pass")
    with pytest.raises(RegistrationClosed):
        selling.buy("ann", "weekly_pass", key="another")
    assert topics(selling) == ["payment.checkout_opened", "payment.failed"]
    assert opened(selling) == []


def test_what_the_provider_refuses_has_failed(datastore: Datastore) -> None:
    """An amount below the provider's least is refused: that is said and recorded, and no limit is used up by it."""
    with shop(datastore, prices=Prices("usd", {"weekly_pass": 1})) as selling:
        selling.open("ann")
        with pytest.raises(ProviderRefused):
            selling.buy("ann", "weekly_pass")
        assert topics(selling) == ["payment.checkout_opened", "payment.failed"]
        with pytest.raises(CheckoutExpired):
            selling.buy("ann", "weekly_pass")
        selling.week.runner.catch_up()
        assert spent(selling) == 0
        with pytest.raises(ProviderRefused):
            selling.buy("ann", "weekly_pass", key="another")
        assert len(selling.office()) == 4


def test_who_is_not_admitted_opens_nothing(selling: Shop) -> None:
    """What keeps a player from paying is told the amount and raised as it is, and nothing is recorded."""
    told: list[int] = []

    def admit(amount_cents: int) -> None:
        told.append(amount_cents)
        raise Refused("not today")

    with pytest.raises(Refused):
        selling.ask(
            selling.money.till.checkout(
                player_id=selling.player("ann"), kind="weekly_pass", week=WEEK, key="one", admit=admit
            )
        )
    assert told == [500]
    assert (selling.office(), opened(selling)) == ([], [])
    assert selling.money.till.payments(player_id=selling.player("ann")) == []


def test_requests_at_once_open_one_checkout(selling: Shop) -> None:
    """Five requests with keys of their own, in two processes, for the same: one payment, and one is told of the limit.

    Those that meet the first on its way to the provider are told to ask again, or get the same checkout.
    """
    tills = [selling.money.till, selling.composed(selling.provider).till]

    async def at_once() -> list[object]:
        asked = (
            tills[number % 2].checkout(
                player_id=selling.player("ann"),
                kind="weekly_pass",
                week=WEEK,
                key=str(number),
                admit=lambda amount_cents: None,
            )
            for number in range(5)
        )
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = selling.ask(at_once())
    assert topics(selling) == ["payment.checkout_opened"]
    payment = selling.buy("ann", "weekly_pass", key="0")
    assert opened(selling) == [str(payment.payment_id)]
    assert all(answer == payment or isinstance(answer, ProviderUnavailable) for answer in answers)
    assert selling.sold("ann", key="0").verdict == "accepted"
    assert len(selling.week.events(EntryEnrolled)) == 1


def test_what_was_spent_counts_open_checkouts_and_not_what_went_back(selling: Shop) -> None:
    """Limits are held against what is paid or may still be, less refunds; others' payments count for nobody else."""
    assert spent(selling) == 0
    payment = selling.buy("ann", "weekly_pass")
    assert (spent(selling), spent(selling, "bob")) == (500, 0)
    selling.pay(payment)
    selling.follow_up()
    assert spent(selling) == 500
    subscription = selling.buy("ann", "subscription", key="two")
    assert spent(selling) == 900
    selling.ask(selling.provider.expire_checkout(selling.session(subscription)))
    selling.withdraw("ann")
    selling.deliver()
    selling.follow_up()
    selling.week.runner.catch_up()
    assert spent(selling) == 0


class Refused(LedgerError):
    """What the API raises has nothing to do with the till."""

    code = "refused"


def spent(selling: Shop, name: str = "ann") -> int:
    since, until = weeks.starts_at(weeks.preceding(WEEK)), weeks.ends_at(WEEK)
    return selling.money.records.spent_cents(player_id=selling.player(name), since=since, until=until)
