"""An export is verified alone, as whoever got the files would, and by the command that they would use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fairpool.cli import application
from fairpool.exports.export import export_folder
from fairpool.exports.forms import Form
from fairpool.exports.published import published
from fairpool.verifying.exports import ExportVerifier
from feeds.checkpoints import Checkpoints
from feeds.notary import Notary
from ledger.facts import canonical
from ledger.ids import OFFICE
from ledger.proofs.notes import Signer
from ledger.rules import Prize, Rules
from projections.catalogue import projections
from projections.runner import Runner
from projections.tree import Trees
from tests.database import Database
from tests.examples import WEEK
from tests.ledger.playing import PATIENCE, House

SIGNER = Signer("fairpool.test", bytes(range(32)))
STRANGER = Signer("fairpool.test", bytes(32))
KEY = str(SIGNER.verifier)
UNREADABLE = {"line", "position", "version", "manifest", "tree", "office"}
RULES = Rules(prizes=(Prize(rank=1, amount_cents=500),))


@dataclass(frozen=True)
class Town:
    """A final week of two entries in a database, and folders of its export and the office's.

    `entry` has the week's one bet, which was placed at position `placed`.
    """

    dsn: str
    checkpoints: Path
    exports: Path
    entry: str
    placed: int


@pytest.fixture(scope="module")
def town(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Played, signed, listed and exported."""
    database.empty()
    folder = tmp_path_factory.mktemp("town")
    with House(database.dsn) as house:
        entries = house.grouped(2, rules=RULES)
        game = house.list_game()
        placed = house.bet(entries[0], game).result(PATIENCE).position
        house.close_week()
        house.result(game, 35, 20)
        house.settle(game)
        house.settle_week()
        house.clock.now += RULES.correction_window
        house.finalise_week()
        sign(house, folder / "checkpoints")
        for log in (OFFICE, WEEK):
            export_folder(
                house.recorder(log),
                folder / "exports" / log,
                published=published(house.ledger, log=log, origin="fairpool.test"),
                forms=[Form.JSONL, Form.CSV],
            )
        yield Town(database.dsn, folder / "checkpoints", folder / "exports", str(entries[0]), placed)


def sign(house: House, folder: Path) -> None:
    datastore = house.ledger.datastore
    runner = Runner(datastore, projections())
    notary = Notary(
        house.ledger, trees=Trees(datastore), checkpoints=Checkpoints(datastore), signer=lambda: SIGNER, folder=folder
    )
    while runner.step() or notary.step(now=0.0, forced=True):
        pass


@pytest.fixture
def exports(town: Town, tmp_path: Path) -> Path:
    """The exports, to be changed at will."""
    return Path(shutil.copytree(town.exports, tmp_path / "exports"))


def found(place: Path, *keys: Signer) -> dict[str, str]:
    """Where the first difference of each kind is in the week's export, by kind."""
    verifier = ExportVerifier(place, keys=[key.verifier for key in keys])
    return {each.kind: each.at for each in verifier.verify(WEEK, progress=lambda done, total: None).findings}


def run(town: Town, *words: str) -> Result:
    """Run the command line on the database of the town."""
    environment = {
        "DATABASE_URL": town.dsn,
        "NATS_URL": "nats://127.0.0.1:1",
        "FAIRPOOL_CHECKPOINTS": str(town.checkpoints),
        "FAIRPOOL_DATA": str(town.checkpoints.parent / "data"),
        "FAIRPOOL_ORIGIN": "fairpool.test",
    }
    return CliRunner().invoke(application(), ["audit", *words], env=environment)


def test_honest_exports_hold(town: Town) -> None:
    """The office and the week, alone and beside each other, by the keys that they name and by one that is known."""
    every = list(ExportVerifier(town.exports).verify_all(progress=lambda done, total: None))
    assert [(each.log, each.findings) for each in every] == [(OFFICE, []), (WEEK, [])]
    assert all(each.checkpoints for each in every)
    assert found(town.exports / WEEK) == found(town.exports / WEEK, SIGNER) == {}
    assert found(town.exports / WEEK / "events.jsonl") == {}


def test_what_a_verification_rests_on_is_said(town: Town) -> None:
    """Keys that came with the export vouch for nothing by themselves, and a file of lines has no checkpoint."""
    (remark,) = ExportVerifier(town.exports / WEEK).verify(WEEK, progress=lambda done, total: None).remarks
    assert "the manifest names alone" in remark
    known = ExportVerifier(town.exports / WEEK, keys=[SIGNER.verifier]).verify(WEEK, progress=lambda done, total: None)
    assert known.remarks == []
    file = ExportVerifier(town.exports / WEEK / "events.jsonl").verify(WEEK, progress=lambda done, total: None)
    assert file.root.hex() in file.remarks[0]


def test_checkpoints_of_another_key_count_for_nothing(town: Town) -> None:
    """Of the same name, but not the one that was given."""
    assert found(town.exports / WEEK, STRANGER) == {"checkpoint": "checkpoints.txt"}


def change_csv(week: Path) -> None:
    with (week / "events.csv").open("ab") as file:
        file.write(b"\n")


def change_line(week: Path) -> None:
    path = week / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"stake":100', b'"stake":101'))


def respell_line(week: Path) -> None:
    path = week / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"stake":100', b'"stake":1e2'))


def cut_end(week: Path) -> None:
    path = week / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-1])


def change_topic(week: Path) -> None:
    path = week / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b"account.bet_won", b"account.bet_wan"))


def change_root(week: Path) -> None:
    path = week / "manifest.json"
    path.write_bytes(canonical(json.loads(path.read_bytes()) | {"root": "00"}) + b"\n")


def drop_notes(week: Path) -> None:
    (week / "checkpoints.txt").write_bytes(b"")


def cut_notes(week: Path) -> None:
    path = week / "checkpoints.txt"
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (change_csv, {"manifest"}),
        (change_line, {"manifest", "tree", "office", "books", "gate", "settlement", "standings"}),
        (respell_line, UNREADABLE | {"books", "settlement", "standings", "prizes"}),
        (cut_end, {"line", "manifest", "prizes"}),
        (change_topic, UNREADABLE | {"settlement", "standings", "prizes"}),
        (change_root, {"manifest"}),
        (drop_notes, {"manifest"}),
        (cut_notes, {"manifest", "checkpoint"}),
    ],
)
def test_changed_export_is_found(exports: Path, change: Callable[[Path], None], kinds: set[str]) -> None:
    """Whatever of it was changed, by all the kinds of difference that it makes."""
    change(exports / WEEK)
    assert found(exports).keys() == kinds


def test_missing_export_of_a_week_is_found(exports: Path) -> None:
    """The office lists it."""
    shutil.rmtree(exports / WEEK)
    *_, last = ExportVerifier(exports).verify_all(progress=lambda done, total: None)
    assert [each.kind for each in last.findings] == ["office"]


def test_verify_is_silent_when_all_holds(town: Town) -> None:
    """On the database and on exports, of one log and of all: exit code 0, and not a word."""
    for words in (["--all"], [WEEK], [WEEK, "--from", str(town.exports), "--key", KEY]):
        done = run(town, "verify", *words)
        assert (done.exit_code, done.output) == (0, ""), done.output


def test_verify_names_the_first_difference_of_each_kind(town: Town, exports: Path) -> None:
    """A line each, and exit code 1; as JSON for machines."""
    change_line(exports / WEEK)
    words = ["verify", WEEK, "--from", str(exports), "--key", KEY]
    done = run(town, *words)
    assert done.exit_code == 1
    kinds = [line.partition(": ")[0] for line in done.output.splitlines()]
    assert sorted(kinds) == sorted(found(exports))
    told = json.loads(run(town, *words, "--json").output)
    assert (told["ok"], [each["kind"] for each in told["logs"][0]["findings"]]) == (False, kinds)


@pytest.mark.parametrize(
    "words",
    [[], [WEEK, "--all"], ["2026-W48", "--from", "EXPORTS"], [WEEK, "--key", "no key"], ["2026-W48"]],
    ids=["no log", "one and all", "no such export", "no key", "no such log"],
)
def test_verify_says_what_it_cannot_do(town: Town, words: list[str]) -> None:
    """And does not exit with 0."""
    done = run(town, "verify", *(word.replace("EXPORTS", str(town.exports)) for word in words))
    assert done.exit_code != 0


def test_replay_is_the_same_from_the_database_and_from_an_export(town: Town) -> None:
    """The same balances, bets and standings, down to the last byte of the JSON."""
    here, there = (
        json.loads(run(town, "replay", WEEK, *more, "--json").output) for more in ([], ["--from", str(town.exports)])
    )
    assert here == there
    assert here["credits"] == {"issued": 2000, "available": 2090, "escrow": 0, "house": -90}
    assert here["pools"] == {"W2026-47-A": here["credits"]}
    assert [each["rank"] for each in here["standings"]["W2026-47-A"]] == [1, 2]


def test_replay_states_what_it_rests_on(town: Town) -> None:
    """As of a position, a token or a time; before the first event all balances are zero."""
    placed = json.loads(run(town, "replay", WEEK, "--until", str(town.placed), "--json").output)
    assert placed["basis"] == f"as recorded up to position {town.placed}, {placed['at']}"
    assert placed["credits"]["escrow"] == 100
    assert json.loads(run(town, "replay", WEEK, "--until", f"{WEEK}:{town.placed}", "--json").output) == placed
    asked = json.loads(run(town, "replay", WEEK, "--until", placed["at"], "--json").output)
    assert asked["position"] >= town.placed
    assert f"at or before {placed['at']}" in asked["basis"]
    before = json.loads(run(town, "replay", WEEK, "--until", "2020-01-01T00:00:00Z", "--json").output)
    assert (before["position"], before["credits"]["issued"], before["at"]) == (0, 0, None)


@pytest.mark.parametrize("until", ["1000", "tomorrow", "2026-11-20T00:00:00"])
def test_replay_refuses_what_is_no_position_and_no_time(town: Town, until: str) -> None:
    """A position beyond the end, a word, a time without a zone."""
    done = run(town, "replay", WEEK, "--until", until)
    assert done.exit_code == 1
    assert ("2026-W47 ends at position" in done.output) == (until == "1000")


def test_replay_prints_an_entrys_statement(town: Town) -> None:
    """Each movement with the balance after it, of this entry alone."""
    told = json.loads(run(town, "replay", WEEK, "--account", town.entry, "--json").output)["statement"]
    assert [(each["kind"], each["amount"], each["available"]) for each in told] == [
        ("grant", 1000, 1000),
        ("stake", -100, 900),
        ("payout", 190, 1090),
        ("prize", 0, 1090),
    ]
    printed = run(town, "replay", WEEK, "--account", town.entry)
    assert (printed.exit_code, town.entry in printed.output, "payout" in printed.output) == (0, True, True)
    assert run(town, "replay", WEEK, "--account", "00000000-0000-0000-0000-000000000009").exit_code == 1
