"""Passwords."""

from __future__ import annotations

import pytest
from argon2.exceptions import InvalidHashError

from api.identity.passwords import Passwords


@pytest.fixture
def passwords() -> Passwords:
    """Passwords at the least cost there is."""
    return Passwords(memory_kib=8, passes=1)


def test_the_right_password_is_told_from_a_wrong_one(passwords: Passwords) -> None:
    """Hashes are salted, so two of one password differ."""
    hashed = passwords.hash("correct horse")
    assert passwords.verify(hashed, "correct horse")
    assert not passwords.verify(hashed, "wrong horse")
    assert hashed != passwords.hash("correct horse")


def test_nobodys_password_is_never_right(passwords: Passwords) -> None:
    """An unknown player is refused, even with the text that is hashed in their place."""
    assert not passwords.verify(None, "correct horse")
    assert not passwords.verify(None, "the password of nobody")


def test_a_damaged_hash_is_an_error_and_not_a_wrong_password(passwords: Passwords) -> None:
    """What the database should not hold is told loudly."""
    with pytest.raises(InvalidHashError):
        passwords.verify("nonsense", "correct horse")


def test_a_hash_of_another_cost_is_outdated(passwords: Passwords) -> None:
    """Raising the cost shows which hashes to renew."""
    hashed = passwords.hash("correct horse")
    assert not passwords.is_outdated(hashed)
    assert Passwords(memory_kib=16, passes=1).is_outdated(hashed)


def test_the_cost_is_in_the_hash_and_the_default_is_owasps() -> None:
    """argon2id, 19 MiB, two passes, one lane."""
    assert Passwords().hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
