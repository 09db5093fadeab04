"""A running service for a journey."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.program import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service with the sample week open."""
    running = Service(tmp_path / "data")
    running.start()
    yield running
    running.close()
