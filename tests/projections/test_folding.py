"""Folding by streams."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from ledger.datastore import Datastore
from ledger.recorder import LogRecorder
from projections.catalogue import projections
from projections.folding import read_part
from projections.generations import Act, Generations
from projections.positions import Parts
from projections.projection import Projection
from projections.rebuild import RebuildFailed, rebuild
from projections.rows import Rows
from tests.projections.book import KINDS_OF_MOVES, random_week
from tests.projections.conftest import Project

MOVES = [(number % KINDS_OF_MOVES, number * 7, number * 11) for number in range(150)]
BY_STREAM = [each for each in projections() if each.IS_BY_STREAM]


@pytest.mark.parametrize("projection", BY_STREAM, ids=lambda each: each.name)
def test_streams_may_be_folded_one_after_another(projection: Projection) -> None:
    """All that happened in a week comes to the same rows, whether it is folded in order or stream by stream."""
    facts = random_week("2026-W47", MOVES).facts
    in_order, by_stream = Rows(), Rows()
    projection.fold(in_order, facts)
    projection.fold(by_stream, sorted(facts, key=lambda fact: (fact.stream, fact.position)))
    for row_type in projection.tables:
        assert in_order.all(row_type) == by_stream.all(row_type)
    assert in_order.all(projection.tables[0])


@pytest.mark.parametrize("parts", [1, 3, 16])
def test_the_parts_of_a_log_hold_each_fact_once(datastore: Datastore, parts: int) -> None:
    """Up to the position at which they end, a stream in one part alone, in order."""
    book = random_week("2026-W47", MOVES)
    recorder = LogRecorder(datastore, book.log)
    book.append_to(recorder)
    until = len(book.facts) - 5
    of_part = [
        [fact for page in read_part(recorder, Parts(until=until, parts=parts, done=done)) for fact in page]
        for done in range(parts)
    ]
    assert all(facts == sorted(facts, key=lambda fact: fact.position) for facts in of_part)
    assert sorted(fact.position for facts in of_part for fact in facts) == list(range(1, until + 1))
    assert set(Counter(stream for facts in of_part for stream in {fact.stream for fact in facts}).values()) == {1}


def test_what_cannot_be_read_stops_a_fold_by_streams(datastore: Datastore, project: Project) -> None:
    """It is named, and the generation does not go live."""
    book = random_week("2026-W47", MOVES)
    project(book)
    recorder = LogRecorder(datastore, book.log)
    recorder.insert_events([StoredEvent(UUID(int=9), 1, "week.teleported", b"{}")])
    with pytest.raises(RebuildFailed, match=r"bets cannot go on: .*week.teleported"):
        rebuild(datastore, name="bets", segment=10)
    [_, failed] = Generations(datastore).generations(["bets"])
    assert (failed.state, failed.done < len(book.facts)) == ("building", True)


def test_what_has_no_keys_does_not_go_live(datastore: Datastore, project: Project) -> None:
    """Its rows may be there twice: whoever made it knew nothing of keys that come last."""
    project(random_week("2026-W47", MOVES))
    generations = Generations(datastore)
    made = generations.start(generations.ask("bets", week=None, act=Act()), at=None)
    no_key = pytest.raises(psycopg.ProgrammingError, match="table bets of generation 2 has no key")
    with no_key, datastore.connection() as connection, connection.transaction():
        generations.flip(connection, made, Act())
    generations.finish(made)
    with datastore.connection() as connection, connection.transaction():
        generations.flip(connection, made, Act())
