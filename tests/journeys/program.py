"""The program as its users run it: a process of its own, with its own servers, on a data directory of the test's."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PASSWORD = "a long enough password"
THURSDAY = "2024-11-07"


def fairpool(*arguments: str | Path, data: Path | None = None, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end and return what it printed; `variables` are more of its environment."""
    chosen = [] if data is None else ["--data", str(data)]
    return subprocess.run(
        [sys.executable, "-m", "fairpool", *chosen, *map(str, arguments)],
        env=environment() | variables,
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
    """`fairpool up --sample`, or without a sample, which can be killed and started again on the same data."""

    def __init__(self, data: Path, is_sample: bool = True, /, **environment: str) -> None:
        self.data = data
        self._options = ["--sample"] if is_sample else []
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self.said: list[str] = []
        self.url = ""

    def start(self) -> None:
        """Start it and wait until it says that it serves."""
        command = [sys.executable, "-m", "fairpool", "--data", str(self.data), "up", *self._options, "--port", "0"]
        self._process = subprocess.Popen(
            command,
            env=environment() | self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started = threading.Event()
        # What it says is read all along: a full pipe would hold it up.
        self._reader = threading.Thread(target=self._read, args=(self._process, started), daemon=True)
        self._reader.start()
        assert started.wait(timeout=120), "the service did not start:\n" + "".join(self.said)
        assert self.url, "the service did not start:\n" + "".join(self.said)

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process is not None
        return self._process.pid

    @property
    def servers(self) -> dict[str, str]:
        """Where its own servers are: `dsn` and `nats_url`."""
        found: dict[str, str] = json.loads((self.data / "servers.json").read_text())
        return found

    def kill(self) -> None:
        """End it at once, as a power cut of the process would."""
        assert self._process is not None
        self._process.kill()
        self._ended()

    def stop(self) -> str:
        """Ask it to stop, as Ctrl-C does, and return all that it said."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._ended()
        assert self._process.returncode == 0, "".join(self.said)
        return "".join(self.said)

    def close(self) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def _read(self, process: subprocess.Popen[str], started: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.said.append(line)
                if found := re.match(r"API +(http://\S+)/api", line):
                    self.url = found[1]
                if line.startswith("stop with"):
                    started.set()
        started.set()

    def _ended(self) -> None:
        assert self._process is not None
        assert self._reader is not None
        self._process.wait(timeout=60)
        self._reader.join(timeout=30)

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """Give a client that is logged in as one of the simulated players."""
        with httpx.Client(base_url=self.url, timeout=60, trust_env=False) as client:
            login = {"email": "player1@example.com", "password": PASSWORD}
            token = client.post("/api/auth/login", json=login).raise_for_status().json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client


def pick_of_thursday(client: httpx.Client) -> dict[str, str]:
    """Return an outcome on offer of the sample week's first game, as a bet names it."""
    [game] = client.get(f"/api/games?date={THURSDAY}").json()["data"]
    market = client.get(f"/api/games/{game['game_id']}/markets").json()["data"][0]
    return {
        "market_id": market["market_id"],
        "odds_id": market["quote"]["odds_id"],
        "outcome": market["quote"]["prices"][0]["outcome"],
    }
