"""Each week's seed opens the commitment made the week before, back to the anchor of the season."""

from __future__ import annotations

import hashlib

import pytest

from ledger.draw import seed_chain
from ledger.seeds import SeedChain, SeedNotOurs

MASTER = bytes(range(32))


def test_every_seed_of_the_chain_opens_its_commitment() -> None:
    """From the anchor on, what is revealed one week is what the next week was bound to."""
    chain = SeedChain(MASTER, length=5)
    committed = chain.anchor
    revealed = []
    for _ in range(5):
        seed = chain.opening(committed)
        assert hashlib.sha256(seed).hexdigest() == committed
        revealed.append(seed)
        committed = seed.hex()
    assert tuple(revealed) == seed_chain(MASTER, 5)[1:]
    assert revealed[-1] == MASTER


def test_chain_that_is_used_up_opens_nothing_more() -> None:
    """After the master secret was revealed a new chain is anchored."""
    with pytest.raises(SeedNotOurs, match="no seed of this chain"):
        SeedChain(MASTER, length=5).opening(MASTER.hex())


def test_commitment_of_another_master_is_refused() -> None:
    """A replaced secret is noticed before anything is drawn."""
    other = SeedChain(bytes(32), length=5)
    with pytest.raises(SeedNotOurs, match=other.anchor):
        SeedChain(MASTER, length=5).opening(other.anchor)


def test_chain_lasts_ten_years() -> None:
    """520 weeks, the last of them opened by the master secret itself."""
    chain = SeedChain(MASTER)
    assert chain.length == 520
    assert chain.opening(hashlib.sha256(MASTER).hexdigest()) == MASTER
