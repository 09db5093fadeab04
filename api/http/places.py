"""Places in lists, as cursors name them. They stand apart from `cursors`, so that queries need no web framework.

A cursor is opaque to clients; to us it is a place in the list's order, and whether to read on or back from there.
A made-up one reaches nothing but one's own list.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple

from api.refusal import Refusal

_CURSOR: Final = re.compile(r"(next|previous) (.{1,200})")
_WEEK: Final = re.compile(r"\d{4}-W\d{2}")
_POSITION: Final = re.compile(r"(\d{4}-W\d{2}(?:\.c\d+)?):(0|[1-9]\d{0,17})")


class Cursor(NamedTuple):
    """A place in a list, and whether to read on behind it or back from before it."""

    is_back: bool
    place: str

    def __str__(self) -> str:
        """Return the cursor's text on the wire."""
        text = f"{'previous' if self.is_back else 'next'} {self.place}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Read a cursor; raises Refusal `invalid_cursor`."""
        try:
            said = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise invalid_cursor() from error
        found = _CURSOR.fullmatch(said)
        if found is None:
            raise invalid_cursor()
        return cls(found[1] == "previous", found[2])


class Paging(NamedTuple):
    """The page that a client asks for: at most `limit` things from its cursor on, or from the list's beginning."""

    limit: int
    cursor: Cursor | None = None

    @property
    def is_back(self) -> bool:
        """Whether to read against the list's order, from the cursor towards the list's beginning."""
        return self.cursor is not None and self.cursor.is_back

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than is shown tells whether there are more."""
        return self.limit + 1

    def place(self, pattern: re.Pattern[str]) -> str | None:
        """Return the place to read from, None for the list's beginning; raises Refusal where it does not fit."""
        if self.cursor is None:
            return None
        if not pattern.fullmatch(self.cursor.place):
            raise invalid_cursor()
        return self.cursor.place

    def week(self) -> str | None:
        """Return the week to read from, in a list whose places are weeks."""
        return self.place(_WEEK)

    def position(self) -> tuple[str, int] | None:
        """Return the log and the position to read from, in a list whose places are position tokens."""
        token = self.place(_POSITION)
        if token is None:
            return None
        log, _, position = token.rpartition(":")
        return log, int(position)


def invalid_cursor() -> Refusal:
    """Return the refusal of a cursor that this list did not give."""
    return Refusal("invalid_cursor", "Take the cursor from next_cursor or previous_cursor of a page of this list.")
