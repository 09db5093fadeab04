"""The beacon that the settings ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from fairpool.beacons import beacon
from fairpool.settings import Settings
from feeds.beacon import DrandBeacon
from tests.examples import ROUND, ROUND_657413
from tests.feeds.relays import line, relays


def test_draws_rest_on_the_seed_alone_unless_told() -> None:
    """No network is needed to draw."""
    assert beacon(Settings()) is None


def test_drand_is_asked_by_the_relays_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default those of several organisations."""
    monkeypatch.setenv("FAIRPOOL_BEACON", "drand")
    assert isinstance(beacon(Settings()), DrandBeacon)
    with relays(2) as (one, other):
        monkeypatch.setenv("FAIRPOOL_BEACON_RELAYS", f"{one.url}, {other.url}/")
        for relay in (one, other):
            relay.publish()
        found = beacon(Settings())
        assert found is not None
        assert found.read(ROUND) == ROUND_657413
        assert (len(one.asked), len(other.asked)) == (1, 1)


def test_recorded_rounds_take_the_place_of_relays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For a service that reaches none."""
    monkeypatch.setenv("FAIRPOOL_BEACON", "drand")
    monkeypatch.setenv("FAIRPOOL_BEACON_ROUNDS", str(tmp_path / "rounds.jsonl"))
    (tmp_path / "rounds.jsonl").write_bytes(line() + b"\n")
    found = beacon(Settings())
    assert found is not None
    assert found.read(ROUND) == ROUND_657413


@pytest.mark.parametrize(
    ("name", "value"), [("BEACON", "moon"), ("BEACON_RELAYS", "http://one"), ("BEACON_RELAYS", "http://one,http://one")]
)
def test_beacon_that_nobody_could_rely_on_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """One relay alone is believed by nobody."""
    monkeypatch.setenv(f"FAIRPOOL_{name}", value)
    with pytest.raises(ValidationError):
        Settings()
