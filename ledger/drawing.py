"""Use cases: a week is opened, and drawn: roster, seed, accounts and grants, each step done once.

A crash between any two steps is mended by asking for the draw again: what is in the log is not done twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final
from uuid import UUID

from ledger import weeks
from ledger.book import Decision
from ledger.draw import Pool, deal, roster_hash
from ledger.events import EntryEnrolled, EntryWithdrawn, RosterFrozen
from ledger.facts import Fact, fact_of
from ledger.ids import pool_id
from ledger.ledger import Ledger
from ledger.rules import Rules
from ledger.week import WeekNotOver, require_sound

ACCOUNTS_A_CHUNK: Final = 2_000


class RosterChanged(Exception):
    """The roster read from the log does not have the hash that was frozen: the log was tampered with."""


def open_week(ledger: Ledger, *, week: str, rules: Rules, actor: str, request: str) -> Fact:
    """Open a week for enrolments and return its WeekOpened; again, the first one.

    The commitment is the seed of the last week that was opened before: raises WeekNotOver until that one is drawn,
    or when a later week is open already; UnsoundRules; WeekIdError.
    """
    weeks.starts_at(week)
    require_sound(week, rules)
    opened = ledger.weeks()
    if week not in opened and opened and week < opened[-1]:
        raise WeekNotOver(f"week {week} lies before {opened[-1]}, which is open already")
    commitment = _commitment(ledger, [each for each in opened if each < week], actor=actor, request=request)
    ledger.recorder(week).create_table()

    def decide(on: Decision) -> Fact:
        return on.week().open(week=week, rules=rules, seed_commitment=commitment)

    return ledger.desk(week).ask(decide, actor=actor, request=request).result()


def _commitment(ledger: Ledger, earlier: Sequence[str], *, actor: str, request: str) -> str:
    """Return the seed that the last week revealed, or the chain's anchor where there was no week yet."""
    for week in reversed(earlier):
        seed = ledger.desk(week).ask(_seed, actor=actor, request=request).result()
        if seed is not None:
            return seed
    return ledger.seeds.anchor


def draw(ledger: Ledger, *, week: str, actor: str, request: str) -> Fact:
    """Freeze the roster, reveal the seed, open and grant the accounts, and open betting; returns the WeekGrouped.

    Raises WeekNotOver before the week's start.
    """
    desk = ledger.desk(week)

    def freeze(on: Decision) -> Fact:
        frozen = on.week().frozen
        if frozen is not None:
            return frozen
        entries = _roster(ledger, week, until=on.known)
        return on.week().freeze_roster(entries=entries, position=on.known, at=on.now)

    frozen = desk.ask(freeze, actor=actor, request=request, alone=True).result()
    rules, commitment = desk.ask(_rules_and_commitment, actor=actor, request=request).result()
    seed = ledger.seeds.opening(commitment)
    pools = _deal(ledger, week, frozen, seed, rules)
    desk.ask(lambda on: on.week().draw(seed=seed, pools=pools), actor=actor, request=request).result()
    seats = ((pool.name, entry) for pool in pools for entry in pool.entries)
    for chunk in _chunks(seats):
        desk.ask(partial(_open_accounts, seats=chunk), actor=actor, request=request).result()
    return desk.ask(lambda on: on.week().group(), actor=actor, request=request).result()


def _deal(ledger: Ledger, week: str, frozen: Fact, seed: bytes, rules: Rules) -> tuple[Pool, ...]:
    assert isinstance(frozen.event, RosterFrozen)
    roster = _roster(ledger, week, until=frozen.event.position)
    if roster_hash(week, roster) != frozen.event.roster_hash:
        raise RosterChanged(f"week {week}: the roster at position {frozen.event.position} is not the one frozen")
    return deal(week=week, entries=roster, pool_max=rules.pool_max, seed=seed)


def _roster(ledger: Ledger, week: str, *, until: int) -> list[UUID]:
    """Return the entries that are enrolled and not withdrawn at a position."""
    enrolled: dict[UUID, UUID] = {}
    for record in ledger.recorder(week).read_topics(EntryEnrolled.TOPIC, EntryWithdrawn.TOPIC):
        if record.position > until:
            break
        event = fact_of(record).event
        if isinstance(event, EntryEnrolled):
            enrolled[record.stream] = event.entry
        else:
            enrolled.pop(record.stream, None)
    return list(enrolled.values())


def _open_accounts(on: Decision, *, seats: Sequence[tuple[str, UUID]]) -> None:
    grant = on.week().rules.grant
    accounts = on.accounts([entry for _, entry in seats])
    for account, (name, _) in zip(accounts, seats, strict=True):
        account.open(pool_id=pool_id(on.log, name), pool_name=name, grant=grant)


def _seed(on: Decision) -> str | None:
    """Return the week's seed; None where a crash left its log without a week."""
    return on.week().draw_seed if on.week().opened is not None else None


def _rules_and_commitment(on: Decision) -> tuple[Rules, str]:
    return on.week().rules, on.week().seed_commitment


def _chunks(seats: Iterator[tuple[str, UUID]]) -> Iterator[list[tuple[str, UUID]]]:
    while chunk := list(islice(seats, ACCOUNTS_A_CHUNK)):
        yield chunk
