"""A week comes back from its export: the same bytes in the same table, refused where it would be anything else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from fairpool.archives.keeping import ExportRefused
from fairpool.archives.restore import NotRestorable
from fairpool.exports.export import export_folder
from fairpool.exports.published import published
from fairpool.schema import all_migrations
from feeds.ledger_stream import Events
from ledger import closing, disputing
from ledger.datastore import Datastore
from ledger.deciding import WeekSealed
from ledger.events import CaseClosed
from ledger.ids import OFFICE
from ledger.migrate import migrate
from ledger.proofs.notes import Signer
from projections.weeks import Weeks
from tests.examples import WEEK
from tests.fairpool.archives.conftest import Town, keeping_of
from tests.feeds.small_week import SmallWeek
from tests.played_week import ORIGIN

STRANGER = Signer(ORIGIN, bytes(range(1, 33)))
SCHEMA = """
SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = to_regclass('events_2026_w47')
UNION ALL SELECT tgname, tgenabled::text, pg_get_triggerdef(oid) FROM pg_trigger
WHERE tgrelid = to_regclass('events_2026_w47')
UNION ALL SELECT conname, contype::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = to_regclass('events_2026_w47') AND contype <> 't'
UNION ALL SELECT grantee, privilege_type, is_grantable FROM information_schema.table_privileges
WHERE table_name = 'events_2026_w47'
UNION ALL SELECT log, position::text, recorded_at::text FROM heads
ORDER BY 1, 2, 3
"""


class Cut(Exception):
    """The command ends here."""


def test_a_week_comes_back_byte_for_byte(town: Town, tmp_path: Path) -> None:
    """Columns, indexes, triggers, grants, head and export are what they were, twice; auditors find nothing."""
    town.has_been_away()
    stored, schema, first = town.stored(), town.sql(SCHEMA), _files(town.folder)
    assert [row[3] for row in stored]
    for _ in range(2):
        archive = town.archive()
        assert town.sql(SCHEMA) != schema
        assert _files(town.folder) == first
        town.restore()
        assert town.stored() == stored
        assert [each for each in town.sql(SCHEMA) if each[0] != OFFICE] == [
            each for each in schema if each[0] != OFFICE
        ]
        assert town.findings() == []
    export = town.week.ledger.recorder(WEEK)
    export_folder(export, tmp_path, published=published(town.week.ledger, log=WEEK, origin=ORIGIN))
    assert _files(tmp_path) == first
    assert archive.size == len(stored)
    noted = town.week.events(CaseClosed, week=OFFICE)[-1]
    assert noted.outcome.startswith("restored: ")
    assert archive.manifest_sha256 in noted.outcome


def test_nothing_can_be_changed_or_added_after_a_restore(town: Town) -> None:
    """Events are append-only to their owner as well, and the week is sealed as it was."""
    town.has_been_away()
    with psycopg.connect(town.keeping.dsn, autocommit=True) as owner:
        for table in ("events", "events_2026_w47"):
            for change in (
                f"UPDATE {table} SET actor = 'nobody' WHERE log = '{WEEK}'",
                f"DELETE FROM {table} WHERE log = '{WEEK}'",
                f"TRUNCATE {table}",
            ):
                with pytest.raises(psycopg.errors.RestrictViolation):
                    owner.execute(change)
    asked = {"subject": f"week:{WEEK}", "reason": "too late", "actor": "operator:test", "request": "too late"}
    with pytest.raises(WeekSealed):
        disputing.open_case(town.week.ledger, week=WEEK, **asked).result()
    assert closing.seal_week(town.week.ledger, week=WEEK, actor="operator:test", request="again").position == len(
        town.stored()
    )


def test_everybody_knows_the_week_again(town: Town) -> None:
    """Projections stand where they stood, the clock has nothing to do in it, and the stream goes on with it."""
    town.has_been_away()
    week = town.week
    week.react()
    assert week.state() == "final"
    assert WEEK in Events(week.datastore).ends()
    assert {row.lag for row in week.runner.status()} == {0}
    town.keeping.notary.step(now=0.0, forced=True)
    assert town.keeping.notary.stopped == {}
    assert keeping_of(week, town.keeping.dsn, town.keeping.notes).notary.step(now=0.0) == 0


def test_a_week_that_is_here_is_not_restored(town: Town) -> None:
    """Neither one that was never away nor one that is back; the office's log neither."""
    with town.away():
        export_folder(
            town.week.ledger.recorder(OFFICE),
            town.folder.with_name("office"),
            published=published(town.week.ledger, log=OFFICE, origin=ORIGIN),
        )
    for folder in (town.folder, town.folder.with_name("office")):
        with pytest.raises(NotRestorable, match="is here: there is nothing to restore"):
            town.restore(folder)
    with pytest.raises(NotRestorable, match=r"manifest\.json is missing"):
        town.restore(town.folder.parent)


def test_another_week_than_the_one_that_left_does_not_come_back(town: Town, tmp_path: Path) -> None:
    """Changed events, another's signature, an earlier end: each is refused, and nothing is left of the attempt."""
    with town.away() as archive:
        with pytest.raises(ExportRefused, match="does not hold"):
            town.restore(_changed(town.folder, tmp_path / "changed", lambda lines: lines.replace(b"BAL", b"BUF", 1)))
        with pytest.raises(ExportRefused):
            town.restore(_changed(town.folder, tmp_path / "cut", lambda lines: lines[: lines.rindex(b"\n", 0, -1) + 1]))
        with pytest.raises(ExportRefused, match="checkpoint"):
            town.restore(keys=[STRANGER.verifier])
        town.sql(f"UPDATE archives SET root = '\\x{bytes(32).hex()}' RETURNING log")
        with pytest.raises(NotRestorable, match="was archived with"):
            town.restore()
        town.sql(f"UPDATE archives SET root = '\\x{archive.root.hex()}' RETURNING log")
        assert town.sql("SELECT to_regclass('events_restored')") == [(None,)]
        assert WEEK not in town.week.ledger.weeks()


def test_a_week_that_is_not_sealed_does_not_come_back(town: Town, tmp_path: Path) -> None:
    """An export of a part of the log holds, and is no archive."""
    town.has_been_away()
    size = town.keeping.checkpoints.newest(WEEK, len(town.lines))
    assert size is not None
    export_folder(
        town.week.ledger.recorder(WEEK),
        tmp_path,
        published=published(town.week.ledger, log=WEEK, origin=ORIGIN),
        until=size.size,
    )
    with town.away(), pytest.raises(NotRestorable, match="before it was sealed"):
        town.restore(tmp_path)


@pytest.mark.parametrize("step", range(3))
def test_a_restore_that_is_cut_short_goes_on(town: Town, step: int) -> None:
    """Also when all events are in, and not committed: asked again, the week is back, and it is noted once."""
    town.has_been_away()
    noted = _restores(town)
    town.archive()
    numbers = count()

    def cut(*_: object) -> None:
        if next(numbers) == step:
            raise Cut

    with pytest.raises(Cut):
        town.restore(tell=cut)
    assert (WEEK in town.week.ledger.weeks()) == (step == 2)
    if step < 2:
        in_all = count()
        with pytest.raises(Cut):
            # The last progress of the copy, behind that of the verification.
            town.restore(progress=lambda done, total: _cut_second(in_all))
        assert town.stored() == []
    town.restore()
    assert _restores(town) == noted + 1
    assert len(town.stored()) == town.week.head()


def test_a_database_that_never_had_the_week_takes_it_in(town: Town, elsewhere: str, tmp_path: Path) -> None:
    """Its projections are made from the events, and its checkpoints are those of the export, if it has the key."""
    with town.away():
        row = Weeks(town.week.datastore).week(WEEK)
    datastore = Datastore(elsewhere)
    there = SmallWeek(datastore)
    keeping = keeping_of(there, elsewhere, tmp_path / "checkpoints")
    moved = Town(there, keeping, town.folder, [], [])
    try:
        with pytest.raises(ExportRefused, match="checkpoint"):
            moved.restore(keys=[STRANGER.verifier])
        assert moved.restore().times == 0
        there.runner.catch_up()
        assert Weeks(datastore).week(WEEK) == row
        there.audit(WEEK)
        keeping.notary.step(now=0.0, forced=True)
        assert keeping.notary.stopped == {}
        # Rules and seeds are another office's: of the week itself nothing differs.
        assert {finding.kind for finding in moved.findings(WEEK)} == {"office"}
        export_folder(
            there.ledger.recorder(WEEK), tmp_path / "again", published=published(there.ledger, log=WEEK, origin=ORIGIN)
        )
        assert _files(tmp_path / "again") == _files(town.folder)
    finally:
        there.close()
        datastore.close()


@pytest.fixture
def elsewhere(town: Town) -> Iterator[str]:
    """Another database, on the same server, in which nothing has happened."""
    name = sql.Identifier("elsewhere")
    with psycopg.connect(town.keeping.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        dsn = make_conninfo(town.keeping.dsn, dbname="elsewhere")
        migrate(dsn, all_migrations())
        yield dsn
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _changed(folder: Path, to: Path, change: Callable[[bytes], bytes]) -> Path:
    shutil.copytree(folder, to)
    events = to / "events.jsonl"
    events.write_bytes(change(events.read_bytes()))
    return to


def _cut_second(numbers: count[int]) -> None:
    if next(numbers) == 1:
        raise Cut


def _restores(town: Town) -> int:
    return sum(event.outcome.startswith("restored") for event in town.week.events(CaseClosed, week=OFFICE))
