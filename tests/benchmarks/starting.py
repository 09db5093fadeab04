"""How soon a process serves behind a large log: from its start until it has answered a bet."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from psycopg import Connection

from fairpool.embedded import EmbeddedNats, EmbeddedPostgres
from fairpool.settings import Settings
from feeds.jetstream import connected
from feeds.ledger_stream import LEDGER, Events, provision
from ledger.datastore import Datastore
from ledger.events import AccountOpened, event_types
from ledger.facts import fact_of
from ledger.recorder import LogRecorder, open_logs
from projections.catalogue import datastore_of, projections
from projections.positions import Positions
from projections.tables import load, save
from tests.benchmarks.filled_log import fill_log, prepare
from tests.benchmarks.live_accounts import tokens_of
from tests.benchmarks.running import environment, port_of, running

WEEK: Final = "2099-W20"
BETS_AN_ACCOUNT: Final = 500
_ASKED: Final = ("weeks", "pools", "board", "accounts", "bets", "leaderboard", "journal")
_ANSWER_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds from the start of a process until it had answered a bet."""

    api: float
    up: float


class Starting:
    """A data directory whose service has seen a log of about so many events, and was stopped.

    Of the projections there are the rows that the next bet meets, and no tree; all of them say that they are at the
    log's end, and so does the stream in NATS.
    """

    def __init__(self, data: Path, *, events: int) -> None:
        self._data = data
        with EmbeddedPostgres(data) as postgres:
            prepare(postgres.dsn)
            accounts = events // BETS_AN_ACCOUNT
            log = fill_log(postgres.dsn, accounts=accounts, bets=BETS_AN_ACCOUNT, week=WEEK)
            offer = log.offers[0]
            named = {"market_id": str(offer.market_id), "odds_id": str(offer.odds_id)}
            self._bet = json.dumps({**named, "outcome": offer.outcome, "stake": 1})
            self._token = tokens_of(Settings(data=data), log.players[:1], hours=12)[0]
            _project(postgres.dsn, _ASKED)
            with EmbeddedNats(data) as nats:
                asyncio.run(_publish_last(nats.url, postgres.dsn))

    def measure(self) -> Started:
        """Start the API on a database that runs, and the whole service with its own servers, one after the other."""
        with EmbeddedPostgres(self._data) as postgres:
            _project(postgres.dsn, ())
            api = self._seconds("api", on=environment(self._data, postgres.dsn))
            _project(postgres.dsn, ())
        return Started(api, self._seconds("up", on=environment(self._data)))

    def _seconds(self, role: str, *, on: Mapping[str, str]) -> float:
        began = time.monotonic()
        with running(role, on=on) as process:
            connection = http.client.HTTPConnection("127.0.0.1", port_of(process), timeout=_ANSWER_SECONDS)
            _answered(connection, 200, "GET", "/readyz")
            origin = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": str(uuid4())}
            _answered(connection, 201, "POST", "/api/bets", self._bet, origin | {"Content-Type": "application/json"})
            connection.close()
            return time.monotonic() - began


def _answered(connection: http.client.HTTPConnection, status: int, *request: Any) -> None:
    connection.request(*request)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == status, body


def _project(dsn: str, names: Sequence[str]) -> None:
    """Fold into some projections what is not a movement of credits, and put all of them at the logs' ends."""
    every = projections()
    datastore = datastore_of(dsn, every)
    try:
        with datastore.connection() as connection, connection.transaction():
            for log in open_logs(datastore):
                recorder = LogRecorder(datastore, log)
                _fold(connection, recorder, names)
                head = recorder.head().position
                for projection in every:
                    Positions(datastore, ()).put(connection, projection.label, {log: head})
    finally:
        datastore.close()


def _fold(connection: Connection[Any], recorder: LogRecorder, names: Sequence[str]) -> None:
    if not names:
        return
    rare = [topic for topic in event_types() if not topic.startswith("account.") or topic == AccountOpened.TOPIC]
    facts = [fact_of(record) for record in recorder.read_topics(*rare)]
    for name in names:
        [projection] = projections(name)
        rows = load(connection, recorder.log, projection.touched(facts))
        projection.fold(rows, facts)
        save(connection, recorder.log, rows.changes())


async def _publish_last(url: str, dsn: str) -> None:
    """Publish the last event of the week: the stream goes on behind it."""
    datastore = Datastore(dsn)
    try:
        events = Events(datastore)
        [last] = events.page(WEEK, after=events.ends()[WEEK] - 1, limit=1)
    finally:
        datastore.close()
    async with connected(url) as client:
        await provision(client)
        headers = {"Nats-Msg-Id": f"{WEEK}:{last.number}"}
        await client.jetstream(timeout=10).publish(last.subject, last.body, stream=LEDGER, headers=headers)
