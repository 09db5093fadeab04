"""The season's table."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.events import WeekFinalised
from ledger.recorder import LogRecorder
from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.test_my_weeks import link
from tests.api.world import User, World
from tests.projections.book import Book


def played(world: World, week: str, results: dict[User, int], *, is_final: bool = True) -> None:
    """A week with one pool, in which each player ends at 1000 credits and a result."""
    book = Book(week)
    book.open_week()
    entries = book.draw({"A": len(results)})
    game = book.list_game("one")
    for number, (user, result) in enumerate(results.items()):
        link(world.ledger.datastore, book, number, user.id)
        if result < 0:
            book.lose(book.stake(entries[number], game, -result))
        elif result > 0:
            book.win(book.stake(entries[number], game, result, price=100))
    if is_final:
        book.week_event(WeekFinalised(standings_hash="s"))
    book.append_to(LogRecorder(world.ledger.datastore, week))
    world.project()


def table(user: User, year: int = 2026) -> list[tuple[Any, ...]]:
    """The table as somebody sees it."""
    lines = user.get(f"/api/season/{year}").json()["data"]
    return [(line["rank"], line["name"], line["pools_won"], line["credits"], line["weeks"]) for line in lines]


def test_players_stand_by_pools_won_then_credits_then_fewer_weeks(world: World) -> None:
    """A shared first place is won by all who share it."""
    ann, bob, cid, dan = (world.signup(name) for name in ("Ann", "Bob", "Cid", "Dan"))
    played(world, "2026-W40", {ann: 120, bob: -100, cid: 0, dan: -1000})
    played(world, "2026-W41", {ann: -50, bob: 0, cid: 0})
    played(world, "2026-W42", {dan: 900, bob: 1000})
    assert table(ann) == [
        (1, "Bob", 2, 3900, 3),
        (2, "Ann", 1, 2070, 2),
        (3, "Cid", 1, 2000, 2),
        (4, "Dan", 0, 1900, 2),
    ]
    played(world, "2026-W43", {dan: -900, cid: -930})
    assert table(ann) == [
        (1, "Bob", 2, 3900, 3),
        (2, "Ann", 1, 2070, 2),
        (3, "Cid", 1, 2070, 3),
        (4, "Dan", 1, 2000, 3),
    ]


def test_only_final_weeks_of_the_year_count(world: World) -> None:
    """A year is that of the weeks' ids: 2026-W53 ends in January."""
    ann = world.signup("Ann")
    assert ann.get("/api/season/2026").json() == {
        "year": 2026,
        "weeks": [],
        "me": None,
        "data": [],
        "has_more": False,
        "next_cursor": None,
        "previous_cursor": None,
    }
    played(world, "2025-W52", {ann: 5})
    played(world, "2026-W51", {ann: 10})
    played(world, "2026-W52", {ann: 100}, is_final=False)
    played(world, "2026-W53", {ann: 20})
    season = ann.get("/api/season/2026").json()
    assert season["weeks"] == ["2026-W51", "2026-W53"]
    assert table(ann) == [(1, "Ann", 2, 2030, 2)]
    assert table(ann, 2025) == [(1, "Ann", 1, 1005, 1)]


def test_equal_lines_share_a_rank_and_the_table_is_paged(world: World) -> None:
    """There and back; the own line is told on every page."""
    users = [world.signup(f"Player{number}") for number in range(5)]
    played(world, "2026-W40", dict(zip(users, (50, 10, 10, 10, -10), strict=True)))
    lines = there_and_back(users[4].get, "/api/season/2026", limit=2)
    assert [line["place"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["rank"] for line in lines] == [1, 2, 2, 2, 5]
    assert [line["is_me"] for line in lines] == [False, False, False, False, True]
    first = users[4].get("/api/season/2026", params={"limit": 2}).json()
    assert (len(first["data"]), first["me"]) == (2, lines[-1])
    refuses_what_is_no_page(users[0].get, "/api/season/2026")


def test_an_erased_player_is_in_no_table(world: World) -> None:
    """Nothing links them with what they played; the pool that they won stays won."""
    ann, bob = world.signup("Ann"), world.signup("Bob")
    played(world, "2026-W40", {ann: 0, bob: 500})
    with world.ledger.datastore.connection() as connection:
        connection.execute("DELETE FROM entries WHERE player_id = %s", (bob.id,))
        connection.execute("DELETE FROM players WHERE id = %s", (bob.id,))
    assert table(ann) == [(1, "Ann", 0, 1000, 1)]


@pytest.mark.parametrize("year", ["999", "3000", "this"])
def test_a_year_that_is_none_is_refused(world: World, year: str) -> None:
    """The problem names the parameter."""
    refused = world.signup().get(f"/api/season/{year}")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "path.year")
