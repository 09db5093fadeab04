"""A final week leaves the database as its export: refused while it is needed, and wherever it is cut short, mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from fairpool.archives.archive import NotArchivable
from fairpool.archives.partitions import ArchivesInUse, EventsInUse, Partitions
from fairpool.archives.restore import NotRestorable
from fairpool.verifying.archives import archived
from fairpool.verifying.database import DatabaseVerifier
from feeds.ingest import Taken
from feeds.ledger_stream import Events
from feeds.receipts import Receipts
from ledger import drawing
from ledger.archives import Archive
from ledger.drawn import Draws
from ledger.events import CaseClosed, CaseOpened, WeekListed, WeekSealed
from ledger.ids import OFFICE
from ledger.outlook import outlook
from ledger.publishing import listed_week
from ledger.recorder import LogArchived
from ledger.rules import Rules
from ledger.settling import progress
from ledger.statement import statement
from ledger.week import WeekNotOver
from ledger.weeks import starts_at
from projections.bets import Bets
from projections.leaderboard import Leaderboard
from projections.tree import Trees
from projections.weeks import Weeks
from tests.examples import WEEK
from tests.fairpool.archives.conftest import LATER, Town, bet_later, quiet

STEPS = 6


class Cut(Exception):
    """The command ends here."""


def test_a_week_that_is_still_needed_stays(town: Town, tmp_path: Path) -> None:
    """It says all that it waits for, and nothing has happened to it."""
    at_first, disputed, at_last = town.waited
    assert [each.split(":")[0].split(",")[0] for each in at_first] == [
        "the office does not list it yet",
        "its seed is the next week's commitment",
        "prizes are not paid",
    ]
    assert [each.split(":")[0] for each in disputed if each not in at_first] == [
        "cases are open",
        "payments are not decided",
    ]
    assert at_last == []
    with pytest.raises(NotArchivable, match=f"{LATER} is not archived: it is grouped, not final"):
        town.archive(tmp_path, week=LATER)
    assert LATER in town.week.ledger.weeks()
    assert town.week.facts(WeekSealed, week=LATER) == []
    assert list(tmp_path.iterdir()) == []


def test_an_archived_week_is_gone_and_known(town: Town) -> None:
    """Events are in the folder alone; the act, its hash and the size are in the database and the office's log."""
    with town.away() as archive:
        assert town.stored() == []
        assert town.sql("SELECT to_regclass('events_2026_w47')") == [(None,)]
        assert town.week.ledger.weeks() == [LATER]
        assert [each.log for each in town.week.ledger.archives.away()] == [WEEK]
        lines = (town.folder / "events.jsonl").read_bytes().splitlines()
        assert lines[: len(town.lines)] == town.lines
        assert [b'"type":"week.sealed"' in line for line in lines[-2:]] == [False, True]
        opened, closed = town.week.facts(CaseOpened, CaseClosed, week=OFFICE)[-2:]
        assert isinstance(opened.event, CaseOpened)
        assert isinstance(closed.event, CaseClosed)
        assert (opened.event.subject, opened.event.reason) == (f"week:{WEEK}", "the season is over")
        assert opened.actor == archive.archived_by == "operator:test"
        assert archive.manifest_sha256 in closed.event.outcome
        assert archive.size == len(lines)


def test_auditors_hear_of_an_archived_week(town: Town) -> None:
    """Everything else is verified, the archive is held against tree, checkpoint and list; what differs is found."""
    with town.away() as archive:
        verifier = DatabaseVerifier(town.week.ledger, folder=town.keeping.notes)
        verified = list(verifier.verify_all(progress=quiet))
        assert [(each.log, list(each.findings)) for each in verified] == [(OFFICE, []), (LATER, []), (WEEK, [])]
        assert "archived" in verified[-1].remarks[0]
        with pytest.raises(LogArchived):
            verifier.verify(WEEK, progress=quiet)
        kinds = {
            kind
            for change in ({"size": archive.size - 1}, {"root": bytes(32)}, {"size": 10})
            for kind in _differs(town, Archive(**_fields(archive) | change))  # type: ignore[arg-type]
        }
        assert kinds == {"tree", "checkpoint", "office"}
        assert _differs(town, archive) == []
        assert _differs(town, archive, is_listed=False) == ["office"]


def test_readers_see_how_the_week_ended(town: Town) -> None:
    """Rows of projections stay as they were, at their positions, and nothing is behind."""
    datastore = town.week.datastore
    bet = town.sql(f"SELECT bet_id FROM bets WHERE log = '{WEEK}' ORDER BY position LIMIT 1")[0][0]
    pool = town.sql(f"SELECT pool_id FROM pools WHERE log = '{WEEK}' ORDER BY name LIMIT 1")[0][0]

    def seen() -> object:
        return Weeks(datastore).week(WEEK), Bets(datastore).bet(bet), Leaderboard(datastore).leaderboard(pool)

    before = seen()
    with town.away() as archive:
        assert seen() == before
        town.week.runner.catch_up()
        assert {row.log for row in town.week.runner.status()} == {OFFICE, LATER}
        assert town.week.runner.wait_for(WEEK, archive.size, timeout=0)


def test_what_needs_events_says_that_they_are_away(town: Town) -> None:
    """No reader takes an archived week for an empty one, and nobody opens it anew."""
    ledger, entry = town.week.ledger, town.week.entry("ann")
    recorder = ledger.recorder(WEEK)
    bet = Bets(town.week.datastore).bet(town.sql(f"SELECT bet_id FROM bets WHERE log = '{WEEK}' LIMIT 1")[0][0])
    assert bet is not None
    receipts = Receipts(ledger, Trees(ledger.datastore), town.keeping.checkpoints)
    readers: dict[str, Callable[[], object]] = {
        "head": recorder.head,
        "log": lambda: list(recorder.read_all()),
        "page": lambda: recorder.read(after=100),
        "topics": lambda: recorder.read_topics("week.opened"),
        "statement": lambda: statement(ledger, week=WEEK, entry=entry),
        "draw": lambda: Draws(ledger).draw(WEEK),
        "receipt": lambda: receipts.of_bet(bet),
        "account": lambda: town.week.available("ann"),
        "settlement": lambda: progress(ledger, week=WEEK, game_id=entry).result(),
        "outlook": lambda: outlook(ledger, week=WEEK),
        "opening": recorder.create_table,
    }
    with town.away():
        for name, read in readers.items():
            with pytest.raises(LogArchived, match="fairpool week restore"):
                pytest.fail(f"{name} answered {read()}")
        with pytest.raises(WeekNotOver):
            drawing.open_week(ledger, week=WEEK, rules=Rules(), actor="operator:test", request="open")


def test_everybody_else_forgets_the_week(town: Town) -> None:
    """Clock, settler, notary and the stream go on with the others; late messages are dead letters that say why."""
    week = town.week
    with town.away():
        bet_later(week)
        week.react()
        assert week.deadlines.next_at() is not None
        town.keeping.notary.step(now=0.0, forced=True)
        assert town.keeping.notary.stopped == {}
        assert set(Events(week.datastore).ends()) == {OFFICE, LATER}
        dead = len(week.dead())
        late = week.message("result", "nfl", home_score=1, away_score=2, revision=9, certainty="official")
        assert week.hear(late) is Taken.DEAD
        assert week.new_ingest().take(late.replace(b'"revision": 9', b'"revision": 10'), subject="late") is Taken.DEAD
        assert week.new_ingest().take(_vanished(week.message), subject="late") is Taken.DEAD
        assert all("archived" in reason for reason in week.dead()[dead:])
        assert len(week.dead()) > dead
        assert week.game("nfl", starts_at(LATER).replace(hour=22)) is Taken.APPLIED


def test_an_archive_that_is_cut_short_goes_on(town: Town) -> None:
    """Before each of its steps the week is here or archived, whole; asked again, it is archived, and noted once."""
    notes = _noted(town)
    for step in range(STEPS):
        with pytest.raises(Cut):
            town.archive(tell=_cut_at(step))
        assert (WEEK in town.week.ledger.weeks()) == (step < STEPS - 1)
        assert [row[3] for row in town.stored()[: len(town.lines)]] == (_states(town) if step < STEPS - 1 else [])
    assert _noted(town) == notes
    archive = town.archive()
    assert archive == town.archive()
    assert _noted(town) == notes + 1
    assert (archive.size, archive.is_away) == (len(town.lines) + 3, True)


def test_an_export_in_the_way_is_left_alone(town: Town, tmp_path: Path) -> None:
    """A folder that holds another log's export is not overwritten."""
    with town.away():
        other = tmp_path / "other"
        other.mkdir()
        manifest = (town.folder / "manifest.json").read_bytes().replace(WEEK.encode(), b"2020-W01")
        (other / "manifest.json").write_bytes(manifest)
    with pytest.raises(NotArchivable, match="holds an export of 2020-W01"):
        town.archive(other)
    assert (other / "manifest.json").read_bytes() == manifest
    assert WEEK in town.week.ledger.weeks()


def test_a_folder_that_cannot_be_used_is_named_and_nothing_is_dropped(town: Town, tmp_path: Path) -> None:
    """A file in its place, a manifest that is none, a name that is taken: each is said, not raised as a fault."""
    (tmp_path / "file").touch()
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "manifest.json").write_bytes(b"{}")
    (tmp_path / "taken" / "events.jsonl").mkdir(parents=True)
    for name in ("file", "file/below", "strange", "taken"):
        with pytest.raises(NotArchivable, match=f"{name}.*{WEEK} stays in the database"):
            town.archive(tmp_path / name)
    assert WEEK in town.week.ledger.weeks()
    with pytest.raises(NotRestorable, match=r"file/manifest\.json is missing"):
        town.restore(tmp_path / "file")


def test_one_command_archives_at_a_time(town: Town) -> None:
    """A second one is told so at once."""
    with Partitions.alone(town.keeping.dsn), pytest.raises(ArchivesInUse):
        town.archive()


def test_bets_are_taken_while_a_week_leaves_and_comes_back(town: Town) -> None:
    """Who bets on another week is not refused once, and both logs are whole afterwards."""
    stop, refused, placed = Event(), list[BaseException](), list[object]()

    def bet() -> None:
        # A hundred a second: more would only be more to verify.
        while not stop.wait(0.01):
            try:
                placed.append(bet_later(town.week))
            except BaseException as error:
                refused.append(error)

    player = Thread(target=bet)
    player.start()
    with town.away():
        pass
    stop.set()
    player.join()
    assert refused == []
    assert placed
    town.week.runner.catch_up()
    assert town.findings() == []


def test_who_reads_all_events_is_waited_for_and_not_pushed(town: Town) -> None:
    """A transaction that holds the events makes the archive try again, and give up in the end; nothing is lost."""
    with pytest.raises(Cut):
        town.archive(tell=_cut_at(STEPS - 2))
    head = town.week.ledger.recorder(WEEK).head()
    archive = _archive_of(town, head.position)
    with psycopg.connect(town.keeping.dsn) as reader, Partitions.alone(town.keeping.dsn) as partitions:
        reader.execute("SELECT FROM events LIMIT 1")
        with pytest.raises(EventsInUse):
            partitions.release(archive, attempts=2, wait=quiet)
        assert len(town.stored()) == head.position
        bet_later(town.week)
        partitions.release(archive, attempts=2, wait=lambda _: reader.rollback())
    assert town.stored() == []


def test_the_service_can_neither_drop_nor_bring_in_events(town: Town) -> None:
    """What archives and restores is refused to the role that answers the network."""
    with town.week.datastore.connection() as connection:
        for call in (
            "SELECT stage_log()",
            f"SELECT release_log('{WEEK}', 1, '\\x00', '', '', now(), '')",
            f"SELECT take_back_log('{WEEK}', 1, '\\x00', now(), '', '', now())",
            "ALTER TABLE events DETACH PARTITION events_2026_w47",
            "DROP TABLE events_2026_w47",
            "DELETE FROM archives",
            "INSERT INTO archives (log) VALUES ('x')",
            "DELETE FROM heads",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(call)


def _differs(town: Town, archive: Archive, *, is_listed: bool = True) -> list[str]:
    fact = listed_week(town.week.ledger, week=WEEK)
    assert fact is not None
    assert isinstance(fact.event, WeekListed)
    return [
        finding.kind
        for finding in archived(
            archive,
            listed=fact.event if is_listed else None,
            signed=town.keeping.checkpoints.newest(WEEK),
            node=Trees(town.week.datastore).node(WEEK),
            verifiers=town.keeping.known_keys(),
        )
    ]


def _fields(archive: Archive) -> dict[str, object]:
    return {name: getattr(archive, name) for name in Archive.__slots__}


def _archive_of(town: Town, size: int) -> Archive:
    newest = town.keeping.checkpoints.newest(WEEK, size)
    assert newest is not None
    now = town.week.clock()
    return Archive(WEEK, size, newest.root, now, "0" * 64, "0" * 64, now, "operator:test", None)


def _vanished(message: Callable[..., bytes]) -> bytes:
    """The listing of a game in the archived week that nobody has heard of."""
    return message("game", "new", starts_at=starts_at(WEEK).replace(hour=22), league="NFL", home="BAL", away="CIN")


def _cut_at(step: int) -> Callable[[str], None]:
    """Tell nobody, and end before a step, by number."""
    steps = iter(range(STEPS + 1))

    def tell(_: str) -> None:
        if next(steps) == step:
            raise Cut

    return tell


def _states(town: Town) -> list[bytes]:
    return [line.partition(b',"data":')[2].partition(b',"log":')[0] for line in town.lines]


def _noted(town: Town) -> int:
    closed = town.week.events(CaseClosed, week=OFFICE)
    return sum(event.outcome.startswith("archived") for event in closed)
