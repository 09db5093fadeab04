"""Reconciliation: for a week, the provider's list = our payments = credits bought = the journal, to the cent.

Our side is read from the logs, as an auditor would; the projections are then held against it like everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from feeds.payments import differences
from feeds.payments.differences import Amount, Difference, Journal
from feeds.payments.provider import Provider, ProviderPayment, Transferred
from feeds.payments.week_money import WeekMoney, is_of_week, read
from ledger.ledger import Ledger
from ledger.payment import Word
from ledger.weeks import ends_at, starts_at
from projections import payment_rows
from projections.payments import PaymentsView, PrizeTotal

# The provider lists by when a checkout or renewal was made: this long before a week that may have been for one paid in
# it. Stripe tries an unpaid renewal again for two weeks, unless told otherwise in the dashboard.
EARLIEST: Final = timedelta(days=14)
# The provider's clock and ours may differ, and a checkout may be open for a day.
MARGIN: Final = timedelta(days=1)


class ProviderNeeded(Exception):
    """The week has payments, and there is no provider that could be asked about them."""


@dataclass(frozen=True, slots=True)
class Sum:
    """How many payments were paid, or prizes sent, and how much money that was and went back, in cents."""

    number: int = 0
    cents: int = 0
    refunded_cents: int = 0

    @property
    def net_cents(self) -> int:
        """What is left of it."""
        return self.cents - self.refunded_cents


@dataclass(frozen=True, slots=True)
class MoneyTotal:
    """The sums of one kind (a payment's, or `prize`) in one currency: the provider's and ours."""

    kind: str
    currency: str
    provider: Sum
    ours: Sum


@dataclass(frozen=True, slots=True)
class Totals:
    """What a week comes to: money by kind, prizes by state, and where the credits come from."""

    money: tuple[MoneyTotal, ...]
    prizes: tuple[PrizeTotal, ...]
    credits: Journal


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A week's totals, and all that does not agree: nothing, when all is well."""

    week: str
    totals: Totals
    differences: tuple[Difference, ...]

    @property
    def is_ok(self) -> bool:
        """Whether every cent and credit is explained on all sides."""
        return not self.differences


async def reconcile(
    ledger: Ledger, view: PaymentsView, provider: Provider | None, *, week: str, now: datetime
) -> Reconciliation:
    """Compare all that is known of a week's money.

    What happens meanwhile may show as a difference, and is none when asked again; so may a payment whose news are under
    way. Raises LogNotOpen, ProviderUnavailable, and ProviderNeeded where there are payments and no provider.
    """
    ours = await asyncio.to_thread(read, ledger, week)
    shown = await asyncio.to_thread(lambda: list(_of_projections(ours, view)))
    payments, transfers = await _ask(provider, ours, now)
    # A subscription that the provider says was paid in the week may be known here as not paid yet.
    words = ours.words | {word.payment_id: word for said in payments if (word := ours.word(said.payment_id))}
    money = totals_of(payments, transfers, ours.words.values(), ours.paid_prizes.values())
    of_money = [
        *differences.of_payments(payments, words),
        *differences.of_prizes(ours.awards, ours.paid_prizes, transfers),
    ]
    found = [
        # Sums that differ by what is named already are not named once more.
        *(of_money or of_sums(money)),
        *differences.of_purchases(ours.purchases, words, grant=ours.grant),
        *differences.of_credits(ours.journal),
        *shown,
    ]
    return Reconciliation(week, Totals(money, _prizes(ours), ours.journal), tuple(found))


def totals_of(
    payments: Iterable[Word], transfers: Iterable[Transferred], words: Iterable[Word], prizes: Iterable[Amount]
) -> tuple[MoneyTotal, ...]:
    """Return the sums of what was paid, by kind and currency: the provider's payments and transfers, and ours."""
    standing = (Amount(sent.amount_cents, sent.currency) for sent in transfers if not sent.is_reversed)
    there, here = _sums(payments, standing), _sums(words, prizes)
    return tuple(
        MoneyTotal(kind, currency, there.get((kind, currency), Sum()), here.get((kind, currency), Sum()))
        for kind, currency in sorted(there.keys() | here.keys())
    )


def of_sums(money: Iterable[MoneyTotal]) -> Iterator[Difference]:
    """Name the kinds of which the provider has not taken, and given back, what we say: a check of all the others."""
    for total in money:
        if total.provider != total.ours:
            detail = (
                f"{total.provider.number} with {total.provider.net_cents} cents net at the provider,"
                f" {total.ours.number} with {total.ours.net_cents} here"
            )
            yield Difference("sums_differ", f"{total.kind} {total.currency}", detail)


def summary(result: Reconciliation) -> dict[str, Any]:
    """Return a reconciliation as JSON for machines."""
    journal = result.totals.credits
    return {
        "week": result.week,
        "ok": result.is_ok,
        "money": [asdict(total) for total in result.totals.money],
        "prizes": [asdict(total) for total in result.totals.prizes],
        "credits": {
            "accounts": journal.accounts,
            "grant": journal.grant,
            "bought_back": journal.bought_back,
            "issued": journal.issued,
        },
        "differences": [asdict(each) for each in result.differences],
    }


async def _ask(provider: Provider | None, ours: WeekMoney, now: datetime) -> tuple[list[Word], list[Transferred]]:
    """Return the provider's payments of the week, and its transfers for the week's prizes."""
    if provider is None:
        _require_no_money(ours)
        return [], []
    begins, known = starts_at(ours.week), ours.words.keys()
    since = min(begins - EARLIEST, ours.opened_at or begins) - MARGIN
    # The logs go by the service's clock, which need not be that of who asks.
    latest = max(now, ours.last_at or now) + MARGIN
    payments = [_word(said) async for said in provider.payments(since=since, until=ends_at(ours.week) + MARGIN)]
    transfers = [sent async for sent in provider.transfers(since=begins, until=latest)]
    prizes, group = ours.awards.keys() | ours.paid_prizes.keys(), f"{ours.week}/"
    return (
        [word for word in payments if is_of_week(word, ours.week) or word.payment_id in known],
        [sent for sent in transfers if sent.group.startswith(group) or sent.prize_id in prizes],
    )


def _require_no_money(ours: WeekMoney) -> None:
    moved = [state for state in ours.prize_states.values() if state in ("paid", "failed")]
    if ours.words or moved:
        raise ProviderNeeded(
            f"week {ours.week} has {len(ours.words)} payments and {len(moved)} prizes that were paid or tried,"
            " and no provider to ask about them"
        )


def _sums(payments: Iterable[Word], prizes: Iterable[Amount]) -> dict[tuple[str, str], Sum]:
    sums: dict[tuple[str, str], Sum] = {}
    paid = [(each.kind, each.currency, each.amount_cents, each.refunded_cents) for each in payments if _is_paid(each)]
    for kind, currency, cents, refunded in [*paid, *(("prize", each.currency, each.cents, 0) for each in prizes)]:
        known = sums.get((kind, currency), Sum())
        sums[kind, currency] = Sum(known.number + 1, known.cents + cents, known.refunded_cents + refunded)
    return sums


def _prizes(ours: WeekMoney) -> tuple[PrizeTotal, ...]:
    by_state: dict[tuple[str, str], list[int]] = {}
    for prize, state in ours.prize_states.items():
        amount = ours.awards[prize].amount
        by_state.setdefault((state, amount.currency), []).append(amount.cents)
    return tuple(
        PrizeTotal(state, currency, len(cents), sum(cents)) for (state, currency), cents in sorted(by_state.items())
    )


def _of_projections(ours: WeekMoney, view: PaymentsView) -> Iterator[Difference]:
    """Hold the tables against the logs."""
    words, states = ours.words, ours.prize_states
    of_subscriptions = [payment_id for payment_id, word in words.items() if word.week is None]
    payments = [*view.payments_of_week(ours.week), *view.payments(of_subscriptions)]
    yield from differences.of_projection("payments", _plain(words.values()), _plain(map(_word, payments)))
    yield from differences.of_projection(
        "purchases",
        {
            payment_id: {"verdict": "accepted" if bought.refused is None else "refused", "reason": bought.refused}
            for payment_id, bought in ours.bought.items()
            if (bought.accepted, bought.refused) != (None, None)
        },
        {row.payment_id: {"verdict": row.verdict, "reason": row.reason} for row in view.purchases_of_week(ours.week)},
    )
    yield from differences.of_projection(
        "prizes",
        {award.entry: {"state": states[prize], "amount": award.amount} for prize, award in ours.awards.items()},
        {
            row.entry: {"state": row.state, "amount": Amount(row.amount_cents, row.currency)}
            for row in view.prizes_of_week(ours.week)
        },
    )


def _is_paid(word: Word) -> bool:
    return word.status == "paid"


def _word(said: ProviderPayment | payment_rows.Payment) -> Word:
    """Return what anybody says of a payment as a word: the fields have the same names everywhere."""
    return Word(**{name: getattr(said, name) for name in Word.__struct_fields__})


def _plain(words: Iterable[Word]) -> Mapping[UUID, Mapping[str, Any]]:
    return {word.payment_id: msgspec.structs.asdict(word) for word in words}
