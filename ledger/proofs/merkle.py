"""The Merkle tree of a log, by RFC 6962 §2.1 (and RFC 9162 §2.1 for the checks): SHA-256, leaves and nodes told apart.

A tree is read through `Node`: the hash of a complete subtree, by its level (0 for leaves) and its place in that
level. Complete subtrees never change as the tree grows, so they can be kept anywhere, also in files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

Node: TypeAlias = Callable[[int, int], bytes]
HASH_BYTES: Final = 32


class ProofError(ValueError):
    """A proof does not prove what it is held against."""


def empty_root() -> bytes:
    """Return the root of a tree without leaves."""
    return hashlib.sha256().digest()


def leaf_hash(line: bytes) -> bytes:
    """Return the hash of a leaf: an export line without its LF."""
    return hashlib.sha256(b"\x00" + line).digest()


def leaf_hashes(lines: Iterable[bytes]) -> list[bytes]:
    """Return the hashes of some leaves."""
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + line).digest() for line in lines]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that only grows: it keeps the roots of its complete subtrees, one per bit of its size, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    @classmethod
    def at(cls, node: Node, size: int) -> Frontier:
        """Return the tree that another was at a size, to grow on its own from there."""
        frontier = cls()
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                frontier._peaks.append(node(level, frontier.size >> level))
                frontier.size += 1 << level
        return frontier

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        size, node = self.size, leaf
        while size & 1:
            node = node_hash(self._peaks.pop(), node)
            size >>= 1
        self._peaks.append(node)
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add the hashes of the next leaves, all of a level at a time: half the work of one leaf after another."""
        sha256, size, nodes, peaks = hashlib.sha256, self.size, list(leaves), []
        self.size += len(leaves)
        while nodes:
            if size & 1:
                nodes.insert(0, self._peaks.pop())
            if len(nodes) & 1:
                peaks.append(nodes.pop())
            pairs = zip(nodes[::2], nodes[1::2], strict=True)
            nodes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            size >>= 1
        self._peaks += reversed(peaks)

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        if not self._peaks:
            return empty_root()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_at(node: Node, size: int) -> bytes:
    """Return the root that the tree had at a size."""
    return _range(node, 0, size) if size else empty_root()


def inclusion_proof(node: Node, *, index: int, size: int) -> list[bytes]:
    """Return the hashes that lead from the leaf at `index` (0 for position 1) to the root at `size`, leaf's side first.

    Raises ProofError where the tree of that size has no such leaf.
    """
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} leaves has none at index {index}")
    return list(_path(node, index, 0, size))


def consistency_proof(node: Node, *, old: int, size: int) -> list[bytes]:
    """Return the hashes that prove that the tree at `size` begins with the one at `old`; none where they are one.

    Raises ProofError where the old tree is empty or the larger one.
    """
    if not 0 < old <= size:
        raise ProofError(f"a tree of {size} leaves cannot be shown to begin with one of {old}")
    return list(_subproof(node, old, 0, size, is_known=True))


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf's hash stands at `index` of the tree with this root and size (RFC 9162 §2.1.3.2).

    Raises ProofError.
    """
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} leaves has none at index {index}")
    _require_hashes(leaf, root, *proof)
    place, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError(f"the proof of index {index} in {size} leaves is too long")
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    if last or node != root:
        raise ProofError(f"the proof of index {index} does not lead to the root of {size} leaves")


def verify_consistency(*, old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree at `size` begins with the one at `old` (RFC 9162 §2.1.4.2); raises ProofError."""
    if not 0 < old <= size:
        raise ProofError(f"a tree of {size} leaves cannot be shown to begin with one of {old}")
    _require_hashes(old_root, root, *proof)
    if old == size:
        if proof or old_root != root:
            raise ProofError(f"two trees of {size} leaves have different roots")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise ProofError(f"the proof from {old} to {size} leaves is empty")
    place, last = old - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError(f"the proof from {old} to {size} leaves is too long")
        if place & 1 or place == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        place, last = place >> 1, last >> 1
    if last or before != old_root or after != root:
        raise ProofError(f"the tree of {size} leaves does not begin with the one of {old}")


def _require_hashes(*hashes: bytes) -> None:
    # What is shorter or longer would move the border between the two halves of a node.
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofError(f"a hash of the proof is not {HASH_BYTES} bytes long")


def _range(node: Node, begin: int, end: int) -> bytes:
    """Return the hash over the leaves from `begin` to before `end`; `begin` is where a subtree of that size begins."""
    width = end - begin
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, begin >> level)
    middle = begin + _split(width)
    return node_hash(_range(node, begin, middle), _range(node, middle, end))


def _path(node: Node, index: int, begin: int, end: int) -> Iterator[bytes]:
    if end - begin == 1:
        return
    middle = begin + _split(end - begin)
    if index < middle:
        yield from _path(node, index, begin, middle)
        yield _range(node, middle, end)
    else:
        yield from _path(node, index, middle, end)
        yield _range(node, begin, middle)


def _subproof(node: Node, old: int, begin: int, end: int, *, is_known: bool) -> Iterator[bytes]:
    if old == end:
        if not is_known:
            yield _range(node, begin, end)
        return
    middle = begin + _split(end - begin)
    if old <= middle:
        yield from _subproof(node, old, begin, middle, is_known=is_known)
        yield _range(node, middle, end)
    else:
        yield from _subproof(node, old, middle, end, is_known=False)
        yield _range(node, begin, middle)


def _split(width: int) -> int:
    """Return the largest power of two below `width`."""
    return 1 << (width - 1).bit_length() - 1
