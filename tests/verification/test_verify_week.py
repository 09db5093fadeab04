"""The stranger's program on honest exports: it says what it verified, whatever an export may lack."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.played_week import checkpoints
from tests.verification.conftest import Played
from tests.verification.copies import Copy, sizes, write_export
from tests.verification.stranger import KEY, PROGRAM, verify


def test_honest_export_is_verified_by_python_alone(played: Played, tmp_path: Path) -> None:
    """A copy of the file, run apart from everything with no package in reach, says in one line what holds."""
    program = tmp_path / "verify_week.py"
    program.write_bytes(PROGRAM.read_bytes())
    command = [
        sys.executable,
        "-I",
        "-S",
        str(program),
        str(played.folder),
        "--key",
        KEY,
        "--office",
        str(played.office_folder),
    ]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"verified 2026-W47: {len(played.lines)} events, root ")
    assert told.stdout.endswith(" final, 42 bets, 13000 credits issued\n")
    assert told.stdout.count("\n") == 1


def test_answer_as_json_is_one_object(played: Played) -> None:
    """A machine reads what was verified, and that nothing differs."""
    told = json.loads(verify(played.folder, "--json").out)
    assert told["ok"] is True
    assert (told["log"], told["size"], told["state"]) == ("2026-W47", len(played.lines), "final")
    assert (told["differences"], told["notes"]) == ([], [])


def test_office_is_verified_as_a_log_of_its_own(played: Played) -> None:
    """Its lines, tree and checkpoints hold; it has no week."""
    told = verify(played.office_folder)
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith(f"verified office: {len(played.office)} events")


def test_week_in_play_is_verified_up_to_where_it_is_cut(played: Played, tmp_path: Path) -> None:
    """Wherever an export ends before the week does, nothing is missed that may still come."""
    final = played.copy().of("week.finalised")["position"]
    for size in [*range(1, final, 23), 16, 17, 22, 42, 158, final - 1]:
        copy = Copy(played.lines[:size])
        told = verify(copy.write(tmp_path / str(size)))
        assert (told.code, told.err) == (0, ""), (size, told.out)


def test_end_that_nobody_signed_is_noted_in_play_and_differs_when_final(played: Played, tmp_path: Path) -> None:
    """Events behind the last checkpoint may come to be signed until the week is final."""
    lines = played.lines[:100]
    write_export(tmp_path / "in play", lines, checkpoints(lines, [60]))
    told = verify(tmp_path / "in play")
    assert (told.code, told.err) == (0, "note: the checkpoints cover 60 of 100 events: nobody has signed the rest\n")
    write_export(tmp_path / "final", played.lines, checkpoints(played.lines, sizes(len(played.lines))[:-1]))
    told = verify(tmp_path / "final")
    assert (told.code, told.kinds) == (1, ["checkpoint"])


@pytest.mark.parametrize(
    "arguments",
    [[], ["nowhere"], ["--receipt", "nowhere"], [".", "--receipt", "nowhere"], [".", "--office", "nowhere"]],
)
def test_command_that_is_wrong_ends_with_two(arguments: list[str]) -> None:
    """Nothing was verified, and nothing differs: the exit code says so."""
    told = verify(*arguments)
    assert (told.code, told.out) == (2, "")
    assert "verify_week.py" in told.err or "usage" in told.err


def test_key_that_is_damaged_ends_with_two(played: Played) -> None:
    """One wrong character in the key is noticed before anything is held against it."""
    damaged = KEY[:-2] + ("A" if KEY[-2] != "A" else "B") + KEY[-1]
    assert verify(played.folder, key=damaged).code == 2


def test_export_of_another_log_than_its_manifest_says_differs(played: Played, tmp_path: Path) -> None:
    """The manifest decides what the folder is of, and every line must be of that."""
    copy = played.copy()
    folder = copy.write(tmp_path / "export")
    said = json.loads((folder / "manifest.json").read_bytes())
    said["log"] = "2026-W48"
    (folder / "manifest.json").write_text(
        json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    )
    assert {"manifest", "position", "checkpoint"} <= set(verify(folder).kinds)


def test_journal_that_adds_up_to_other_balances_differs(played: Played, tmp_path: Path) -> None:
    """The journal for hledger is held against the events, not only against its hash."""
    for name in ("events.jsonl", "checkpoints.txt", "journal.hledger", "manifest.json"):
        (tmp_path / name).write_bytes((played.folder / name).read_bytes())
    said = json.loads((tmp_path / "manifest.json").read_bytes())
    del said["files"]["events.csv"]
    journal = (tmp_path / "journal.hledger").read_bytes().replace(b"  1000 CREDITS", b"  1001 CREDITS", 1)
    (tmp_path / "journal.hledger").write_bytes(journal)
    (tmp_path / "manifest.json").write_text(
        json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    )
    assert verify(tmp_path).kinds == ["manifest", "books"]
