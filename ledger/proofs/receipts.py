"""Receipts: proofs that events are in a log, as C2SP `tlog-proof` files, which are checked without us.

A bet's receipt is one file: a whole `tlog-proof` for each event of the bet, one behind another, in order of position
and against one checkpoint. Each begins with the header line, and alone it is a file of that form.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

from ledger.auditing.lines import LineError, LineReader
from ledger.events import BetLost, BetWon, Event, PayoutCorrected, StakePlaced, StakeReturned
from ledger.facts import Fact, UnknownTopic, UnreadableEvent, fact_of
from ledger.proofs.merkle import HASH_BYTES, ProofError, leaf_hash, verify_inclusion
from ledger.proofs.notes import NUMBER, Checkpoint, NoteError, Verifier, decoded, open_checkpoint

HEADER: Final = "c2sp.org/tlog-proof@v1"
_HEAD: Final = re.compile(rf"{re.escape(HEADER)}\nextra (\S+)\nindex ({NUMBER})((?:\n\S+)*)")

BetEvent: TypeAlias = StakePlaced | BetWon | BetLost | StakeReturned | PayoutCorrected


class ReceiptError(ValueError):
    """A receipt is not of its form, or does not tell the story of one bet."""


NOT_PROVED: Final = (ReceiptError, NoteError, ProofError)
"""What is raised where a receipt does not hold."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof that a line is in a log: where it stands there (0 for position 1), the hashes, a signed checkpoint.

    `str` of it is the `tlog-proof` file; the line goes along as its extra data.
    """

    line: bytes
    index: int
    proof: tuple[bytes, ...]
    note: str

    @classmethod
    def parse(cls, text: str) -> Receipt:
        """Return the receipt that a file holds; raises ReceiptError."""
        head, _, note = text.partition("\n\n")
        found = _HEAD.fullmatch(head)
        if found is None:
            raise ReceiptError(f"this is no receipt: expected {HEADER}, extra, index and hashes, a line each")
        line, proof = decoded(found[1]), tuple(decoded(each) for each in found[3].split())
        if not line or any(len(each) != HASH_BYTES for each in proof):
            raise ReceiptError(f"the receipt of index {found[2]} is damaged: an event or a hash is no base64")
        return cls(line, int(found[2]), proof, note)

    def __str__(self) -> str:
        hashes = "".join(f"{base64.b64encode(each).decode()}\n" for each in self.proof)
        return f"{HEADER}\nextra {base64.b64encode(self.line).decode()}\nindex {self.index}\n{hashes}\n{self.note}"


@dataclass(frozen=True, slots=True)
class ProvenBet:
    """What a bet's receipt proves: the bet's stake, then what came of it, all in the log of the checkpoint."""

    bet_id: UUID
    checkpoint: Checkpoint
    facts: tuple[Fact, ...]

    @property
    def terms(self) -> StakePlaced:
        """What was staked on what."""
        event = self.facts[0].event
        assert isinstance(event, StakePlaced)
        return event

    @property
    def payout(self) -> int | None:
        """The credits that came back, as far as the receipt goes; None while nothing is settled."""
        return _payout(self.facts[-1].event)


def check(receipt: Receipt, verifiers: Iterable[Verifier]) -> Checkpoint:
    """Return the checkpoint of the log that the receipt's line is in, at its index.

    That is all that is checked: what the line says, and of which log, is not looked at. Raises NoteError where the
    checkpoint is not signed by one of the keys, ProofError where the hashes do not lead to it.
    """
    checkpoint = open_checkpoint(receipt.note, verifiers)
    leaf = leaf_hash(receipt.line)
    verify_inclusion(leaf=leaf, index=receipt.index, size=checkpoint.size, proof=receipt.proof, root=checkpoint.root)
    return checkpoint


def check_bet(text: str, verifiers: Sequence[Verifier]) -> ProvenBet:
    """Return what a bet's receipt proves, once all of it is found to hold.

    It proves what happened up to the checkpoint, not that nothing has happened to the bet since. Raises ReceiptError,
    NoteError or ProofError.
    """
    receipts = split(text)
    checkpoint = check(receipts[0], verifiers)
    if any(receipt.note != receipts[0].note for receipt in receipts):
        raise ReceiptError("the parts of the receipt are proved against different checkpoints")
    facts = tuple(_fact(receipt, verifiers) for receipt in receipts)
    _require_story(facts)
    return ProvenBet(_bet_event(facts[0]).bet_id, checkpoint, facts)


def bet_of(event: Event) -> UUID | None:
    """Return the bet that an event is about."""
    return event.bet_id if isinstance(event, BetEvent) else None


def join(receipts: Iterable[Receipt]) -> str:
    """Return receipts as one file, one behind another."""
    return "".join(str(receipt) for receipt in receipts)


def split(text: str) -> list[Receipt]:
    """Return the receipts in a file, one at least; raises ReceiptError."""
    before, *parts = re.split(rf"^{re.escape(HEADER)}\n", text, flags=re.MULTILINE)
    if before or not parts:
        raise ReceiptError(f"this is no receipt: expected it to begin with the line {HEADER}")
    return [Receipt.parse(f"{HEADER}\n{part}") for part in parts]


def _fact(receipt: Receipt, verifiers: Sequence[Verifier]) -> Fact:
    """Return the event in a receipt, once it is proved, and in the place that it claims."""
    checkpoint = check(receipt, verifiers)
    try:
        fact = fact_of(LineReader().record(receipt.line))
    except (LineError, UnknownTopic, UnreadableEvent) as error:
        raise ReceiptError(f"the event at index {receipt.index} cannot be read: {error}") from error
    # A key speaks for the logs under its own name only, also where several are trusted.
    own = [verifier for verifier in verifiers if f"{verifier.name}/{fact.log}" == checkpoint.origin]
    if not own:
        raise ReceiptError(f"the event calls itself {fact.token}, but the checkpoint is of {checkpoint.origin}")
    open_checkpoint(receipt.note, own)
    if fact.position != receipt.index + 1:
        raise ReceiptError(f"the event calls itself {fact.token}, but stands at position {receipt.index + 1}")
    return fact


def _require_story(facts: Sequence[Fact]) -> None:
    """Check that facts are a bet's stake, its resolution, if any, and the corrections, each of what was before."""
    events = [_bet_event(fact) for fact in facts]
    for number, (fact, event) in enumerate(zip(facts, events, strict=True)):
        if (fact.stream, event.bet_id) != (facts[0].stream, events[0].bet_id):
            raise ReceiptError(f"{fact.token} is about another bet than {facts[0].token}")
        expected = (StakePlaced, BetWon | BetLost | StakeReturned, PayoutCorrected)[min(number, 2)]
        if not isinstance(event, expected):
            raise ReceiptError(f"{fact.token} is {event.TOPIC}, which cannot be a bet's event number {number + 1}")
        if number and fact.position <= facts[number - 1].position:
            raise ReceiptError(f"{fact.token} does not come after {facts[number - 1].token}")
        if isinstance(event, PayoutCorrected) and event.from_payout != _payout(events[number - 1]):
            raise ReceiptError(f"{fact.token} corrects {event.from_payout}, which {facts[number - 1].token} is not")


def _bet_event(fact: Fact) -> BetEvent:
    if not isinstance(fact.event, BetEvent):
        raise ReceiptError(f"{fact.token} is {fact.event.TOPIC}, which is about no bet")
    return fact.event


def _payout(event: Event) -> int | None:
    match event:
        case BetWon(payout=payout) | StakeReturned(amount=payout) | PayoutCorrected(to_payout=payout):
            return payout
        case BetLost():
            return 0
    return None
