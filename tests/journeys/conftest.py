"""A running service for a journey."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.program import Service
from tests.templates import Template, template

# One address may ask as often as it likes, and nobody waits for the hashes of two dozen simulated players' passwords.
LENIENT = {
    "FAIRPOOL_LIMIT_BETS": "off",
    "FAIRPOOL_LIMIT_READS": "off",
    "FAIRPOOL_ARGON2_MEMORY_KIB": "1024",
    "FAIRPOOL_ARGON2_PASSES": "1",
}


@pytest.fixture(scope="session")
def opened_sample(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The data directory of a service that was started for the first time, opened the sample week and was stopped."""

    def make(folder: Path) -> None:
        running = Service(folder, **LENIENT)
        running.start()
        running.stop()

    return template(tmp_path_factory, "sample", make)


@pytest.fixture
def service(opened_sample: Template, tmp_path: Path) -> Iterator[Service]:
    """The service with the sample week open, on data of its own in `data`."""
    running = Service(opened_sample.copy(tmp_path / "data"), **LENIENT)
    running.start()
    yield running
    running.close()
