"""Figure 10: the audit of an exported week, with every check there is, beside one sha256 over the same bytes.

What is measured is `fairpool audit verify WEEK --from EXPORT`, without the start of a process: every line is found to
be canonical, every leaf hashed, the tree held against a signed checkpoint, the file against its manifest, and every
stake, payout and balance worked out again. No audit comes near the limit that hashes each leaf by itself, as the tree
asks for: the layers tell what hashing alone takes of it, and decoding.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from fairpool.exports.export import export_folder
from fairpool.exports.forms import Form
from fairpool.exports.published import Published
from fairpool.verifying.exports import ExportVerifier
from fairpool.verifying.manifests import EVENTS_FILE
from ledger.auditing.checks import Checks
from ledger.auditing.lines import Block, LineReader
from ledger.auditing.sources import FileSource, RecorderSource
from ledger.auditing.verifying import checks_of
from ledger.datastore import Datastore
from ledger.proofs.merkle import Frontier, leaf_hashes
from ledger.proofs.notes import Checkpoint, Signer
from ledger.recorder import LogRecorder
from tests.benchmarks.figures import Figure, Ground, Round, Sample
from tests.benchmarks.filled_log import fill_log, prepare
from tests.benchmarks.results import Layer
from tests.examples import WEEK

FIGURES: Final = (
    Figure(
        id="10",
        work="audit replay with all checks",
        peer="a bare sha256 pass over the same bytes",
        unit="events/s",
        reach=0.15,
        dream=0.25,
    ),
)
SIGNER: Final = Signer("fairpool.bench", bytes(range(32)))
BETS: Final = 48
EVENTS_AN_ACCOUNT: Final = 3 + 2 * BETS
EVENTS: Final = 500_000
EVENTS_QUICK: Final = 100_000
# One pass is too short to be measured.
PASSES: Final = 10


@contextmanager
def rounds(ground: Ground) -> Iterator[Round]:
    """Fill and export a week, all of whose bets are settled, and audit it once in each round."""
    export, events = _exported(ground)
    measures: list[Callable[[], float]] = [lambda: _audit(export, events), lambda: _bare(export, events)]
    measures[0]()

    def measure() -> Mapping[str, Sample]:
        found = {each: each() for each in measures}
        ours, theirs = found[first], found[second]
        measures.reverse()
        return {"10": Sample(ours=ours, theirs=theirs)}

    first, second = measures
    yield measure


def layers(ground: Ground) -> Iterator[Layer]:
    """Tell what the parts of an audit take of an event, each alone, beside one sha256 over its bytes."""
    export, events = _exported(ground)
    source, reader = FileSource(export / WEEK / EVENTS_FILE), LineReader()
    limit = 1e6 / _bare(export, events)
    parts: Mapping[str, Callable[[Block], object]] = {
        "reading, and finding the lines": lambda block: block.lines,
        "the hash of each leaf": lambda block: leaf_hashes(block.lines),
        "the tree": _growing(Frontier()),
        "decoding, and finding it canonical": reader.facts,
        "all that follows, and the checks": _checking(reader),
    }
    for part, work in parts.items():
        began = time.perf_counter()
        for block in source.blocks():
            work(block)
        cost = (time.perf_counter() - began) / events * 1e6
        yield Layer("An event in an audit", part, (f"{events} events",), (cost,), "sha256 of its bytes", (limit,))


def _growing(tree: Frontier) -> Callable[[Block], object]:
    return lambda block: tree.extend(leaf_hashes(block.lines))


def _checking(reader: LineReader) -> Callable[[Block], object]:
    checks = Checks(*checks_of(WEEK))

    def check(block: Block) -> None:
        facts = reader.facts(block)
        assert facts is not None
        assert not checks.take(facts)

    return check


def _exported(ground: Ground) -> tuple[Path, int]:
    """Return the folder of a week's export, and how many events it has."""
    dsn, place = ground.postgres.dsn, ground.folder / "export"
    if not place.exists():
        events = EVENTS_QUICK if ground.quick else EVENTS
        ground.tell(f"filling a week of {events} events")
        prepare(dsn)
        fill_log(dsn, accounts=events // EVENTS_AN_ACCOUNT, bets=BETS, resolved=True)
        ground.tell("exporting it")
        with closing(Datastore(dsn)) as datastore:
            recorder = LogRecorder(datastore, WEEK)
            name, key = f"{SIGNER.verifier.name}/{WEEK}", str(SIGNER.verifier)
            published = Published(name, (key,), lambda size: [_note(recorder)])
            export_folder(recorder, place / WEEK, published=published, forms=[Form.JSONL])
    return place, FileSource(place / WEEK / EVENTS_FILE).size


def _note(recorder: LogRecorder) -> str:
    """Return a signed checkpoint of the whole log."""
    tree = Frontier()
    for block in RecorderSource(recorder).blocks():
        tree.extend(leaf_hashes(block.lines))
    return Checkpoint(f"{SIGNER.verifier.name}/{WEEK}", tree.size, tree.root()).signed(SIGNER)


def _audit(export: Path, events: int) -> float:
    began = time.perf_counter()
    verified = ExportVerifier(export, keys=[SIGNER.verifier]).verify(WEEK, progress=lambda done, total: None)
    seconds = time.perf_counter() - began
    assert verified.is_ok, verified.findings
    assert (verified.size, verified.checkpoints) == (events, 1)
    return events / seconds


def _bare(export: Path, events: int) -> float:
    path = export / WEEK / EVENTS_FILE
    began = time.perf_counter()
    for _ in range(PASSES):
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
    return events * PASSES / (time.perf_counter() - began)
