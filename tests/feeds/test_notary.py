"""The notary: what it signs, and what it refuses to sign."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from fairpool.clocks import HandClock
from feeds.checkpoints import Checkpoints
from feeds.extending import CheckpointRefused
from feeds.notary import PURPOSE, Notary
from ledger import events, publishing
from ledger.datastore import Datastore
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.office import KeyTaken
from ledger.proofs.merkle import consistency_proof, root_at, verify_consistency
from ledger.proofs.notes import Checkpoint, Signer, join_notes, open_checkpoint, split_notes
from ledger.recorder import LogRecorder
from ledger.seeds import SeedChain
from projections.catalogue import projections
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.tree import Trees
from tests.projections.book import START, Book

LOG, OTHER = "2026-W47", "2026-W48"
SIGNER = Signer("fairpool.test", bytes(range(32)))
STRANGER = Signer("fairpool.test", bytes(32))


class House:
    """A ledger with two weeks whose events are written by hand, and the tree of it."""

    def __init__(self, datastore: Datastore, dsn: str, folder: Path) -> None:
        self.datastore, self.dsn, self.folder = datastore, dsn, folder
        self.ledger = Ledger(
            datastore, clock=HandClock(START), new_id=uuid4, seeds=SeedChain(bytes(32), length=4), on_death=print
        )
        self.week, self.other = Book(LOG), Book(OTHER)
        self.trees, self.checkpoints = Trees(datastore), Checkpoints(datastore)
        self.runner = Runner(datastore, projections("tree"))
        self.notary = self.new_notary()

    def new_notary(self, *, folder: Path | None = None, signer: Signer = SIGNER) -> Notary:
        """Start another one, as after a restart or on another machine."""
        return Notary(
            self.ledger,
            trees=self.trees,
            checkpoints=self.checkpoints,
            signer=lambda: signer,
            folder=folder or self.folder,
        )

    def news(self, *numbers: int) -> None:
        """Enrol some into the week, and take all that is new in the logs to the tree."""
        for number in numbers:
            self.week.enrol(number)
        for book in (self.week, self.other):
            if book.facts:
                book.append_to(LogRecorder(self.datastore, book.log))
        while self.runner.step():
            pass

    def signed(self, *numbers: int, now: float = 0.0) -> int:
        """Return how many checkpoints are signed when that has happened, at once."""
        self.news(*numbers)
        return self.notary.step(now=now, forced=True)

    def sizes(self, log: str = LOG) -> list[int]:
        return [checkpoint.size for checkpoint in self.checkpoints.all(log)]

    def file(self, log: str = LOG) -> Path:
        return self.folder / f"{log}.txt"

    def tamper(self, *statements: str) -> None:
        """Do what only a superuser can, with all triggers off."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute("ALTER TABLE events_2026_w47 DISABLE TRIGGER ALL")
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                assert connection.execute(statement.encode()).rowcount > 0

    def refused(self, *, by: Notary | None = None) -> str:
        """Return why a notary refuses to go on with the week, while it goes on with the other one."""
        notary = by or self.notary
        before = self.sizes(), self.sizes(OTHER)
        self.other.enrol(len(self.other.facts))
        self.news(100 + len(self.week.facts))
        with pytest.raises(CheckpointRefused, match=f"log {LOG} at size") as refusal:
            notary.step(now=0.0, forced=True)
        assert refusal.value.log == LOG
        assert notary.stopped == {LOG: refusal.value}
        assert self.sizes() == before[0]
        assert self.sizes(OTHER) == [*before[1], len(self.other.facts)]
        assert notary.step(now=9.0) == 0
        return str(refusal.value)


CHANGE_AN_EVENT = "UPDATE events SET actor = 'nobody' WHERE log = '2026-W47' AND notification_id = 2"


@pytest.fixture
def house(datastore: Datastore, dsn: str, tmp_path: Path) -> Iterator[House]:
    """A house in which three have enrolled, which is signed, and so is the office's log with the key."""
    house = House(datastore, dsn, tmp_path / "checkpoints")
    assert [house.signed(0, 1, 2), house.signed()] == [1, 1]
    yield house
    house.ledger.close()


def test_news_wait_some_seconds_for_a_signature(house: House) -> None:
    """What is under a checkpoint is not signed again; news may be signed at once if that is asked for."""
    assert house.notary.step(now=0.0) == 0
    house.news(3)
    assert house.notary.step(now=4.9) == 0
    assert house.notary.step(now=5.0) == 1
    house.news(4)
    assert (house.notary.step(now=5.1), house.notary.step(now=5.1, forced=True)) == (0, 1)
    assert house.sizes() == [3, 4, 5]
    assert house.sizes(OFFICE) == [1]


def test_a_checkpoint_is_a_note_in_the_table_and_in_the_file(house: House) -> None:
    """Signed by the published key, and the root is that of the tree."""
    house.signed(3)
    for log, sizes in ((LOG, [3, 4]), (OFFICE, [1])):
        rows = list(house.checkpoints.all(log))
        opened = [open_checkpoint(row.note, [SIGNER.verifier]) for row in rows]
        assert [each.size for each in opened] == sizes
        assert {each.origin for each in opened} == {f"fairpool.test/{log}"}
        assert [each.root for each in opened] == [root_at(house.trees.node(log), size) for size in sizes]
        assert [(row.size, row.root) for row in rows] == [(each.size, each.root) for each in opened]
        assert house.file(log).read_text() == join_notes(row.note for row in rows)
    [key] = publishing.keys(house.ledger)
    assert (key.public_key, key.purpose) == (str(SIGNER.verifier), PURPOSE)


def test_each_state_of_a_week_has_a_checkpoint_and_each_extends_the_last(house: House) -> None:
    """Even those that came between two looks; and the final week is listed once its prizes are signed too."""
    week = house.week
    week.draw({"A": 2})
    week.week_event(events.WeekClosed())
    week.week_event(events.WeekSettled(n=1, standings_hash="h"))
    house.news()
    assert publishing.listed_week(house.ledger, week=LOG) is None
    week.week_event(events.WeekFinalised(standings_hash="h"))
    week.award(week.entry(0))
    house.signed()
    states = [fact.position for fact in week.facts if fact.event.TOPIC.startswith("week.")]
    assert house.sizes() == [3, *states, states[-1] + 1]
    rows, node = list(house.checkpoints.all(LOG)), house.trees.node(LOG)
    for old, new in pairwise(rows):
        proof = consistency_proof(node, old=old.size, size=new.size)
        verify_consistency(old=old.size, old_root=old.root, size=new.size, root=new.root, proof=proof)
    listed = publishing.listed_week(house.ledger, week=LOG)
    assert listed is not None
    assert listed.event == events.WeekListed(root=rows[-1].root.hex(), size=rows[-1].size, week=LOG)
    house.signed(50)
    assert house.new_notary().step(now=0.0, forced=True) == 0
    assert publishing.listed_week(house.ledger, week=LOG) == listed


def test_a_week_that_was_listed_by_another_root_is_refused(house: House) -> None:
    """What the office has published is held against the tree."""
    publishing.list_week(house.ledger, week=LOG, size=2, root=bytes(32), actor="operator:eve", request="r")
    house.week.week_event(events.WeekFinalised(standings_hash="h"))
    house.news()
    with pytest.raises(CheckpointRefused, match=rf"log {LOG} at size 2: office:2 says root 0000") as refusal:
        house.notary.step(now=0.0, forced=True)
    assert (refusal.value.log, refusal.value.size) == (LOG, 2)


def test_an_event_that_was_changed_is_refused_when_the_tree_is_made_anew(house: House) -> None:
    """By its name and size, by a running notary and by one that has just started; other logs go on."""
    house.tamper(CHANGE_AN_EVENT)
    rebuild(house.datastore, name="tree", log=LOG)
    assert f"log {LOG} at size 3: the table says root" in house.refused()
    assert f"log {LOG} at size 3: the table says root" in house.refused(by=house.new_notary())


def test_a_change_is_found_at_the_start_without_any_news(house: House) -> None:
    """A notary that starts looks at every log once."""
    house.tamper(CHANGE_AN_EVENT)
    rebuild(house.datastore, name="tree", log=LOG)
    assert house.notary.step(now=9.0) == 0
    with pytest.raises(CheckpointRefused, match="at size 3"):
        house.new_notary().step(now=0.0)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'nobody' WHERE notification_id = 4",
        "DELETE FROM events WHERE notification_id = 4",
        "UPDATE tiles SET hashes = hashes || sha256('') WHERE log = '2026-W47'",
    ],
    ids=["event changed", "event deleted", "tile changed"],
)
def test_news_that_the_tree_does_not_have_as_the_log_does_are_not_signed(house: House, statement: str) -> None:
    """What came since the last checkpoint is hashed again from the events."""
    house.news(3, 4)
    house.tamper(statement)
    assert f"log {LOG} at size 6: the tree is not that of the events behind 3" in house.refused()


def test_a_log_that_was_cut_off_is_refused(house: House) -> None:
    """The checkpoint says how long it was, though there is no news."""
    house.tamper(
        "DELETE FROM events WHERE log = '2026-W47' AND notification_id = 3",
        "UPDATE heads SET position = 2 WHERE log = '2026-W47'",
    )
    rebuild(house.datastore, name="tree", log=LOG)
    with pytest.raises(CheckpointRefused, match="at size 3: this was signed, and the log now ends at 2"):
        house.notary.step(now=0.0)


def test_a_tree_that_is_on_its_way_is_waited_for(house: House) -> None:
    """Nothing is signed and nothing refused until it has come to what is signed."""
    house.tamper("DELETE FROM tiles WHERE log = '2026-W47'", "DELETE FROM projection_positions WHERE log = '2026-W47'")
    notary = house.new_notary()
    assert notary.step(now=0.0, forced=True) == 0
    assert (house.sizes(), notary.stopped) == ([3], {})
    house.news(3)
    assert notary.step(now=0.0, forced=True) == 1


def test_a_checkpoint_that_was_rewritten_in_the_table_is_refused(house: House) -> None:
    """Whether its root alone, or all of it with the signature of somebody else, or with ours of another log."""
    root = bytes(32)
    forged = Checkpoint(f"fairpool.test/{LOG}", 3, root).signed(STRANGER)
    elsewhere = Checkpoint(f"fairpool.test/{OTHER}", 3, root).signed(SIGNER)
    is_root = f"root = '\\x{root.hex()}'"
    for change, why in (
        (is_root, "at size 3: its row in the table is not what its note says"),
        (f"{is_root}, note = '{forged}'", f"not ours: the note fairpool.test/{LOG}, 3 is signed by none"),
        (f"{is_root}, note = '{elsewhere}'", f"a note in the table is of fairpool.test/{OTHER}"),
    ):
        house.tamper(f"UPDATE checkpoints SET {change} WHERE log = '{LOG}' AND size = 3")
        assert why in house.refused(by=house.new_notary())


def test_a_file_that_says_otherwise_is_refused(house: House) -> None:
    """Also where who owns the database has made the table and the tree agree, with our own key."""
    house.tamper(CHANGE_AN_EVENT)
    rebuild(house.datastore, name="tree", log=LOG)
    root = root_at(house.trees.node(LOG), 3)
    note = Checkpoint(f"fairpool.test/{LOG}", 3, root).signed(SIGNER)
    house.tamper(f"UPDATE checkpoints SET root = '\\x{root.hex()}', note = '{note}' WHERE log = '{LOG}'")
    assert f"at size 3: {house.file()} says root" in house.refused(by=house.new_notary())
    house.file().write_text(note + "\n")
    assert "at size 3: the notary's memory says root" in house.refused()


def test_a_file_that_is_missing_is_written_anew_from_the_table(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """With a warning, and news follow in it."""
    house.signed(3)
    house.file().unlink()
    house.signed(4)
    assert split_notes(house.file().read_text()) == [row.note for row in house.checkpoints.all(LOG)]
    assert house.sizes() == [3, 4, 5]
    assert [record.levelno for record in caplog.records if "is missing" in record.message] == [logging.WARNING]


def test_what_a_crash_left_in_the_file_is_mended(house: House) -> None:
    """A torn note goes; a whole one that the table does not have is taken into it."""
    house.news(3)
    note = Checkpoint(f"fairpool.test/{LOG}", 4, root_at(house.trees.node(LOG), 4)).signed(SIGNER)
    whole = house.file().read_text()
    house.file().write_text(whole + note[:50])
    assert house.signed(4) == 1
    assert house.sizes() == [3, 5]
    house.tamper(f"DELETE FROM checkpoints WHERE log = '{LOG}' AND size = 5")
    assert house.sizes() == [3]
    house.new_notary().step(now=0.0)
    assert house.sizes() == [3, 5]
    assert split_notes(house.file().read_text()) == [row.note for row in house.checkpoints.all(LOG)]


def test_notaries_with_folders_of_their_own_sign_one_row_of_checkpoints(house: House, tmp_path: Path) -> None:
    """What another has signed comes into a notary's file before it signs more; the week is listed once."""
    here, elsewhere = house.notary, house.new_notary(folder=tmp_path / "elsewhere")
    for number in range(3, 7):
        house.news(number)
        first, second = (here, elsewhere) if number % 2 else (elsewhere, here)
        assert first.step(now=0.0, forced=True) == 1
        assert second.step(now=0.0, forced=True) == 0
    house.week.week_event(events.WeekFinalised(standings_hash="h"))
    house.news()
    assert here.step(now=0.0, forced=True) == 1
    house.news(9)
    assert elsewhere.step(now=0.0, forced=True) > 0
    notes = [row.note for row in house.checkpoints.all(LOG)]
    assert house.sizes() == list(range(3, 10))
    assert split_notes((tmp_path / "elsewhere" / f"{LOG}.txt").read_text()) == notes
    assert split_notes(house.file().read_text()) == notes[:-1]
    assert elsewhere.stopped == here.stopped == {}


def test_notaries_at_the_same_time_on_one_folder_write_each_note_once(house: House) -> None:
    """They take turns at each log."""
    notaries = [house.notary, house.new_notary(), house.new_notary()]
    with ThreadPoolExecutor(len(notaries)) as pool:
        for number in range(3, 9):
            house.news(number)
            signed = list(pool.map(lambda notary: notary.step(now=0.0, forced=True), notaries))
            assert sum(signed) == 1
    assert house.sizes() == list(range(3, 10))
    assert split_notes(house.file().read_text()) == [row.note for row in house.checkpoints.all(LOG)]


def test_a_key_is_published_before_it_signs_and_signs_no_more_once_retired(house: House) -> None:
    """A new key goes on where the old one ended; checkpoints of both count."""
    other = Signer("fairpool.test", bytes([7]) * 32)
    house.news(3)
    assert house.new_notary(signer=other).step(now=0.0, forced=True) > 0
    row = house.checkpoints.newest(LOG)
    assert row is not None
    assert open_checkpoint(row.note, [other.verifier]).size == 4
    assert [key.public_key for key in publishing.keys(house.ledger)] == [str(SIGNER.verifier), str(other.verifier)]
    publishing.retire_key(house.ledger, key_id=SIGNER.verifier.key_id.hex(), actor="operator:eve", request="r")
    house.news(4)
    with pytest.raises(KeyTaken, match="retired at office:3"):
        house.notary.step(now=0.0, forced=True)
    assert house.new_notary(signer=other).step(now=0.0, forced=True) > 0
    assert house.sizes() == [3, 4, 5]
