"""Prizes go to who played and has credits left, by places; tied entries share, and no cent is made or lost."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.prizes import Award, awards
from ledger.rules import Prize, Rules
from ledger.standings import rank
from tests.oracle import prizes_of

ANN, BEN, CAT, DAN, EVE = (UUID(int=number) for number in range(1, 6))
ALL = frozenset({ANN, BEN, CAT, DAN, EVE})


def table(*amounts: int, min_entries: int = 2) -> Rules:
    """Rules that give so many cents to the first place, the second, and so on; 0 leaves a place out."""
    prizes = tuple(Prize(rank=rank, amount_cents=cents) for rank, cents in enumerate(amounts, start=1) if cents)
    return Rules(prizes=prizes, prize_min_entries=min_entries)


def won(balances: Mapping[UUID, int], rules: Rules, *, idle: frozenset[UUID] = frozenset()) -> dict[UUID, int]:
    """What each entry wins in cents, where all but the idle ones played."""
    return {award.entry: award.amount_cents for award in awards(balances, played=ALL - idle, rules=rules)}


@pytest.mark.parametrize(
    ("balances", "amounts", "expected"),
    [
        ({ANN: 10, BEN: 30, CAT: 20}, (500, 300, 100), {BEN: 500, CAT: 300, ANN: 100}),
        ({ANN: 10, BEN: 30, CAT: 20}, (500,), {BEN: 500}),
        ({ANN: 10, BEN: 30}, (500, 300, 100), {BEN: 500, ANN: 300}),
        ({ANN: 9, BEN: 9, CAT: 5}, (500, 300, 100), {ANN: 400, BEN: 400, CAT: 100}),
        (
            {ANN: 5, BEN: 9, CAT: 9, DAN: 9, EVE: 1},
            (500, 300, 100, 50, 25),
            {BEN: 300, CAT: 300, DAN: 300, ANN: 50, EVE: 25},
        ),
        ({ANN: 5, BEN: 9, CAT: 9, DAN: 9}, (500, 300), {BEN: 267, CAT: 267, DAN: 266}),
        ({ANN: 5, BEN: 5, CAT: 5, DAN: 9}, (500, 100), {DAN: 500, ANN: 34, BEN: 33, CAT: 33}),
        ({ANN: 9, BEN: 9, CAT: 9}, (2,), {ANN: 1, BEN: 1}),
        ({ANN: 30, BEN: 20, CAT: 10}, (500, 0, 100), {ANN: 500, CAT: 100}),
        ({ANN: 30, BEN: 20, CAT: 20}, (500, 0, 101), {ANN: 500, BEN: 51, CAT: 50}),
        ({ANN: 30, BEN: 20, CAT: 20}, (500, 0, 0, 100), {ANN: 500}),
        ({}, (500,), {}),
    ],
    ids=[
        "a place each",
        "more entries than prizes",
        "more prizes than entries",
        "two first places",
        "three first places in the middle of the ids",
        "a remainder of two cents",
        "a remainder of one cent at the end of the table",
        "fewer cents than tied entries",
        "a place that the table leaves out",
        "a tie over a place that the table leaves out",
        "a prize of a place that nobody takes",
        "an empty pool",
    ],
)
def test_places_win_what_the_table_gives_them(
    balances: dict[UUID, int], amounts: tuple[int, ...], expected: dict[UUID, int]
) -> None:
    """Tied entries share the sum of their places, floored; the cents left over go to the lowest ids."""
    assert won(balances, table(*amounts, min_entries=1)) == expected


def test_rules_without_prizes_award_none() -> None:
    """The default: the game is played for the standings."""
    assert awards({ANN: 2000, BEN: 1000}, played=ALL, rules=Rules()) == ()


@pytest.mark.parametrize(("entries", "expected"), [(2, {}), (3, {ANN: 500})])
def test_small_pool_has_no_prizes(entries: int, expected: dict[UUID, int]) -> None:
    """The least number counts all entries of the pool, whether they played or not."""
    balances = dict(zip([ANN, BEN, CAT], [3000, 2000, 1000], strict=True))
    some = {entry: balances[entry] for entry in list(balances)[:entries]}
    assert won(some, table(500, min_entries=3), idle=frozenset({BEN, CAT})) == expected


def test_idle_entry_takes_no_place() -> None:
    """Who played is paid what was announced for the best places, and keeps the rank of the standings."""
    balances = {ANN: 1000, BEN: 1000, CAT: 900, DAN: 1200, EVE: 800}
    assert awards(balances, played=ALL - {ANN, BEN}, rules=table(500, 300, 100)) == (
        Award(DAN, 1, 500),
        Award(CAT, 4, 300),
        Award(EVE, 5, 100),
    )


def test_idle_leader_keeps_nobodys_prize_back() -> None:
    """The thousand credits of the grant, untouched, may be the most of all: they win nothing."""
    balances = {ANN: 1000, BEN: 990, CAT: 980}
    assert awards(balances, played=ALL - {ANN}, rules=table(500)) == (Award(BEN, 2, 500),)


def test_idle_entry_has_no_share_in_a_tie() -> None:
    """Those who played share what their own places bring: here the first two."""
    balances = {ANN: 1000, BEN: 1000, CAT: 1000, DAN: 10}
    assert won(balances, table(500, 300, 100), idle=frozenset({ANN})) == {BEN: 400, CAT: 400, DAN: 100}


@pytest.mark.parametrize("credits", [0, -40])
def test_entry_with_nothing_left_wins_nothing(credits: int) -> None:
    """In a pool where everybody is bust, the best of them is bust as well, and nobody wins."""
    assert won({ANN: credits, BEN: 10}, table(500, 300)) == {BEN: 500}
    assert won({ANN: credits, BEN: credits, CAT: -100}, table(500, 300)) == {}


pools = st.dictionaries(st.uuids(), st.integers(-3, 6), max_size=12)
amounts = st.lists(st.integers(0, 1000), max_size=8)


@st.composite
def games(draw: st.DrawFn) -> tuple[dict[UUID, int], set[UUID], Rules]:
    """A pool, who of it played, and the rules."""
    balances = draw(pools)
    played = draw(st.sets(st.sampled_from(sorted(balances)))) if balances else set()
    return balances, played, table(*draw(amounts), min_entries=draw(st.integers(1, 4)))


Game = tuple[dict[UUID, int], set[UUID], Rules]


@given(games())
def test_no_cent_is_made_or_lost(game: Game) -> None:
    """What is paid is what the places that are taken are worth, so never more than the table."""
    balances, played, rules = game
    paid = sum(award.amount_cents for award in awards(balances, played=played, rules=rules))
    taken = sum(credits > 0 and entry in played for entry, credits in balances.items())
    is_large_enough = len(balances) >= rules.prize_min_entries
    assert paid == sum(prize.amount_cents for prize in rules.prizes if prize.rank <= taken and is_large_enough)


@given(games())
def test_winners_played_and_stand_where_the_standings_say(game: Game) -> None:
    """Each wins once, something, with the rank that it shares in the standings of the whole pool."""
    balances, played, rules = game
    found = awards(balances, played=played, rules=rules)
    ranks = {standing.entry: standing.rank for standing in rank(balances)}
    assert len({award.entry for award in found}) == len(found)
    for award in found:
        assert award.amount_cents > 0 and balances[award.entry] > 0 and award.entry in played
        assert award.rank == ranks[award.entry]


@given(games())
def test_tied_entries_differ_by_a_cent_at_most(game: Game) -> None:
    """And where they do, the lower id has the cent."""
    balances, played, rules = game
    cents = {award.entry: award.amount_cents for award in awards(balances, played=played, rules=rules)}
    able = sorted((entry for entry in played if balances[entry] > 0), key=lambda entry: (balances[entry], entry))
    for _, tied in groupby(able, key=balances.__getitem__):
        shares = [cents.get(entry, 0) for entry in tied]
        assert shares == sorted(shares, reverse=True)
        assert shares[0] - shares[-1] <= 1


@given(games(), st.randoms(use_true_random=False))
def test_order_of_the_entries_makes_no_difference(game: Game, random: Random) -> None:
    """Neither that of the balances nor that of the table."""
    balances, played, rules = game
    shuffled, prizes = list(balances.items()), list(rules.prizes)
    random.shuffle(shuffled)
    random.shuffle(prizes)
    turned = Rules(prizes=tuple(prizes), prize_min_entries=rules.prize_min_entries)
    assert awards(dict(shuffled), played=played, rules=turned) == awards(balances, played=played, rules=rules)


@given(games())
def test_auditors_program_comes_to_the_same(game: Game) -> None:
    """It counts places for each entry by itself, and shares no line with the rule here."""
    balances, played, rules = game
    published = {
        "prize_min_entries": rules.prize_min_entries,
        "prize_currency": rules.prize_currency,
        "prizes": [{"rank": prize.rank, "amount_cents": prize.amount_cents} for prize in rules.prizes],
    }
    pool = {str(entry): credits for entry, credits in balances.items()}
    assert prizes_of(pool, played=set(map(str, played)), rules=published) == {
        str(award.entry): [{"rank": award.rank, "amount_cents": award.amount_cents, "currency": "usd"}]
        for award in awards(balances, played=played, rules=rules)
    }
