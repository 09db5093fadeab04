"""A settlement goes in small steps as soon as somebody else appends, and at full pace with nobody else around."""

from __future__ import annotations

from uuid import UUID

import pytest

from feeds.pace import BETS_BESIDE_OTHERS, CHUNKS_AHEAD, Pace
from ledger.events import ChunkSettled
from ledger.facts import Fact

MOST = 500


def chunk(position: int, bets: int) -> Fact:
    event = ChunkSettled(bets=bets, from_=1, paid=0, resolution=1, to=1)
    return Fact(
        log="2026-W47", stream=UUID(int=1), version=1, event=event, actor="settler", request="1", position=position
    )


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("feeds.pace.time.sleep", taken.append)
    return taken


def test_nobody_else_is_given_way_to(pauses: list[float]) -> None:
    """Chunks that follow each other in the log are as large as can be, are asked for ahead, and wait for nobody."""
    pace = Pace(MOST, known=10)
    for position in (11, 11 + MOST + 1):
        pace.give_way()
        pace.note(chunk(position, MOST))
        assert (pace.bets, pace.ahead) == (MOST, CHUNKS_AHEAD)
    pace.give_way()
    assert pauses == []


def test_the_first_chunk_goes_alone_to_see_who_else_is_there() -> None:
    """None is asked for behind it before it is answered."""
    assert Pace(MOST, known=10).ahead == 0


def test_others_are_given_way_to(pauses: list[float]) -> None:
    """An event of somebody else between two chunks makes the next ones small, one at a time, behind a pause."""
    pace = Pace(MOST, known=10)
    pace.give_way()
    pace.note(chunk(12, MOST))
    assert (pace.bets, pace.ahead) == (BETS_BESIDE_OTHERS, 0)
    pace.give_way()
    assert len(pauses) == 1


def test_the_pace_comes_back_when_others_are_gone(pauses: list[float]) -> None:
    """Each chunk that follows the one before doubles the next, up to the most."""
    pace = Pace(MOST, known=10)
    pace.note(chunk(12, MOST))
    position, sizes = 12 + MOST + 1, []
    while pace.bets < MOST:
        size = pace.bets
        pace.note(chunk(position, size))
        position += size + 1
        sizes.append(pace.bets)
    assert sizes == [100, 200, 400, 500]
    assert pace.ahead == CHUNKS_AHEAD


def test_small_chunks_stay_as_they_are() -> None:
    """Who asks for few bets a chunk gets no fewer."""
    pace = Pace(2, known=10)
    pace.note(chunk(99, 2))
    assert pace.bets == 2
