"""The Merkle tree in tiles."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest

from ledger.datastore import Datastore, cursor_on
from ledger.events import EntryWithdrawn, PrizeHeld
from ledger.facts import Fact, Record, export_line, fact_of, record_of
from ledger.instants import Instant
from ledger.proofs.merkle import Frontier, Node, ProofError, inclusion_proof, leaf_hash, root_at, verify_inclusion
from ledger.recorder import LogRecorder
from projections.projection import ProjectionStopped
from projections.rebuild import rebuild, verify
from projections.rows import Rows
from projections.tree import TILE_HASHES, Tile, TreeProjection, Trees, tile_key
from tests.projections.book import START, Book, fold
from tests.projections.conftest import Project

LOG = "2026-W47"


def leaves(count: int, *, first: int = 1) -> list[Fact]:
    """Facts of some consecutive positions."""
    return [
        Fact(
            log=LOG,
            stream=UUID(int=position),
            version=1,
            event=EntryWithdrawn(reason="player"),
            actor="player",
            request="r",
            position=position,
            recorded_at=START,
        )
        for position in range(first, first + count)
    ]


def roots(facts: list[Fact]) -> list[bytes]:
    """The root of the tree at each size from 0 on, by a fold that knows no tiles."""
    frontier = Frontier()
    found = [frontier.root()]
    for fact in facts:
        frontier.append(leaf_hash(export_line(record_of(fact))))
        found.append(frontier.root())
    return found


def test_tiles_give_the_roots_of_all_sizes(datastore: Datastore, project: Project) -> None:
    """On both sides of each tile's border, also of the second level's, whichever batches they came in."""
    book = Book()
    for number in range(2 * TILE_HASHES + 3):
        book.enrol(number)
    recorder = LogRecorder(datastore, LOG)
    trees = Trees(datastore)
    runner = project(Book())
    for batch in (1, 1, 253, 1, 1, 258):
        book.append_to(recorder, facts=batch)
        while runner.step(limit=200):
            pass
        size = trees.size(LOG)
        assert root_at(trees.node(LOG), size) == roots(book.facts)[size]
    assert size == len(book.facts)
    expected = roots(book.facts)
    node = trees.node(LOG)
    for at in (0, 1, 2, 3, 127, 255, 256, 257, 384, 511, 512, 513, size):
        assert root_at(node, at) == expected[at]
    leaf = leaf_hash(export_line(record_of(book.facts[299])))
    verify_inclusion(
        leaf=leaf, index=299, size=size, proof=inclusion_proof(node, index=299, size=size), root=expected[-1]
    )


def test_the_third_level_begins_with_65536_leaves() -> None:
    """The levels above are the roots of whole tiles, in tiles of their own."""
    hashes = [leaf_hash(b"%d" % number) for number in range(TILE_HASHES)]
    rows = Rows()
    rows.put(Tile(LOG, tile_key(0, 255), b"".join(hashes[:-1])))
    rows.put(Tile(LOG, tile_key(1, 0), b"".join(hashes[:-1])))
    [last] = leaves(1, first=TILE_HASHES**2)
    TreeProjection().fold(rows, [last])
    tiles = rows.all(Tile)
    assert {key: len(tile.hashes) // 32 for key, tile in tiles.items()} == {
        tile_key(0, 255): 256,
        tile_key(1, 0): 256,
        tile_key(2, 0): 1,
    }
    frontier = Frontier()
    for leaf in (*hashes[:-1], tiles[tile_key(1, 0)].hashes[-32:]):
        frontier.append(leaf)
    assert tiles[tile_key(2, 0)].hashes == frontier.root()
    assert TreeProjection().touched([last]) == {Tile: set(tiles)}


def test_the_leaf_is_what_was_stored_and_not_what_is_read(datastore: Datastore) -> None:
    """An event of an older schema is read as one of today's; its leaf stays that of the stored bytes."""
    stored = Record(
        log="office",
        position=1,
        stream=UUID(int=1),
        version=1,
        topic=PrizeHeld.TOPIC,
        schema=1,
        state=msgspec.json.encode(
            {
                "amount_cents": 1,
                "currency": "usd",
                "entry": UUID(int=1),
                "kind": "prize",
                "paid_at": None,
                "payment_id": "p",
                "week": LOG,
            }
        ),
        recorded_at=Instant.of(START),
        actor="clock",
        request="r",
        cause=None,
    )
    fact = fact_of(stored)
    assert record_of(msgspec.structs.replace(fact, record=None)) != stored
    assert fold(TreeProjection(), [fact]).all(Tile)[0].hashes == leaf_hash(export_line(stored))


@pytest.mark.parametrize("facts", [leaves(3, first=2), [*leaves(2), *leaves(1, first=4)]], ids=["late", "gap"])
def test_facts_that_do_not_follow_on_the_tree_stop_it(facts: list[Fact]) -> None:
    """A tree with a hole would be the tree of no log."""
    with pytest.raises(ProjectionStopped, match="TreeOutOfStep"):
        TreeProjection().fold(Rows(), facts)


def test_verify_finds_a_changed_tile_and_rebuild_mends_it(datastore: Datastore, project: Project) -> None:
    """A tree is rows as all others are, in the live table and in the one that is made anew."""
    book = Book()
    for number in range(TILE_HASHES + 1):
        book.enrol(number)
    project(book)
    trees = Trees(datastore)
    root = root_at(trees.node(LOG), len(book.facts))
    assert verify(datastore, name="tree") == []
    with datastore.connection() as connection:
        cursor_on(connection).execute("UPDATE tiles SET hashes = sha256('') WHERE tile = 1 AND log = %s", (LOG,))
    [difference] = verify(datastore, name="tree")
    assert (difference.table, difference.key, difference.column) == ("tiles", 1, "hashes")
    rebuild(datastore, name="tree")
    assert verify(datastore, name="tree") == []
    assert root_at(trees.node(LOG), len(book.facts)) == root


def test_a_node_that_is_not_there_yet_is_refused(datastore: Datastore, project: Project) -> None:
    """A reader that saw a tile before it grew reads it again."""
    book = Book()
    book.enrol(1)
    runner = project(book)
    node: Node = Trees(datastore).node(LOG)
    assert Trees(datastore).size("2026-W48") == 0
    for level, index in ((0, 1), (1, 0), (8, 0)):
        with pytest.raises(ProofError, match="no node"):
            node(level, index)
    book.enrol(2)
    book.append_to(LogRecorder(datastore, LOG))
    runner.step()
    assert node(1, 0) == root_at(node, 2) == roots(book.facts)[2]
