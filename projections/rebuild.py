"""Rebuilds: a projection's next generation is made beside the live one, compared with it, and goes live in one moment.

`verify` and `Difference` stand in `projections.replays`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg
from psycopg import Connection

from ledger.aggregate import LedgerError
from ledger.datastore import Datastore
from ledger.recorder import LogArchived, LogRecorder
from projections.catalogue import UnknownProjection, projections
from projections.flipping import Flip, Flipper, FlipRefused, logs_to_compare
from projections.generations import (
    LIVE,
    Act,
    Generation,
    GenerationOutdated,
    Generations,
    NothingKept,
    RebuildRunning,
    drop_tables,
)
from projections.making import SEGMENT, Maker, Making
from projections.positions import Positions
from projections.projection import Projection, ProjectionStopped
from projections.replays import FACTS_A_BATCH, Difference, Progress, Told, heads_of, verify, verify_generation
from projections.rows import Row

__all__ = ["FACTS_A_BATCH", "Difference", "Rebuilt", "drop", "drop_version", "rebuild", "rollback", "verify"]

NOBODYS: Final = Act()
_SETTLES_SECONDS: Final = 1.0
_GIVES_UP_SECONDS: Final = 10.0
# What stops one generation and no other. A database that does not answer stops them all, and no one is to blame.
_STOPS_ONE: Final = (ProjectionStopped, FlipRefused, LogArchived, psycopg.ProgrammingError)


class RebuildFailed(ProjectionStopped):
    """Generations that could not be made, or would have been wrong: those that are live stay. `done` are the others."""

    def __init__(self, message: str, done: Sequence[Rebuilt]) -> None:
        super().__init__(message, done)
        self.done = tuple(done)

    def __str__(self) -> str:
        """Return what could not be made, and why."""
        return str(self.args[0])


class VersionInUse(LedgerError):
    """The tables of a version cannot be dropped that this release works with."""

    code = "version_in_use"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild of one projection came to: its generation, how many facts were folded in how many seconds."""

    name: str
    generation: int
    facts: int
    seconds: float
    flip: Flip

    @property
    def rate(self) -> float:
        """Facts a second."""
        return self.facts / self.seconds if self.seconds else 0.0


def rebuild(
    datastore: Datastore,
    *,
    name: str | None = None,
    log: str | None = None,
    progress: Progress | None = None,
    act: Act = NOBODYS,
    segment: int = SEGMENT,
    chosen: Sequence[Projection] | None = None,
    asked_only: bool = False,
) -> list[Rebuilt]:
    """Make the next generation of a projection (all unless named), folding one log or all anew, and let it go live.

    One that was interrupted goes on where it stood. Readers see the live rows until the new ones take their place, and
    meanwhile everything goes on. `progress` is told how many facts of how many are folded.
    Raises UnknownProjection, LogNotOpen, LogArchived, RebuildRunning, or RebuildFailed for those that could not be
    made; the others are live by then. `chosen` are other projections than those of the catalogue. With `asked_only`
    nothing is made that nobody has asked for or begun, or that somebody else has finished since.
    """
    chosen = projections(name) if chosen is None else chosen
    told = Told(progress, total=sum(head for _, head in heads_of(datastore, log)))
    with _rebuilding(datastore, chosen, act, segment=segment) as work:
        wanted = [each for each in chosen if not asked_only or work.is_asked(each)]
        makings = [work.begin(projection, log=log) for projection in wanted]
        return work.make(makings, told)


def rollback(datastore: Datastore, *, name: str, act: Act = NOBODYS, seen: int | None = None) -> Rebuilt | None:
    """Let the generation before go live again, with all that came since; the one that was live is kept.

    The same act again changes nothing: then it returns None. `seen` is the generation that must be live. Raises
    UnknownProjection, NothingKept, GenerationOutdated, RebuildRunning, or RebuildFailed where this release cannot go on
    from its rows; then everything stays as it is.
    """
    [projection] = projections(name)
    with _rebuilding(datastore, [projection], act) as work:
        return work.go_back(projection, seen=seen)


def drop(datastore: Datastore, *, name: str | None = None, seen: int | None = None) -> list[Generation]:
    """Drop the generations of a projection (all unless named) that are kept or unfinished, and return them.

    One that is being made at this moment is given up by who makes it. Raises UnknownProjection, GenerationOutdated, or
    RebuildRunning where that takes long.
    """
    chosen = projections(name)
    generations, patience = Generations(datastore), 0.0
    for projection in chosen:
        _require_live(generations.live(projection.label), seen)
    meant = {each.schema for each in generations.generations([each.label for each in chosen]) if each.state != LIVE}
    for projection in chosen:
        unfinished = generations.unfinished(projection.label)
        if unfinished is not None:
            generations.fail(unfinished, "dropped")
            patience = _GIVES_UP_SECONDS
    with _claimed(generations, chosen, patience=patience):
        for projection in chosen:
            _require_live(generations.live(projection.label), seen)
        # One that went live before its maker gave it up has left another behind, which nobody meant.
        there = generations.generations([each.label for each in chosen])
        others = [each for each in there if each.state != LIVE and each.schema in meant]
        for generation in others:
            generations.drop(generation)
    return others


def drop_version(datastore: Datastore, dsn: str, *, label: str) -> None:
    """Drop the tables of a version that another release had; `dsn` names the owner of the database.

    Raises UnknownProjection or VersionInUse.
    """
    there = Generations(datastore).versions()
    if label not in there:
        raise UnknownProjection(f"no tables are called {label!r}: choose {', '.join(there)}")
    if label in {each.label for each in projections()}:
        raise VersionInUse(f"{label} is what this release works with")
    drop_tables(dsn, label)


@contextmanager
def _claimed(generations: Generations, chosen: Sequence[Projection], *, patience: float = 0) -> Iterator[None]:
    labels = {each.label for each in chosen}
    with generations.claimed(sorted(labels), patience=patience) as claimed:
        if labels - set(claimed):
            raise RebuildRunning(f"{', '.join(sorted(labels - set(claimed)))}: somebody else is rebuilding this now")
        yield


def _require_live(live: Generation, seen: int | None) -> None:
    if seen not in (None, live.generation):
        raise GenerationOutdated(f"generation {live.generation} of {live.label} is live, not {seen}: look again")


@contextmanager
def _rebuilding(
    datastore: Datastore, chosen: Sequence[Projection], act: Act, *, segment: int = SEGMENT
) -> Iterator[_Rebuilding]:
    with _claimed(Generations(datastore), chosen), datastore.connection() as connection:
        yield _Rebuilding(datastore, connection, act, segment=segment)


class _Rebuilding:
    """Makes generations and lets them go live, on one connection, with the projections claimed."""

    def __init__(self, datastore: Datastore, connection: Connection[Any], act: Act, *, segment: int) -> None:
        self._datastore = datastore
        self._generations = Generations(datastore)
        self._act = act
        self._heads = {recorder.log: head for recorder, head in heads_of(datastore, None)}
        self._maker = Maker(datastore, connection, segment=segment)
        self._flipper = Flipper(datastore, connection, self._maker, act=act)
        self._seconds = 0.0

    def is_asked(self, projection: Projection) -> bool:
        """Say whether a generation is asked for, or was interrupted."""
        return self._generations.unfinished(projection.label) is not None

    def begin(self, projection: Projection, *, log: str | None) -> Making:
        """Take up the generation that is asked for or was interrupted, or ask for one.

        Of all weeks it may be, which somebody wants as well; one of another week alone makes room.
        """
        generation = self._generations.unfinished(projection.label)
        if generation is not None and generation.week not in (None, log):
            self._generations.drop(generation)
            generation = None
        if generation is None:
            generation = self._generations.ask(projection.label, week=log, act=self._act)
        return Making(projection, self._generations.start(generation, at=self._act.at), self._heads)

    def make(self, makings: Sequence[Making], told: Told) -> list[Rebuilt]:
        """Fold what is to be folded in one reading of the logs, then let one after another go live."""
        began = time.monotonic()
        for making in makings:
            self._maker.copy(making)
        self._maker.fold(makings, told.further)
        self._seconds = time.monotonic() - began
        done, failed = [], []
        for making in makings:
            try:
                done.append(self._finish(making))
            except _STOPS_ONE as error:
                self._generations.fail(making.generation, str(error))
                failed.append(str(error))
        if failed:
            raise RebuildFailed("; ".join(failed), done)
        return done

    def go_back(self, projection: Projection, *, seen: int | None) -> Rebuilt | None:
        """Let the generation before go live again, unless this act has done so, whatever came after it."""
        there = self._generations.generations([projection.label])
        if self._act.request and any(each.request == self._act.request for each in there):
            return None
        _require_live(self._generations.live(projection.label), seen)
        kept = self._generations.kept(projection.label)
        if not kept:
            raise NothingKept(f"no generation of {projection.name} is kept")
        latest = max(kept, key=lambda each: (each.changed_at is not None, each.changed_at, each.generation))
        making = Making(projection, replace(latest, week=None), self._heads)
        try:
            if not self._generations.fits(latest):
                raise FlipRefused("a release has changed the tables since: drop it, and rebuild")
            self._maker.copy(making)
            self._flipper.catch_up(making)
            return self._go_live(making, self._known(making), began=time.monotonic())
        except _STOPS_ONE as error:
            why = f"{projection.name} cannot go back to generation {latest.generation}: {error}"
            raise RebuildFailed(why, ()) from error

    def _finish(self, making: Making) -> Rebuilt:
        """Catch up, compare, verify what differs, and go live."""
        began = time.monotonic() - self._seconds
        if making.error is not None:
            raise making.error
        making.behind |= set(self._behind(making))
        self._flipper.catch_up(making)
        self._generations.finish(making.generation)
        self._flipper.catch_up(making)
        known = self._known(making)
        for log in sorted({log for log, _ in known} | making.behind):
            wrong = verify_generation(self._datastore, making.projection, log, schema=making.schema)
            if wrong is not None:
                raise ProjectionStopped(f"the new rows are not what a replay gives, nothing is changed: {wrong}")
        return self._go_live(making, known, began=began)

    def _behind(self, making: Making) -> Iterator[str]:
        """Yield the logs in which the live rows stand still behind the new ones: stopped, or moved by nobody.

        Also those that end before the live rows do, which have been cut off: the rows follow the log.
        """
        positions, live = Positions(self._datastore, [making.label]), self._maker.live(making)
        patience = time.monotonic() + _SETTLES_SECONDS
        for log, head in self._heads.items():
            position = live[log].position if log in live else 0
            if making.is_copied(log) or position == head:
                continue
            if position < head:
                is_there = positions.wait_for(log, head, timeout=max(0.0, patience - time.monotonic()))
            else:
                is_there = position <= LogRecorder(self._datastore, log).head().position
            if not is_there:
                yield log

    def _known(self, making: Making) -> Mapping[tuple[str, type[Row]], set[Any]]:
        return {
            (log, row_type): keys
            for log in logs_to_compare(self._datastore, making)
            for row_type, keys in self._flipper.compare(making, log).items()
        }

    def _go_live(self, making: Making, known: Mapping[tuple[str, type[Row]], set[Any]], *, began: float) -> Rebuilt:
        flip = self._flipper.flip(making, known)
        for older in self._generations.kept(making.label):
            if older.schema != flip.kept:
                self._generations.drop(older)
        seconds = time.monotonic() - began
        return Rebuilt(making.projection.name, making.generation.generation, making.facts, seconds, flip)
