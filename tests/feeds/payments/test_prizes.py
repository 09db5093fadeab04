"""Prizes: each that was awarded is paid once, as soon as nothing holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from fairpool.sandbox.faults import Harm
from feeds.payments.prizes import Candidate, PrizePayer, PrizePolicy, held_for, year_of
from feeds.payments.provider import ProviderUnavailable
from feeds.settler import ProjectionBehind
from ledger import prize_paying
from ledger.datastore import Datastore
from ledger.ids import OFFICE, prize_id
from ledger.prize_payment import PrizeTerms
from ledger.rules import Prize, Rules
from ledger.weeks import ends_at
from projections.catalogue import projections
from projections.payments import Prize as PrizeShown
from projections.runner import Runner
from tests.feeds.payments.shop import Shop, shop
from tests.feeds.small_week import NEXT_WEEK, WEEK, at

FIRST, SECOND = 150_000, 60_000
TRANSFERS = "/v1/transfers"
PRIZES = (Prize(rank=1, amount_cents=FIRST), Prize(rank=2, amount_cents=SECOND))
NO_CHECKS = PrizePolicy(identity_required=False, tax_threshold_cents=None)


@pytest.fixture
def paying(datastore: Datastore) -> Iterator[Shop]:
    """A shop that asks winners for an account alone, in a week that Ann won before Bob."""
    with shop(datastore, policy=NO_CHECKS) as selling:
        won_by(selling, "ann", "bob")
        yield selling


def won_by(selling: Shop, *names: str) -> None:
    """Sign players up for a week that they win in this order; the first two of them win prizes."""
    selling.open(*names, prizes=PRIZES)
    selling.week.enrol(WEEK, *names)
    play(selling, *names)


def play(selling: Shop, *names: str, week: str = WEEK) -> None:
    """Play a whole week that players win in this order: each loses more than the one before."""
    selling.week.live_until(at("Mon 00:00", week=week))
    game = f"g {week}"
    selling.week.listed(game, at("Sat 20:00", week=week))
    for place, name in enumerate(names):
        selling.week.bet(name, game, "spread", "home", 10 * (1 + place), week=week)
    selling.week.live_until(at("Sat 23:30", week=week))
    selling.week.result(game, 10, 20)
    selling.week.live_until(ends_at(week) + timedelta(hours=73))


def onboarded(selling: Shop, *names: str) -> None:
    """Have players open accounts, and tell the provider all that it asks for."""
    for name in names:
        page = selling.money.payout_desk.account_page(selling.player(name), return_url="https://app.example")
        selling.ask(page)
        account = selling.money.payees.payee(selling.player(name)).account_ref
        assert account is not None
        selling.sandbox.complete_onboarding(account)
    selling.deliver()


def prize(selling: Shop, name: str, week: str = WEEK) -> PrizeShown:
    selling.week.runner.catch_up()
    return prize_of(selling, selling.week.entry(name, week))


def prize_of(selling: Shop, entry: UUID) -> PrizeShown:
    found = selling.money.view.prize(entry)
    assert found is not None
    return found


def stands(selling: Shop, name: str, week: str = WEEK) -> tuple[str, str | None]:
    found = prize(selling, name, week)
    return found.state, found.reason


def transferred(selling: Shop) -> list[int]:
    """The cents of all transfers that did not come back."""
    return [each["amount"] for each in selling.sandbox.objects("transfer") if not each["reversed"]]


def terms(selling: Shop, name: str, week: str = WEEK) -> PrizeTerms:
    shown = prize(selling, name, week)
    return PrizeTerms(entry=shown.entry, week=week, amount_cents=shown.amount_cents, currency=shown.currency)


def released(selling: Shop, name: str) -> None:
    """An operator has what holds a prize count no longer, or a failed one tried again."""
    released = prize_paying.release_prize(
        selling.ledger, terms(selling, name), why="seen", actor="operator:1", request="release"
    )
    released.result()
    selling.follow_up()


def test_a_prize_is_held_until_its_winner_can_be_paid(datastore: Datastore) -> None:
    """For an account, then for the identity, then for what the tax office asks; each is told, once; then it is paid."""
    with shop(datastore, policy=PrizePolicy(tax_threshold_cents=FIRST)) as selling:
        won_by(selling, "ann", "bob")
        selling.sandbox.set_balance(FIRST + SECOND)
        selling.follow_up()
        selling.follow_up()
        assert stands(selling, "ann") == stands(selling, "bob") == ("held", "payout_account")
        assert len(selling.office()) == 2
        onboarded(selling, "ann", "bob")
        selling.follow_up()
        assert stands(selling, "ann") == stands(selling, "bob") == ("held", "identity")
        for name in ("ann", "bob"):
            page = selling.money.payout_desk.identity_page(selling.player(name), return_url="https://app.example")
            selling.ask(page)
        for check in selling.sandbox.objects("identity.verification_session"):
            selling.sandbox.verify(check["id"])
        selling.deliver()
        selling.follow_up()
        assert (stands(selling, "ann"), stands(selling, "bob")) == (("held", "tax"), ("paid", None))
        selling.money.payees.note_tax_form(selling.player("ann"), selling.clock())
        selling.follow_up()
        assert stands(selling, "ann") == ("paid", None)
        assert sorted(transferred(selling)) == [SECOND, FIRST]
        assert facts_of(selling, "ann") == ["prize_held", "prize_held", "prize_held", "prize_paid"]
        entry = selling.week.entry("ann")
        groups = [each["transfer_group"] for each in selling.sandbox.objects("transfer")]
        assert f"{WEEK}/W2026-47-A/{entry}" in groups


def test_what_the_tax_office_asks_for_is_asked_across_the_prizes_of_a_year(datastore: Datastore) -> None:
    """Two prizes that become payable in one step: the one by which the year reaches the threshold waits."""
    with shop(datastore, policy=replace(NO_CHECKS, tax_threshold_cents=2 * FIRST)) as selling:
        selling.open("ann", "bob", prizes=PRIZES)
        selling.week.enrol(WEEK, "ann", "bob")
        selling.week.live_until(at("Mon 00:00"))
        selling.week.open(NEXT_WEEK, "ann", "bob", rules=Rules(prizes=PRIZES))
        play(selling, "ann", "bob")
        play(selling, "ann", "bob", week=NEXT_WEEK)
        selling.sandbox.set_balance(10 * FIRST)
        onboarded(selling, "ann", "bob")
        selling.follow_up()
        both = sorted(stands(selling, "ann", week) for week in (WEEK, NEXT_WEEK))
        assert both == [("held", "tax"), ("paid", None)]
        assert [stands(selling, "bob", week)[0] for week in (WEEK, NEXT_WEEK)] == ["paid", "paid"]
        selling.clock.set(datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC))
        selling.follow_up()
        assert len(transferred(selling)) == 3
        selling.clock.set(datetime(2027, 1, 1, 5, tzinfo=UTC))
        selling.follow_up()
        assert len(transferred(selling)) == 4


def test_years_are_new_yorks() -> None:
    """The threshold counts by the calendar of New York: its new year is five hours after that of UTC."""
    last, first = datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, 5, tzinfo=UTC)
    assert year_of(last)[1] == year_of(first)[0] == first
    assert year_of(last)[0] == datetime(2026, 1, 1, 5, tzinfo=UTC)


def test_what_holds_a_prize() -> None:
    """The first reason counts, in this order, less what an operator has released; the threshold itself is reached."""
    ready = Candidate(
        entry=UUID(int=1),
        week=WEEK,
        pool_name="W2026-47-A",
        amount_cents=1000,
        currency="usd",
        player_id=UUID(int=2),
        account_ref="acct_1",
        account_is_active=True,
        identity_status="verified",
        tax_form_at=None,
        is_disputed=False,
        paid_this_year_cents=0,
    )
    policy = PrizePolicy(tax_threshold_cents=3000)
    assert held_for(ready, policy) is None
    assert held_for(replace(ready, paid_this_year_cents=1999), policy) is None
    taxed = replace(ready, paid_this_year_cents=2000)
    assert held_for(taxed, policy) == "tax"
    assert held_for(taxed, policy, released=frozenset({"tax"})) is None
    assert held_for(replace(taxed, tax_form_at=datetime(2026, 1, 1, tzinfo=UTC)), policy) is None
    for identity_status in (None, "open", "failed"):
        assert held_for(replace(taxed, identity_status=identity_status), policy) == "identity"
    assert held_for(replace(ready, identity_status=None), NO_CHECKS) is None
    assert held_for(replace(ready, identity_status=None, account_is_active=False), policy) == "payout_account"
    assert held_for(replace(ready, account_ref=None, is_disputed=True), policy) == "dispute"
    assert held_for(replace(ready, player_id=None, is_disputed=True), policy) == "erased"


def test_prizes_of_who_charged_back_or_is_erased_are_held(datastore: Datastore) -> None:
    """A dispute that is open or lost, until an operator releases it; with the person the winner is gone."""
    with shop(datastore, policy=NO_CHECKS) as selling:
        selling.open("ann", "bob", prizes=PRIZES)
        payment = selling.sold("ann")
        session = selling.sandbox.find(selling.session(payment))
        assert session is not None
        selling.sandbox.dispute(session["payment_intent"])
        selling.deliver()
        selling.week.enrol(WEEK, "bob")
        play(selling, "ann", "bob")
        onboarded(selling, "ann", "bob")
        entry = selling.week.entry("bob")
        selling.erase("bob")
        selling.sandbox.set_balance(FIRST + SECOND)
        selling.follow_up()
        assert stands(selling, "ann") == ("held", "dispute")
        assert (prize_of(selling, entry).state, prize_of(selling, entry).reason) == ("held", "erased")
        released(selling, "ann")
        assert stands(selling, "ann") == ("paid", None)
        assert transferred(selling) == [FIRST]


def test_what_an_operator_holds_waits_for_the_operator(paying: Shop) -> None:
    """Whatever else becomes possible; the others are paid."""
    prize_paying.hold_prize(
        paying.ledger, terms(paying, "ann"), why="to be looked at", actor="operator:1", request="hold"
    ).result()
    onboarded(paying, "ann", "bob")
    paying.sandbox.set_balance(FIRST + SECOND)
    paying.follow_up()
    assert (stands(paying, "ann"), prize(paying, "ann").why) == (("held", "operator"), "to be looked at")
    assert stands(paying, "bob") == ("paid", None)
    released(paying, "ann")
    assert stands(paying, "ann") == ("paid", None)
    assert sorted(transferred(paying)) == [SECOND, FIRST]


def test_a_prize_that_failed_is_tried_again_at_an_operators_word(paying: Shop) -> None:
    """The balance does not suffice: it has failed for that reason, and is not tried by itself; then it is paid once."""
    onboarded(paying, "ann")
    paying.sandbox.set_balance(FIRST - 1)
    paying.follow_up()
    paying.follow_up()
    assert stands(paying, "ann") == ("failed", "balance_insufficient")
    assert len(paying.sandbox.requests("POST", TRANSFERS)) == 1
    paying.sandbox.set_balance(FIRST)
    paying.follow_up()
    assert transferred(paying) == []
    released(paying, "ann")
    assert stands(paying, "ann") == ("paid", None)
    assert (transferred(paying), prize(paying, "ann").attempt) == ([FIRST], 1)


def test_a_prize_cut_short_is_paid_once(paying: Shop) -> None:
    """The provider paid and did not say so; a fresh process finds out, days after the provider forgot the request."""
    paying.sandbox.set_balance(3 * FIRST)
    harms: tuple[tuple[str, Harm], ...] = (("ann", "drop_after"), ("bob", "error_kept"))
    for name, harm in harms:
        onboarded(paying, name)
        paying.sandbox.faults.add(harm, TRANSFERS, method="POST", times=3)
        with pytest.raises(ProviderUnavailable):
            paying.follow_up()
        paying.sandbox.faults.clear()
        made = paying.clock()
        paying.clock.set(made + timedelta(days=3))
        paying.start()
        paying.follow_up()
        assert stands(paying, name) == ("paid", None)
        assert prize(paying, name).paid_at == made.replace(microsecond=0)
    assert transferred(paying) == [FIRST, SECOND]


def test_a_prize_that_cannot_be_paid_now_keeps_no_other_back(paying: Shop) -> None:
    """The provider does not answer about the first in turn: that is raised, and the other winner is paid."""
    onboarded(paying, "ann", "bob")
    paying.sandbox.set_balance(FIRST + SECOND)
    paying.week.runner.catch_up()
    paying.sandbox.faults.add("error_before", TRANSFERS, method="POST", times=3)
    with pytest.raises(ProviderUnavailable):
        paying.follow_up()
    assert sorted(stands(paying, name)[0] for name in ("ann", "bob")) == ["owed", "paid"]
    paying.follow_up()
    assert sorted(transferred(paying)) == [SECOND, FIRST]


def test_a_prize_that_goes_on_waiting_costs_the_ledger_nothing(paying: Shop) -> None:
    """Held as before, or failed: the office's desk is not even asked."""
    onboarded(paying, "ann")
    paying.follow_up()
    assert (stands(paying, "ann"), stands(paying, "bob")[1]) == (("failed", "balance_insufficient"), "payout_account")
    paying.ledger.desk(OFFICE).close()
    assert paying.money.worker is not None
    assert paying.ask(paying.money.worker.step()) == 0


def test_two_payers_at_once_pay_once(paying: Shop) -> None:
    """Two processes pay the same prizes at the same time: one of them does."""
    onboarded(paying, "ann", "bob")
    paying.sandbox.set_balance(3 * FIRST)
    workers = [paying.money.worker, paying.composed(paying.provider).worker]

    async def at_once() -> Sequence[object]:
        return await asyncio.gather(*(each.step() for each in workers if each))

    assert sorted(map(str, paying.ask(at_once()))) == ["0", "2"]
    assert (stands(paying, "ann"), stands(paying, "bob")) == (("paid", None), ("paid", None))
    assert sorted(transferred(paying)) == [SECOND, FIRST]


def test_a_prize_that_came_back_has_failed(paying: Shop) -> None:
    """A transfer that was reversed in the dashboard is noticed once, and paid again only at an operator's word."""
    onboarded(paying, "ann")
    paying.sandbox.set_balance(FIRST)
    paying.follow_up()
    [transfer] = paying.sandbox.objects("transfer")
    paying.sandbox.reverse_transfer(transfer["id"], amount=1)
    assert (paying.sweep() >= 0, stands(paying, "ann")) == (True, ("paid", None))
    paying.sandbox.reverse_transfer(transfer["id"])
    paying.clock.set(paying.clock() + timedelta(days=30))
    paying.sweep()
    paying.sweep()
    paying.follow_up()
    assert stands(paying, "ann") == ("failed", "reversed")
    assert prize(paying, "ann").attempt == 1
    released(paying, "ann")
    paying.sweep()
    assert (stands(paying, "ann"), transferred(paying)) == (("paid", None), [FIRST])
    assert facts_of(paying, "ann") == ["prize_paid", "prize_failed", "prize_released", "prize_paid"]


def test_a_lost_message_of_an_account_is_made_up_for(paying: Shop) -> None:
    """What happens on a winner's account is in no list of the provider's that is swept: it is asked about."""
    asked = paying.money.payout_desk.account_page(paying.player("ann"), return_url="https://app.example")
    paying.ask(asked)
    [account] = paying.sandbox.objects("account")
    paying.sandbox.webhooks.mode = "dropped"
    paying.sandbox.complete_onboarding(account["id"])
    paying.sandbox.set_balance(FIRST)
    paying.follow_up()
    assert stands(paying, "ann") == ("held", "payout_account")
    assert paying.sweep() == 1
    paying.follow_up()
    assert stands(paying, "ann") == ("paid", None)
    paying.sweep()
    assert paying.sweep() == 0


def test_while_the_projection_is_behind_nothing_is_paid(paying: Shop) -> None:
    """What a year comes to is not known then."""
    onboarded(paying, "ann")
    paying.sandbox.set_balance(FIRST)
    paying.buy("ann", "subscription")
    behind = PrizePayer(
        paying.ledger,
        paying.week.datastore,
        Behind(paying.week.datastore, projections()),
        provider=paying.provider,
        policy=NO_CHECKS,
        clock=paying.clock,
    )
    with pytest.raises(ProjectionBehind):
        paying.ask(behind.step())
    assert transferred(paying) == []
    paying.follow_up()
    assert transferred(paying) == [FIRST]


class Behind(Runner):
    """Projections that nobody advances, and whose readers have no patience."""

    def wait_for(self, log: str, position: int, *, timeout: float, names: Sequence[str] | None = None) -> bool:
        return super().wait_for(log, position, timeout=0.0, names=names)


def test_where_no_prizes_are_paid_they_stay_owed(datastore: Datastore) -> None:
    """The awards stand in the ledger, and nobody is asked for anything."""
    with shop(datastore, pays_prizes=False) as selling:
        won_by(selling, "ann", "bob")
        selling.follow_up()
        assert stands(selling, "ann") == ("owed", None)
        assert (selling.office(), selling.sweep()) == ([], 0)


def facts_of(selling: Shop, name: str) -> list[str]:
    """What the office tells of the payment of a player's prize."""
    stream = prize_id(selling.week.entry(name))
    return [fact.event.TOPIC.removeprefix("payment.") for fact in selling.office() if fact.stream == stream]
