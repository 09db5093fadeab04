"""The service under test: its roles as processes, each with a clock of its own, started again whenever they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import httpx

from fairpool.embedded_server import HOST, free_port
from tests.faults.clocks import Clock
from tests.faults.processes import kill_tree

ROOT: Final = Path(__file__).parents[2]
ROLES: Final = ("project", "settle", "feed", "clock", "publish", "pay")
_LAUNCHER: Final = Path(__file__).with_name("role.py")
_LOOK_SECONDS: Final = 0.1
_ENDS_WITHIN_SECONDS: Final = 40.0


class Process:
    """One role: an API on a port of its own, or one that works for itself. `source` is the tree that it runs."""

    def __init__(self, name: str, *words: str, clock: Clock, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.words = words
        self.clock = clock
        self.source = ROOT
        self.deaths: list[int] = []
        self.killed = 0
        self._environment = environment
        self._log = log
        self._lock = threading.Lock()
        self._is_wanted = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    @property
    def said(self) -> str:
        """What it has written so far, under all of its process ids."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Run, from now on: whenever it ends, it is started again."""
        with self._lock:
            self._is_wanted = True
            self._launch()

    def kill(self) -> None:
        """Be killed; whoever minds it starts it again."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self.killed += 1
                kill_tree(self._process)
                self._process = None

    def end(self) -> int | None:
        """End in order, for good; return the exit code."""
        with self._lock:
            self._is_wanted = False
            process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(_ENDS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            kill_tree(process)
            return None

    def mind(self) -> None:
        """Start it again if it should run and does not; note the exit code where it ended by itself."""
        with self._lock:
            if not self._is_wanted or (self._process is not None and self._process.poll() is None):
                return
            if self._process is not None:
                self.deaths.append(self._process.returncode)
            self._launch()

    def _launch(self) -> None:
        command = [sys.executable, str(_LAUNCHER), str(self.clock.path), *self.words]
        environment = {**self._environment, "PYTHONPATH": str(self.source)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._log.parent, env=environment, stdout=log, stderr=log)


class Service:
    """Two APIs and one process of each other role, on the same servers."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str], ahead: float, apis: int = 2) -> None:
        folder.mkdir()
        self._common = {**_clean_environment(), **settings}
        self._ended = threading.Event()
        self._minder = threading.Thread(target=self._mind, name="minder")
        self.ports = [free_port() for _ in range(apis)]
        self.apis = [self._process(folder, f"api{number}", ahead, port=port) for number, port in enumerate(self.ports)]
        self.workers = {name: self._process(folder, name, ahead) for name in ROLES}

    @property
    def everybody(self) -> Sequence[Process]:
        """All processes."""
        return [*self.apis, *self.workers.values()]

    @property
    def urls(self) -> list[str]:
        """Where the APIs are."""
        return [f"http://{HOST}:{port}" for port in self.ports]

    def start(self) -> None:
        """Start everybody at once, and mind them."""
        for each in self.everybody:
            each.start()
        self._minder.start()

    def end(self) -> dict[str, int | None]:
        """Have everybody end in order; return their exit codes."""
        self._ended.set()
        self._minder.join()
        return {each.name: each.end() for each in self.everybody}

    def kill(self) -> None:
        """Leave nothing running, whatever state it is in."""
        self._ended.set()
        if self._minder.is_alive():
            self._minder.join()
        for each in self.everybody:
            each.kill()

    def is_ready(self) -> bool:
        """Say whether each API says that it can serve."""
        return all(is_ready(url) for url in self.urls)

    def run(self, *words: str, limit: float = 300.0) -> subprocess.CompletedProcess[str]:
        """Run a command of the program to its end, as an operator would."""
        command = [sys.executable, "-m", "fairpool", *words]
        # It goes by the real clock, which is not the game's.
        environment = {**self._common, "PYTHONPATH": str(ROOT), "FAIRPOOL_CLOCK_TOLERANCE_SECONDS": "0"}
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )

    def _process(self, folder: Path, name: str, ahead: float, *, port: int | None = None) -> Process:
        # By its sessions at the database one sees that a role works.
        settings = self._common | {"PGAPPNAME": name}
        if port is not None:
            settings["FAIRPOOL_API_PORT"] = str(port)
        return Process(
            name,
            "api" if port is not None else name,
            clock=Clock(folder / f"{name}.clock", ahead=ahead),
            environment=settings,
            log=folder / f"{name}.log",
        )

    def _mind(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            for each in self.everybody:
                each.mind()


def is_ready(url: str) -> bool:
    """Say whether an API says that it can serve."""
    try:
        return httpx.get(f"{url}/readyz", timeout=3, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _clean_environment() -> dict[str, str]:
    """Return an environment in which nothing of this machine's configures the program."""
    names = ("FAIRPOOL_", "DATABASE_", "NATS_", "PG", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(names)}
