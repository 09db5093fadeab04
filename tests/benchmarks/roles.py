"""Roles of the service as processes of their own, which is how production runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

STOP_SECONDS: Final = 30


@contextmanager
def roles(*names: str, dsn: str, folder: Path) -> Iterator[list[int]]:
    """Run roles such as `settle` on a database, and give their process ids; what they log goes into the folder."""
    with ExitStack() as running:
        yield [running.enter_context(_role(name, dsn=dsn, folder=folder)) for name in names]


@contextmanager
def _role(name: str, *, dsn: str, folder: Path) -> Iterator[int]:
    folder.mkdir(parents=True, exist_ok=True)
    # No role here talks to NATS, but the settings want both servers or neither.
    environment = os.environ | {"DATABASE_URL": dsn, "NATS_URL": "nats://127.0.0.1:1", "FAIRPOOL_DATA": str(folder)}
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "fairpool", name], env=environment, stdout=log, stderr=log)
    try:
        yield process.pid
        if process.poll() is not None:
            raise RuntimeError(f"role {name} ended: {(folder / f'{name}.log').read_text()}")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
