"""What an operator may choose."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from api.http.limits import Limit, Limits
from fairpool.settings import Settings
from fairpool.web import limits


@pytest.fixture(autouse=True)
def without_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's configures the settings."""
    for name in ("LIMIT_AUTH", "LIMIT_LOG_IN", "LIMIT_BETS", "LIMIT_READS", "LIMIT_WRITES", "CORS_ORIGINS"):
        monkeypatch.delenv(f"FAIRPOOL_{name}", raising=False)


def test_a_service_is_limited_unless_somebody_says_otherwise() -> None:
    """The settings' defaults are those of the limits."""
    assert limits(Settings()) == Limits()
    assert None not in (Limits().auth, Limits().log_in, Limits().bets, Limits().reads, Limits().writes)


def test_limits_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its name."""
    monkeypatch.setenv("FAIRPOOL_LIMIT_BETS", "5/second")
    monkeypatch.setenv("FAIRPOOL_LIMIT_AUTH", "off")
    chosen = limits(Settings())
    assert (chosen.bets, chosen.auth, chosen.reads) == (Limit(5, 1), None, Limits().reads)


def test_origins_are_read_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON, as all lists in the environment."""
    monkeypatch.setenv("FAIRPOOL_CORS_ORIGINS", '["https://app.example.org", "http://localhost:3000"]')
    assert Settings().cors_origins == ("https://app.example.org", "http://localhost:3000")
    assert Settings(cors_origins=()).cors_origins == ()


def test_the_silence_of_sources_is_limited_for_all_or_by_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number of seconds, or JSON by source; off unless somebody says otherwise."""
    assert Settings().feed_silence_seconds is None
    for given, limit in (("90", 90), ('{"nfl": 60}', {"nfl": 60})):
        monkeypatch.setenv("FAIRPOOL_FEED_SILENCE_SECONDS", given)
        assert Settings().feed_silence_seconds == limit


def test_no_source_confirms_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would make its own results official."""
    monkeypatch.setenv("FAIRPOOL_PRIMARY_SOURCES", '{"NFL": "one"}')
    monkeypatch.setenv("FAIRPOOL_CONFIRMING_SOURCES", '{"NFL": "two"}')
    assert Settings().confirming_sources == {"NFL": "two"}
    monkeypatch.setenv("FAIRPOOL_CONFIRMING_SOURCES", '{"NFL": "one"}')
    with pytest.raises(ValidationError, match="cannot confirm itself"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LIMIT_BETS", "20 a second", "is no limit"),
        ("CORS_ORIGINS", '["*"]', "no exact origin"),
        ("CORS_ORIGINS", '["https://app.example.org/"]', "no exact origin"),
        ("ORIGIN", "fair pool", "should match pattern"),
        ("ORIGIN", "fair+pool", "should match pattern"),
        ("FEED_SILENCE_SECONDS", "0", "greater than or equal to 1"),
        ("HSTS_SECONDS", "-1", "greater than or equal to 0"),
        ("TRUSTED_PROXIES", '["*"]', "not a valid IPv4 or IPv6 network"),
        ("TRUSTED_PROXIES", '["10.0.0.1/8"]', "not a valid IPv4 or IPv6 network"),
    ],
)
def test_what_would_open_too_much_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    """A misspelt setting stops the service instead of weakening it."""
    monkeypatch.setenv(f"FAIRPOOL_{name}", value)
    with pytest.raises(ValidationError, match=said):
        Settings()
