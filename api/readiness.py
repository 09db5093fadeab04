"""Whether the service can serve, for balancers: asked every few seconds, answered in time whatever hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from anyio import CapacityLimiter, to_thread

from ledger.datastore import OUTAGES, cursor_on
from ledger.ledger import Ledger
from ledger.sql import queries
from projections.runner import Runner

PATIENCE_SECONDS: Final = 2.0


class Readiness:
    """Asks `look`, in a thread of its own, what is lacking; one question at a time, however many ask."""

    def __init__(self, look: Callable[[], str | None], *, seconds: float = PATIENCE_SECONDS) -> None:
        self._look = look
        self._seconds = seconds
        self._thread = CapacityLimiter(1)
        self._looking: asyncio.Task[str | None] | None = None
        self._ends_at = 0.0

    async def lack(self) -> str | None:
        """Return what is lacking, None if nothing is. A question that hangs is not asked again beside itself."""
        now = asyncio.get_running_loop().time()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._asked(), name="readiness")
            self._ends_at = now + self._seconds
        looking = self._looking
        await asyncio.wait({looking}, timeout=max(0.0, self._ends_at - now))
        return looking.result() if looking.done() else "The database does not answer."

    async def _asked(self) -> str | None:
        return await to_thread.run_sync(self._look, limiter=self._thread, abandon_on_cancel=True)


def lack_of(ledger: Ledger, runner: Runner, migrations: frozenset[str]) -> str | None:
    """Return what keeps the service from serving, None if nothing does; `migrations` must have run."""
    if ledger.is_failing:
        return "The database takes nothing that is written."
    try:
        return _lack_of_schema(ledger, migrations) or _lack_of_projections(runner)
    except OUTAGES:
        return "The database does not answer."


def _lack_of_schema(ledger: Ledger, migrations: frozenset[str]) -> str | None:
    sql = queries("api", "readiness.sql")
    with ledger.datastore.connection() as connection:
        [(is_read_only,)] = cursor_on(connection).execute(sql["is_read_only"]).fetchall()
        ran = {name for (name,) in cursor_on(connection).execute(sql["migrations"])}
    if is_read_only:
        return "The database takes nothing that is written: it is a standby."
    missing = sorted(migrations - ran)
    return f"Migrations have not run: {', '.join(missing)}." if missing else None


def _lack_of_projections(runner: Runner) -> str | None:
    stopped = sorted({each.name for each in runner.reading.status() if each.error is not None})
    if stopped:
        return f"Projections are stopped: {', '.join(stopped)}."
    arriving = runner.arriving()
    return f"New versions of projections have not caught up: {', '.join(arriving)}." if arriving else None
