"""All migrations of the service, in the order in which its packages build on one another."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.migrate import Migration, migrations_of
from projections.catalogue import migrations


def all_migrations() -> Iterator[Migration]:
    """Yield the migrations of every package."""
    yield from migrations_of("ledger")
    yield from migrations()
    yield from migrations_of("feeds")
    yield from migrations_of("api")
    # Payments refer to players.
    yield from migrations_of("feeds.payments")
