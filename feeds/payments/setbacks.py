"""Setbacks: what cannot be done now keeps nothing behind it from being done, and is told when all had their turn."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ledger.aggregate import LedgerError
from ledger.recorder import LogArchived

# So many, one right behind another, are no one payment's fault: whoever is left would wait in vain.
_IN_A_ROW: Final = 3
_log = logging.getLogger(__name__)


class Setbacks:
    """The failures of one round of work, in which each piece of work can fail by itself."""

    def __init__(self) -> None:
        self._first: LedgerError | None = None
        self._in_a_row = 0

    @contextmanager
    def borne(self) -> Iterator[None]:
        """Go on behind the block though it raises a LedgerError; raises the first when several come in a row."""
        try:
            yield
        except LogArchived as error:
            # It keeps what was paid for that week waiting until it is restored, and says nothing of what comes next.
            self._first = self._first or error
            _log.warning("a payment waits: %s", error)
        except LedgerError as error:
            self._first = self._first or error
            self._in_a_row += 1
            if self._in_a_row == _IN_A_ROW:
                raise self._first from None
            _log.warning("payments wait: %s", error)
        else:
            self._in_a_row = 0

    def tell(self) -> None:
        """Raise the first failure that was borne, if there was one."""
        if self._first is not None:
            raise self._first
