"""The office's log: what it says of weeks, and whether a week is what it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from ledger.auditing.findings import Check, Finding
from ledger.auditing.lines import Leaf
from ledger.auditing.seeds import chain_flaws
from ledger.events import (
    Event,
    KeyAdded,
    KeyRetired,
    PaymentEvent,
    PoolsDrawn,
    RuleSetPublished,
    SeedChainAnchored,
    WeekFinalised,
    WeekListed,
    WeekOpened,
)
from ledger.facts import Fact, UnknownTopic, UnreadableEvent, fact_of
from ledger.ids import OFFICE, office_stream, prize_id
from ledger.office import Office
from ledger.proofs.notes import NoteError, Verifier
from ledger.rules import rules_hash

_PUBLISHED = (RuleSetPublished, SeedChainAnchored, KeyAdded, KeyRetired, WeekListed)


class OfficeBook(Check):
    """The fold of what the office published, and the check of it: each thing once, under its own name."""

    def __init__(self) -> None:
        self.office = Office.blank(office_stream())

    @property
    def anchors(self) -> list[Fact]:
        """The chains of seeds."""
        return list(self.office.anchors.values())

    @property
    def listed(self) -> dict[str, WeekListed]:
        """The final weeks."""
        return {week: fact.event for week, fact in self.office.weeks.items() if isinstance(fact.event, WeekListed)}

    @property
    def verifiers(self) -> list[Verifier]:
        """The keys that sign checkpoints, or did, as far as they can be read."""
        keys = (key.public_key for key in self.office.all_keys() if key.purpose == "checkpoints")
        return [verifier for key in keys if isinstance(verifier := _verifier(key), Verifier)]

    def take(self, fact: Fact) -> Iterator[Finding]:
        """Take the next event of the office's log."""
        event = fact.event
        if isinstance(event, _PUBLISHED):
            if fact.stream != office_stream():
                yield _finding(fact, f"is of stream {fact.stream}, not the office's")
            yield from self._published(fact, event)
            self.office.apply(fact)
        elif isinstance(event, PaymentEvent) and event.kind == "prize" and event.entry is not None:
            if fact.stream != prize_id(event.entry):
                yield _finding(
                    fact, f"is of stream {fact.stream}, the prize of {event.entry} is {prize_id(event.entry)}"
                )
        elif event.TOPIC.startswith(("week.", "game.", "account.", "entry.", "settlement.")):
            yield _finding(fact, f"{event.TOPIC} belongs into a week's log")

    def _published(self, fact: Fact, event: Event) -> Iterator[Finding]:
        match event:
            case RuleSetPublished(rules=rules, rules_hash=found) if rules_hash(rules) != found:
                yield _finding(fact, f"says that its rules have the hash {found}, they do not")
            case KeyAdded(key_id=key_id, public_key=text, purpose="checkpoints"):
                verifier = _verifier(text)
                if not isinstance(verifier, Verifier):
                    yield _finding(fact, verifier)
                elif verifier.key_id.hex() != key_id:
                    yield _finding(fact, f"adds key {key_id}, whose id is {verifier.key_id.hex()}")
            case KeyRetired(key_id=key_id) if key_id not in self.office.added:
                yield _finding(fact, f"retires key {key_id}, which was never added")
            case WeekListed(week=week) if week in self.office.weeks:
                yield _finding(fact, f"lists week {week} a second time")


class WeekInOffice(Check):
    """Holds a week against what the office published: its rules, its place in the chain of seeds, its root.

    `revealed` is the seed of the last week that was drawn before, None for the first, "" where that is not known.
    `size` is to be how many events its log has, once that has ended.
    """

    EVENTS: ClassVar[tuple[type[Event], ...]] = (WeekOpened, PoolsDrawn, WeekFinalised)

    def __init__(self, log: str, book: OfficeBook, *, revealed: str | None) -> None:
        self.log = log
        self.seed: str | None = None
        self.size = 0
        self.listed = book.listed.get(log)
        self._book = book
        self._revealed = revealed
        self._final: Fact | None = None

    def take(self, fact: Fact) -> Iterator[Finding]:
        """Take the next event."""
        match fact.event:
            case WeekOpened() as opened:
                # Not by when: the clocks of two logs are not compared.
                if opened.rules_hash not in self._book.office.rule_sets:
                    yield _finding(fact, f"the rules {opened.rules_hash} were never published by the office")
                revealed = opened.seed_commitment if self._revealed == "" else self._revealed
                for flaw in chain_flaws(fact, revealed=revealed, anchors=self._book.anchors):
                    yield Finding("office", flaw.at, flaw.text)
            case PoolsDrawn(seed=seed):
                self.seed = seed
            case WeekFinalised():
                self._final = fact

    def root(self, size: int, root: bytes) -> Iterator[Finding]:
        """Hold the root of the first `size` events against the one that the office listed."""
        listed = self.listed
        if listed is not None and listed.size == size and listed.root != root.hex():
            text = f"the root of {size} events is {root.hex()}, the office lists {listed.root}"
            yield Finding("office", f"{self.log}:{size}", text)

    def end(self) -> Iterator[Finding]:
        """Return whether a final week is not listed though final weeks are, or a listed one is not final."""
        if self.listed is not None and self.listed.size > self.size:
            yield Finding("office", self.log, f"the office lists {self.listed.size} events, the log ends before")
        if self.listed is not None and self._final is None:
            yield Finding("office", self.log, "the office lists the week as final, and it is not")
        if self.listed is None and self._final is not None and self._book.verifiers:
            yield Finding("office", self._final.token, "the week is final, and the office does not list it")


def office_book(leaves: Iterable[Leaf]) -> OfficeBook:
    """Return what the office published. What is wrong with that shows when its own log is verified."""
    book = OfficeBook()
    for leaf in leaves:
        if leaf.record is None or not leaf.record.topic.startswith("office."):
            continue
        try:
            list(book.take(fact_of(leaf.record)))
        except (UnknownTopic, UnreadableEvent):
            continue
    return book


def revealed_seed(leaves: Iterable[Leaf]) -> str | None:
    """Return the seed that a week revealed in these of its events; None where it did not, or cannot be read."""
    for leaf in leaves:
        if leaf.record is not None and leaf.record.topic == PoolsDrawn.TOPIC:
            try:
                event = fact_of(leaf.record).event
            except UnreadableEvent:
                return None
            return event.seed if isinstance(event, PoolsDrawn) else None
    return None


def missing_weeks(book: OfficeBook, logs: set[str]) -> Iterator[Finding]:
    """Yield the weeks that the office lists and of which there is no log."""
    for week in book.listed.keys() - logs:
        yield Finding("office", OFFICE, f"lists week {week}, of which there is no log")


def _verifier(text: str) -> Verifier | str:
    try:
        return Verifier.parse(text)
    except NoteError as error:
        return str(error)


def _finding(fact: Fact, text: str) -> Finding:
    return Finding("office", fact.token, text)
