"""The office binds a week from outside its own log; a receipt proves one bet without the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.proofs.merkle import inclusion_proof, leaf_hash, node_hash
from ledger.proofs.notes import Signer
from ledger.proofs.receipts import Receipt, join
from tests.examples import WEEK
from tests.played_week import ORIGIN, SIGNER, checkpoints
from tests.verification.conftest import Played
from tests.verification.copies import Copy
from tests.verification.stranger import verify


def never_add_the_key(copy: Copy) -> None:
    copy.events.remove(copy.of("office.key_added"))


def anchor_another_chain(copy: Copy) -> None:
    copy.of("office.seed_chain_anchored")["data"]["anchor"] = "00" * 32


def shorten_the_chain(copy: Copy) -> None:
    copy.of("office.seed_chain_anchored")["data"]["length"] = 0


def list_another_root(copy: Copy) -> None:
    copy.of("office.week_finalised")["data"]["root"] = "00" * 32


def list_no_week(copy: Copy) -> None:
    copy.events.remove(copy.of("office.week_finalised"))


def publish_other_rules(copy: Copy) -> None:
    copy.of("office.rule_set_published")["data"]["rules"]["grant"] = 2000


@pytest.mark.parametrize(
    "tamper",
    [
        never_add_the_key,
        anchor_another_chain,
        shorten_the_chain,
        list_another_root,
        list_no_week,
        publish_other_rules,
    ],
    ids=lambda tamper: tamper.__name__,
)
def test_week_that_the_office_does_not_bear_out_differs(
    played: Played, tmp_path: Path, tamper: Callable[[Copy], None]
) -> None:
    """The office's own evidence fits; the week does not fit the office."""
    copy = Copy(played.office)
    tamper(copy)
    copy.renumber()
    told = verify(played.folder, "--office", copy.write(tmp_path, signer=SIGNER))
    assert told.kinds == ["office"], told.out


def test_week_changed_after_the_office_listed_it_differs(played: Played, tmp_path: Path) -> None:
    """Whoever signs a changed week anew cannot change what the office's log says of it."""
    copy = played.copy()
    copy.of("game.scheduled")["data"]["home"] = "Nobody"
    folder = copy.write(tmp_path, signer=SIGNER)
    assert verify(folder).code == 0
    assert verify(folder, "--office", played.office_folder).kinds == ["office"]


def test_office_that_is_damaged_is_told_from_the_week(played: Played, tmp_path: Path) -> None:
    """Its files are named with its folder."""
    office = tmp_path / "the office"
    Copy(played.office).write(office)
    (office / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in played.office[:-1]))
    told = verify(played.folder, "--office", office)
    assert told.code == 1
    assert told.out.startswith("manifest: the office/events.jsonl: ")


@pytest.fixture
def receipt(played: Played) -> str:
    """The receipt of a bet that was won and then corrected, against the log's end."""
    events = [json.loads(line) for line in played.lines]
    bet_id = next(event["data"]["bet_id"] for event in events if event["type"] == "account.payout_corrected")
    hashes = [leaf_hash(line) for line in played.lines]
    size = len(hashes)

    def node(level: int, index: int) -> bytes:
        return hashes[index] if level == 0 else node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    (note,) = checkpoints(played.lines, [size])
    return join(
        Receipt(
            line=played.lines[event["position"] - 1],
            index=event["position"] - 1,
            proof=tuple(inclusion_proof(node, index=event["position"] - 1, size=size)),
            note=note,
        )
        for event in events
        if event["data"].get("bet_id") == bet_id
    )


def test_receipt_is_verified_offline(receipt: str, tmp_path: Path) -> None:
    """It proves the stake, what came of it and the correction, in their places of the log."""
    path = tmp_path / "bet.tlog-proof"
    path.write_text(receipt)
    told = verify("--receipt", path)
    assert (told.code, told.err) == (0, "")
    assert "account.stake_placed, " in told.out
    assert f"account.payout_corrected; {ORIGIN}/{WEEK} at 239\n" in told.out


def test_receipt_that_was_changed_proves_nothing(receipt: str, tmp_path: Path) -> None:
    """A line, an index, a hash, the note, the order, or another header: each is noticed."""
    parts = receipt.split("c2sp.org/tlog-proof@v1\n")
    lines = receipt.splitlines(keepends=True)
    changed = [
        receipt.replace("index ", "index 1", 1),
        receipt.replace("extra e", "extra f", 1),
        "".join([*lines[:3], *lines[4:]]),
        "".join([*lines[:4], lines[3], *lines[4:]]),
        receipt.replace(f"{ORIGIN}/{WEEK}", f"{ORIGIN}/2026-W48"),
        "c2sp.org/tlog-proof@v1\n".join([parts[0], parts[2], parts[1], *parts[3:]]),
        "c2sp.org/tlog-proof@v1\n".join([parts[0], *parts[2:]]),
        receipt.replace("tlog-proof@v1", "tlog-proof@v2"),
        receipt + "\n",
        "",
    ]
    for number, text in enumerate(changed):
        assert text != receipt
        path = tmp_path / f"{number}.tlog-proof"
        path.write_text(text)
        told = verify("--receipt", path)
        assert (told.code, told.kinds) == (1, ["receipt"]), (number, told.out)


def test_receipt_against_a_checkpoint_by_another_key_proves_nothing(receipt: str, tmp_path: Path) -> None:
    """The hashes lead to a root that somebody else signed."""
    path = tmp_path / "bet.tlog-proof"
    path.write_text(receipt)
    assert verify("--receipt", path, key=str(Signer(ORIGIN, bytes(32)).verifier)).kinds == ["receipt"]
