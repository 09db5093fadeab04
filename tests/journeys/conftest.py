"""A running service for a journey."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.program import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service with the sample week open, which lets one address ask as often as it likes."""
    running = Service(tmp_path / "data", FAIRPOOL_LIMIT_BETS="off", FAIRPOOL_LIMIT_READS="off")
    running.start()
    yield running
    running.close()
