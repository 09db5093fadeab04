"""Use cases: payments are opened and follow the provider's word, and what was paid for is given or refused, once."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime
from uuid import UUID

from ledger import weeks
from ledger.account import BuyBackRefused
from ledger.book import Decision
from ledger.events import PaymentAccepted
from ledger.facts import Fact
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.payment import BUY_BACK, PASS, PaymentMoved, Word
from ledger.recorder import Row
from ledger.week import BettingClosed, RegistrationClosed


def open_payment(
    ledger: Ledger,
    *,
    payment_id: UUID,
    kind: str,
    week: str | None,
    entry: UUID | None,
    amount_cents: int,
    currency: str,
    request: str,
    row: Row,
) -> Future[Fact]:
    """Record that a checkout is opened, with the row that links it to its payer.

    Raises RowThere where the row is there already: the same request was recorded before.
    """

    def decide(on: Decision) -> Fact:
        on.write(row)
        return on.payment(payment_id).open(
            kind=kind, week=week, entry=entry, amount_cents=amount_cents, currency=currency
        )

    return ledger.desk(OFFICE).ask(decide, actor="player", request=request)


def version_of(ledger: Ledger, payment_id: UUID) -> Future[int]:
    """Return how many facts there are of a payment: to be read before the provider is asked (see `hear`)."""
    return ledger.desk(OFFICE).ask(lambda on: on.payment(payment_id).version, actor="provider", request="version")


def hear(ledger: Ledger, word: Word, *, known: int, request: str, row: Row | None = None) -> Future[list[Fact]]:
    """Record what of the provider's word is news, with the row of the message that it was asked for.

    `known` is what `version_of` returned before the provider was asked; raises PaymentMoved where something was
    recorded since, and RowThere for a message that was taken before.
    """

    def decide(on: Decision) -> list[Fact]:
        payment = on.payment(word.payment_id)
        if payment.version != known:
            raise PaymentMoved(f"payment {word.payment_id} is at version {payment.version}, not {known}: ask again")
        if row is not None:
            on.write(row)
        return payment.hear(word)

    return ledger.desk(OFFICE).ask(decide, actor="provider", request=request)


def require_pass(ledger: Ledger, *, week: str, entry: UUID | None, until: datetime) -> None:
    """Refuse to sell a pass for a week that takes no enrolments (any more), or to who is enrolled already.

    `until`, exclusive, is when sales end. Raises UnknownWeek, RegistrationClosed or AlreadyEnrolled.
    """

    def decide(on: Decision) -> None:
        on.week().admit(on.now)
        if on.now >= until:
            raise RegistrationClosed(f"passes for week {week} were sold until {until.isoformat()}")
        if entry is not None:
            on.registration(entry).require_not_enrolled()

    ledger.desk(week).ask(decide, actor="player", request="pass").result()


def require_buy_back(ledger: Ledger, *, week: str, entry: UUID) -> None:
    """Refuse to open a checkout for a buy-back that could not be credited now; raises BuyBackRefused, BettingClosed."""

    def decide(on: Decision) -> None:
        on.week().require_betting()
        on.account(entry).require_buy_back(at=on.now, until=weeks.buy_back_closes_at(week))

    ledger.desk(week).ask(decide, actor="player", request="buy back").result()


def buy_back(ledger: Ledger, *, entry: UUID, week: str, payment_id: UUID, paid_at: datetime, request: str) -> Fact:
    """Credit a paid buy-back, or refuse it: returns the PaymentAccepted or PaymentRefused, again the first one.

    It is credited if it was paid before the cutoff, the week is still grouped, and the account is bust, the first time.
    """

    def decide(on: Decision) -> Fact:
        purchase = on.purchase(payment_id)
        decided = purchase.refused or purchase.accepted
        if decided is not None:
            return decided
        try:
            on.week().require_betting()
            on.account(entry).buy_back(
                payment_id=str(payment_id),
                paid_at=paid_at,
                cutoff=weeks.buy_back_cutoff(week),
                amount=on.week().rules.grant,
            )
        except BettingClosed:
            return purchase.refuse(payment_id=payment_id, kind=BUY_BACK, reason="late")
        except BuyBackRefused as refusal:
            return purchase.refuse(payment_id=payment_id, kind=BUY_BACK, reason=refusal.reason)
        return purchase.accept(payment_id=payment_id, kind=BUY_BACK, entry=entry)

    return ledger.desk(week).ask(decide, actor="provider", request=request).result()


def refuse(ledger: Ledger, *, week: str, payment_id: UUID, kind: str, reason: str, request: str) -> Fact:
    """Refuse a paid payment, unless it was accepted, and return which it is.

    A pass whose player withdrew before the week is refused after all.
    """

    def decide(on: Decision) -> Fact:
        purchase = on.purchase(payment_id)
        accepted = purchase.accepted
        if accepted is not None and purchase.refused is None:
            assert isinstance(accepted.event, PaymentAccepted)
            if accepted.event.kind != PASS or on.registration(accepted.event.entry).is_paid_by(payment_id):
                return accepted
        return purchase.refuse(payment_id=payment_id, kind=kind, reason=reason)

    return ledger.desk(week).ask(decide, actor="provider", request=request).result()
