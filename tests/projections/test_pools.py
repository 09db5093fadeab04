"""Pools."""

from __future__ import annotations

from ledger.datastore import Datastore
from projections.pools import Pool, Pools, PoolsProjection
from tests.projections.book import Book, fold
from tests.projections.conftest import Project


def pools(book: Book) -> dict[str, Pool]:
    return {pool.name: pool for pool in fold(PoolsProjection(), book.facts).all(Pool).values()}


def test_a_drawn_pool_has_its_size_before_its_accounts() -> None:
    """The size is that of the draw; how many accounts are open shows how far it has come."""
    book = Book()
    book.draw_pools({"W2026-47-A": 2})
    book.open_account(book.entry(0), "W2026-47-A")
    pool = pools(book)["W2026-47-A"]
    assert (pool.pool_id, pool.week, pool.size, pool.opened) == (book.pool("W2026-47-A"), "2026-W47", 2, 1)


def test_late_entries_make_a_pool_grow() -> None:
    """An account beyond the drawn size counts, and one in an unknown pool begins that pool."""
    book = Book()
    book.draw({"A": 1})
    book.open_account(book.entry(10), "A")
    book.open_account(book.entry(11), "B")
    assert {name: (pool.size, pool.opened) for name, pool in pools(book).items()} == {"A": (2, 2), "B": (1, 1)}


def test_readers_find_pools_in_order_of_name(datastore: Datastore, project: Project) -> None:
    """Z stands before AA."""
    book = Book()
    book.draw_pools({"W2026-47-AA": 1, "W2026-47-Z": 2, "W2026-47-B": 3})
    project(book)
    found = Pools(datastore).pools_of_week("2026-W47")
    assert [pool.name for pool in found] == ["W2026-47-B", "W2026-47-Z", "W2026-47-AA"]
    assert Pools(datastore).pool(book.pool("W2026-47-Z")) == pools(book)["W2026-47-Z"]


def test_readers_find_pools_from_a_name_on(datastore: Datastore, project: Project) -> None:
    """Forwards and back from one, and each by its name or id in its week."""
    book = Book()
    book.draw_pools({"W2026-47-AA": 1, "W2026-47-Z": 2, "W2026-47-B": 3})
    project(book)
    reader = Pools(datastore)
    behind = reader.pools_of_week("2026-W47", name="W2026-47-B", limit=1)
    assert [pool.name for pool in behind] == ["W2026-47-Z"]
    before = reader.pools_of_week("2026-W47", name="W2026-47-AA", is_back=True)
    assert [pool.name for pool in before] == ["W2026-47-Z", "W2026-47-B"]
    assert reader.pool_called("2026-W47", "W2026-47-Z") == pools(book)["W2026-47-Z"]
    assert reader.pool_called("2026-W47", str(book.pool("W2026-47-Z"))) == pools(book)["W2026-47-Z"]
    assert reader.pool_called("2026-W48", "W2026-47-Z") is None
    assert reader.pools_in(["2026-W47", "2026-W48"]) == {"2026-W47": 3}
