"""What the embedded servers share: a folder claimed by one program, a password, a free port, a guardian."""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fairpool import guardian
from ledger.mendable import Mendable

HOST = "127.0.0.1"
# A server that recovers from a crash replays its log before it answers.
START_SECONDS = 120
# The guardian has ended its server, the hard way if need be, before this has passed.
STOP_SECONDS = guardian.STOP_SECONDS + guardian.QUIT_SECONDS + 10
PORT_ATTEMPTS = 5
LOG_TAIL_LINES = 20


class EmbeddedServerError(Mendable):
    """An embedded server cannot be started; the message says which, why, and what to do."""


class _ServerExitedError(EmbeddedServerError):
    """The server ended before it answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How one server is run: in the folder `home` and as its owner, on a port, stopped by a signal.

    `command` gives the program and its arguments for a port. `answers` says whether on that port our server,
    and not a stranger, is ready.
    """

    name: str
    home: Path
    command: Callable[[int], list[str]]
    answers: Callable[[int], bool]
    stop_signal: signal.Signals


@contextmanager
def claimed(folder: Path) -> Iterator[int]:
    """Claim `folder` for this program and give the file descriptor of the lock that its server is to inherit.

    Two locks tell a folder in use from one whose program was killed a moment ago. `owner.lock` is held by the
    program alone: if another holds it, EmbeddedServerError is raised at once. `server.lock` is held by every
    process of the server: for a predecessor's server to end we wait, START_SECONDS at most.
    """
    with ExitStack() as files:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            owner = files.enter_context(_private_file(folder / "owner.lock", "a+b"))
            server = files.enter_context(_private_file(folder / "server.lock", "ab"))
        except PermissionError as error:
            raise EmbeddedServerError(
                f"{error.filename} may not be written by this user (uid {os.geteuid()}): "
                f"run as the user who made {folder}, or choose another data folder"
            ) from error
        _lock_as_owner(owner, folder)
        _wait_for_predecessor(server, folder)
        yield server.fileno()


@contextmanager
def serving(server: Server, *, folder: Path, lock: int) -> Iterator[int]:
    """Run `server` on a free port of 127.0.0.1, which is given, and stop it at exit; its log is in `folder`.

    Raises EmbeddedServerError, with the end of the log, if the server ends or is not ready in START_SECONDS.
    """
    log = folder / "server.log"
    with suppress(FileNotFoundError):
        log.replace(folder / "server.log.1")
    for attempts_left in reversed(range(PORT_ATTEMPTS)):
        port = free_port()
        with _guarded(server, port=port, log=log, lock=lock) as keeper:
            try:
                _wait_until_ready(server, port=port, keeper=keeper, log=log)
            except _ServerExitedError as error:
                # Somebody took the port between our look and the server's start.
                if attempts_left and "address already in use" in str(error).lower():
                    continue
                raise
            yield port
            return


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def kept_password(path: Path, *, may_create: bool) -> str:
    """The password kept in the file `path`, which only its owner may read; made if there is none.

    Raises EmbeddedServerError if there is none and `may_create` is false.
    """
    password = path.read_text().strip() if path.exists() else ""
    if password:
        return password
    if not may_create:
        raise EmbeddedServerError(
            f"{path} is missing, and the data beside it opens with nothing else: "
            f"put the file back, or delete {path.parent}"
        )
    password = secrets.token_hex(24)
    write_private(path, password + "\n")
    return password


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, and flush it to disk."""
    with _private_file(path, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def server_environment() -> dict[str, str]:
    """Our environment variables without those that PostgreSQL's programs obey, and messages in English."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return ours | {"LC_ALL": "C", "TZ": "UTC"}


def _private_file(path: Path, mode: str) -> IO[bytes]:
    """Open a file in a binary mode; if it is made by this, only its owner may read it."""
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600))


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_as_owner(lock: IO[bytes], folder: Path) -> None:
    """Take the owner's lock and leave our process id in it, for the message that another program gets."""
    if not _try_lock(lock):
        lock.seek(0)
        holder = lock.read().decode() or "unknown"
        raise EmbeddedServerError(
            f"{folder} is in use by process {holder}: stop that one first, or choose another data folder"
        )
    lock.truncate(0)
    lock.write(b"%d" % os.getpid())
    lock.flush()


def _wait_for_predecessor(lock: IO[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _try_lock(lock):
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"the server of a program that is gone still runs in {folder}: end it and try again"
            )
        time.sleep(0.05)


@contextmanager
def _guarded(server: Server, *, port: int, log: Path, lock: int) -> Iterator[subprocess.Popen[bytes]]:
    """The guardian of a started server; at exit both are stopped."""
    with _private_file(log, "ab") as output:
        keeper = subprocess.Popen(
            # -I and -S: whatever the surroundings are, only the standard library is looked at.
            [
                sys.executable,
                "-IS",
                guardian.__file__,
                str(lock),
                server.stop_signal.name,
                *server.command(port),
            ],
            cwd=server.home,
            env=server_environment(),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=[lock],
            # Ctrl-C at the terminal reaches the program, which decides when its servers stop.
            start_new_session=True,
        )
    assert keeper.stdin is not None
    try:
        yield keeper
    finally:
        keeper.stdin.close()
        try:
            keeper.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()


def _wait_until_ready(server: Server, *, port: int, keeper: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    pause = 0.01
    while not server.answers(port):
        if keeper.poll() is not None:
            raise _ServerExitedError(f"{server.name} ended while starting; its log {log} ends:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"{server.name} did not answer within {START_SECONDS} s; its log {log} ends:\n{_tail(log)}"
            )
        time.sleep(pause)
        pause = min(pause * 1.3, 0.5)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
