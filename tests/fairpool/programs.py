"""Helpers of the tests that start real servers: programs to kill, and a look at what runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the death of a parent")
needs_proc = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs /proc to see processes")

# Starts both servers, writes a row, tells where it is, and serves until its input ends.
PROGRAM = """
import json, os, sys
from pathlib import Path
import psycopg
from fairpool.embedded import EmbeddedServers

with EmbeddedServers(Path(sys.argv[1])) as servers:
    with psycopg.connect(servers.dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("INSERT INTO note VALUES ('kept')")
    try:
        print(json.dumps({"dsn": servers.dsn, "url": servers.url}), flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        with psycopg.connect(servers.dsn) as connection:
            print(connection.execute("SELECT count(*) FROM note").fetchone()[0], flush=True)
"""


def query(dsn: str, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(text)
        return list(cursor.fetchall()) if cursor.description else []


def notes(dsn: str) -> list[str]:
    return [text for (text,) in query(dsn, "SELECT text FROM note")]


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (done := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return done


def commands_in(folder: Path) -> dict[int, bytes]:
    """What runs with `folder` or one below as its working folder, as each server and its guardian do: command by id."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        # A server's own short-lived workers may end while we look.
        with suppress(OSError):
            if Path(os.readlink(process / "cwd")).is_relative_to(folder.resolve()):
                found[int(process.name)] = (process / "cmdline").read_bytes()
    return found


def processes_in(folder: Path) -> set[int]:
    return set(commands_in(folder))


def guardians_in(folder: Path) -> set[int]:
    return {pid for pid, command in commands_in(folder).items() if b"guardian.py" in command}


def postmaster(data: Path) -> int:
    return int((data / "postgres" / "cluster" / "postmaster.pid").read_text().splitlines()[0])


@contextmanager
def program(data: Path, *, python: str = sys.executable, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """PROGRAM in a session of its own, which has written its row; killed at exit if it still runs."""
    child = subprocess.Popen(
        [python, "-c", PROGRAM, str(data)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def told(child: subprocess.Popen[str]) -> dict[str, str]:
    """What the program says once its row is written."""
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line, "the program ended before its servers ran"
    addresses: dict[str, str] = json.loads(line)
    return addresses
