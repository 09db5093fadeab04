"""The service under attack, seen from beside: that it answers others in time, what it logs, what memory it takes."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from tests.fuzz.tally import Tally
from tests.journeys.program import Service

PATIENCE_SECONDS: Final = 5.0
GROWTH_MAX_MIB: Final = 32
_UNFORESEEN: Final = ("Traceback", "Exception in ASGI", "a part of the service ended")
_EVERY_SECONDS: Final = 0.25
_SAMPLES_MIN: Final = 40


@contextmanager
def watched(service: Service, tally: Tally) -> Iterator[None]:
    """Watch a service for as long as the block runs, and complain of what should not be."""
    ended, memory, said_before = threading.Event(), list[int](), len(service.said)
    thread = threading.Thread(target=_watch, args=(service, tally, memory, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    for number, line in enumerate(service.said[said_before:], start=said_before):
        if any(mark in line for mark in _UNFORESEEN):
            tally.complain("the log holds\n" + "".join(service.said[max(number - 2, 0) : number + 40]))
            break
    grown = growth(memory)
    if grown > GROWTH_MAX_MIB:
        tally.complain(f"memory grew by {grown:.0f} MiB from the middle of the run to its end")


def growth(memory: list[int]) -> float:
    """Return by how many MiB the last third of a run stands above the middle one; the first is the warming up."""
    third = len(memory) // 3
    if len(memory) < _SAMPLES_MIN:
        return 0.0
    return (statistics.median(memory[-third:]) - statistics.median(memory[third : 2 * third])) / 2**20


def _watch(service: Service, tally: Tally, memory: list[int], ended: threading.Event) -> None:
    with httpx.Client(base_url=service.url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        while not ended.wait(_EVERY_SECONDS):
            began = time.monotonic()
            try:
                status = client.get("/healthz").status_code
            except httpx.HTTPError as error:
                status, waited = 0, time.monotonic() - began
                tally.complain(f"others are not answered: {type(error).__name__} after {waited:.1f} s")
            if status != 200:
                tally.complain(f"the service says {status} of its health")
            if (resident := _resident_bytes(service.pid)) is not None:
                memory.append(resident)


def _resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process, where the system tells it."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return None
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("VmRSS")), None)
