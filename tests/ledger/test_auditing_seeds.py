"""A week's commitment is a link of a chain that was anchored before."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ledger import events, ids
from ledger.auditing.seeds import chain_flaws, link
from ledger.facts import Fact
from ledger.instants import Instant
from ledger.seeds import SeedChain
from tests.examples import MASTER, STARTS_AT, WEEK, week_opened

SEEDS = SeedChain(MASTER)


def recorded(log: str, event: events.Event, *, position: int, at: datetime) -> Fact:
    return Fact(
        log=log,
        stream=ids.office_stream(),
        version=position,
        event=event,
        actor="operator:1",
        request="r",
        position=position,
        recorded_at=Instant.of(at),
    )


def anchored(anchor: str = SEEDS.anchor, *, length: int = 520, at: datetime = STARTS_AT - timedelta(days=9)) -> Fact:
    return recorded("office", events.SeedChainAnchored(anchor=anchor, length=length), position=2, at=at)


def seed(step: int) -> str:
    """The seed so many steps above the anchor."""
    found = SEEDS.anchor
    for _ in range(step):
        found = SEEDS.opening(found).hex()
    return found


@pytest.mark.parametrize("step", [0, 1, 7])
def test_commitment_is_found_in_its_chain(step: int) -> None:
    """By hashing it down to an anchor, whichever of several."""
    anchors = [anchored("ab" * 32), anchored()]
    assert link(seed(step), anchors) == (anchors[1], step)
    assert link("ab" * 32, anchors) == (anchors[0], 0)
    assert link("cd" * 32, anchors) is None


def test_chain_is_no_longer_than_was_said() -> None:
    """What lies beyond its end belongs to another."""
    assert link(seed(6), [anchored(length=7)]) is not None
    assert link(seed(7), [anchored(length=7)]) is None


@pytest.mark.parametrize(
    ("commitment", "revealed", "anchors", "wrong"),
    [
        (seed(0), None, [anchored()], []),
        (seed(3), seed(3), [anchored()], []),
        (seed(0), "ab" * 32, [anchored()], []),
        (seed(3), None, [anchored()], ["it is the first week, and its commitment is not the chain's anchor"]),
        (seed(3), seed(2), [anchored()], [f"the seed revealed before is {seed(2)}, the commitment {seed(3)}"]),
        # The clocks of two logs are not compared: an office that runs behind tells no lie.
        (seed(0), None, [anchored(at=STARTS_AT)], []),
        (
            "ab" * 32,
            None,
            [anchored()],
            [
                f"commitment {'ab' * 32} leads to no anchor in the office's log",
                "it is the first week, and its commitment is not the chain's anchor",
            ],
        ),
    ],
)
def test_week_is_a_link_of_the_chain(
    commitment: str, revealed: str | None, anchors: list[Fact], wrong: list[str]
) -> None:
    """Its commitment is the seed revealed before, or the anchor of a chain that begins, anchored before it opened."""
    opened = recorded(WEEK, week_opened(seed_commitment=commitment), position=1, at=STARTS_AT - timedelta(hours=1))
    found = list(chain_flaws(opened, revealed=revealed, anchors=anchors))
    assert [flaw.text for flaw in found] == wrong
    assert {(flaw.step, flaw.at) for flaw in found} <= {("chain", f"{WEEK}:1")}
