"""What a run was measured on: the machine, how quickly its disk confirms a write, the server's settings, versions."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg

from ledger.mendable import Mendable

ROOT: Final = Path(__file__).parents[2]
WRITES: Final = 200
BLOCK: Final = 8_192
# No figure stands on a server that answers before a commit is on disk.
DURABLE: Final = ("fsync", "synchronous_commit", "full_page_writes")
SETTINGS: Final = (*DURABLE, "wal_sync_method", "shared_buffers", "max_wal_size", "max_connections")
PACKAGES: Final = ("psycopg", "eventsourcing", "msgspec", "pydantic", "fastapi", "uvicorn", "uvloop", "httptools")
IN_MEMORY: Final = ("tmpfs", "ramfs")


class NotDurable(Mendable):
    """What is written here is not on disk when it is confirmed: nothing that is measured here would be true."""


def machine(folder: Path) -> dict[str, Any]:
    """Describe the machine, and the disk that `folder` is on; raises NotDurable where that is memory."""
    kind = file_system(folder)
    if kind in IN_MEMORY:
        raise NotDurable(f"{folder} is kept in memory ({kind}): set TMPDIR to a folder on a disk")
    return {
        "cpu": _proc_field("cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "kernel": f"{platform.system()} {platform.release()}",
        "file_system": kind,
        "fdatasync_us": round(median(sync_times(folder)) * 1e6),
        "python": platform.python_version(),
    }


def sync_times(folder: Path, *, writes: int = WRITES) -> list[float]:
    """Return how many seconds each of some writes of 8 kB took until it was on disk: the limit of every commit."""
    taken = []
    block = bytes(BLOCK)
    # Not every system has it; the other one syncs the times of the file, too.
    sync = getattr(os, "fdatasync", os.fsync)
    with tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
        # As a log does, this writes again what is there: a file that grows has its length to sync, too.
        file.write(block * writes)
        os.fsync(file.fileno())
        for number in range(writes):
            began = time.perf_counter()
            os.pwrite(file.fileno(), block, number * BLOCK)
            sync(file.fileno())
            taken.append(time.perf_counter() - began)
    return taken


def server_settings(dsn: str) -> dict[str, Any]:
    """Return the settings that a server's figures depend on; raises NotDurable where it does not wait for the disk."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        shown = dict(
            connection.execute(
                "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [list(SETTINGS)]
            ).fetchall()
        )
        shown["postgresql"] = str(connection.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]
    off = [name for name in DURABLE if shown[name] != "on"]
    if off:
        raise NotDurable(f"the server has {', '.join(off)} off: figures without durability are not figures")
    return shown


def versions() -> dict[str, str]:
    """Return the versions of what we stand on, and the checkout's commit where it is known."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES} | {"commit": _commit()}


def file_system(folder: Path) -> str:
    """Return the kind of file system that a folder is on, such as ext4, or an empty string where nobody says."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return ""
    best, found = -1, ""
    for line in mounts.read_text().splitlines():
        _, point, kind, *_ = line.split()
        if folder.resolve().is_relative_to(point) and len(point) >= best:
            best, found = len(point), kind
    return found


def _proc_field(file: str, name: str) -> str:
    path = Path("/proc") / file
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _commit() -> str:
    command = ["git", "--no-optional-locks", "describe", "--always", "--dirty", "--abbrev=12", "--match="]
    try:
        asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return asked.stdout.strip()
