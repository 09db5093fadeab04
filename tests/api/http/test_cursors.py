"""Cursors go both ways, and only where they were given for."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.cursors import Page
from api.http.places import Cursor, Paging
from api.refusal import Refusal

NUMBER = re.compile(r"-?\d+")


def page_of(numbers: list[int], paging: Paging) -> Page[int]:
    """A page of a list of numbers, which stands in order."""
    place = paging.place(NUMBER)
    rows = numbers[::-1] if paging.is_back else numbers
    if place is not None:
        rows = [row for row in rows if (row < int(place) if paging.is_back else row > int(place))]
    return Page.of(rows[: paging.fetch], paging, show=lambda row: row, place=str)


@given(numbers=st.sets(st.integers(), min_size=1), limit=st.integers(1, 8))
def test_going_on_and_back_shows_each_thing_once(numbers: set[int], limit: int) -> None:
    """All pages but the last are full, and back lead the same pages."""
    things = sorted(numbers)
    pages = [page_of(things, Paging(limit))]
    while pages[-1].next_cursor is not None:
        pages.append(page_of(things, Paging(limit, Cursor.read(pages[-1].next_cursor))))
    assert [thing for page in pages for thing in page.data] == things
    assert {len(page.data) for page in pages[:-1]} <= {limit}
    assert [page.has_more for page in pages] == [page is not pages[-1] for page in pages]
    page = pages[-1]
    for earlier in reversed(pages[:-1]):
        assert page.previous_cursor is not None
        page = page_of(things, Paging(limit, Cursor.read(page.previous_cursor)))
        assert (page.data, page.next_cursor) == (earlier.data, earlier.next_cursor)
    assert page.previous_cursor is None


@given(numbers=st.sets(st.integers(), min_size=2), new=st.sets(st.integers(), min_size=1), limit=st.integers(1, 4))
def test_what_is_added_meanwhile_moves_no_page(numbers: set[int], new: set[int], limit: int) -> None:
    """The next page begins behind what was shown, whatever has come in before it."""
    first = page_of(sorted(numbers), Paging(limit))
    more = sorted(numbers | new)
    if first.next_cursor is not None:
        following = page_of(more, Paging(limit, Cursor.read(first.next_cursor)))
        assert following.data == [thing for thing in more if thing > first.data[-1]][:limit]


def test_an_empty_page_leads_nowhere() -> None:
    """There is nothing to say a place of."""
    behind = page_of([1], Paging(5, Cursor(False, "1")))
    assert (behind.data, behind.has_more, behind.next_cursor, behind.previous_cursor) == ([], False, None, None)


@given(is_back=st.booleans(), place=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1))
def test_a_cursor_is_read_as_it_was_written(is_back: bool, place: str) -> None:
    """As a text that needs no quoting in a URL."""
    cursor = Cursor(is_back, place[:200])
    assert re.fullmatch(r"[A-Za-z0-9_-]+", str(cursor))
    assert Cursor.read(str(cursor)) == cursor


@given(st.text())
def test_a_text_that_nobody_wrote_as_a_cursor_is_refused(text: str) -> None:
    """Whatever it holds, it is never another error."""
    try:
        cursor = Cursor.read(text)
    except Refusal as refusal:
        assert refusal.code == "invalid_cursor"
    else:
        assert cursor.place


@pytest.mark.parametrize(
    "said",
    [
        "next 2026-W47",
        "next 2026-W47:",
        "next 2026-W47:-1",
        "next 2026-W47:01",
        "next 2026-W47:9999999999999999999",
        "next office:1",
        "next 2026-W47:1 ",
        "next 2026-W47:\u0661",
        "next \0:1",
        "back 2026-W47:1",
        "2026-W47:1",
    ],
)
def test_a_place_that_no_position_can_be_is_refused(said: str) -> None:
    """Nothing made up reaches a query."""
    with pytest.raises(Refusal) as refused:
        Paging(5, Cursor.read(base64.urlsafe_b64encode(said.encode()).decode().rstrip("="))).position()
    assert refused.value.code == "invalid_cursor"


def test_a_position_is_read_with_its_log() -> None:
    """As lists of ledger things ask for it; without a cursor there is none."""
    assert Paging(5, Cursor(True, "2026-W47:12")).position() == ("2026-W47", 12)
    assert Paging(5).position() is None
