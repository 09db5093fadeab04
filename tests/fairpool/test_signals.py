"""SIGINT and SIGTERM, before a service runs and while it does."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from fairpool.stopping import Signals, heeding_signals

PATIENCE = 30


def test_a_signal_ends_what_does_not_run_yet() -> None:
    """With exit code 0, and through everything that has to be closed."""
    with pytest.raises(SystemExit) as ended, heeding_signals():
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 0
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_service_is_stopped_once_however_often_it_is_told() -> None:
    """A second signal neither ends the program nor starts anything."""
    stop = threading.Event()
    with heeding_signals() as signals:
        signals.stop(stop)
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        assert stop.wait(PATIENCE)
        assert [thread.name for thread in threading.enumerate()].count("stopping") == 1
        signals.ended()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_nothing_changes_for_a_program_that_nobody_stopped() -> None:
    """What the signals did before they do again."""
    before = signal.getsignal(signal.SIGTERM)
    with heeding_signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_service_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """By force, after a while; all that was acknowledged stands in the database."""
    codes: list[int] = []
    forced = threading.Event()

    def end(code: int) -> None:
        codes.append(code)
        forced.set()

    monkeypatch.setattr("fairpool.stopping.os._exit", end)
    signals = Signals(stop_seconds=0)
    signals.stop(threading.Event())
    signals.heed(signal.SIGTERM, None)
    assert forced.wait(PATIENCE)
    assert codes == [os.EX_OK]
