"""The chain of seeds across weeks and the office's log (`ledger.auditing.draws` says what it proves)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ledger.auditing.draws import Flaw, bytes_of
from ledger.draw import commitment as hashed
from ledger.events import SeedChainAnchored, WeekOpened
from ledger.facts import Fact


class Link(NamedTuple):
    """Where a commitment stands in a chain: `step` hashes above its anchor, which is step 0."""

    anchor: Fact
    step: int


def link(commitment: str, anchors: Sequence[Fact]) -> Link | None:
    """Return the chain, of those that the office anchored, that a commitment belongs to, and where."""
    for anchor in anchors:
        chain, below = anchor.event, bytes_of(commitment) or b""
        assert isinstance(chain, SeedChainAnchored)
        for step in range(chain.length):
            if below.hex() == chain.anchor:
                return Link(anchor, step)
            below = hashed(below)
    return None


def chain_flaws(opened: Fact, *, revealed: str | None, anchors: Sequence[Fact]) -> Iterator[Flaw]:
    """Yield what is wrong with a week's place in the chain of seeds.

    `revealed` is the seed of the last week that was drawn before, None for the first; `anchors` are the facts of
    `office.seed_chain_anchored`.
    """
    assert isinstance(opened.event, WeekOpened)
    commitment = opened.event.seed_commitment
    found = link(commitment, anchors)
    if found is None:
        yield Flaw("chain", opened.token, f"commitment {commitment} leads to no anchor in the office's log")
    begins = found is not None and found.step == 0
    if revealed is None and not begins:
        yield Flaw("chain", opened.token, "it is the first week, and its commitment is not the chain's anchor")
    if revealed is not None and commitment != revealed and not begins:
        yield Flaw("chain", opened.token, f"the seed revealed before is {revealed}, the commitment {commitment}")
