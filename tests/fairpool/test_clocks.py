"""Which clock a command goes by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from fairpool.clocks import HandClock, leave_simulated_time, system_clock
from fairpool.core import core
from fairpool.play import mark_simulated
from fairpool.settings import Settings
from ledger import drawing
from ledger.rules import Rules
from ledger.weeks import starts_at

WEEK = "2024-W45"
OPENED_AT = starts_at(WEEK) - timedelta(hours=1)


def test_a_command_on_simulated_time_records_where_the_logs_end(dsn: str, tmp_path: Path) -> None:
    """A data directory whose first week was played by a hand's clock is never told today's time, until it leaves it."""
    settings = Settings(data=tmp_path)
    with core(settings, dsn, clock=HandClock(OPENED_AT)) as built:
        mark_simulated(built)
        drawing.open_week(built.ledger, week=WEEK, rules=Rules(), actor="operator:test", request="open")
    with core(settings, dsn) as command:
        assert command.clock() == OPENED_AT
    leave_simulated_time(tmp_path)
    with core(settings, dsn) as command:
        assert command.clock() > OPENED_AT + timedelta(days=1)
    with core(Settings(data=tmp_path / "other"), dsn) as command:
        assert command.clock() - datetime.now(UTC) < timedelta(minutes=1) < command.clock() - OPENED_AT


def test_a_ledger_that_has_begun_is_not_marked(dsn: str, tmp_path: Path) -> None:
    """Whoever plays beside weeks of real time leaves those their time."""
    with core(Settings(data=tmp_path), dsn, clock=system_clock) as built:
        drawing.open_week(built.ledger, week=WEEK, rules=Rules(), actor="operator:test", request="open")
        mark_simulated(built)
    assert list(tmp_path.glob("simulated*")) == []
