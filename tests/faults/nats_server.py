"""A NATS server on a disk of its own: killed, emptied, out of room, without power."""

from __future__ import annotations

import shutil
import socket
import subprocess
from typing import Final

from fairpool.embedded_nats import CONFIGURATION, USER, installed_program
from fairpool.embedded_server import HOST, free_port, write_private
from tests.faults.disks import Folder
from tests.faults.processes import kill_tree, wait_until

_PASSWORD: Final = "of-the-faults"
_STARTS_WITHIN_SECONDS: Final = 60.0


class Nats:
    """One server, with its streams on a disk."""

    def __init__(self, disk: Folder) -> None:
        self.disk = disk
        self.port = free_port()
        self.url = f"nats://{USER}:{_PASSWORD}@{HOST}:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._store = disk.path / "store"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._store.mkdir(exist_ok=True)
        configuration = self._store / "nats.conf"
        write_private(
            configuration,
            CONFIGURATION.format(server_name="faults", host=HOST, port=self.port, user=USER, password=_PASSWORD),
        )
        with self.disk.path.with_name("nats.log").open("ab") as log:
            command = [str(installed_program()), "--config", configuration.name]
            self._process = subprocess.Popen(command, cwd=self._store, stdout=log, stderr=log)
        wait_until(self.answers, what="NATS answers", seconds=_STARTS_WITHIN_SECONDS)

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            kill_tree(self._process)
            self._process = None

    def revive(self) -> None:
        """Start it again, as it does not write by itself once there is room."""
        self.kill()
        self.start()

    def lose_store(self) -> None:
        """Lose everything that it keeps, while it does not run."""
        shutil.rmtree(self._store)

    def answers(self) -> bool:
        """Say whether it greets."""
        try:
            with socket.create_connection((HOST, self.port), timeout=2) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False
