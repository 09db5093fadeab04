"""API keys in their table, and as a process knows them."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from api.http.places import Paging
from api.identity.keys import ApiKeys, ScopeTooWide
from api.identity.revocations import Revocations
from api.identity.tokens import InvalidToken, Principal
from ledger.datastore import Datastore, cursor_on


@dataclass
class Clock:
    """Both times, set by hand."""

    now: datetime = datetime(2026, 11, 15, tzinfo=UTC)
    monotonic: float = 0.0


@pytest.fixture
def clock() -> Clock:
    """The time of these tests."""
    return Clock()


@pytest.fixture
def keys(datastore: Datastore, clock: Clock) -> ApiKeys:
    """The keys of a fresh database."""
    return ApiKeys(
        datastore,
        revocations=Revocations(datastore, window=timedelta(minutes=15)),
        new_id=uuid4,
        new_secret=secrets.token_bytes,
        now=lambda: clock.now,
        monotonic=lambda: clock.monotonic,
    )


def check(keys: ApiKeys, text: str) -> Principal:
    return asyncio.run(keys.principal(text))


def test_a_key_speaks_for_itself_with_the_scopes_of_its_role(keys: ApiKeys) -> None:
    """All of them where none are named; it has no session."""
    key, text = keys.create(role="service", name="settler")
    assert text.startswith(f"{key.prefix}_")
    assert check(keys, text) == Principal(key.id, "service", frozenset({"audit", "operate"}))


def test_a_key_may_do_less_than_its_role(keys: ApiKeys) -> None:
    """The scopes that it was made with, and no more."""
    _, text = keys.create(role="service", name="reader", scopes=["audit"])
    assert check(keys, text).scopes == {"audit"}


def test_a_key_never_does_more_than_its_role(keys: ApiKeys) -> None:
    """It is not made at all."""
    for scopes in (["play"], ["audit", "people"], ["root"], []):
        with pytest.raises(ScopeTooWide, match="audit"):
            keys.create(role="auditor", name="greedy", scopes=scopes)
    assert keys.keys(Paging(10)) == []


def test_a_key_is_no_player_and_no_operator(keys: ApiKeys) -> None:
    """Those are people, who log in."""
    for role in ("player", "operator", "root"):
        with pytest.raises(ValueError, match="cannot have the role"):
            keys.create(role=role, name="x")


def test_a_warm_key_costs_no_query(keys: ApiKeys, datastore: Datastore, clock: Clock) -> None:
    """It is read again after a minute."""
    key, text = keys.create(role="auditor", name="dashboard")
    check(keys, text)
    with datastore.connection() as connection:
        connection.execute("UPDATE api_keys SET scopes = '{}' WHERE id = %s", (key.id,))
    clock.monotonic = 59.0
    assert check(keys, text).scopes == {"audit"}
    clock.monotonic = 60.0
    assert check(keys, text).scopes == frozenset()


def test_a_wrong_secret_is_refused_warm_and_cold(keys: ApiKeys) -> None:
    """Knowing a key's id is knowing nothing, and does not count as its use."""
    key, text = keys.create(role="auditor", name="dashboard")
    wrong = f"{key.prefix}_{'A' * 43}"
    for _ in range(2):
        with pytest.raises(InvalidToken):
            check(keys, wrong)
    assert keys.keys(Paging(1))[0].last_used_at is None
    assert check(keys, text).id == key.id
    with pytest.raises(InvalidToken):
        check(keys, wrong)


def test_what_is_no_key_of_ours_is_refused(keys: ApiKeys) -> None:
    """Misshapen or unknown."""
    for text in ("fpk_", "fpk_x_y", f"fpk_{'0' * 32}_{'A' * 43}", f"fpk_{UUID(int=1)}_{'A' * 43}"):
        with pytest.raises(InvalidToken):
            check(keys, text)


def test_a_key_expires(keys: ApiKeys, clock: Clock) -> None:
    """Also one that is warm; it stays in the list."""
    key, text = keys.create(role="auditor", name="guest", expires_at=clock.now + timedelta(days=1))
    assert check(keys, text).id == key.id
    clock.now += timedelta(days=1)
    with pytest.raises(InvalidToken):
        check(keys, text)
    assert [each.id for each in keys.keys(Paging(10))] == [key.id]


def test_the_last_use_is_noted_to_the_minute(keys: ApiKeys, clock: Clock) -> None:
    """Whoever tidies up sees which keys nobody needs."""
    _, text = keys.create(role="auditor", name="dashboard")
    check(keys, text)
    first, clock.now, clock.monotonic = clock.now, clock.now + timedelta(seconds=30), 30.0
    check(keys, text)
    assert keys.keys(Paging(1))[0].last_used_at == first
    clock.now, clock.monotonic = clock.now + timedelta(seconds=30), 60.0
    check(keys, text)
    assert keys.keys(Paging(1))[0].last_used_at == clock.now


def test_the_database_holds_no_key(keys: ApiKeys, datastore: Datastore) -> None:
    """Who reads a backup cannot use one."""
    _, text = keys.create(role="auditor", name="dashboard")
    with datastore.connection() as connection:
        [(row,)] = cursor_on(connection).execute("SELECT api_keys::text FROM api_keys").fetchall()
    assert text.rpartition("_")[2] not in row
    assert text.split("_", 2)[2].encode().hex() not in row
