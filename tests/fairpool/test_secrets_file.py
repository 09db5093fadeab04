"""The secrets of a service, in files and in settings."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from pydantic import SecretStr

from fairpool.secrets_file import SecretUnusable, people_key, rotate_token_key, seed_master, token_keys
from fairpool.settings import Settings

NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A service that keeps its secrets in files."""
    for name in ("FAIRPOOL_TOKEN_KEY", "FAIRPOOL_TOKEN_KEYS_RETIRED", "FAIRPOOL_SEED_MASTER", "FAIRPOOL_PEOPLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    return Settings(data=tmp_path)


def test_secrets_are_made_once_for_their_owner_alone(settings: Settings) -> None:
    """The second start reads what the first made, and nobody else can."""
    assert seed_master(settings) == seed_master(settings) != people_key(settings)
    assert people_key(settings) == people_key(settings)
    assert token_keys(settings).signing.kid == token_keys(settings).signing.kid
    for path in (settings.data / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_those_that_start_together_have_the_same_secrets(settings: Settings) -> None:
    """The first makes them, and the others take what it made."""
    together = Barrier(8)

    def start(_: int) -> bytes:
        together.wait()
        return seed_master(settings)

    with ThreadPoolExecutor(together.parties) as starting:
        assert set(starting.map(start, range(together.parties))) == {seed_master(settings)}


def test_a_rotation_signs_with_a_new_key_and_accepts_the_old_for_a_while(settings: Settings) -> None:
    """What is kept of the old key is its public half."""
    old = token_keys(settings).signing
    rotation = rotate_token_key(settings, now=NOW, accepted_for=DAY)
    keys = token_keys(settings)
    assert rotation.to_set == ()
    assert keys.signing.kid == rotation.keys.signing.kid != old.kid
    [retired] = keys.retired
    assert (retired.kid, retired.until) == (old.kid, (NOW + DAY).timestamp())
    files = "".join(path.read_text() for path in (settings.data / "secrets").iterdir())
    assert old.private.private_bytes_raw().hex() not in files


def test_rotations_forget_keys_that_are_accepted_no_more(settings: Settings) -> None:
    """Those that still are stay."""
    first = token_keys(settings).signing.kid
    second = rotate_token_key(settings, now=NOW, accepted_for=DAY).keys.signing.kid
    third = rotate_token_key(settings, now=NOW + DAY / 2, accepted_for=DAY).keys.signing.kid
    assert [key.kid for key in token_keys(settings).retired] == [second, first]
    rotate_token_key(settings, now=NOW + DAY, accepted_for=DAY)
    assert [key.kid for key in token_keys(settings).retired] == [third, second]


def test_a_leaked_key_is_accepted_no_longer(settings: Settings) -> None:
    """A rotation may end it at once."""
    rotate_token_key(settings, now=NOW, accepted_for=timedelta(0))
    assert token_keys(settings).retired == ()


def test_a_key_from_the_settings_is_rotated_by_hand(settings: Settings) -> None:
    """The rotation says what to set, and that does what files would do; no file is touched."""
    configured = settings.model_copy(update={"token_key": SecretStr("07" * 32)})
    old = token_keys(configured).signing
    rotation = rotate_token_key(configured, now=NOW, accepted_for=DAY)
    said = dict(line.split("=", 1) for line in rotation.to_set)
    update = {
        "token_key": SecretStr(said["FAIRPOOL_TOKEN_KEY"]),
        "token_keys_retired": said["FAIRPOOL_TOKEN_KEYS_RETIRED"],
    }
    keys = token_keys(settings.model_copy(update=update))
    assert keys.signing.kid == rotation.keys.signing.kid != old.kid
    assert [(key.kid, key.until) for key in keys.retired] == [(old.kid, (NOW + DAY).timestamp())]
    assert not (settings.data / "secrets").exists()


@pytest.mark.parametrize(
    "update",
    [
        {"token_key": SecretStr("short")},
        {"token_keys_retired": "00@2026-11-15T12:00:00+00:00"},
        {"token_keys_retired": f"{'07' * 32}@tomorrow"},
        {"token_keys_retired": f"{'07' * 32}@2026-11-15T12:00:00"},
        {"token_keys_retired": "07" * 32},
    ],
    ids=str,
)
def test_a_secret_that_cannot_be_used_stops_the_start(settings: Settings, update: dict[str, object]) -> None:
    """The error says what it has to be like, and does not repeat it."""
    with pytest.raises(SecretUnusable, match="hex"):
        token_keys(settings.model_copy(update=update))
