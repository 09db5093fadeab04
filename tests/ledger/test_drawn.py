"""Draws as their readers find them in the logs."""

from __future__ import annotations

from uuid import UUID

from ledger.draw import roster_text, shuffle
from ledger.drawn import Draws
from ledger.rules import Rules
from tests.examples import NEXT_WEEK, STARTS_AT, WEEK
from tests.ledger.playing import House


def test_draw_is_read_as_far_as_it_is(house: House) -> None:
    """Opened, frozen and drawn; each entry has its place in the order, and its pool."""
    draws = Draws(house.ledger)
    assert draws.draw(WEEK) is None
    house.open_week(rules=Rules(pool_max=2))
    opened = draws.draw(WEEK)
    assert opened is not None
    assert (opened.roster, opened.pools, opened.key) == (None, None, None)
    entries = [house.enrol(UUID(int=number)) for number in range(1, 4)]
    house.clock.now = STARTS_AT
    house.draw()
    drawn = draws.draw(WEEK)
    assert drawn is not None
    assert drawn.key is not None
    assert drawn.roster is not None
    assert drawn.pools is not None
    assert draws.roster(WEEK, drawn) == roster_text(WEEK, entries)
    assert draws.roster(WEEK, drawn) is draws.roster(WEEK, drawn)
    order = shuffle(drawn.key, entries)
    places = draws.places(WEEK, drawn)
    assert [places[entry] for entry in order] == [(1, "W2026-47-A"), (2, "W2026-47-A"), (3, "W2026-47-B")]
    assert draws.places(WEEK, drawn) is places


def test_places_of_a_few_weeks_are_kept(house: House) -> None:
    """Those of the week that was kept longest are computed again."""
    house.grouped(1)
    draws = Draws(house.ledger)
    drawn = draws.draw(WEEK)
    assert drawn is not None
    first = draws.places(WEEK, drawn)
    for week in (NEXT_WEEK, "2026-W49", "2026-W50"):
        # Whatever week's they are: what is computed is kept under a week's name.
        draws.places(week, drawn)
    assert draws.places(WEEK, drawn) is first
    draws.places("2026-W51", drawn)
    assert draws.places(WEEK, drawn) is not first
