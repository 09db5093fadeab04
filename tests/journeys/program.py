"""The program as its users run it: a process of its own, with its own servers, on a data directory of the test's."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]


def fairpool(*arguments: str | Path, data: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end and return what it printed."""
    chosen = [] if data is None else ["--data", str(data)]
    return subprocess.run(
        [sys.executable, "-m", "fairpool", *chosen, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        timeout=280,
        check=False,
    )


def demo(*arguments: str | Path, data: Path | None = None) -> dict[str, Any]:
    """Run a demo that must succeed and return the object that it ends with."""
    done = fairpool("demo", "--json", *arguments, data=data)
    assert done.returncode == 0, done.stderr.decode()
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def oracle(export: Path, feed: Path) -> subprocess.CompletedProcess[bytes]:
    """Hold an export against its feed with the independent program, in an interpreter without our packages."""
    program = [sys.executable, "-I", str(ROOT / "tests" / "oracle.py"), str(export), str(feed)]
    return subprocess.run(program, capture_output=True, timeout=120, check=False)


def environment() -> dict[str, str]:
    """Return an environment in which nothing of this machine's configures the program."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("FAIRPOOL_", "DATABASE_", "NATS_"))
    }
    return kept | {"PYTHONPATH": str(ROOT)}


class Service:
    """`fairpool up --sample`, which can be killed and started again on the same data."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        """Start it and wait until it says that it serves."""
        command = [sys.executable, "-m", "fairpool", "--data", str(self._data), "up", "--sample", "--port", "0"]
        self._process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if found := re.match(r"API +(http://\S+)/api", line):
                self.url = found[1]
            if line.startswith("stop with"):
                return
        raise AssertionError("the service did not start:\n" + "".join(said))

    def kill(self) -> None:
        """End it at once, as a power cut of the process would."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate(timeout=30)

    def stop(self) -> str:
        """Ask it to stop, as Ctrl-C does, and return the last that it said."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        said, _ = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, said
        return said

    def close(self) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """Give a client that is logged in as one of the simulated players."""
        with httpx.Client(base_url=self.url, timeout=60, trust_env=False) as client:
            login = {"email": "player1@example.com", "password": "a long enough password"}
            token = client.post("/api/auth/login", json=login).raise_for_status().json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client
