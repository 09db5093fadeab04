"""Use cases: the office publishes rule sets, seed chains, keys, and the weeks that are final; each once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ledger.facts import Fact
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.office import Key, Office
from ledger.rules import Rules

T = TypeVar("T")


def publish_rules(ledger: Ledger, *, rules: Rules, actor: str, request: str) -> Fact:
    """Publish a rule set and return its RuleSetPublished; again, the first one. Raises UnsoundRules."""
    return _ask(ledger, lambda office: office.publish(rules=rules), actor=actor, request=request)


def anchor_seeds(ledger: Ledger, *, actor: str, request: str) -> Fact:
    """Publish the anchor of the ledger's seed chain and return its SeedChainAnchored; again, the first one."""
    seeds = ledger.seeds
    return _ask(
        ledger, lambda office: office.anchor(anchor=seeds.anchor, length=seeds.length), actor=actor, request=request
    )


def add_key(ledger: Ledger, *, key_id: str, public_key: str, purpose: str, actor: str, request: str) -> Fact:
    """Publish a verifier key before it signs anything and return its KeyAdded; again, the first one. Raises KeyTaken.

    `key_id`: 8 hex digits; `public_key`: the verifier key text; `purpose`: `checkpoints`.
    """

    def decide(office: Office) -> Fact:
        return office.add_key(key_id=key_id, public_key=public_key, purpose=purpose)

    return _ask(ledger, decide, actor=actor, request=request)


def retire_key(ledger: Ledger, *, key_id: str, actor: str, request: str) -> Fact:
    """Let a key sign no longer and return its KeyRetired; again, the first one. Raises KeyNotInUse."""
    return _ask(ledger, lambda office: office.retire_key(key_id=key_id), actor=actor, request=request)


def list_week(ledger: Ledger, *, week: str, size: int, root: bytes, actor: str, request: str) -> Fact:
    """List a final week, by a size of its log and the Merkle root there, and return its WeekListed; again, the first.

    Raises WeekListedOtherwise where it is listed with another size or root.
    """

    def decide(office: Office) -> Fact:
        return office.list_week(week=week, size=size, root=root.hex())

    return _ask(ledger, decide, actor=actor, request=request)


def listed_week(ledger: Ledger, *, week: str) -> Fact | None:
    """Return the WeekListed of a week, None where it is not listed."""
    return _ask(ledger, lambda office: office.weeks.get(week), actor=OFFICE, request="look")


def keys(ledger: Ledger) -> list[Key]:
    """Return all keys, in use and retired, in the order in which they were added."""
    return _ask(ledger, Office.all_keys, actor=OFFICE, request="look")


def _ask(ledger: Ledger, decide: Callable[[Office], T], *, actor: str, request: str) -> T:
    return ledger.desk(OFFICE).ask(lambda on: decide(on.office()), actor=actor, request=request).result()
