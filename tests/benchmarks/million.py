"""What it takes to audit a week of a million events: `python -m tests.benchmarks.million [--events N] [--data DIR]`.

Each audit runs in a process of its own, whose peak memory and rate are told, beside a bare sha256 pass over the same
bytes in the same run. With --data the week stays there, and is not played again the next time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fairpool.embedded import EmbeddedPostgres
from ledger.ids import OFFICE
from tests.examples import WEEK

ROOT: Final = Path(__file__).parents[2]
PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Run:
    """A pass over the log: wall and processor seconds, and the peak of its resident memory where it had a process."""

    name: str
    seconds: float
    processor_seconds: float
    peak_mb: float | None
    exit_code: int = 0


def main() -> int:
    """Prepare the week, run the audits, and tell what they took; returns 1 if one of them found a difference."""
    parser = argparse.ArgumentParser(description="What it takes to audit a week of a million events.")
    parser.add_argument("--events", type=int, default=1_000_000, help="how many events the week has, about")
    parser.add_argument("--data", type=Path, help="where the week is kept; a temporary folder by default")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    with _folder(asked.data) as data, EmbeddedPostgres(data) as server:
        # No command here needs NATS; an address keeps them from starting servers of their own.
        servers = {"DATABASE_URL": server.dsn, "NATS_URL": "nats://127.0.0.1:1", "FAIRPOOL_DATA": str(data)}
        environment = os.environ | servers
        prepared = _run("play, project, sign", _module("tests.benchmarks.prepare", data, asked.events), environment)
        runs = [prepared, *_audits(data / "export", environment)]
        manifest = json.loads((data / "export" / WEEK / "manifest.json").read_text())
        figures = _figures(runs, events=manifest["size"], size=manifest["files"]["events.jsonl"]["bytes"])
    sys.stdout.write(json.dumps(figures) + "\n" if asked.json else _table(figures))
    return int(any(run.exit_code for run in runs))


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        yield data.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="fairpool-million-") as temporary:
        yield Path(temporary)


def _audits(out: Path, environment: dict[str, str]) -> Iterator[Run]:
    """Run every audit there is of the week, and the bare passes over its bytes."""
    out.mkdir(exist_ok=True)
    week, office = out / WEEK, out / OFFICE
    _run("export office", _module("fairpool", "audit", "export", OFFICE, "--out", f"{office}/"), environment)
    for name, command in (
        ("audit replay", ("replay", WEEK, "--json")),
        ("audit verify", ("verify", WEEK)),
        ("audit export, jsonl", ("export", WEEK, "--out", f"{week}/")),
        ("audit export, all forms", ("export", WEEK, "--format", "all", "--out", f"{week}/")),
        ("audit verify --from export", ("verify", WEEK, "--from", out)),
    ):
        yield _run(name, _module("fairpool", "audit", *command), environment)
    keys = json.loads((week / "manifest.json").read_text())["keys"]
    named = [word for key in keys for word in ("--key", key)]
    alone = [sys.executable, "-I", ROOT / "docs" / "verify_week.py", week, "--office", office, *named]
    yield _run("verify_week.py", alone, environment)
    events = week / "events.jsonl"
    yield _pass("sha256 of each line", lambda: _hash_lines(events))
    yield _pass("sha256 of the file", lambda: _hash_pieces(events))


def _module(name: str, *arguments: object) -> list[object]:
    return [sys.executable, "-m", name, *arguments]


def _run(name: str, command: Sequence[object], environment: dict[str, str]) -> Run:
    """Run a program to its end. It is no larger at its start than this one, which therefore keeps small."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [str(word) for word in command], cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.stderr.write(f"{name} failed:\n{said.read().decode(errors='replace')[-4_000:]}\n")
    peak_mb = usage.ru_maxrss / 1024
    sys.stderr.write(f"{name}: {seconds:.1f} s, {peak_mb:.0f} MB\n")
    return Run(name, seconds, usage.ru_utime + usage.ru_stime, peak_mb, process.returncode)


def _pass(name: str, read: Callable[[], object]) -> Run:
    began, used = time.monotonic(), time.process_time()
    read()
    return Run(name, time.monotonic() - began, time.process_time() - used, None)


def _hash_pieces(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _hash_lines(path: Path) -> None:
    with path.open("rb") as file:
        for line in file:
            hashlib.sha256(line).digest()


def _figures(runs: Sequence[Run], *, events: int, size: int) -> dict[str, Any]:
    bare = runs[-1].seconds
    return {
        "events": events,
        "bytes": size,
        "sha256_mb_per_second": size / 1e6 / bare,
        "runs": [
            asdict(run) | {"events_per_second": events / run.seconds, "times_sha256": run.seconds / bare}
            for run in runs
        ],
    }


def _table(figures: dict[str, Any]) -> str:
    megabytes, rate = figures["bytes"] / 1e6, figures["sha256_mb_per_second"]
    title = f"{figures['events']} events, {megabytes:.0f} MB, bare sha256 {rate:.0f} MB/s"
    head = f"{'':28}{'seconds':>10}{'processor':>11}{'events/s':>12}{'x sha256':>10}{'peak MB':>9}  exit"
    lines = [
        f"{run['name']:28}{run['seconds']:>10.1f}{run['processor_seconds']:>11.1f}{run['events_per_second']:>12,.0f}"
        f"{run['times_sha256']:>10.1f}{run['peak_mb'] or 0:>9.0f}{run['exit_code']:>6}"
        for run in figures["runs"]
    ]
    return "\n".join([title, head, *lines]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
