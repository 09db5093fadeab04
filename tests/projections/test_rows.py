"""The working set of a fold."""

from __future__ import annotations

from uuid import UUID

import pytest

from projections.leaderboard import ScoreStake
from projections.rows import Changes, MissingRow, RowExists, RowNotLoaded, Rows

LOG = "2026-W47"
FIRST, SECOND, THIRD = (UUID(int=number) for number in (1, 2, 3))


def stake(bet: UUID, amount: int = 10) -> ScoreStake:
    return ScoreStake(LOG, bet, amount)


def test_only_what_differs_from_what_was_found_is_a_change() -> None:
    """A row written as it was is no change; another value, a new row and a removal are."""
    rows = Rows({ScoreStake: {FIRST: stake(FIRST), SECOND: stake(SECOND), THIRD: None}})
    rows.put(stake(FIRST))
    assert list(rows.changes()) == []
    rows.put(stake(FIRST, 20))
    rows.remove(stake(SECOND))
    rows.add(stake(THIRD))
    assert list(rows.changes()) == [Changes(ScoreStake, [stake(THIRD)], [stake(FIRST, 20)], [SECOND])]


def test_a_row_that_came_and_went_within_a_batch_is_no_change() -> None:
    """What was not there before and is not there after needs no statement."""
    rows = Rows({ScoreStake: {FIRST: None}})
    rows.add(stake(FIRST))
    rows.remove(stake(FIRST))
    assert list(rows.changes()) == []


def test_a_row_that_was_not_loaded_is_refused() -> None:
    """Live, a fold may touch only what its projection named: else it would differ from a rebuild."""
    rows = Rows({ScoreStake: {FIRST: None}})
    assert rows.get(ScoreStake, FIRST) is None
    with pytest.raises(RowNotLoaded, match=str(SECOND)):
        rows.get(ScoreStake, SECOND)


def test_a_new_row_need_not_be_loaded_and_is_known_from_then_on() -> None:
    """It is added; adding what is there is refused by its key."""
    rows = Rows({})
    rows.add(stake(FIRST))
    assert rows.get(ScoreStake, FIRST) == stake(FIRST)
    with pytest.raises(RowExists, match=f"leaderboard_stakes holds bet_id {FIRST} already"):
        rows.add(stake(FIRST))
    assert list(rows.changes()) == [Changes(ScoreStake, [stake(FIRST)], [], [])]


def test_a_rebuild_starts_from_empty_tables() -> None:
    """Without found rows, any key may be asked for, and all rows that stand at the end are given."""
    rows = Rows()
    assert rows.get(ScoreStake, FIRST) is None
    rows.put(stake(FIRST))
    rows.put(stake(SECOND))
    rows.remove(stake(FIRST))
    assert rows.all(ScoreStake) == {SECOND: stake(SECOND)}


def test_a_row_that_is_needed_and_missing_is_named() -> None:
    """The error names table and key."""
    with pytest.raises(MissingRow, match=f"leaderboard_stakes holds no bet_id {FIRST}"):
        Rows().need(ScoreStake, FIRST)
