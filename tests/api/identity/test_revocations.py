"""What is revoked, as one process knows it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from api.identity.revocations import Revocations
from ledger.datastore import Datastore

WINDOW = timedelta(minutes=15)


def revoke(datastore: Datastore, id: UUID, *, ago: timedelta = timedelta(0)) -> UUID:
    """Revoke as another process would, some time ago."""
    with datastore.connection() as connection:
        connection.execute("INSERT INTO revocations VALUES (%s, now() - %s)", (id, ago))
    return id


def test_what_another_process_revokes_is_known_after_a_second(datastore: Datastore) -> None:
    """Until then nothing is asked of the database."""
    now = [0.0]
    revocations = Revocations(datastore, window=WINDOW, monotonic=lambda: now[0])
    session = uuid4()

    async def includes() -> bool:
        return await revocations.include(session)

    assert not asyncio.run(includes())
    revoke(datastore, session)
    now[0] = 0.99
    assert not asyncio.run(includes())
    now[0] = 1.0
    assert asyncio.run(includes())


def test_what_this_process_revokes_counts_at_once_and_stays(datastore: Datastore) -> None:
    """Also when a reading that began before does not have it yet."""
    now = [0.0]
    revocations = Revocations(datastore, window=WINDOW, monotonic=lambda: now[0])
    session = uuid4()
    revocations.add([session])
    assert asyncio.run(revocations.include(session))
    now[0] = 5.0
    assert asyncio.run(revocations.include(session))


def test_many_who_ask_at_once_cause_one_reading(datastore: Datastore) -> None:
    """The others wait for it."""

    class Counted(Revocations):
        readings = 0

        def recent(self) -> frozenset[UUID]:
            self.readings += 1
            return super().recent()

    revocations = Counted(datastore, window=WINDOW, monotonic=lambda: 0.0)
    session = revoke(datastore, uuid4())

    async def ask() -> list[bool]:
        return await asyncio.gather(*(revocations.include(session) for _ in range(50)))

    assert asyncio.run(ask()) == [True] * 50
    assert revocations.readings == 1


def test_what_no_token_can_name_any_more_is_forgotten(datastore: Datastore) -> None:
    """A minute more than a token lasts is kept."""
    revocations = Revocations(datastore, window=WINDOW)
    recent = revoke(datastore, uuid4(), ago=WINDOW)
    revoke(datastore, uuid4(), ago=WINDOW + timedelta(minutes=2))
    assert revocations.recent() == {recent}
    revocations.forget_old()
    with datastore.connection() as connection:
        assert connection.execute("SELECT 1 FROM revocations").rowcount == 1


def test_nobody_is_let_in_on_old_news(dsn: str) -> None:
    """Where the database does not answer the question is not answered either."""
    datastore = Datastore(psycopg.conninfo.make_conninfo(dsn, dbname="nowhere"))
    datastore.pool.timeout = 0.2
    try:
        with pytest.raises(psycopg.OperationalError):
            asyncio.run(Revocations(datastore, window=WINDOW).include(uuid4()))
    finally:
        datastore.close()
