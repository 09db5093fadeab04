"""Processes that are killed, and how long things take to come back."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

_POLL_SECONDS: Final = 0.02
_ENDS_WITHIN_SECONDS: Final = 60.0


class NeverHappened(Exception):
    """Something did not come about in the time that it may take at the very most."""


def wait_until(is_so: Callable[[], bool], *, what: str, seconds: float) -> float:
    """Wait until something is so, and return how many seconds that took; raises NeverHappened."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > seconds:
            raise NeverHappened(f"{what}: not within {seconds:g} s")
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - began


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children, as the kernel does when memory is short; wait until all of them are gone."""
    everybody = [process.pid, *children(process.pid)]
    send(signal.SIGKILL, everybody)
    process.wait()
    wait_until(lambda: not any(map(_is_alive, everybody)), what=f"{everybody} end", seconds=_ENDS_WITHIN_SECONDS)


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    """Send a signal to processes, as far as they are there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    with suppress(FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def resident_mb(pid: int) -> float:
    """Return the resident set of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _is_alive(pid: int) -> bool:
    """Say whether a process still runs; one that has ended and waits for its parent to notice does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
