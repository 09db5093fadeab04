"""An export that was made to do harm gets a verdict, as every other does: no error, and in little time."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.connections import mangled
from tests.fuzz.json_texts import DEEP, texts
from tests.verification.conftest import Played
from tests.verification.stranger import program, verify

FILES = ("events.jsonl", "checkpoints.txt", "manifest.json", "journal.hledger")
CASES = 5


def _a_line_otherwise(random: Random, text: bytes) -> bytes:
    lines = text.split(b"\n")
    at = random.randrange(len(lines))
    lines[at] = texts(random, json.loads(lines[at])) if lines[at][:1] == b"{" else mangled(random, lines[at])
    return b"\n".join(lines)


def _lines_in_disorder(random: Random, text: bytes) -> bytes:
    lines = text.split(b"\n")
    return b"\n".join(random.choices(lines, k=len(lines)))


CHANGES: tuple[Callable[[Random, bytes], bytes], ...] = (
    _a_line_otherwise,
    _a_line_otherwise,
    _lines_in_disorder,
    mangled,
    lambda random, text: text[: random.randrange(len(text))],
    lambda random, text: (
        random.choice((b"", b"\n", b"[" * DEEP, b"\0" * 1_000, b"\xff\n" * 1_000, b"1" * 100_000)) + text
    ),
)


@pytest.mark.parametrize("number", range(CASES))
def test_whatever_is_made_of_an_export_is_named(played: Played, tmp_path: Path, number: int) -> None:
    """Differences, each in a line, for what was changed in any of its files."""
    random = Random(f"1/{number}")
    shutil.copytree(played.folder, tmp_path, dirs_exist_ok=True)
    name = random.choice(FILES)
    was = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(random.choice(CHANGES)(random, was))
    said = verify(tmp_path, "--office", played.office_folder)
    assert said.code == ((tmp_path / name).read_bytes() != was), said.out + said.err
    assert "Traceback" not in said.out + said.err


def test_a_manifest_without_end_is_not_read_into_memory(played: Played, tmp_path: Path) -> None:
    """What takes no room on a disk takes little here, too: it is told from a manifest by its first megabytes."""
    shutil.copytree(played.folder, tmp_path, dirs_exist_ok=True)
    checker, size = program(), 2**28
    with (tmp_path / "manifest.json").open("r+b") as file:
        file.truncate(size)
    tracemalloc.start()
    try:
        found = checker.Export(tmp_path, [], report := checker.Report())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.manifest, report.lines()[0].partition(":")[0]) == (None, "manifest")
    assert peak < size
