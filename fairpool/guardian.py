"""The keeper of one embedded server: starts it, and stops it when the program that asked for it is gone.

`guardian.py LOCK_FD STOP_SIGNAL COMMAND…` is run as a script, with the read end of a pipe as its standard
input. The program holds the write end and never writes: when it closes the pipe, or dies in whatever way,
`kill -9` included, the guardian reads the end of input and stops the server. This works on every Unix, and
whichever thread of the program started it. The server inherits the guardian's working folder, its output and
the lock, so that the lock is free again only when the last process of the server has ended.

It imports the standard library only, so that it starts in some hundredths of a second.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

STOP_SECONDS = 30
QUIT_SECONDS = 5
PR_SET_PDEATHSIG = 1


class User(TypedDict, total=False):
    """The user that a subprocess shall run as, in the words of `subprocess.Popen`; empty for our own."""

    user: int
    group: int
    extra_groups: list[int]


def owner_of(folder: Path) -> User:
    """The user to run a server of `folder` as: its owner if we are root and may choose, else our own."""
    status = folder.stat()
    if os.geteuid() != 0 or status.st_uid == 0:
        return User()
    return User(user=status.st_uid, group=status.st_gid, extra_groups=[])


def main(arguments: list[str]) -> int:
    """Run the server until it ends by itself or our input ends; 0 if it ended well."""
    lock, stop_signal = int(arguments[0]), signal.Signals[arguments[1]]
    server = subprocess.Popen(
        arguments[2:],
        stdin=subprocess.DEVNULL,
        pass_fds=[lock],
        preexec_fn=_signal_at_parent_death(stop_signal),
        **owner_of(Path.cwd()),
    )
    # A polite signal to a whole service is for the program, which may still need the server to wind up.
    for polite in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(polite, signal.SIG_IGN)
    threading.Thread(target=_stop_at_end_of_input, args=(server, stop_signal), daemon=True).start()
    return 0 if server.wait() == 0 else 1


def _signal_at_parent_death(stop_signal: signal.Signals) -> Callable[[], object] | None:
    """What the server's process does before it becomes the server: ask to be told of the guardian's death.

    Only Linux knows this. It is done after the change of user, which would take the request back.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, int(stop_signal))


def _stop_at_end_of_input(server: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    """Wait for the end of input, then ask the server to stop, each time less kindly."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    for wish, seconds in ((stop_signal, STOP_SECONDS), (signal.SIGQUIT, QUIT_SECONDS)):
        server.send_signal(wish)
        try:
            server.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            continue
        return
    server.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
