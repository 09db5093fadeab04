"""The vectors of the specification, worked out by the stranger's program."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

from ledger.facts import canonical
from ledger.proofs.notes import Checkpoint
from ledger.rules import Rules
from tests.played_week import SIGNER
from tests.verification.stranger import program

stranger: Any = program()
WEEK: Final = "2026-W47"
ENTRIES: Final = (
    "00112233-4455-6677-8899-aabbccddeeff",
    "1456abcd-7890-4def-8123-456789abcdef",
    "9f82aa12-34cd-4a56-9b78-0a1b2c3d4e5f",
)
SEED: Final = "3f1e2d4c5b6a79880796a5b4c3d2e1f0ffeeddccbbaa99887766554433221100"
ROUND: Final = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971\n657413\n"
RANDOMNESS: Final = "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587"
LINE: Final = (
    b'{"actor":"clock","cause":null,"data":{},"log":"2026-W47","position":43,"recorded_at":"2026-11-16T05:00:00.000000Z",'
    b'"request":"2026-W47/clock","schema":1,"stream":"8c05aa99-d346-580e-8538-c077abd25b34","type":"week.grouped",'
    b'"version":4}'
)


def vectors() -> dict[str, str]:
    """Return each vector by its name."""
    return {**_bytes(), **_ids(), **_rules()}


def _bytes() -> dict[str, str]:
    """Leaves, trees, keys and checkpoints."""
    roots, tree = {}, stranger.Tree()
    for size in range(4):
        roots[f"root of {size}"] = tree.root().hex()
        tree.append(stranger.leaf_hash(b"%d" % size))
    note = Checkpoint(f"fairpool.test/{WEEK}", 3, bytes.fromhex(roots["root of 3"])).signed(SIGNER)
    stranger.open_note(*_halves(note), [stranger.Key(str(SIGNER.verifier))])
    return {
        "leaf": stranger.leaf_hash(LINE).hex(),
        **roots,
        "key": str(SIGNER.verifier),
        "signature": note.splitlines()[-1].split()[-1],
        "root in base64": base64.b64encode(bytes.fromhex(roots["root of 3"])).decode(),
    }


def _halves(note: str) -> tuple[str, list[str]]:
    text, _, signatures = note.partition("\n\n")
    return text + "\n", signatures.splitlines(keepends=True)


def _ids() -> dict[str, str]:
    """Ids and times that can be computed."""
    uuid5, week = stranger.uuid5, stranger.uuid5(stranger.FAIRPOOL, WEEK)
    game = uuid5(week, "feed/g1")
    market = uuid5(game, "spread")
    monday = stranger.monday(WEEK)
    return {
        "namespace": stranger.FAIRPOOL,
        "week": week,
        "office": uuid5(stranger.FAIRPOOL, "office"),
        "pool": uuid5(week, "W2026-47-A"),
        "registration": uuid5(ENTRIES[0], "registration"),
        "game": game,
        "game listed again": uuid5(week, "feed/g1#2"),
        "market": market,
        "quote": uuid5(market, "feed/2026-11-14T05:00:00.000000Z"),
        "settlement": uuid5(game, "settlement"),
        "bet": uuid5(ENTRIES[0], "k1"),
        "bet 2 of a slip": uuid5(ENTRIES[0], "k1 2"),
        "case": uuid5(week, "case/k1"),
        "week starts": stranger.midnight_in_new_york(monday),
        "2026-W44 starts": stranger.midnight_in_new_york(stranger.monday("2026-W44")),
    }


def _rules() -> dict[str, str]:
    """Rules, draw, standings and prizes."""
    roster = stranger.roster_hash(WEEK, ENTRIES)
    seed = bytes.fromhex(SEED)
    drawn = {
        name: stranger.deal(WEEK, ENTRIES, pool_max=3, seed=seed, beacon=lines)["W2026-47-A"]
        for name, lines in (("alone", "\n0\n\n"), ("with a beacon", f"{ROUND}{RANDOMNESS}\n"))
    }
    balances = dict(zip(ENTRIES, (1200, 800, 1200), strict=True))
    rules = {"prizes": [{"amount_cents": 501, "rank": 1}], "prize_min_entries": 2}
    won = stranger.prizes(balances, set(ENTRIES), rules)
    return {
        "rules": hashlib.sha256(canonical(Rules())).hexdigest(),
        "commitment": hashlib.sha256(seed).hexdigest(),
        "roster": roster,
        "drawn alone": " ".join(entry[:8] for entry in drawn["alone"]),
        "drawn with a beacon": " ".join(entry[:8] for entry in drawn["with a beacon"]),
        "standings": stranger.standings_hash(WEEK, {"W2026-47-A": balances}),
        "prizes": ", ".join(f"{entry[:8]} rank {rank} cents {cents}" for entry, (rank, cents) in won.items()),
        "payouts": " ".join(
            f"{price:+}:{stake}={stranger.payout(stake, price)}"
            for stake, price in ((50, 120), (50, -140), (1, -10_000), (7, 150), (10, -110))
        ),
    }
