"""Setbacks: what cannot be done now keeps nothing behind it from being done, unless nothing can be done."""

from __future__ import annotations

import pytest

from feeds.payments.provider import ProviderUnavailable
from feeds.payments.setbacks import Setbacks
from ledger.recorder import LogArchived


def failing(setbacks: Setbacks, text: str) -> None:
    with setbacks.borne():
        raise ProviderUnavailable(text)


def test_what_fails_is_told_when_all_had_their_turn() -> None:
    """The first of the failures; where there was none, nothing is raised."""
    setbacks = Setbacks()
    setbacks.tell()
    failing(setbacks, "first")
    failing(setbacks, "second")
    with pytest.raises(ProviderUnavailable, match="first"):
        setbacks.tell()


def test_three_failures_in_a_row_end_the_round() -> None:
    """And not three among others that succeed: then it is not the provider that is out."""
    setbacks = Setbacks()
    for _ in range(3):
        failing(setbacks, "now and then")
        with setbacks.borne():
            pass
    failing(setbacks, "one")
    failing(setbacks, "two")
    with pytest.raises(ProviderUnavailable, match="now and then"):
        failing(setbacks, "three")


def test_payments_for_an_archived_week_wait_and_hold_up_nobody() -> None:
    """However many there are in a row: the week is restored for them, and others have their turn."""
    setbacks = Setbacks()
    for _ in range(9):
        with setbacks.borne():
            raise LogArchived("2026-W47")
    with pytest.raises(LogArchived):
        setbacks.tell()


def test_what_is_no_failure_of_the_ledgers_kind_ends_the_round_at_once() -> None:
    """A mistake in the program is not borne."""
    with pytest.raises(KeyError), Setbacks().borne():
        raise KeyError("mistake")
