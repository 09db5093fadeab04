"""Whoever owns the database may switch triggers off and change what was recorded: each time it is found, and named.

The tiles of the tree are made anew from what was changed, or not: what was signed stands against both.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from ledger.auditing.office import WeekInOffice, missing_weeks, office_book
from ledger.events import BetWon, RosterFrozen
from ledger.ids import OFFICE, registration_stream
from ledger.proofs.merkle import Frontier, leaf_hash
from ledger.proofs.notes import Checkpoint, Signer, join_notes, split_notes
from tests.database import Database
from tests.examples import WEEK
from tests.fairpool.broken_rules import BROKEN, BROKEN_OFFICE, BROKEN_PROMISES, Lines, broken, findings
from tests.fairpool.tampering import Culprit, Scene
from tests.played_week import ORIGIN, export_lines, played_week

STRANGER = Signer(ORIGIN, bytes(32))
END = f"{WEEK}:239"
TILES = pytest.mark.parametrize("tiles", [False, True], ids=["old tiles", "new tiles"])


@pytest.fixture(scope="module")
def scene(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A final week, signed and listed, with all projections at its end."""
    database.empty()
    with played_week(database.dsn) as week:
        scene = Scene(week, database.dsn, tmp_path_factory.mktemp("checkpoints"))
        scene.sign()
        yield scene


def token(position: int) -> str:
    return f"{WEEK}:{position}"


def test_honest_logs_hold(scene: Scene) -> None:
    """Office, week and projections: nothing is found, and there are checkpoints that vouch for it."""
    for verified in scene.verifier(projections=True).verify_all(progress=lambda done, total: None):
        assert verified.findings == []
        assert verified.remarks == []
        assert verified.checkpoints > 0


@TILES
def test_changed_byte_is_found(scene: Scene, tiles: bool) -> None:
    """Even one that no rule is about: who asked for a stake."""

    def act(by: Culprit) -> None:
        by.sql("UPDATE {} SET actor = 'playes' WHERE notification_id = 100")

    with scene.crime(act, tiles=tiles):
        assert scene.found() == {"tree": scene.covering(100), "office": END}


@TILES
def test_other_spelling_is_found(scene: Scene, tiles: bool) -> None:
    """A space where there was none: the event says the same, and is another line."""

    def act(by: Culprit) -> None:
        by.store(100, by.state(100).replace(b":", b": ", 1))

    with scene.crime(act, tiles=tiles):
        assert scene.found() == {"line": token(100), "tree": scene.covering(100), "office": END}


@TILES
def test_deleted_event_is_found(scene: Scene, tiles: bool) -> None:
    """A bet that was lost, and never was: its account's versions have a gap, its end is nobody's, its place is empty.

    The place is filled where the tree is made anew, which no gap can be.
    """
    deleted, lost = scene.all_in

    def act(by: Culprit) -> None:
        by.sql("DELETE FROM {} WHERE notification_id = %s", deleted)
        if tiles:
            by.shift(deleted, -1)

    with scene.crime(act, tiles=tiles):
        found = scene.found()
    assert found.pop("position", None) == (None if tiles else token(deleted + 1))
    assert found["version"] == found["books"] == token(lost - tiles)
    assert found["tree"] == scene.covering(deleted)
    assert {"settlement", "standings", "office"} <= found.keys()


@TILES
def test_end_that_is_cut_off_is_found(scene: Scene, tiles: bool) -> None:
    """The last prize never was, and the log's head says so too: what was signed says otherwise."""

    def act(by: Culprit) -> None:
        by.sql("DELETE FROM {} WHERE notification_id = 239")
        by.shift(239, -1)

    with scene.crime(act, tiles=tiles):
        assert scene.found() == {"tree": token(238), "prizes": WEEK, "office": WEEK}


@TILES
def test_two_swapped_events_are_found(scene: Scene, tiles: bool) -> None:
    """Two stakes of two players, at one time, in the other order: no rule minds, the tree does."""
    first = scene.last_stakes[0]

    def act(by: Culprit) -> None:
        for old, new in ((first, 1000), (first + 1, first), (1000, first + 1)):
            by.sql("UPDATE {} SET notification_id = %s WHERE notification_id = %s", new, old)

    with scene.crime(act, tiles=tiles):
        assert scene.found() == {"tree": scene.covering(first), "office": END}


@TILES
def test_inserted_event_is_found(scene: Scene, tiles: bool) -> None:
    """A stake on a game that has ended, with all behind it moved on: it stands behind the lock."""

    def act(by: Culprit) -> None:
        by.shift(150, 1)
        by.copy(scene.all_in[0], to=151, version=99, bet_id=str(UUID(int=7)))

    with scene.crime(act, tiles=tiles):
        found = scene.found()
    assert found["gate"] == found["version"] == found["books"] == token(151)
    assert found["tree"] == scene.covering(151)


@TILES
def test_raised_payout_is_found(scene: Scene, tiles: bool) -> None:
    """With chunk, end of the game, balances and standings made to fit: the bet's own terms say what it pays."""
    position = scene.week.facts(BetWon)[-1].position

    def act(by: Culprit) -> None:
        won = by.at(position)
        won["data"]["payout"] += 1
        by.write(won)
        by.fit(won)

    with scene.crime(act, tiles=tiles):
        assert scene.found() == {"settlement": token(position), "tree": scene.covering(position), "office": END}


@TILES
def test_altered_result_is_found(scene: Scene, tiles: bool) -> None:
    """Under another score the bets come to something else than was paid."""
    position, paid = scene.result("sunday"), scene.result("sunday") + 2

    def act(by: Culprit) -> None:
        result = by.at(position)
        result["data"].update(home_score=44, away_score=0)
        by.write(result)

    with scene.crime(act, tiles=tiles):
        found = scene.found()
    assert found == {"settlement": token(paid), "tree": scene.covering(position), "office": END}


@TILES
def test_result_that_is_altered_with_all_its_consequences_is_found(scene: Scene, tiles: bool) -> None:
    """A score that pays the same, as soccer settles on regulation: nothing but the tree can tell."""
    position = scene.result("epl")

    def act(by: Culprit) -> None:
        result = by.at(position)
        result["data"]["home_score"] += 1
        by.write(result)

    with scene.crime(act, tiles=tiles):
        assert scene.found() == {"tree": scene.covering(position), "office": END}


@TILES
def test_entry_that_joins_the_roster_after_the_commitment_is_found(scene: Scene, tiles: bool) -> None:
    """A friend is enrolled in front of the frozen roster, once the seed is known: the hash is that of another one."""
    friend = UUID(int=0xF)

    def act(by: Culprit) -> None:
        frozen = scene.week.facts(RosterFrozen)[0].position
        by.shift(frozen - 1, 1)
        by.copy(frozen - 2, to=frozen, version=1, stream=registration_stream(friend), entry=str(friend))
        moved = by.at(frozen + 1)
        moved["data"].update(position=frozen, size=moved["data"]["size"] + 1)
        by.write(moved)

    with scene.crime(act, tiles=tiles):
        found = scene.found()
    assert found["draw"] == token(17)
    assert found["tree"] == scene.covering(16)


@TILES
def test_checkpoint_that_another_key_signed_is_found(scene: Scene, tiles: bool) -> None:
    """The log is changed, and the last checkpoint in the table says so, signed by a stranger of the same name."""

    def act(by: Culprit) -> None:
        by.sql("UPDATE {} SET actor = 'playes' WHERE notification_id = 239")
        note, root = forged(scene)
        by.connection.execute(
            "UPDATE checkpoints SET note = %s, root = %s WHERE log = %s AND size = 239", [note, root, WEEK]
        )

    with scene.crime(act, tiles=tiles):
        assert scene.found() == {"checkpoint": END, "tree": END, "office": END}


def test_checkpoint_that_was_rewritten_in_the_file_is_found(scene: Scene) -> None:
    """The file outside the database is held against the keys and the table too."""

    def act(by: Culprit) -> None:
        notes = split_notes(scene.file.read_text(encoding="utf-8"))
        notes[3] = forged(scene)[0]
        scene.file.write_text(join_notes(notes), encoding="utf-8")

    with scene.crime(act):
        assert scene.found() == {"checkpoint": scene.file.name}


def test_checkpoint_that_was_taken_out_of_the_file_is_found(scene: Scene) -> None:
    """And so is a file that is gone."""

    def act(by: Culprit) -> None:
        notes = split_notes(scene.file.read_text(encoding="utf-8"))
        scene.file.write_text(join_notes(notes[:2] + notes[3:]), encoding="utf-8")

    with scene.crime(act):
        assert scene.found() == {"checkpoint": scene.file.name}
    with scene.crime(lambda by: scene.file.unlink()):
        assert scene.found() == {"checkpoint": scene.file.name}


def test_changed_row_of_a_projection_is_found(scene: Scene) -> None:
    """The log holds, and a read model says something else."""

    def act(by: Culprit) -> None:
        by.connection.execute("UPDATE bets SET payout = payout + 1 WHERE status = 'won'")

    def undo(by: Culprit) -> None:
        by.connection.execute("UPDATE bets SET payout = payout - 1 WHERE status = 'won'")

    with scene.crime(act):
        found = scene.verify(projections=True).findings
    with scene.crime(undo):
        assert scene.verify(projections=True).is_ok
    (finding,) = found
    assert (finding.kind, finding.at) == ("projection", END)
    assert "bets, table bets" in finding.text


def test_week_that_is_gone_is_found(scene: Scene) -> None:
    """The office lists it: the list of weeks is complete."""
    (finding,) = missing_weeks(scene.verifier().office, set())
    assert str(finding) == f"office: {OFFICE}: lists week {WEEK}, of which there is no log"


def forged(scene: Scene) -> tuple[str, bytes]:
    """A checkpoint of the log as it now is, signed with a key that nobody published, and its root."""
    tree = Frontier()
    for line in export_lines(scene.week.datastore):
        tree.append(leaf_hash(line))
    return Checkpoint(f"{ORIGIN}/{WEEK}", tree.size, tree.root()).signed(STRANGER), tree.root()


@pytest.fixture(scope="module")
def lines(scene: Scene) -> list[bytes]:
    """The week's export."""
    return export_lines(scene.week.datastore)


@pytest.fixture(scope="module")
def office(scene: Scene) -> list[bytes]:
    """The export of the office's log."""
    return export_lines(scene.week.datastore, OFFICE)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_rule_is_named(lines: list[bytes], name: str) -> None:
    """Each rule has a kind, and shows where it is broken."""
    breaking, kind, told = BROKEN[name]
    source, position = broken(lines, breaking)
    found = findings(source)
    there = [finding.text for finding in found if (finding.kind, finding.at) == (kind, token(position))]
    assert any(told in text for text in there), "\n".join(map(str, found[:9]))


@pytest.mark.parametrize("name", BROKEN_OFFICE)
def test_broken_rule_of_the_office_is_named(office: list[bytes], name: str) -> None:
    """By the place in its log."""
    breaking, told = BROKEN_OFFICE[name]
    source, position = broken(office, breaking, log=OFFICE)
    found = [(finding.kind, finding.at) for finding in findings(source) if told in finding.text]
    assert found == [("office", f"{OFFICE}:{position}")]


@pytest.mark.parametrize("name", BROKEN_PROMISES)
def test_week_that_is_not_what_the_office_says_is_named(lines: list[bytes], office: list[bytes], name: str) -> None:
    """The office's log vouches for the week's."""
    breaking, told = BROKEN_PROMISES[name]
    book = office_book(broken(office, breaking, log=OFFICE)[0].leaves())
    found = findings(Lines(lines), office=WeekInOffice(WEEK, book, revealed=None))
    assert {finding.kind for finding in found} == {"office"}
    assert told in found[0].text
