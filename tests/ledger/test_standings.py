"""Standings rank by credits, share ranks fairly, and hash to what anyone can write out by hand."""

from __future__ import annotations

import hashlib
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from ledger.standings import Standing, rank, standings_hash

ANN, BEN, CAT, DAN, EVE = (UUID(int=number) for number in range(1, 6))

balances_of = st.dictionaries(st.uuids(), st.integers(min_value=-50, max_value=50), max_size=30)


def test_equal_credits_share_a_rank() -> None:
    """Ranks run 1, 2, 2, 4: who ties shares the better rank, and the next one counts everybody above."""
    assert rank({DAN: 10, CAT: 700, ANN: 1000, BEN: 700}) == (
        Standing(ANN, 1, 1000),
        Standing(BEN, 2, 700),
        Standing(CAT, 2, 700),
        Standing(DAN, 4, 10),
    )


def test_tied_entries_stand_in_order_of_their_ids() -> None:
    """With nothing between them, everybody is first and the ids decide who is listed first."""
    assert [standing.entry for standing in rank(dict.fromkeys([EVE, BEN, ANN], 1000))] == [ANN, BEN, EVE]
    assert {standing.rank for standing in rank(dict.fromkeys([EVE, BEN, ANN], 1000))} == {1}


def test_negative_credits_rank_last() -> None:
    """A correction may leave an account below zero, which is below nothing at all."""
    assert [standing.entry for standing in rank({ANN: -25, BEN: 0, CAT: 1})] == [CAT, BEN, ANN]


def test_empty_pool_has_no_standings() -> None:
    """Nobody stands anywhere in a pool without entries."""
    assert rank({}) == ()


@given(balances_of)
def test_rank_counts_those_with_more(balances: dict[UUID, int]) -> None:
    """Each entry stands once, with its own credits, one rank below as many entries as have more."""
    standings = rank(balances)
    assert {standing.entry: standing.credits for standing in standings} == balances
    assert len(standings) == len(balances)
    for standing in standings:
        richer = sum(credits > standing.credits for credits in balances.values())
        assert standing.rank == richer + 1


def test_hash_is_that_of_the_published_text() -> None:
    """Pools come by length of name and then name, so that Z stands before AA, and the head counts entries."""
    pools = {
        "W2026-47-AA": {EVE: -5},
        "W2026-47-Z": {CAT: 1000, BEN: 1000, DAN: 2000},
        "W2026-47-B": {ANN: 0},
    }
    text = (
        "fairpool/standings/v1\n2026-W47\n5\n"
        "W2026-47-B 1 00000000-0000-0000-0000-000000000001 0\n"
        "W2026-47-Z 1 00000000-0000-0000-0000-000000000004 2000\n"
        "W2026-47-Z 2 00000000-0000-0000-0000-000000000002 1000\n"
        "W2026-47-Z 2 00000000-0000-0000-0000-000000000003 1000\n"
        "W2026-47-AA 1 00000000-0000-0000-0000-000000000005 -5\n"
    )
    assert standings_hash("2026-W47", pools) == hashlib.sha256(text.encode()).hexdigest()


def test_week_without_entries_has_a_hash() -> None:
    """An empty week is hashed as one with no lines."""
    expected = hashlib.sha256(b"fairpool/standings/v1\n2026-W47\n0\n").hexdigest()
    assert standings_hash("2026-W47", {}) == expected


@given(balances_of, st.uuids())
def test_hash_tells_any_change(balances: dict[UUID, int], entry: UUID) -> None:
    """One credit more, another pool or another week is another hash; another order of the same is not."""
    balances[entry] = 7
    original = standings_hash("2026-W47", {"W2026-47-A": balances})
    reordered = dict(reversed(balances.items()))
    assert standings_hash("2026-W47", {"W2026-47-A": reordered}) == original
    assert standings_hash("2026-W47", {"W2026-47-A": {**balances, entry: 8}}) != original
    assert standings_hash("2026-W47", {"W2026-47-B": balances}) != original
    assert standings_hash("2026-W48", {"W2026-47-A": balances}) != original
