"""What of a week's money does not agree: each difference by name. Pure, so that every one of them can be planted.

Payments are compared as words (`ledger.payment.Word`), whoever says them. Of what follows from one thing that is wrong,
the first is named: a payment that is unknown here is not named again for not being credited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from feeds.payments.provider import Transferred
from ledger.payment import BUY_BACK, Word

_COMPARED: Final = (
    ("status_differs", ("status",)),
    ("purpose_differs", ("kind", "week")),
    ("amount_differs", ("amount_cents", "currency")),
    ("refunds_differ", ("refunded_cents",)),
    ("dispute_differs", ("dispute",)),
)
_ENDED: Final = ("expired", "failed")


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not agree: `what` is its name, `id` the payment, entry, transfer or log that it is about."""

    what: str
    id: str
    detail: str


@dataclass(slots=True)
class Bought:
    """What the log says that a payment bought: `given` counts how often, `credits` adds up what was credited.

    `accepted` is the kind as which it was accepted, `refused` the reason why not. A pass is `in_use` until its player
    withdraws.
    """

    accepted: str | None = None
    refused: str | None = None
    given: int = 0
    credits: int = 0
    in_use: bool = False


class Amount(NamedTuple):
    """Cents of a currency."""

    cents: int
    currency: str

    def __str__(self) -> str:
        """Return it as differences tell it."""
        return f"{self.cents} cents {self.currency}"


class Awarded(NamedTuple):
    """A prize as the week's log awards it."""

    entry: UUID
    amount: Amount


@dataclass(frozen=True, slots=True)
class Journal:
    """Where the week's credits come from, by its books: `issued` is what they were opened and added to with in all."""

    log: str
    accounts: int
    grant: int
    bought_back: int
    issued: int
    faults: tuple[str, ...] = ()


def of_payments(provider: Sequence[Word], ours: Mapping[UUID, Word]) -> Iterator[Difference]:
    """Name what the provider and our log say differently. A checkout that nobody paid may be known to one alone."""
    theirs: dict[UUID, Word] = {}
    for word in sorted(provider, key=lambda word: word.status != "paid"):
        if word.payment_id not in theirs:
            theirs[word.payment_id] = word
        elif word.status == "paid":
            yield Difference("charged_twice", str(word.payment_id), "the provider was paid more than once for it")
    for payment_id in sorted(theirs.keys() | ours.keys()):
        yield from _of_payment(payment_id, theirs.get(payment_id), ours.get(payment_id))


def _of_payment(payment_id: UUID, theirs: Word | None, ours: Word | None) -> Iterator[Difference]:
    if theirs is not None and ours is not None:
        for what, fields in _COMPARED:
            there, here = _told(theirs, fields), _told(ours, fields)
            if there != here:
                yield Difference(what, str(payment_id), f"{there} at the provider, {here} here")
    elif theirs is not None and theirs.status == "paid":
        detail = f"{theirs.amount_cents} cents {theirs.currency} were paid for a {theirs.kind} that is not known here"
        yield Difference("unknown_here", str(payment_id), detail)
    elif ours is not None and ours.status == "paid":
        detail = f"{ours.amount_cents} cents {ours.currency} were paid, says the log; the provider does not know of it"
        yield Difference("unknown_at_provider", str(payment_id), detail)


def _told(word: Word, fields: Sequence[str]) -> str:
    """Return fields as text. Expired or failed is the same here: nothing was paid, and nothing will be."""
    values = [getattr(word, name) for name in fields]
    return " ".join("none" if each is None else "ended unpaid" if each in _ENDED else str(each) for each in values)


def of_purchases(bought: Mapping[UUID, Bought], ours: Mapping[UUID, Word], *, grant: int) -> Iterator[Difference]:
    """Name what was paid and not given, given and not paid, or given and refunded: at most one thing of a payment."""
    for payment_id in sorted(bought.keys() | ours.keys()):
        found = _of_purchase(bought.get(payment_id, Bought()), ours.get(payment_id), grant)
        if found is not None:
            yield Difference(found[0], str(payment_id), found[1])


def _of_purchase(bought: Bought, payment: Word | None, grant: int) -> tuple[str, str] | None:
    if payment is None or payment.status != "paid":
        if not bought.given and bought.accepted is None:
            return None
        return (
            "credited_unpaid",
            f"given {bought.given} times; the payment is {payment.status if payment else 'unknown'}",
        )
    return _of_given(bought, payment, grant) or _of_money(bought, payment)


def _of_given(bought: Bought, payment: Word, grant: int) -> tuple[str, str] | None:
    if bought.given > 1:
        return "credited_twice", f"one payment was given for {bought.given} times"
    if bought.accepted is not None and not bought.given:
        return "not_credited", "it was accepted, and nothing was given for it"
    if bought.given and bought.accepted is None:
        return "not_accepted", "something was given for it that the log does not say was accepted"
    if bought.accepted not in (None, payment.kind):
        return "purpose_differs", f"a {payment.kind} was paid, a {bought.accepted} accepted"
    if bought.accepted == BUY_BACK and bought.credits != grant:
        return "credits_differ", f"{bought.credits} credits were bought, a buy-back is {grant}"
    return None


def _of_money(bought: Bought, payment: Word) -> tuple[str, str] | None:
    """Judge where the money of a paid payment ought to be; what a dispute holds, or took, cannot be refunded."""
    back = f"{payment.refunded_cents} of {payment.amount_cents} cents were refunded"
    is_back = payment.refunded_cents >= payment.amount_cents
    if bought.in_use and (bought.refused is not None or payment.refunded_cents):
        return "credited_and_refunded", f"{back}, refused: {bought.refused or 'no'}; what was bought is in use"
    if bought.accepted is not None and not bought.in_use and bought.refused is None:
        return "withdrawn_not_refused", f"the player withdrew and is due the money; {back}"
    if bought.refused is not None and not is_back and payment.dispute not in ("open", "lost"):
        return "not_refunded", f"it was refused, {bought.refused}; {back}"
    if bought.accepted is None and bought.refused is None and not is_back and payment.kind != "subscription":
        return "undecided", f"it was paid, and neither given nor refused; {back}"
    return None


def of_credits(journal: Journal) -> Iterator[Difference]:
    """Name what the books hold that neither grants nor buy-backs explain, and what is wrong with the books."""
    explained = journal.accounts * journal.grant + journal.bought_back
    if journal.issued != explained:
        detail = (
            f"{journal.issued} credits were issued; {journal.accounts} accounts of {journal.grant} and"
            f" {journal.bought_back} bought back make {explained}"
        )
        yield Difference("issuance_differs", journal.log, detail)
    for fault in journal.faults:
        yield Difference("journal_fault", journal.log, fault)


def of_prizes(
    awards: Mapping[UUID, Awarded], paid: Mapping[UUID, Amount], transfers: Sequence[Transferred]
) -> Iterator[Difference]:
    """Name what was awarded, paid by our log and transferred by the provider, each by prize, and does not agree.

    A prize that is owed, held or failed is none of that.
    """
    of_prize: dict[UUID, list[Transferred]] = {}
    for transfer in transfers:
        of_prize.setdefault(transfer.prize_id, []).append(transfer)
    for prize in sorted(awards.keys() | paid.keys() | of_prize.keys()):
        award, sent = awards.get(prize), of_prize.get(prize, [])
        found = _of_prize(award, paid.get(prize), sent)
        if found is not None:
            yield Difference(found[0], str(award.entry if award is not None else prize), found[1])


def _of_prize(award: Awarded | None, paid: Amount | None, sent: Sequence[Transferred]) -> tuple[str, str] | None:
    standing = [transfer for transfer in sent if not transfer.is_reversed]
    refs = ", ".join(transfer.ref for transfer in standing) or "none"
    if len(standing) > 1:
        return "prize_paid_twice", f"transfers {refs} stand for one prize"
    if award is None:
        if not standing and paid is None:
            return None
        return "prize_not_awarded", f"paid: {paid or 'no'}; transfer {refs}; the week awards no such prize"
    for amount in [paid, *(Amount(transfer.amount_cents, transfer.currency) for transfer in standing)]:
        if amount not in (None, award.amount):
            return "prize_amount_differs", f"{award.amount} were awarded, {amount} paid; transfer {refs}"
    if paid is not None and not standing:
        back = ", ".join(transfer.ref for transfer in sent)
        if back:
            return "prize_reversed", f"it counts as paid, and all of transfer {back} came back"
        return "prize_not_transferred", "it counts as paid, and the provider knows of no transfer"
    if paid is None and standing:
        return "prize_not_recorded", f"transfer {refs} was made, and the log does not say that it is paid"
    return None


def of_projection(
    name: str, log: Mapping[UUID, Mapping[str, Any]], shown: Mapping[UUID, Mapping[str, Any]]
) -> Iterator[Difference]:
    """Name where a table of ours shows something else than the log says."""
    for key in sorted(log.keys() | shown.keys()):
        said, seen = log.get(key, {}), shown.get(key, {})
        fields = [field for field in {**said, **seen} if said.get(field) != seen.get(field)]
        if fields:
            told = ", ".join(f"{field} is {seen.get(field)}, {said.get(field)} by the log" for field in fields)
            yield Difference("projection_differs", str(key), f"{name}: {told}")
