"""The Merkle tree of each log, kept in tiles as the web's transparency logs keep theirs (C2SP tlog-tiles).

The leaf at index i is the export line of position i + 1. The tile of level L and index i holds, one behind another,
up to 256 hashes: the roots of the complete subtrees of 256^L leaves from number 256 · i on. Only the last tile of a
level ever changes, and it only grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, ClassVar, Final, NamedTuple

from ledger.facts import Fact, export_lines, record_of
from ledger.proofs.merkle import HASH_BYTES, Node, ProofError, leaf_hashes
from projections.projection import Key, Projection
from projections.rows import Row, Rows
from projections.view import View

_LEVELS_A_TILE: Final = 8
TILE_HASHES: Final = 1 << _LEVELS_A_TILE
_TILE_BYTES: Final = TILE_HASHES * HASH_BYTES
_INDEX_BITS: Final = 40


class TreeOutOfStep(ValueError):
    """The tiles do not end where the facts go on: rebuild the projection `tree`."""


class Tile(Row, frozen=True):
    """A tile; `tile` is its `tile_key`, `hashes` holds 32 bytes for each hash."""

    TABLE: ClassVar[str] = "tiles"
    KEY: ClassVar[str] = "tile"

    log: str
    tile: int
    hashes: bytes


def tile_key(level: int, index: int) -> int:
    """Return the number of a tile, in whose order all leaves come before all that is above them."""
    return level << _INDEX_BITS | index


class TreeProjection(Projection):
    """Hashes a whole batch of facts at once, so that each tile is read and written once."""

    name = "tree"
    tables = (Tile,)
    IS_EVIDENCE = True
    READS_EVENTS = False

    def keys(self, fact: Fact) -> Iterator[Key]:
        """The tiles to which a fact adds a hash: its leaf's, and another for each level that it completes a tile of."""
        yield from ((Tile, key) for key in _keys(fact.position - 1, fact.position))

    def apply(self, rows: Rows, fact: Fact) -> None:
        """Add one leaf."""
        self.fold(rows, [fact])

    def touched(self, facts: Sequence[Fact]) -> dict[type[Row], set[Any]]:
        """Return the keys of all tiles that consecutive facts add hashes to."""
        return {Tile: set(_keys(facts[0].position - 1, facts[-1].position))}

    def fold(self, rows: Rows, facts: Iterable[Fact]) -> None:
        """Add a leaf for each fact, in order; raises ProjectionStopped where they do not follow on the tiles."""
        batch = list(facts)
        if not batch:
            return
        first, last = batch[0], batch[-1]
        try:
            if last.position - first.position != len(batch) - 1:
                raise TreeOutOfStep(f"{first.token} to {last.token} are not {len(batch)} consecutive positions")
            hashes = leaf_hashes(export_lines(map(record_of, batch)))
            level, begin = 0, first.position - 1
            while hashes:
                hashes = _extend(rows, first.log, level, begin, hashes)
                level, begin = level + 1, begin >> _LEVELS_A_TILE
        except Exception as error:
            raise self._stopped(first, error) from error


class Trees(View):
    """Reads the trees of all logs."""

    NAME = "tree"

    def size(self, log: str) -> int:
        """Return how many leaves the tree of a log has: the position that the projection has come to."""
        last = self._one("size", _LastTile, log=log, levels_begin=tile_key(1, 0))
        return 0 if last is None else last.tile * TILE_HASHES + last.hashes

    def node(self, log: str) -> Node:
        """Return a reader of a log's nodes; it keeps what it has read, so it is for one answer, not for long.

        Asked for a subtree that the tree does not hold completely, it raises ProofError.
        """
        tiles: dict[int, bytes] = {}

        def node(level: int, index: int) -> bytes:
            tile_level, below = divmod(level, _LEVELS_A_TILE)
            begin, end = index << below, (index + 1) << below
            key = tile_key(tile_level, begin >> _LEVELS_A_TILE)
            start = begin % TILE_HASHES * HASH_BYTES
            stop = start + (end - begin) * HASH_BYTES
            if len(tiles.get(key, b"")) < stop:
                found = self._one("node", Tile, log=log, tile=key)
                tiles[key] = b"" if found is None else found.hashes
            if len(tiles[key]) < stop:
                raise ProofError(f"the tree of {log} has no node {index} of level {level} yet")
            return _root(tiles[key][start:stop])

        return node


class _LastTile(NamedTuple):
    tile: int
    hashes: int


def _keys(begin: int, end: int) -> Iterator[int]:
    """Yield the keys of the tiles to which a tree adds hashes that grows from one size to another."""
    level = 0
    while begin < end:
        for index in range(begin >> _LEVELS_A_TILE, (end - 1 >> _LEVELS_A_TILE) + 1):
            yield tile_key(level, index)
        level, begin, end = level + 1, begin >> _LEVELS_A_TILE, end >> _LEVELS_A_TILE


def _extend(rows: Rows, log: str, level: int, begin: int, hashes: Sequence[bytes]) -> list[bytes]:
    """Put hashes behind the `begin` ones of a level; returns the roots of the tiles that they complete."""
    roots = []
    index, filled = divmod(begin, TILE_HASHES)
    done = 0
    while done < len(hashes):
        key = tile_key(level, index)
        tile = rows.get(Tile, key)
        held = b"" if tile is None else tile.hashes
        if len(held) != filled * HASH_BYTES:
            raise TreeOutOfStep(
                f"tile {index} of level {level} holds {len(held) // HASH_BYTES} hashes, expected {filled}"
            )
        taken = hashes[done : done + TILE_HASHES - filled]
        grown = held + b"".join(taken)
        rows.put(Tile(log, key, grown))
        if len(grown) == _TILE_BYTES:
            roots.append(_root(grown))
        done, index, filled = done + len(taken), index + 1, 0
    return roots


def _root(hashes: bytes) -> bytes:
    """Return the root over a power of two of hashes."""
    while len(hashes) > HASH_BYTES:
        pairs = range(0, len(hashes), 2 * HASH_BYTES)
        hashes = b"".join([sha256(b"\x01" + hashes[pair : pair + 2 * HASH_BYTES]).digest() for pair in pairs])
    return hashes
