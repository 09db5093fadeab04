"""Whoever appends at once: positions are 1 to n in the order of commits, and so are the versions of a stream."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from ledger.datastore import Datastore
from ledger.recorder import Batch, LogRecorder
from tests.ledger.appending import NOW, A, B, append, fact, places

PATIENCE = 60
THREADS = 4


def at_once(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Run `work` with 0, 1, … in as many threads, all let go at the same moment."""
    together = threading.Barrier(threads)

    def starting(number: int) -> None:
        together.wait(PATIENCE)
        work(number)

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(starting, number) for number in range(threads)]:
            done.result(PATIENCE)


def test_positions_have_no_gap_whoever_appends(recorder: LogRecorder) -> None:
    """Batches of different sizes, decided on streams of their own, at clocks that differ: one order, no hole in it."""

    def appending(number: int) -> None:
        version = 0
        for size in (1, 3, 2, 5) * 5:
            batch = [fact(UUID(int=number), version + place) for place in range(1, size + 1)]
            now = NOW + timedelta(seconds=version % 7 - number)
            assert append(recorder, batch, known=0, now=now).left_out == frozenset()
            version += size

    at_once(appending)
    records = recorder.read()
    assert [record.position for record in records] == list(range(1, 4 * 55 + 1))
    versions: Counter[UUID] = Counter()
    for record in records:
        versions[record.stream] += 1
        assert record.version == versions[record.stream]
    times = [record.recorded_at for record in records]
    assert times == sorted(times)


def test_one_stream_is_continued_by_whoever_has_seen_its_end(recorder: LogRecorder) -> None:
    """Decided behind the stream, an append either continues it or is left out, and then tried again with the news."""

    def is_appended(number: int) -> bool:
        known = recorder.head().position
        version = len(recorder.read_streams([A])) + 1
        return not append(recorder, fact(A, version, request=str(number)), known=known, behind=[(1, A)]).left_out

    def appending(number: int) -> None:
        for _ in range(15):
            while not is_appended(number):
                pass

    def appending_elsewhere(number: int) -> None:
        for version in range(1, 16):
            assert not append(recorder, fact(B, version), known=0).left_out

    at_once(lambda number: appending_elsewhere(number) if number == 0 else appending(number))
    assert [record.version for record in recorder.read_streams([A])] == list(range(1, 46))
    assert Counter(record.request for record in recorder.read_streams([A])) == {"1": 15, "2": 15, "3": 15}


def test_follower_sees_every_event_once_in_order(recorder: LogRecorder) -> None:
    """It reads behind its position while others append: what it sees is never followed by something before it."""
    seen: list[int] = []

    def following() -> None:
        while len(seen) < 3 * 40:
            seen.extend(record.position for record in recorder.read(after=len(seen)))

    def appending(number: int) -> None:
        if number == 0:
            following()
        else:
            for version in range(1, 41):
                append(recorder, fact(UUID(int=number), version), known=0)

    at_once(appending)
    assert seen == list(range(1, 121))


def waiting_for_a_lock(dsn: str, count: int) -> None:
    """Come back once so many connections wait for a lock; the test's time limit ends this otherwise."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        waiting = 0
        while waiting < count:
            (waiting,) = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone() or (0,)


def test_nobody_appends_while_the_head_is_held(recorder: LogRecorder, dsn: str) -> None:
    """What is decided on the whole log is still true when it is appended; the others come after it."""
    with ThreadPoolExecutor(2) as pool:
        with recorder.held() as connection:
            others = [pool.submit(append, recorder, fact(UUID(int=number), 1), known=0) for number in (8, 9)]
            waiting_for_a_lock(dsn, 2)
            assert recorder.head().position == 0
            mine = recorder.append(one_fact(), on=connection)
            assert not any(other.done() for other in others)
        bases = [other.result(PATIENCE).base for other in others]
    assert mine.base == 0
    assert sorted(bases) == [1, 2]
    assert places(recorder)[0] == (1, A, 1)


def test_what_is_appended_while_the_head_is_held_is_undone_with_it(recorder: LogRecorder) -> None:
    """A command that breaks off leaves nothing, and the head is free again."""

    def breaking_off() -> None:
        with recorder.held() as connection:
            recorder.append(one_fact(), on=connection)
            raise KeyError("broken off")

    with pytest.raises(KeyError):
        breaking_off()
    assert places(recorder) == []
    assert append(recorder, fact(B, 1)).base == 0


def one_fact() -> Batch:
    return Batch(known=0, now=NOW, facts=[(1, fact(A, 1))])


def test_logs_do_not_wait_for_one_another(recorder: LogRecorder, datastore: Datastore) -> None:
    """While one log's head is held, another log goes on."""
    other = LogRecorder(datastore, "2026-W48")
    other.create_table()
    with recorder.held():
        assert append(other, fact(A, 1)).base == 0


def test_log_opened_from_many_sides_is_opened_once(datastore: Datastore) -> None:
    """Two services that start together open one log."""
    at_once(lambda number: LogRecorder(datastore, "2026-W49").create_table())
    assert LogRecorder(datastore, "2026-W49").head().position == 0
