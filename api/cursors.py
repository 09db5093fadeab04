"""Cursors of lists: opaque to clients, a place in a log to us. A made-up one reaches nothing but one's own list."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from api.errors import Refusal
from ledger.ids import position_token


class Cursor(NamedTuple):
    """The log and position of the last thing that a page showed."""

    log: str
    position: int

    def __str__(self) -> str:
        """Return the cursor's text on the wire."""
        return base64.urlsafe_b64encode(position_token(*self).encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Read a cursor; raises Refusal `invalid_cursor`."""
        try:
            token = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            log, _, position = token.rpartition(":")
            return cls(log, int(position))
        except (binascii.Error, ValueError) as error:
            raise Refusal("invalid_cursor", "Take the cursor from next_cursor of the page before.") from error
