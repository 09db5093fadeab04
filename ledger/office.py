"""The office: what outlives weeks and is owed to auditors: rule sets, seed chains, signing keys, and the final weeks.

Each is written down once, and asked for again it is the first fact that answers. One stream holds them all, so what
is kept in memory is a fact for each rule set, chain, key and week: some dozens a year.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.aggregate import Aggregate, LedgerError
from ledger.events import KeyAdded, KeyRetired, RuleSetPublished, SeedChainAnchored, WeekListed
from ledger.facts import Fact
from ledger.instants import Instant
from ledger.rules import Rules, rules_hash
from ledger.week import UnsoundRules


class KeyNotInUse(LedgerError):
    """No key of this id signs: it was never added, or it is retired."""

    code = "key_not_in_use"


class KeyTaken(LedgerError):
    """The id belongs to another key, or to one that is retired and signs nothing any more."""

    code = "key_taken"


class WeekListedOtherwise(LedgerError):
    """The week is listed with another size or root: its log is not the one that was final."""

    code = "week_listed_otherwise"


class Key(NamedTuple):
    """A public key as the office has it, its verifier key text in `public_key`; `retired_at` is None while it signs."""

    key_id: str
    public_key: str
    purpose: str
    added_at: Instant
    retired_at: Instant | None


class Office(Aggregate):
    """The stream of `office.*`. The facts that it keeps answer commands that come again."""

    def __init__(self) -> None:
        self.rule_sets: dict[str, Fact] = {}
        self.anchors: dict[str, Fact] = {}
        self.added: dict[str, Fact] = {}
        self.retired: dict[str, Fact] = {}
        self.weeks: dict[str, Fact] = {}

    def publish(self, *, rules: Rules) -> Fact:
        """Publish a rule set, known by its hash; raises UnsoundRules."""
        known = rules_hash(rules)
        if known in self.rule_sets:
            return self.rule_sets[known]
        if unsound := rules.unsound():
            raise UnsoundRules(f"rule set {known}: no week can be played by these values: {', '.join(unsound)}")
        return self.trigger(RuleSetPublished(rules=rules, rules_hash=known, version=rules.version))

    def anchor(self, *, anchor: str, length: int) -> Fact:
        """Bind a chain of `length` seeds by its anchor, which is the commitment of the first week drawn with it."""
        return self.anchors.get(anchor) or self.trigger(SeedChainAnchored(anchor=anchor, length=length))

    def add_key(self, *, key_id: str, public_key: str, purpose: str) -> Fact:
        """Let a key sign from here on; raises KeyTaken where its id stands for another, or was retired."""
        known = self.added.get(key_id)
        if known is None:
            return self.trigger(KeyAdded(key_id=key_id, public_key=public_key, purpose=purpose))
        if key_id in self.retired:
            raise KeyTaken(f"key {key_id} was retired at {self.retired[key_id].token}: make a new one")
        if known.event != KeyAdded(key_id=key_id, public_key=public_key, purpose=purpose):
            raise KeyTaken(f"key id {key_id} stands for another key since {known.token}: make a new one")
        return known

    def retire_key(self, *, key_id: str) -> Fact:
        """Let a key sign no longer; raises KeyNotInUse where it was never added."""
        if key_id not in self.added:
            raise KeyNotInUse(f"key {key_id} was never added: `fairpool keys list` names those in use")
        return self.retired.get(key_id) or self.trigger(KeyRetired(key_id=key_id))

    def list_week(self, *, week: str, size: int, root: str) -> Fact:
        """List a final week with a size of its log and the Merkle root there, in hex; raises WeekListedOtherwise."""
        listed = WeekListed(root=root, size=size, week=week)
        known = self.weeks.get(week)
        if known is None:
            return self.trigger(listed)
        if known.event != listed:
            raise WeekListedOtherwise(
                f"week {week} is listed at {known.token} as {known.event}: {listed} is not the log that was final"
            )
        return known

    def all_keys(self) -> list[Key]:
        """Return all keys, in use and retired, in the order in which they were added."""
        return [self._key(fact) for fact in self.added.values()]

    def _key(self, fact: Fact) -> Key:
        assert isinstance(fact.event, KeyAdded)
        added, retired = fact.event, self.retired.get(fact.event.key_id)
        return Key(added.key_id, added.public_key, added.purpose, fact.at, retired.at if retired else None)

    def apply(self, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case RuleSetPublished(rules_hash=known):
                self.rule_sets[known] = fact
            case SeedChainAnchored(anchor=anchor):
                self.anchors[anchor] = fact
            case KeyAdded(key_id=key_id):
                self.added[key_id] = fact
            case KeyRetired(key_id=key_id):
                self.retired[key_id] = fact
            case WeekListed(week=week):
                self.weeks[week] = fact
