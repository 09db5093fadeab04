"""Programs of the service as processes of their own: how they are started, and what memory they take."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.benchmarks.machine import ROOT

NO_NATS: Final = "nats://127.0.0.1:1"
STOP_SECONDS: Final = 30
_KIB_A_MB: Final = 1024
_URL: Final = re.compile(r"http://127\.0\.0\.1:(\d+)")
# A process inherits, as its own peak, what the program had that started it: so one that is small starts it.
_LAUNCH: Final = """
import os, sys
apart = [(os.POSIX_SPAWN_DUP2, 2, 1)]
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=apart), 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Failed(Exception):
    """A program ended otherwise than it should, or did not start."""


def environment(data: Path, dsn: str | None = None, **settings: object) -> dict[str, str]:
    """Return the environment of a program on a data directory, and on a database unless it brings its own servers."""
    servers = {"DATABASE_URL": dsn, "NATS_URL": NO_NATS} if dsn is not None else {}
    # The logs are filled by a ledger with this master; the port is a free one.
    ours = {"FAIRPOOL_DATA": data, "FAIRPOOL_SEED_MASTER": bytes(32).hex(), "FAIRPOOL_API_PORT": 0}
    named = {f"FAIRPOOL_{name.upper()}": value for name, value in settings.items()}
    return os.environ | servers | {name: str(value) for name, value in (ours | named).items()}


@contextmanager
def running(*words: str, on: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run `fairpool WORDS` for as long as the block runs; what it says beside its output is in its data directory."""
    command = [sys.executable, "-m", "fairpool", *words]
    log = Path(on["FAIRPOOL_DATA"], f"{words[0]}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("wb") as said,
        subprocess.Popen(command, cwd=ROOT, env=on, stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def roles(*names: str, on: Mapping[str, str]) -> Iterator[list[int]]:
    """Run roles such as `settle`, and give their process ids; raises Failed at the end where one has ended before."""
    with ExitStack() as running_now:
        processes = [running_now.enter_context(running(name, on=on)) for name in names]
        yield [process.pid for process in processes]
        ended = [name for name, process in zip(names, processes, strict=True) if process.poll() is not None]
        if ended:
            raise Failed(f"{', '.join(ended)} ended: see what it said in {on['FAIRPOOL_DATA']}")


def port_of(process: subprocess.Popen[str]) -> int:
    """Wait until a program says where its API listens; raises Failed where it ends before."""
    assert process.stdout is not None
    for line in process.stdout:
        if (found := _URL.search(line)) is not None:
            return int(found[1])
    raise Failed(f"{process.args!r} did not start")


def resident_mb(pid: int) -> float:
    """Return the resident set of a process."""
    return _status(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """Return the largest resident set that a process has had."""
    return _status(pid, "VmHWM")


def peak_of(*words: str, on: Mapping[str, str]) -> float:
    """Run `fairpool WORDS` to its end, and return the peak in MB of the process of it that had most; raises Failed."""
    command = [sys.executable, "-I", "-c", _LAUNCH, sys.executable, "-m", "fairpool", *words]
    done = subprocess.run(command, cwd=ROOT, env=on, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"fairpool {' '.join(words)}: {done.stderr[-2_000:]}")
    return int(done.stdout) / _KIB_A_MB


def _status(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [kib] = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(kib) / _KIB_A_MB
