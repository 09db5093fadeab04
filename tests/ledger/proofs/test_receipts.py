"""Receipts: what they prove, and what they refuse to."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import BetLost, BetWon, Event, StakeReturned
from ledger.facts import Fact, export_line, record_of
from ledger.proofs.merkle import ProofError, inclusion_proof, root_at
from ledger.proofs.notes import Checkpoint, NoteError, Signer, Verifier
from ledger.proofs.receipts import (
    HEADER,
    NOT_PROVED,
    Receipt,
    ReceiptError,
    check,
    check_bet,
    join,
    split,
)
from tests import examples
from tests.examples import BET, ENTRY, WEEK
from tests.given import recorded_at
from tests.ledger.proofs.trees import Rekor, node_of

SIGNER = Signer("fairpool.test", bytes(range(32)))
KEYS = [SIGNER.verifier]
WON = BetWon(available=1100, bet_id=BET, payout=210, resolution=1)
LOST = BetLost(available=890, bet_id=BET, resolution=1)
PUSHED = StakeReturned(amount=110, available=1000, bet_id=BET, reason="push", resolution=1)
STORY = (examples.stake_placed(), WON, examples.corrected())
REKOR = Receipt(
    Rekor.BODY, Rekor.INDEX, tuple(base64.b64decode(each, validate=True) for each in Rekor.HASHES), Rekor.NOTE
)


class Log:
    """A log of an account's events, every other one about no bet, with a checkpoint of all of it."""

    def __init__(self, *events: Event | Fact, origin: str = f"fairpool.test/{WEEK}", **changes: Any) -> None:
        facts = [event if isinstance(event, Fact) else fact(event) for event in events]
        self.facts = [replaced(each, position=2 * number + 1, **changes) for number, each in enumerate(facts)]
        between = [replaced(fact(examples.week_opened()), position=2 * number) for number in range(1, len(facts) + 1)]
        ordered = sorted([*self.facts, *between], key=lambda each: each.position)
        self._node = node_of([export_line(record_of(each)) for each in ordered])
        self._size = len(ordered)
        self.note = Checkpoint(origin, self._size, root_at(self._node, self._size)).signed(SIGNER)

    def receipts(self) -> list[Receipt]:
        """The receipts of the account's events."""
        return [self.receipt(each, each.position - 1) for each in self.facts]

    def receipt(self, of: Fact, index: int) -> Receipt:
        """A receipt for a place in the log."""
        proof = inclusion_proof(self._node, index=index, size=self._size)
        return Receipt(export_line(record_of(of)), index, tuple(proof), self.note)


def fact(event: Event, *, stream: UUID = ENTRY, log: str = WEEK) -> Fact:
    """An event of the account, not yet in its place."""
    return Fact(log=log, stream=stream, version=3, event=event, actor="player", request="k1", position=1)


def replaced(given: Fact, **changes: Any) -> Fact:
    """A fact with some of its envelope changed, recorded when its place says."""
    fields = {name: getattr(given, name) for name in ("log", "stream", "version", "event", "actor", "request")}
    fields |= changes
    return Fact(**fields, recorded_at=recorded_at(fields["position"]))


def test_a_receipt_is_written_as_c2sp_says() -> None:
    """Header, extra data, index, a hash a line, an empty line, and the note as it is."""
    text = str(replace(REKOR, line=b"age-v1.2.1"))
    assert text == (
        "c2sp.org/tlog-proof@v1\n"
        "extra YWdlLXYxLjIuMQ==\n"
        f"index {Rekor.INDEX}\n" + "".join(f"{each}\n" for each in Rekor.HASHES) + "\n" + Rekor.NOTE
    )


def test_an_entry_of_a_public_log_is_proved() -> None:
    """What a log of others answered is a receipt that holds: its leaf, its hashes, its checkpoint, under its key."""
    assert Receipt.parse(str(REKOR)) == REKOR
    checkpoint = check(REKOR, [Verifier.parse(Rekor.KEY)])
    assert (checkpoint.origin, checkpoint.size) == (Rekor.ORIGIN, Rekor.INDEX + 1)
    with pytest.raises(ProofError):
        check(replace(REKOR, line=Rekor.BODY + b" "), [Verifier.parse(Rekor.KEY)])
    with pytest.raises(NoteError, match="signed by none"):
        check(REKOR, KEYS)


@pytest.mark.parametrize(
    ("events", "payout"),
    [
        (STORY[:1], None),
        (STORY[:2], 210),
        (STORY, 0),
        ((STORY[0], LOST), 0),
        ((STORY[0], PUSHED), 110),
    ],
)
def test_a_bets_receipt_proves_its_stake_and_what_came_of_it(events: Sequence[Event], payout: int | None) -> None:
    """The bet, its terms, its outcome and the checkpoint are read from what is proved, and from nothing else."""
    log = Log(*events)
    proven = check_bet(join(log.receipts()), KEYS)
    assert (proven.bet_id, proven.terms, proven.payout) == (BET, events[0], payout)
    assert proven.facts == tuple(log.facts)
    assert proven.checkpoint.origin == f"fairpool.test/{WEEK}"


def test_each_part_of_a_bets_receipt_is_a_receipt_alone() -> None:
    """A file is split into what it was joined from, and each part is checked by itself."""
    receipts = Log(*STORY).receipts()
    text = join(receipts)
    assert split(text) == receipts
    assert [str(each) for each in receipts] == [f"{HEADER}\n{part}" for part in text.split(f"{HEADER}\n")[1:]]
    for each in receipts:
        assert check(Receipt.parse(str(each)), KEYS).size == 6


def test_a_receipt_of_a_log_with_one_event_has_no_hashes() -> None:
    """The first leaf is the root, and its receipt needs nothing beside."""
    line = export_line(record_of(replaced(fact(STORY[0]), position=1)))
    note = Checkpoint(f"fairpool.test/{WEEK}", 1, root_at(node_of([line]), 1)).signed(SIGNER)
    text = str(Receipt(line, 0, (), note))
    assert "index 0\n\nfairpool.test/" in text
    assert check_bet(text, KEYS).payout is None


@cache
def whole() -> str:
    """A receipt of all that can happen to a bet."""
    return join(Log(*STORY).receipts())


@given(st.integers(0), st.integers(0, 7))
@settings(max_examples=150, deadline=None)
def test_a_receipt_with_a_changed_byte_is_refused(place: int, bit: int) -> None:
    """Whatever bit of the file is changed, wherever it stands, the receipt proves nothing more."""
    data = bytearray(whole().encode())
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(NOT_PROVED):
        check_bet(data.decode(errors="replace"), KEYS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEADER,
        f"{HEADER}\n",
        f"{HEADER}\nindex 0\n\n{Rekor.NOTE}",
        f"{HEADER}\nextra YQ==\n\n{Rekor.NOTE}",
        f"{HEADER}\nextra YQ=\nindex 0\n\n{Rekor.NOTE}",
        f"{HEADER}\nextra YR==\nindex 0\n\n{Rekor.NOTE}",
        f"{HEADER}\nextra YQ==\nindex 00\n\n{Rekor.NOTE}",
        f"{HEADER}\nextra YQ==\nindex -5\n\n{Rekor.NOTE}",
        f"{HEADER}\nextra YQ==\nindex ٣\n\n{Rekor.NOTE}",
        f"{HEADER}\nextra YQ==\nindex {'9' * 5000}\n\n{Rekor.NOTE}",
        f"{HEADER}\nextra YQ==\nindex 0\n!!notbase64!!\n\n{Rekor.NOTE}",
        f"{HEADER}\nextra YQ==\nindex 0\n{base64.b64encode(bytes(64)).decode()}\n\n{Rekor.NOTE}",
        f"\n{REKOR}",
        str(REKOR).replace("\n", "\r\n"),
        str(REKOR).replace("@v1", "@v2"),
    ],
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    """A part that is missing, or is not written as the form says, is told from a receipt."""
    with pytest.raises(ReceiptError):
        split(text)


def test_a_receipt_cut_off_in_its_note_is_refused() -> None:
    """Head and hashes alone, or a note without its signatures, are no receipt."""
    text = str(Log(STORY[0]).receipts()[0])
    for end in (text.index("\n\n") + 2, text.rindex("\n\n") + 1, len(text) - 1):
        with pytest.raises(NoteError):
            check_bet(text[:end], KEYS)


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (Log(WON), "cannot be a bet's event number 1"),
        (Log(STORY[0], STORY[0]), "cannot be a bet's event number 2"),
        (Log(STORY[0], STORY[2]), "cannot be a bet's event number 2"),
        (Log(STORY[0], WON, LOST), "cannot be a bet's event number 3"),
        (Log(STORY[0], LOST, examples.corrected()), "corrects 210"),
        (Log(examples.opened()[1]), "about no bet"),
        (Log(STORY[0], BetLost(available=890, bet_id=UUID(int=5), resolution=1)), "another bet"),
        (Log(STORY[0], fact(LOST, stream=UUID(int=6))), "another bet"),
        (Log(STORY[0], origin="fairpool.test/2026-W48"), "the checkpoint is of fairpool.test/2026-W48"),
        (Log(STORY[0], origin=f"fairpool.other/{WEEK}"), "the checkpoint is of fairpool.other"),
        (Log(STORY[0], log="office"), "calls itself office:1"),
    ],
)
def test_events_that_do_not_tell_one_bets_story_are_refused(log: Log, message: str) -> None:
    """Each is in the signed log, but together they are no receipt of a bet in it."""
    with pytest.raises(ReceiptError, match=message):
        check_bet(join(log.receipts()), KEYS)


def test_a_key_speaks_for_the_logs_of_its_own_name_only() -> None:
    """Whoever trusts two services is not shown a log of one that the other has signed."""
    other = Signer("fairpool.other", bytes(range(1, 33))).verifier
    text = join(Log(STORY[0], origin=f"fairpool.other/{WEEK}").receipts())
    with pytest.raises(NoteError, match="signed by none"):
        check_bet(text, [*KEYS, other])


def test_parts_that_are_left_out_or_swapped_are_missed() -> None:
    """The stake comes first, and what follows comes in the order of the log."""
    stake, won, corrected = Log(*STORY).receipts()
    for parts in ([won, corrected], [stake, corrected], [won, stake]):
        with pytest.raises(ReceiptError):
            check_bet(join(parts), KEYS)


def test_an_event_that_claims_another_place_is_refused() -> None:
    """A line that says of itself another position than it was proved at is not what an honest log holds."""
    line = export_line(record_of(replaced(fact(STORY[0]), position=4)))
    note = Checkpoint(f"fairpool.test/{WEEK}", 1, root_at(node_of([line]), 1)).signed(SIGNER)
    with pytest.raises(ReceiptError, match="stands at position 1"):
        check_bet(str(Receipt(line, 0, (), note)), KEYS)


def test_a_line_that_is_no_event_is_refused() -> None:
    """A leaf of something else is proved to be there, and is no bet."""
    for line in (b"not json", b'{"type":"account.bet_won"}', Rekor.BODY):
        note = Checkpoint(f"fairpool.test/{WEEK}", 1, root_at(node_of([line]), 1)).signed(SIGNER)
        with pytest.raises(ReceiptError, match="cannot be read"):
            check_bet(str(Receipt(line, 0, (), note)), KEYS)


def test_parts_against_different_checkpoints_are_refused() -> None:
    """All of a bet's receipt speaks of one moment of the log."""
    stake, won = Log(*STORY[:2]).receipts()
    later = Log(*STORY).receipts()[1]
    assert won.note != later.note
    with pytest.raises(ReceiptError, match="different checkpoints"):
        check_bet(join([stake, later]), KEYS)
