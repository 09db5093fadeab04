"""Places in lists by creation."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from api.http.newest_first import Place
from api.http.places import Cursor, Paging
from api.refusal import Refusal

PLACE = Place(datetime(2026, 11, 15, 12, 0, 0, 5, tzinfo=UTC), UUID(int=7))


@pytest.mark.parametrize("place", [PLACE, PLACE._replace(created_at=datetime(2026, 11, 15, tzinfo=UTC))])
def test_a_place_is_read_as_it_was_written(place: Place) -> None:
    """To the microsecond, also where there are none."""
    assert Place.wanted(Paging(2, Cursor(False, str(place)))) == place


def test_a_list_begins_without_a_place() -> None:
    """The first page has no cursor."""
    assert Place.wanted(Paging(2)) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-W47:5",
        f"2026-13-15T12:00:00+00:00 {UUID(int=7)}",
        f"2026-11-15T12:00:00 {UUID(int=7)}",
        f"2026-11-15T12:00:00+00:00 {'-' * 36}",
    ],
)
def test_a_place_of_another_list_is_refused(text: str) -> None:
    """As a cursor that is not one of ours."""
    with pytest.raises(Refusal) as refused:
        Place.wanted(Paging(2, Cursor(False, text)))
    assert refused.value.code == "invalid_cursor"
