"""The Merkle tree, held against published vectors and against an implementation that is not ours."""

from __future__ import annotations

from functools import cache

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proofs.merkle import (
    Frontier,
    ProofError,
    consistency_proof,
    empty_root,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
    node_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from tests.ledger.proofs.trees import node_of

# The test vectors of certificate transparency (proof/verify_test.go of github.com/transparency-dev/merkle, and before
# it cpp/merkletree/merkle_tree_test.cc of github.com/google/certificate-transparency). Leaves count from 0 here.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    bytes.fromhex(root)
    for root in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
LEAF_1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
NODE_0_2 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
NODE_0_4 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
NODE_2_4 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
NODE_4_6 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
NODE_4_8 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
NODE_6_8 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
LEAF_0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
LEAF_4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
LEAF_6 = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"

BYTE = st.integers(0, 31)
MOST = 64


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    """MTH({}) is SHA-256 of the empty string, and so is the root of a frontier that nothing was added to."""
    assert empty_root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_at(node_of(LEAVES), 0) == Frontier().root() == empty_root()


def test_leaves_and_nodes_hash_as_published() -> None:
    """The hashes of a leaf and of an inner node, each of its own domain, are those of RFC 6962's implementations."""
    assert leaf_hash(b"").hex() == LEAF_0
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_as_published(size: int) -> None:
    """The root at each size is the published one, computed from subtrees and by appending."""
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf_hash(leaf))
    assert root_at(node_of(LEAVES), size) == frontier.root() == ROOTS[size - 1]


@pytest.mark.parametrize(
    ("index", "size", "hashes"),
    [
        (0, 1, []),
        (0, 8, [LEAF_1, NODE_2_4, NODE_4_8]),
        (5, 8, [LEAF_4, NODE_6_8, NODE_0_4]),
        (2, 3, [NODE_0_2]),
        (1, 5, [LEAF_0, NODE_2_4, LEAF_4]),
    ],
)
def test_inclusion_proofs_are_as_published(index: int, size: int, hashes: list[str]) -> None:
    """The proof of a leaf is the published one, and verifies."""
    proof = inclusion_proof(node_of(LEAVES), index=index, size=size)
    assert [each.hex() for each in proof] == hashes
    verify_inclusion(leaf=leaf_hash(LEAVES[index]), index=index, size=size, proof=proof, root=ROOTS[size - 1])


@pytest.mark.parametrize(
    ("old", "size", "hashes"),
    [
        (1, 1, []),
        (1, 8, [LEAF_1, NODE_2_4, NODE_4_8]),
        (6, 8, [NODE_4_6, NODE_6_8, NODE_0_4]),
        (2, 5, [NODE_2_4, LEAF_4]),
        (6, 7, [NODE_4_6, LEAF_6, NODE_0_4]),
    ],
)
def test_consistency_proofs_are_as_published(old: int, size: int, hashes: list[str]) -> None:
    """The proof from one size to another is the published one, and verifies."""
    proof = consistency_proof(node_of(LEAVES), old=old, size=size)
    assert [each.hex() for each in proof] == hashes
    verify_consistency(old=old, old_root=ROOTS[old - 1], size=size, root=ROOTS[size - 1], proof=proof)


@cache
def leaves() -> list[bytes]:
    """More leaves, no two of them alike."""
    return [b"leaf %d" % number for number in range(MOST)]


@cache
def theirs() -> pymerkle.InmemoryTree:
    """The tree of pymerkle over the same leaves; it counts them from 1."""
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in leaves():
        tree.append_entry(leaf)
    return tree


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33, 63, 64])
def test_another_implementation_agrees_on_roots_and_inclusion(size: int) -> None:
    """Pymerkle (RFC 9162) has the same root at this size, and the same proof of each leaf, hash by hash."""
    node = node_of(leaves())
    assert root_at(node, size) == theirs().get_root(size)
    for index in range(size):
        proof = theirs().prove_inclusion(index + 1, size)
        assert [leaf_hash(leaves()[index]), *inclusion_proof(node, index=index, size=size)] == proof.path


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33, 63, 64])
def test_another_implementation_agrees_on_consistency(size: int) -> None:
    """Our proofs hold between pymerkle's roots, and pymerkle's between ours; it writes them in a form of its own."""
    node = node_of(leaves())
    for old in range(1, size + 1):
        proof = consistency_proof(node, old=old, size=size)
        roots = [theirs().get_root(each) for each in (old, size)]
        verify_consistency(old=old, old_root=roots[0], size=size, root=roots[1], proof=proof)
        ours = [root_at(node, each) for each in (old, size)]
        theirs().prove_consistency(old, size).verify(*ours, prior_size=old, later_size=size)
        assert ours == roots


@given(st.lists(st.binary(max_size=40), max_size=40))
@settings(max_examples=30, deadline=None)
def test_appending_gives_the_root_of_the_whole(lines: list[bytes]) -> None:
    """A frontier's root is at each size that of the tree over all leaves so far."""
    frontier, node = Frontier(), node_of(lines)
    for line in lines:
        frontier.append(leaf_hash(line))
        assert frontier.root() == root_at(node, frontier.size)
    assert frontier.size == len(lines)


@given(st.lists(st.integers(0, 20), max_size=6))
@settings(max_examples=50, deadline=None)
def test_leaves_that_come_together_give_the_root_of_the_whole(steps: list[int]) -> None:
    """However many come at a time."""
    frontier, hashes = Frontier(), leaf_hashes(b"%d" % number for number in range(sum(steps)))
    alone = Frontier()
    for step in steps:
        begin = frontier.size
        frontier.extend(hashes[begin : begin + step])
        for leaf in hashes[begin : begin + step]:
            alone.append(leaf)
        assert (frontier.size, frontier.root()) == (alone.size, alone.root())


@st.composite
def places(draw: st.DrawFn) -> tuple[int, int]:
    """An index and a size of a tree that has it."""
    size = draw(st.integers(2, MOST))
    return draw(st.integers(0, size - 1)), size


@given(places(), st.integers(0), BYTE)
@settings(max_examples=60, deadline=None)
def test_an_inclusion_proof_with_a_changed_byte_is_refused(place: tuple[int, int], which: int, byte: int) -> None:
    """The proof of any leaf verifies; with one byte changed in leaf, root or any hash it does not."""
    index, size = place
    node = node_of(leaves())
    leaf, root, *proof = [node(0, index), root_at(node, size), *inclusion_proof(node, index=index, size=size)]
    verify_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=root)
    leaf, root, *proof = changed([leaf, root, *proof], which, byte)
    with pytest.raises(ProofError):
        verify_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=root)


@given(places())
@settings(max_examples=30, deadline=None)
def test_an_inclusion_proof_holds_at_its_own_index_only(place: tuple[int, int]) -> None:
    """Nothing is proved to be where it is not, nor by a hash more or less than there are."""
    index, size = place
    node = node_of(leaves())
    proof, root = inclusion_proof(node, index=index, size=size), root_at(node, size)
    wrong = [(other, proof) for other in (*range(size), -1, size) if other != index]
    for other, hashes in [*wrong, (index, proof[1:]), (index, proof[:-1]), (index, [*proof, root])]:
        with pytest.raises(ProofError):
            verify_inclusion(leaf=node(0, index), index=other, size=size, proof=hashes, root=root)


@given(places(), st.integers(0), BYTE)
@settings(max_examples=60, deadline=None)
def test_a_consistency_proof_with_a_changed_byte_is_refused(place: tuple[int, int], which: int, byte: int) -> None:
    """The proof between any two sizes verifies; with one byte changed in either root or any hash it does not."""
    old, size = place[0] + 1, place[1]
    node = node_of(leaves())
    old_root, root, *proof = [
        root_at(node, old),
        root_at(node, size),
        *consistency_proof(node, old=old, size=size),
    ]
    verify_consistency(old=old, old_root=old_root, size=size, root=root, proof=proof)
    old_root, root, *proof = changed([old_root, root, *proof], which, byte)
    with pytest.raises(ProofError):
        verify_consistency(old=old, old_root=old_root, size=size, root=root, proof=proof)


@given(places())
@settings(max_examples=30, deadline=None)
def test_a_consistency_proof_needs_all_its_hashes_and_no_more(place: tuple[int, int]) -> None:
    """A proof that is cut short, or goes on, is refused."""
    old, size = place[0] + 1, place[1]
    node = node_of(leaves())
    proof, roots = consistency_proof(node, old=old, size=size), [root_at(node, old), root_at(node, size)]
    shorter = [proof[1:], proof[:-1]] if proof else []
    for hashes in [*shorter, [*proof, roots[1]], [roots[0], *proof]]:
        with pytest.raises(ProofError):
            verify_consistency(old=old, old_root=roots[0], size=size, root=roots[1], proof=hashes)


@pytest.mark.parametrize(("old", "size"), [(0, 3), (4, 3), (-1, 3), (0, 0)])
def test_a_tree_is_no_continuation_of_a_larger_or_empty_one(old: int, size: int) -> None:
    """Such a proof is neither made nor believed."""
    with pytest.raises(ProofError, match="cannot be shown"):
        consistency_proof(node_of(LEAVES), old=old, size=size)
    with pytest.raises(ProofError, match="cannot be shown"):
        verify_consistency(old=old, old_root=empty_root(), size=size, root=ROOTS[2], proof=[])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    """Nothing is in a tree behind its end, and nothing is in an empty one."""
    with pytest.raises(ProofError, match="has none at index"):
        inclusion_proof(node_of(LEAVES), index=index, size=size)


def test_hashes_of_another_length_prove_nothing() -> None:
    """A root that is no hash is not matched by a leaf that is none."""
    with pytest.raises(ProofError, match="32 bytes"):
        verify_inclusion(leaf=b"", index=0, size=1, proof=[], root=b"")
    with pytest.raises(ProofError, match="32 bytes"):
        verify_consistency(old=1, old_root=ROOTS[0], size=2, root=ROOTS[1], proof=[leaf_hash(LEAVES[1]) + b"\x00"])


def changed(hashes: list[bytes], which: int, byte: int) -> list[bytes]:
    """The hashes with one byte of one of them changed."""
    place = which % len(hashes)
    old = hashes[place]
    return [*hashes[:place], old[:byte] + bytes([old[byte] ^ 1]) + old[byte + 1 :], *hashes[place + 1 :]]
