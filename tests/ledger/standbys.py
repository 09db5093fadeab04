"""A primary whose synchronous standby is away: commits stand, are seen by all, and are not answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.ledger.playing import PATIENCE


@contextmanager
def standby_away(dsn: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Have commits wait for a standby that nobody is, for as long as the block runs; gives an operator's session."""
    with psycopg.connect(dsn, autocommit=True) as operator:
        _set(operator, "nobody")
        try:
            yield operator
        finally:
            _set(operator, "")


def cancel_wait(operator: psycopg.Connection[tuple[object, ...]]) -> None:
    """Wait until a commit waits for the standby, and cancel that, as somebody does who finds a session that hangs."""
    _until(
        operator,
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid <> pg_backend_pid()",
    )


def await_wait(operator: psycopg.Connection[tuple[object, ...]]) -> None:
    """Wait until a commit waits for the standby."""
    _until(operator, "SELECT true FROM pg_stat_activity WHERE wait_event = 'SyncRep'")


def _until(operator: psycopg.Connection[tuple[object, ...]], query: str) -> None:
    """Ask until there is an answer, in the server: it looks again at what others do only in a new statement."""
    for _ in range(PATIENCE * 100):
        if operator.execute(query.encode()).fetchall():
            return
        operator.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("no commit waits for the standby")


def _set(operator: psycopg.Connection[tuple[object, ...]], standby: str) -> None:
    operator.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'".encode())
    operator.execute("SELECT pg_reload_conf()")
    # Whoever asks in a new session finds what was set.
    with psycopg.connect(operator.info.dsn, password=operator.info.password, autocommit=True) as fresh:
        for _ in range(PATIENCE * 100):
            if fresh.execute("SHOW synchronous_standby_names").fetchall() == [(standby,)]:
                return
            fresh.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("the server did not take its settings up")
