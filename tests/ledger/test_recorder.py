"""The store appends what is still true, leaves the rest out, and never changes what it has."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent

from ledger.datastore import Datastore
from ledger.events import EntryEnrolled, EntryWithdrawn, GameUnlocked, WeekGrouped
from ledger.facts import Fact, canonical, fact_of
from ledger.recorder import LogNotOpen, LogRecorder, Row, open_logs
from tests.examples import BET, WEEK, opened, stake_placed
from tests.ledger.appending import NOW, A, B, C, append, fact, places


def entry_row(player: UUID, entry: UUID = A, week: str = WEEK) -> Row:
    return Row("entries", {"player_id": player, "week": week, "entry": entry})


def entries(datastore: Datastore) -> set[UUID]:
    with datastore.connection() as connection:
        return {row["player_id"] for row in connection.execute("SELECT player_id FROM entries")}


def test_opening_a_log_twice_changes_nothing(recorder: LogRecorder) -> None:
    """A log that is opened again stays as it is."""
    append(recorder, fact(A, 1))
    recorder.create_table()
    assert places(recorder) == [(1, A, 1)]


def test_log_that_is_not_open_is_refused(datastore: Datastore) -> None:
    """Neither its head nor an append to it exists."""
    recorder = LogRecorder(datastore, WEEK)
    with pytest.raises(LogNotOpen, match="log 2026-W47 is not open"):
        recorder.head()
    with pytest.raises(LogNotOpen, match="log 2026-W47 is not open"):
        append(recorder, fact(A, 1), known=0)


def test_logs_are_listed_once_they_have_begun(datastore: Datastore) -> None:
    """The office first, then the weeks in order; what a crash left empty is not there yet."""
    for log in ("2026-W48", "office", "2026-W47", "2026-W47.c2", "2026-W46"):
        recorder = LogRecorder(datastore, log)
        recorder.create_table()
        if log != "2026-W46":
            append(recorder, fact(A, 1))
    assert open_logs(datastore) == ["office", "2026-W47", "2026-W47.c2", "2026-W48"]


@pytest.mark.parametrize("log", ["", "week", "2026-W4", "2026-w47", "2026-W47x", "office2", "2026-W47.c", "a'b\"; --"])
def test_log_of_another_name_cannot_be_opened(datastore: Datastore, log: str) -> None:
    """Logs are weeks, their cells, and the office."""
    with pytest.raises((psycopg.errors.CheckViolation, ValueError)):
        LogRecorder(datastore, log).create_table()


def test_appended_facts_are_stamped_and_read_back(recorder: LogRecorder) -> None:
    """Positions follow on one another, all of a batch have its time, and every field comes back."""
    facts = [fact(A, 1, request="naïve 🏈"), fact(B, 1), fact(A, 2)]
    facts[1].cause = f"{WEEK}:1"
    appended = append(recorder, facts)
    assert (appended.base, appended.recorded_at) == (0, NOW)
    assert appended.left_out == frozenset()
    assert [(each.position, each.recorded_at) for each in facts] == [(1, NOW), (2, NOW), (3, NOW)]
    records = recorder.read()
    assert [fact_of(record) for record in records] == facts
    assert [record.state for record in records] == [canonical(each.event) for each in facts]
    assert recorder.head().position == 3
    assert recorder.head().recorded_at == NOW


def test_batch_without_events_only_tells_the_head(recorder: LogRecorder) -> None:
    """It is how refusals learn whether they rested on old news."""
    assert append(recorder).base == 0
    append(recorder, fact(A, 1))
    told = append(recorder, known=0, behind=[(1, A), (2, B)])
    assert told.base == 1
    assert told.left_out == {1}
    assert recorder.head().position == 1


def test_stale_knowledge_without_a_conflict_is_appended(recorder: LogRecorder) -> None:
    """What others did to other streams is news, and no reason to decide again."""
    append(recorder, fact(A, 1))
    appended = append(recorder, fact(B, 1), known=0, behind=[(1, B)])
    assert (appended.base, appended.left_out) == (1, frozenset())
    assert places(recorder) == [(1, A, 1), (2, B, 1)]


def test_stale_groups_are_left_out_and_their_neighbours_appended(recorder: LogRecorder) -> None:
    """Positions have no gap where a group was left out, and its facts are not stamped."""
    append(recorder, [fact(A, 1), fact(B, 1)])
    stale = [fact(B, 2), fact(C, 1)]
    appended = append(
        recorder, fact(UUID(int=4), 1), stale, fact(UUID(int=5), 1), known=1, behind=[(1, A), (2, C), (2, B), (3, A)]
    )
    assert appended.left_out == {2}
    assert places(recorder)[2:] == [(3, UUID(int=4), 1), (4, UUID(int=5), 1)]
    assert [(each.position, each.recorded_at) for each in stale] == [(0, None), (0, None)]


def test_group_is_left_out_for_a_gate_that_it_does_not_write(recorder: LogRecorder) -> None:
    """A stake decided behind a game and a week is stale once either has moved."""
    append(recorder, fact(A, 1))
    assert append(recorder, fact(B, 1), known=0, behind=[(1, B), (1, A)]).left_out == {1}
    assert append(recorder, fact(B, 1), known=1, behind=[(1, B), (1, A)]).left_out == frozenset()


@pytest.mark.parametrize(
    ("now", "head_at", "is_in_time"),
    [
        (NOW, None, False),
        (NOW + timedelta(microseconds=1), None, False),
        (NOW - timedelta(microseconds=1), None, True),
        (NOW - timedelta(hours=1), NOW, False),
        (NOW - timedelta(hours=1), NOW - timedelta(microseconds=1), True),
    ],
)
def test_group_must_be_recorded_before_its_limit(
    recorder: LogRecorder, now: datetime, head_at: datetime | None, is_in_time: bool
) -> None:
    """The limit itself is too late, by the caller's clock or by that of whoever appended last."""
    if head_at is not None:
        append(recorder, fact(C, 1), now=head_at)
    appended = append(recorder, fact(A, 1), fact(B, 1), now=now, before=[(1, NOW)])
    assert (appended.left_out == frozenset()) is is_in_time
    assert [stream for _, stream, _ in places(recorder) if stream != C] == ([A, B] if is_in_time else [B])


def test_recorded_at_never_decreases(recorder: LogRecorder) -> None:
    """A clock that is behind records at the time of the last event."""
    times = [NOW, NOW - timedelta(hours=1), NOW + timedelta(seconds=1), NOW]
    for version, now in enumerate(times, start=1):
        append(recorder, fact(A, version), now=now)
    later = NOW + timedelta(seconds=1)
    assert [record.recorded_at for record in recorder.read()] == [NOW, NOW, later, later]


def test_row_is_written_with_its_command(recorder: LogRecorder, datastore: Datastore) -> None:
    """Both are there, or neither is."""
    player, stale = uuid4(), uuid4()
    append(recorder, fact(A, 1), rows=[(1, entry_row(player))])
    append(recorder, fact(B, 1), known=0, behind=[(1, A)], rows=[(1, entry_row(stale, B))])
    with pytest.raises(psycopg.errors.DataException):
        append(recorder, fact(B, 7), rows=[(1, entry_row(stale, B))])
    assert entries(datastore) == {player}
    assert places(recorder) == [(1, A, 1)]


def test_row_that_is_there_refuses_its_command(recorder: LogRecorder, datastore: Datastore) -> None:
    """Whoever was first stays, and the neighbours are appended."""
    player, other = uuid4(), uuid4()
    append(recorder, fact(A, 1), rows=[(1, entry_row(player))])
    appended = append(recorder, fact(B, 1), fact(C, 1), rows=[(2, entry_row(other, C)), (1, entry_row(player, B))])
    assert appended.left_out == {1}
    assert appended.rows_refused == {2}
    assert places(recorder) == [(1, A, 1), (2, C, 1)]
    assert entries(datastore) == {player, other}


def test_group_with_one_row_there_writes_none_of_its_rows(recorder: LogRecorder, datastore: Datastore) -> None:
    """Commands that stand or fall together do so with their rows."""
    there, new = uuid4(), uuid4()
    append(recorder, fact(A, 1), rows=[(1, entry_row(there))])
    both = [fact(B, 1), fact(B, 2)]
    appended = append(recorder, both, rows=[(1, entry_row(new, B)), (1, entry_row(there, C))])
    assert appended.left_out == {1}
    assert appended.rows_refused == {2}
    assert places(recorder) == [(1, A, 1)]
    assert entries(datastore) == {there}


@pytest.mark.parametrize("version", [1, 3])
def test_stream_that_would_not_continue_is_refused(recorder: LogRecorder, version: int) -> None:
    """Neither a version that is there nor one that leaves a hole is stored, and nothing of the batch is."""
    append(recorder, fact(A, 1))
    with pytest.raises((psycopg.errors.DataException, psycopg.errors.UniqueViolation)):
        append(recorder, fact(B, 1), fact(A, version))
    assert places(recorder) == [(1, A, 1)]
    assert append(recorder, fact(A, 2)).base == 1


def test_caller_that_is_ahead_of_the_log_is_refused(recorder: LogRecorder) -> None:
    """It has seen another database, for instance before a fail-over that lost something."""
    append(recorder, fact(A, 1))
    with pytest.raises(psycopg.errors.DataException, match="ends at 1, the caller has seen 5"):
        append(recorder, fact(B, 1), known=5)


def test_large_batch_is_one_commit(recorder: LogRecorder) -> None:
    """Ten thousand events of some megabytes, in order."""
    count = 10_000
    append(recorder, [fact(UUID(int=number), 1, request="x" * 400) for number in range(count)])
    assert recorder.head().position == count
    read = [record.position for record in recorder.read_all()]
    assert read == list(range(1, count + 1))


def test_logs_are_books_of_their_own(datastore: Datastore, recorder: LogRecorder) -> None:
    """The same stream in two logs has its own versions and positions in each."""
    other = LogRecorder(datastore, "2026-W48")
    other.create_table()
    append(recorder, [fact(A, 1), fact(A, 2)])
    append(other, fact(A, 1))
    assert places(other) == [(1, A, 1)]
    assert [record.log for record in recorder.read()] == [WEEK, WEEK]
    assert len(recorder.read_streams([A])) == 2


def test_log_is_read_in_pages(recorder: LogRecorder) -> None:
    """Behind a position, up to another, so many at a time."""
    append(recorder, [fact(A, version) for version in range(1, 8)])
    assert [record.position for record in recorder.read(limit=3)] == [1, 2, 3]
    assert [record.position for record in recorder.read(after=3, limit=3)] == [4, 5, 6]
    assert [record.position for record in recorder.read(after=2, until=4)] == [3, 4]
    assert recorder.read(after=7) == []
    assert [record.position for record in recorder.read_all(after=5)] == [6, 7]


def test_streams_are_read_in_order_of_version(recorder: LogRecorder) -> None:
    """Many streams in one query."""
    append(recorder, [fact(B, 1), fact(A, 1), fact(B, 2), fact(C, 1)])
    read = [(record.stream, record.version) for record in recorder.read_streams([B, A])]
    assert read == [(B, 1), (A, 1), (B, 2)]
    assert recorder.read_streams([uuid4()]) == []


def test_topics_are_looked_up_in_order_of_position(recorder: LogRecorder) -> None:
    """Those of whole-log readers; of accounts only their opening."""
    account_opened, granted = opened()
    enrolled = EntryEnrolled(entry=A, payment_id=None, rules_hash="r", via="free")
    events = [enrolled, account_opened, granted, EntryWithdrawn(reason="player"), GameUnlocked(why="x"), WeekGrouped()]
    append(
        recorder,
        [
            Fact(log=WEEK, stream=UUID(int=9), version=number, event=event, actor="t", request="r")
            for number, event in enumerate(events, start=1)
        ],
    )
    read = recorder.read_topics("entry.enrolled", "entry.withdrawn", "account.opened", "account.credits_granted")
    assert [record.position for record in read] == [1, 2, 4]
    assert [record.position for record in recorder.read_topics("week.grouped", "game.unlocked", after=5)] == [6]


def test_open_stakes_are_counted_in_the_log(recorder: LogRecorder) -> None:
    """Each stake that is placed, until it is resolved."""
    assert recorder.count_open_stakes() == 0
    bets = [stake_placed(), stake_placed(bet_id=uuid4())]
    append(
        recorder,
        [
            Fact(log=WEEK, stream=A, version=number, event=event, actor="t", request="r")
            for number, event in enumerate([*opened(), *bets], start=1)
        ],
    )
    assert recorder.count_open_stakes() == 2


def stored(stream: UUID, version: int, state: bytes = b"{}") -> StoredEvent:
    return StoredEvent(originator_id=stream, originator_version=version, topic="week.closed", state=state)


def test_library_saves_and_selects_as_ever(recorder: LogRecorder) -> None:
    """Its notifications are our positions, among what our own append wrote."""
    append(recorder, fact(A, 1))
    assert list(recorder.insert_events([stored(B, 1), stored(B, 2, b'{"n":1}')])) == [2, 3]
    assert [event.originator_version for event in recorder.select_events(B)] == [1, 2]
    assert [event.state for event in recorder.select_events(B, desc=True, limit=1)] == [b'{"n":1}']
    notifications = recorder.select_notifications(start=2, limit=10)
    assert [(each.id, each.originator_id) for each in notifications] == [(2, B), (3, B)]
    assert [each.id for each in recorder.select_notifications(start=1, limit=10, topics=["week.closed"])] == [2, 3]
    assert recorder.max_notification_id() == 3
    assert recorder.head().position == 3


@pytest.mark.parametrize("version", [1, 4])
def test_library_learns_that_its_stream_has_moved(recorder: LogRecorder, version: int) -> None:
    """By its own IntegrityError, on which it retries."""
    recorder.insert_events([stored(B, 1), stored(B, 2)])
    with pytest.raises(IntegrityError):
        recorder.insert_events([stored(A, 1), stored(B, version)])
    assert recorder.head().position == 2


def test_bet_is_read_as_it_was_staked(recorder: LogRecorder) -> None:
    """A stake with everything that it froze."""
    placed = Fact(log=WEEK, stream=A, version=1, event=stake_placed(), actor="player", request="k1")
    append(recorder, placed)
    (read,) = (fact_of(record) for record in recorder.read_streams([A]))
    assert (read, read.token) == (placed, f"{WEEK}:1")
    assert stake_placed(bet_id=BET) == read.event
