"""Use cases: a player takes part in a week, or withdraws."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from ledger.aggregate import LedgerError
from ledger.book import Decision
from ledger.deciding import RowThere
from ledger.draw import pool_name
from ledger.entry import NotEnrolled, Registration
from ledger.events import AccountOpened
from ledger.facts import Fact, fact_of
from ledger.ids import pool_id
from ledger.ledger import Ledger
from ledger.payment import PASS, PurchaseRefused
from ledger.recorder import Row


class _ComesLate(LedgerError):
    """The week has begun and takes late entries: to be decided while the head is held."""


def enrol(ledger: Ledger, *, player_id: UUID, week: str, via: str, request: str, payment_id: str | None = None) -> Fact:
    """Enrol a player and return the EntryEnrolled; a second time, the first one.

    After the start only where the rules allow late entry: then into the pool with fewest entries. Raises UnknownWeek
    or RegistrationClosed. A payment enrols once: raises AlreadyEnrolled where something else did, and PurchaseRefused
    where it was refused, or used before by who has withdrawn since.
    """
    known = ledger.entries.entry_of(player_id=player_id, week=week)
    entry = known or ledger.new_id()

    def decide(on: Decision, *, alone: bool) -> Fact:
        registration = on.registration(entry)
        if payment_id is not None:
            _require_unused(on, UUID(payment_id), registration)
        if registration.enrolled is not None:
            return registration.enrolled
        late = on.week().grouped is not None and on.week().rules.late_entry
        if late and not alone:
            raise _ComesLate
        if not late:
            on.week().admit(on.now)
            on.must_be_recorded_before(on.week().starts_at)
        if known is None:
            on.write(Row("entries", {"entry": entry, "player_id": player_id, "week": week}))
        enrolled = registration.enrol(entry=entry, via=via, rules_hash=on.week().rules_hash, payment_id=payment_id)
        if payment_id is not None:
            on.purchase(UUID(payment_id)).accept(payment_id=UUID(payment_id), kind=PASS, entry=entry)
        if late:
            _open_late(on, ledger, entry)
        return enrolled

    def ask(*, alone: bool) -> Fact:
        return (
            ledger.desk(week).ask(partial(decide, alone=alone), actor="player", request=request, alone=alone).result()
        )

    try:
        try:
            return ask(alone=False)
        except _ComesLate:
            # The sizes of all pools decide, so nobody may append meanwhile.
            return ask(alone=True)
    except RowThere:
        return enrol(ledger, player_id=player_id, week=week, via=via, request=request, payment_id=payment_id)


def withdraw(
    ledger: Ledger, *, player_id: UUID, week: str, request: str, reason: str = "player", actor: str = "player"
) -> Fact:
    """Withdraw a player from a week before it starts; raises NotEnrolled or RegistrationClosed."""
    entry = ledger.entries.entry_of(player_id=player_id, week=week)
    if entry is None:
        raise NotEnrolled(f"player {player_id} is not enrolled in week {week}")
    return withdraw_entry(ledger, entry=entry, week=week, request=request, reason=reason, actor=actor)


def withdraw_entry(ledger: Ledger, *, entry: UUID, week: str, request: str, reason: str, actor: str) -> Fact:
    """Withdraw an entry, whoever's it is or was, from a week before it starts; raises as `withdraw` does."""

    def decide(on: Decision) -> Fact:
        on.week().admit(on.now)
        on.must_be_recorded_before(on.week().starts_at)
        return on.registration(entry).withdraw(reason=reason)

    return ledger.desk(week).ask(decide, actor=actor, request=request).result()


def _require_unused(on: Decision, payment_id: UUID, registration: Registration) -> None:
    purchase = on.purchase(payment_id)
    purchase.require_not_refused(payment_id)
    if registration.is_paid_by(payment_id):
        return
    if purchase.accepted is not None:
        raise PurchaseRefused(f"payment {payment_id} has enrolled its player, who withdrew")
    registration.require_not_enrolled()


def _open_late(on: Decision, ledger: Ledger, entry: UUID) -> None:
    """Deal a late entry into the pool with fewest entries, the first name on a tie, or into a new one."""
    on.week().require_betting()
    rules = on.week().rules
    sizes: dict[str, int] = {}
    for record in ledger.recorder(on.log).read_topics(AccountOpened.TOPIC):
        event = fact_of(record).event
        assert isinstance(event, AccountOpened)
        sizes[event.pool_name] = sizes.get(event.pool_name, 0) + 1
    open_pools = [(size, len(name), name) for name, size in sizes.items() if size < rules.pool_max]
    name = min(open_pools)[2] if open_pools else pool_name(on.log, len(sizes))
    on.account(entry).open(pool_id=pool_id(on.log, name), pool_name=name, grant=rules.grant)
