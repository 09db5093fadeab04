"""Flips from one generation to another, while others read and the runner works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from ledger.datastore import Datastore, cursor_on
from ledger.recorder import LogRecorder
from projections.accounts import Accounts
from projections.journal import Journal
from projections.rebuild import rebuild, rollback, verify
from tests.projections.book import KINDS_OF_MOVES, random_week
from tests.projections.conftest import Project

MOVES = [(number % KINDS_OF_MOVES, number * 7, number * 11) for number in range(150)]
MARK = 1_000_000
ARE_MARKED = "SELECT max(potential) >= 1000000 FROM accounts"
WHOLE = f"SELECT ({ARE_MARKED}), (SELECT max(potential_payout) >= 1000000 FROM account_stakes)"
BOTH = "SELECT bet_id FROM account_stakes s WHERE log IN (SELECT log FROM accounts) ORDER BY 1 LIMIT 3"
LINES = "SELECT account, sum(amount) FROM journal_lines WHERE position <= 150 GROUP BY account ORDER BY account"
PRIZES = "SELECT entry, pool_name, state FROM prize_standings ORDER BY entry"


class Readers:
    """Read in threads, on connections of their own with prepared statements, as other processes would."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._stop = threading.Event()
        self.errors: list[BaseException] = []
        self.mixed: list[object] = []
        self.reads = 0

    @contextmanager
    def reading(self, *reads: Callable[[psycopg.Connection[object]], None]) -> Iterator[None]:
        threads = [threading.Thread(target=self._read, args=(read,)) for read in reads]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def whole(self, connection: psycopg.Connection[object]) -> None:
        """Two tables of a projection in one statement are of one generation."""
        row = connection.execute(WHOLE.encode(), prepare=True).fetchone()
        assert isinstance(row, tuple)
        if row[0] != row[1]:
            self.mixed.append(row)

    def query(self, statement: str) -> Callable[[psycopg.Connection[object]], None]:
        """A statement always has the same answer: all generations have the same rows there."""
        answers: list[object] = []

        def read(connection: psycopg.Connection[object]) -> None:
            answer = connection.execute(statement.encode(), prepare=True).fetchall()
            answers[:] = answers or [answer]
            if answer != answers[0]:
                self.mixed.append(answer)

        return read

    def _read(self, read: Callable[[psycopg.Connection[object]], None]) -> None:
        try:
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                while not self._stop.is_set():
                    read(connection)
                    self.reads += 1
        except BaseException as error:
            self.errors.append(error)


def mark(datastore: Datastore) -> None:
    """Make the live rows of accounts ones that can be told from those of a rebuild."""
    with datastore.connection() as connection:
        for statement in (
            "UPDATE accounts SET potential = potential + 1000000",
            "UPDATE account_stakes SET potential_payout = potential_payout + 1000000",
        ):
            assert cursor_on(connection).execute(statement.encode()).rowcount > 0


def test_readers_see_one_whole_generation_and_no_error(dsn: str, datastore: Datastore, project: Project) -> None:
    """Through flips there and back, with prepared statements, over views, and while the runner goes on."""
    book = random_week("2026-W47", MOVES)
    book.stake(book.entry(0), book.list_game("last"), 1)
    runner = project(book)
    mark(datastore)
    readers, stop = Readers(dsn), threading.Event()
    running = threading.Thread(target=runner.run, args=(stop,))
    running.start()
    reads = [readers.whole, readers.whole, *map(readers.query, (BOTH, LINES, PRIZES))]
    with readers.reading(*reads):
        [rebuilt] = rebuild(datastore, name="accounts")
        assert rebuilt.flip.differing > 0
        rebuild(datastore, name="journal")
        for number in range(6):
            book.open_account(book.entry(50 + number), "A")
            book.append_to(LogRecorder(datastore, book.log))
            back = rollback(datastore, name="accounts")
            assert back is not None
            assert back.flip.differing == rebuilt.flip.differing
            rollback(datastore, name="journal")
    assert runner.wait_for(book.log, len(book.facts), timeout=60)
    stop.set()
    running.join()
    assert (readers.errors, readers.mixed) == ([], [])
    assert readers.reads > 100
    assert verify(datastore) == [], "after an even number of turns the good rows are live"
    assert Accounts(datastore).account(book.entry(55)) is not None
    assert Journal(datastore).trial_balance(book.log)
