"""Operators who sign in on the command line are who they are over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fairpool.commands.operators import GUESS_SECONDS, NotSignedIn, sign_in
from fairpool.core import Core, core
from fairpool.settings import Settings
from fairpool.web import passwords, players

PASSWORD = "a long enough password"


@pytest.fixture
def built(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Core]:
    """A service with an operator, one whose address is not confirmed, and an auditor."""
    monkeypatch.setenv("FAIRPOOL_PASSWORD", PASSWORD)
    settings = Settings(data=tmp_path, argon2_memory_kib=8, argon2_passes=1, confirm_signup=True)
    with core(settings, dsn) as built:
        password_hash = passwords(built).hash(PASSWORD)
        for role, is_verified in (("operator", True), ("auditor", True), ("operator", False)):
            email = f"{role}{'' if is_verified else '?'}@example.org"
            players(built).create(
                email=email, name="Op", password_hash=password_hash, role=role, is_verified=is_verified
            )
        yield built


def test_an_operator_is_the_same_here_as_over_http(built: Core) -> None:
    """However the address is spelt; what the ledger calls them has no name in it."""
    account = players(built).player_with_email("operator@example.org")
    assert account is not None
    found = sign_in(built, " Operator@Example.org")
    assert (found.id, found.actor) == (account.id, f"operator:{account.id}")


def test_whoever_is_no_operator_waits_and_is_refused(built: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same words for a wrong password, an unknown address, another role and one that is not confirmed.

    Without a password and a terminal it is said what to set.
    """
    waited: list[float] = []
    for email, password in (
        ("operator@example.org", "a wrong password"),
        ("nobody@example.org", PASSWORD),
        ("auditor@example.org", PASSWORD),
        ("operator?@example.org", PASSWORD),
    ):
        monkeypatch.setenv("FAIRPOOL_PASSWORD", password)
        with pytest.raises(NotSignedIn, match="are no operator's"):
            sign_in(built, email, wait=waited.append)
    assert waited == [GUESS_SECONDS] * 4
    monkeypatch.delenv("FAIRPOOL_PASSWORD")
    with pytest.raises(NotSignedIn, match="set FAIRPOOL_PASSWORD"):
        sign_in(built, "operator@example.org", wait=waited.append)
