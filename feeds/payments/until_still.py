"""Asking the provider again, where something was recorded of the same meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from ledger.payment import PaymentMoved

T = TypeVar("T")
_TRIES: Final = 10


async def until_still(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask the provider and record its word, again for as long as something is recorded meanwhile; at last, raise."""
    for _ in range(_TRIES):
        try:
            return await ask()
        except PaymentMoved:
            continue
    return await ask()
