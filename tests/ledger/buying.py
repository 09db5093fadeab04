"""Paying in a house: its office, payments by number, short names for the use cases, and an entry that is bust."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid5

from ledger import paying
from ledger.account import Account
from ledger.enrolment import enrol
from ledger.events import BoughtBack, PaymentAccepted, PaymentEvent, PaymentRefused
from ledger.facts import Fact
from ledger.ids import OFFICE
from ledger.payment import Word
from ledger.recorder import Row
from ledger.rules import Rules
from tests.examples import KICK_OFF, RULES, WEEK, at
from tests.ledger.playing import PATIENCE, House, Listed

PAYMENT, OTHER = UUID(int=0xA), UUID(int=0xB)
PAID_AT = at("Fri 20:00")
Verdict = PaymentAccepted | PaymentRefused


def row(name: str) -> Row:
    """A row to write beside facts: any table that refuses a second one will do."""
    return Row("entries", {"entry": uuid5(PAYMENT, name), "player_id": uuid5(OTHER, name), "week": WEEK})


def has_row(house: House, name: str) -> bool:
    return house.ledger.entries.entry_of(player_id=uuid5(OTHER, name), week=WEEK) is not None


def said(status: str = "paid", *, payment: UUID = PAYMENT, **changes: Any) -> Word:
    """The provider's word on a buy-back."""
    fields: dict[str, Any] = {"kind": "buy_back", "week": WEEK, "amount_cents": 500, "currency": "usd"}
    fields |= {"paid_at": PAID_AT if status == "paid" else None}
    return Word(payment_id=payment, status=status, **fields | changes)


def open_payment(house: House, *, payment: UUID = PAYMENT, key: str = "key") -> Fact:
    """Open a checkout for a request of the player's."""
    return paying.open_payment(
        house.ledger,
        payment_id=payment,
        kind="buy_back",
        week=WEEK,
        entry=UUID(int=0xE),
        amount_cents=500,
        currency="usd",
        request=key,
        row=row(key),
    ).result(PATIENCE)


def version(house: House, payment: UUID = PAYMENT) -> int:
    return paying.version_of(house.ledger, payment).result(PATIENCE)


def hear(house: House, word: Word, *, known: int, message: str | None = None) -> list[Fact]:
    """Take a message of the provider's, and what it says."""
    told = None if message is None else row(message)
    return paying.hear(house.ledger, word, known=known, request=message or "sweep", row=told).result(PATIENCE)


def office(house: House) -> list[Any]:
    """What the office has recorded of payments."""
    return house.events(PaymentEvent, week=OFFICE)


def buy_back(house: House, entry: UUID, payment: UUID = PAYMENT, *, paid_at: datetime = PAID_AT) -> Verdict:
    """Fulfil a paid buy-back, and return the verdict."""
    asked = partial(paying.buy_back, house.ledger, entry=entry, week=WEEK, payment_id=payment, paid_at=paid_at)
    return verdict(asked(request=f"fulfil {payment}"))


def use_pass(house: House, player: UUID, payment: UUID = PAYMENT) -> Fact:
    """Fulfil a paid pass."""
    request = f"fulfil {payment}"
    return enrol(house.ledger, player_id=player, week=WEEK, via="week_pass", request=request, payment_id=str(payment))


def refuse(house: House, payment: UUID = PAYMENT, *, kind: str, reason: str = "erased") -> Verdict:
    """Refuse a paid payment, and return the verdict."""
    asked = partial(paying.refuse, house.ledger, week=WEEK, payment_id=payment, kind=kind, reason=reason)
    return verdict(asked(request=f"refuse {payment}"))


def verdict(fact: Fact) -> Verdict:
    assert isinstance(fact.event, PaymentAccepted | PaymentRefused)
    return fact.event


def verdicts(house: House) -> list[Verdict]:
    return house.events(PaymentAccepted, PaymentRefused)


def refused(payment: UUID = PAYMENT, *, reason: str, kind: str = "buy_back") -> PaymentRefused:
    return PaymentRefused(kind=kind, payment_id=str(payment), reason=reason)


def accepted(entry: UUID, payment: UUID = PAYMENT, *, kind: str = "buy_back") -> PaymentAccepted:
    return PaymentAccepted(entry=entry, kind=kind, payment_id=str(payment))


def credited(house: House) -> list[BoughtBack]:
    return house.events(BoughtBack)


def all_staked(house: House, *, rules: Rules = RULES) -> tuple[UUID, Listed]:
    """The one entry of a week that is drawn, with all its credits on a game that has begun."""
    (entry,) = house.grouped(1, rules=rules)
    game = house.list_game()
    house.must_bet(entry, game, stake=1000)
    house.clock.now = KICK_OFF
    return entry, game


def lose(house: House, game: Listed, **changes: Any) -> None:
    """The game ends such that the stake is lost."""
    house.result(game, 20, 21, **changes)
    house.settle(game)


def win(house: House, game: Listed, **changes: Any) -> None:
    """The game ends such that the stake brings 1909 credits."""
    house.result(game, 34, 0, **changes)
    house.settle(game)


def bust(house: House, *, rules: Rules = RULES) -> tuple[UUID, Listed]:
    """The one entry of a week that is drawn, which has lost all on a game; it is Friday evening."""
    entry, game = all_staked(house, rules=rules)
    lose(house, game)
    house.clock.now = PAID_AT
    return entry, game


def account(house: House, entry: UUID) -> tuple[int, int]:
    """What an entry has, and how many of its stakes are open."""

    def look(account: Account) -> tuple[int, int]:
        return account.available, account.open_stakes

    return (
        house.ledger.desk(WEEK).ask(lambda on: look(on.account(entry)), actor="tester", request="look").result(PATIENCE)
    )
