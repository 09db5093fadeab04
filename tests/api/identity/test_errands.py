"""Errands."""

from __future__ import annotations

import logging
import threading

import pytest

from api.identity.errands import Errands

PATIENCE_SECONDS = 10


def test_nobody_waits_for_an_errand() -> None:
    """It runs in a thread of its own, after those before it."""
    errands, may_go, done = Errands(), threading.Event(), threading.Event()
    ran: list[str] = []

    def first() -> None:
        may_go.wait(PATIENCE_SECONDS)
        ran.append("first")

    def second() -> None:
        ran.append("second")
        done.set()

    errands.run("first", first)
    errands.run("second", second)
    assert ran == []
    may_go.set()
    assert done.wait(PATIENCE_SECONDS)
    assert ran == ["first", "second"]


def test_an_errand_that_fails_is_logged_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """The log names it."""
    errands, done = Errands(), threading.Event()
    errands.run("reset mail", lambda: 1 // 0)
    errands.run("next", done.set)
    assert done.wait(PATIENCE_SECONDS)
    assert "reset mail failed" in caplog.text


def test_errands_do_not_pile_up_without_end(caplog: pytest.LogCaptureFixture) -> None:
    """Where a mail server hangs, what is too much is dropped and logged."""
    errands, may_go, done = Errands(), threading.Event(), threading.Event()
    errands.run("hangs", lambda: may_go.wait(PATIENCE_SECONDS))
    with caplog.at_level(logging.ERROR):
        for _ in range(1_000):
            errands.run("mail", lambda: None)
    assert caplog.text.count("mail was dropped") == 1
    may_go.set()
    while not done.is_set():
        errands.run("last", done.set)
        done.wait(0.01)
    assert done.is_set()
