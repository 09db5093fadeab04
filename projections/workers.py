"""Rebuilds in processes of their own: folding takes a whole core, and a thread of the service would share its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final

from projections.catalogue import datastore_of, projections
from projections.generations import Act
from projections.rebuild import NOBODYS, RebuildFailed, Rebuilt, rebuild
from projections.replays import Progress

_LOOK_SECONDS: Final = 0.2
# What 100,000 events of a busy week cost each projection, in tenths of a second of one core, with what it waits for
# the database and, in what is folded in order, with reading the log; 0 for the rest.
_WEIGHTS: Final[Mapping[str, int]] = {"tree": 12, "journal": 11, "bets": 9, "accounts": 4, "leaderboard": 4}


class MakerDied(RebuildFailed):
    """The process of a rebuild was killed: what it began is taken up by the next."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to rebuild: the names of projections, one log or all, and on whose word.

    With `asked_only` only what is asked for or was interrupted, if it is so still when the processes begin.
    """

    names: tuple[str, ...]
    log: str | None = None
    act: Act = NOBODYS
    asked_only: bool = False


def rebuild_in_processes(
    dsn: str,
    order: Order,
    *,
    processes: int = 1,
    progress: Progress | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> list[Rebuilt]:
    """Rebuild as `rebuild` does, in so many processes, each with a part of the projections.

    Raises what `rebuild` raises; where several processes failed, RebuildFailed for all; MakerDied where all that failed
    were killed. When `is_stopped` says so the processes end, and what they began is taken up by the next rebuild.
    """
    parts = _parts(order.names, processes)
    with _running(dsn, order, parts) as running:
        told: dict[Connection, tuple[int, int]] = dict.fromkeys(running, (0, 0))
        done: list[Rebuilt] = []
        failed: list[Exception] = []
        while running and not is_stopped():
            for pipe in wait(list(running), timeout=_LOOK_SECONDS):
                assert isinstance(pipe, Connection)
                said = _said(pipe, running)
                if isinstance(said, tuple):
                    told[pipe] = said
                    _tell(progress, told)
                    continue
                del running[pipe]
                if isinstance(said, list):
                    done += said
                else:
                    failed.append(said)
                    done += said.done if isinstance(said, RebuildFailed) else ()
    if len(failed) == 1 and not isinstance(failed[0], RebuildFailed) and not done:
        raise failed[0]
    if failed:
        kind = MakerDied if all(isinstance(each, MakerDied) for each in failed) else RebuildFailed
        raise kind("; ".join(map(str, failed)), done)
    return sorted(done, key=lambda rebuilt: order.names.index(rebuilt.name))


def _parts(names: Sequence[str], processes: int) -> list[list[str]]:
    """Deal the projections out, the dearest first, each to who has least; one reading does for all folded in order."""
    by_stream = [name for name in names if projections(name)[0].IS_BY_STREAM]
    in_order = [name for name in names if name not in by_stream]
    dealt = [each for each in (in_order, *([name] for name in by_stream)) if each]
    parts: list[list[str]] = [[] for _ in range(max(1, min(processes, len(dealt))))]
    for each in sorted(dealt, key=_weight, reverse=True):
        min(parts, key=_weight).extend(each)
    return parts


def _weight(names: Sequence[str]) -> int:
    return sum(_WEIGHTS.get(name, 0) for name in names)


@contextmanager
def _running(dsn: str, order: Order, parts: Sequence[Sequence[str]]) -> Iterator[dict[Connection, BaseProcess]]:
    """Run a process for each part; those that still run are ended with the block."""
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, BaseProcess] = {}
    processes: list[BaseProcess] = []
    try:
        for part in parts:
            ours, theirs = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(target=_work, args=(theirs, dsn, order, tuple(part)), daemon=True)
            process.start()
            theirs.close()
            running[ours] = process
            processes.append(process)
        yield running
    finally:
        for process in processes:
            if process.is_alive() and process in running.values():
                process.terminate()
            process.join()


def _said(pipe: Connection, running: Mapping[Connection, BaseProcess]) -> tuple[int, int] | list[Rebuilt] | Exception:
    """Return how far a process is, what it did, or why it could not."""
    try:
        said: tuple[int, int] | list[Rebuilt] | Exception = pipe.recv()
    except (EOFError, OSError):
        running[pipe].join()
        return MakerDied(f"the process ended with {running[pipe].exitcode}: rebuild again, and it goes on", ())
    return said


def _tell(progress: Progress | None, told: Mapping[Connection, tuple[int, int]]) -> None:
    """Say how far all are: as far as the one that is behind the others."""
    totals = [total for _, total in told.values()]
    if progress is not None and all(totals):
        progress(min(done for done, _ in told.values()), max(totals))


def _work(pipe: Connection, dsn: str, order: Order, names: Sequence[str]) -> None:
    """What each process does. An interrupt is for the one that started it, with which it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    datastore = datastore_of(dsn, projections())
    outcome: list[Rebuilt] | Exception
    try:
        outcome = rebuild(
            datastore,
            chosen=[each for each in projections() if each.name in names],
            log=order.log,
            act=order.act,
            asked_only=order.asked_only,
            progress=lambda done, total: pipe.send((done, total)),
        )
    except Exception as error:
        outcome = error
    pipe.send(outcome)
    datastore.close()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch(sentinel: Any) -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()
