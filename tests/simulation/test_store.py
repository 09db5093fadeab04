"""The store in memory does what PostgreSQL does: the same batches are answered alike, and leave the same log."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from random import Random
from uuid import UUID, uuid5

import psycopg
import pytest

from ledger.datastore import Datastore
from ledger.events import GameUnlocked
from ledger.facts import Fact, Record
from ledger.recorder import Appended, Batch, LogRecorder, Row
from tests.examples import STARTS_AT, WEEK
from tests.simulation.chaos import Chaos, Rates
from tests.simulation.scheduler import Scheduler
from tests.simulation.store import MemoryRecorder, Storage

STREAMS = [UUID(int=number) for number in range(1, 7)]
PLAYERS = UUID(int=0xF1A7E5)
BATCHES = 150
NOW = STARTS_AT


@pytest.mark.parametrize("seed", [1, 2])
def test_batches_are_answered_as_postgresql_does(datastore: Datastore, seed: int) -> None:
    """Whatever a batch brings: streams that moved, limits that are over, rows that are there, holes and repeats."""
    random = Random(seed)
    real = LogRecorder(datastore, WEEK)
    scheduler = Scheduler(random, begins=NOW)
    memory = MemoryRecorder(Storage(scheduler), WEEK, Chaos(scheduler, Rates()))
    for recorder in (real, memory):
        recorder.create_table()
    answers = []
    for number in range(BATCHES):
        batch = _batch(random, memory.read(), at=number)
        answers.append(_answer(memory, batch))
        assert answers[-1] == _answer(real, batch)
    assert memory.read() == real.read()
    assert {type(answer) for answer in answers} == {Appended, str}
    assert any(isinstance(answer, Appended) and answer.left_out and answer.rows_refused for answer in answers)


def _answer(recorder: LogRecorder, batch: Batch) -> Appended | str:
    try:
        return recorder.append(batch)
    except (psycopg.errors.DataException, psycopg.errors.UniqueViolation) as error:
        return type(error).__name__


def _batch(random: Random, log: list[Record], *, at: int) -> Batch:
    """Draw a batch of some groups, as a caller would have it that knows the log well, or does not."""
    known = max(0, len(log) - random.choice((0, 0, 0, 1, 2))) + (random.random() < 0.03)
    versions = {
        stream: sum(record.stream == stream for record in log[:known]) + (random.random() < 0.03) for stream in STREAMS
    }
    now = NOW + timedelta(seconds=at + random.choice((0, 0, -2)))
    batch = Batch(known=known, now=now)
    # What rests on one stream is one group, as a desk has it.
    dealt = iter(random.sample(STREAMS, len(STREAMS)))
    for group in range(1, random.randint(2, 4)):
        for stream in islice(dealt, random.randint(1, 2)):
            versions[stream] += 1
            batch.facts.append((group, _fact(stream, versions[stream], request=f"{at}/{group}")))
            batch.behind.append((group, stream))
        if random.random() < 0.2:
            batch.before.append((group, now + timedelta(seconds=random.choice((-1, 0, 1)))))
        if random.random() < 0.2:
            player = uuid5(PLAYERS, str(random.randint(1, 8)))
            row = {"entry": uuid5(player, str(random.randint(1, 2))), "player_id": player, "week": WEEK}
            batch.rows.append((group, Row("entries", row)))
    return batch


def _fact(stream: UUID, version: int, *, request: str) -> Fact:
    return Fact(
        log=WEEK, stream=stream, version=version, event=GameUnlocked(why="drawn"), actor="test", request=request
    )
