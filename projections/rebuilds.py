"""What operators ask of projections, each act noted in the ledger with who wanted it and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.cases import note_act
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from projections.catalogue import projections
from projections.generations import Act, Generation, Generations
from projections.positions import Positions, ProjectionStatus
from projections.rebuild import Rebuilt, drop, drop_version, rollback
from projections.replays import heads_of


@dataclass(frozen=True, slots=True)
class ProjectionState:
    """A projection: where it stands in each log that has begun, and its generations."""

    name: str
    logs: tuple[ProjectionStatus, ...]
    generations: tuple[Generation, ...]

    @property
    def live(self) -> Generation:
        """The generation that readers see."""
        return next(each for each in self.generations if each.state == "live")


class Rebuilds:
    """Rebuilds and what belongs to them. The same act again is answered as it was first, and noted once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._datastore = ledger.datastore
        self._generations = Generations(ledger.datastore)

    def states(self, name: str | None = None) -> list[ProjectionState]:
        """Return where projections stand (all unless named); raises UnknownProjection."""
        chosen = projections(name)
        labels = {each.name: each.label for each in chosen}
        logs = Positions(self._datastore, list(labels), labels=labels).status()
        generations = self._generations.generations(list(labels.values()))
        return [
            ProjectionState(
                name=name,
                logs=tuple(each for each in logs if each.name == label),
                generations=tuple(each for each in generations if each.label == label),
            )
            for name, label in labels.items()
        ]

    def ask(self, *, name: str | None, week: str | None, act: Act) -> list[Generation]:
        """Ask for the next generation of a projection (all unless named): a `Builder` makes it.

        Raises UnknownProjection, LogNotOpen, LogArchived, ReasonNeeded, or RebuildRunning where another week alone is
        being made.
        """
        chosen = projections(name)
        heads_of(self._datastore, week)
        for each in chosen:
            if self._asked(each.label, act) is None:
                self._generations.require_room(each.label, week=week)
        what = "all projections" if name is None else name
        self.note(name=name, week=week, outcome=f"rebuild of {what} asked for, {week or 'all logs'}", act=act)
        return [
            self._asked(each.label, act) or self._generations.ask(each.label, week=week, act=act) for each in chosen
        ]

    def _asked(self, label: str, act: Act) -> Generation | None:
        """Return what this act asked for before, as long as it is there."""
        found = self._generations.generations([label])
        return next((each for each in found if act.request and each.request == act.request), None)

    def rollback(self, *, name: str, act: Act, seen: int | None = None) -> Rebuilt | None:
        """Go back to the generation before (see `projections.rebuild.rollback`)."""
        done = rollback(self._datastore, name=name, act=act, seen=seen)
        live = self.states(name)[0].live
        self.note(name=name, week=None, outcome=f"{name} went back to generation {live.generation}", act=act)
        return done

    def drop(self, *, name: str | None, act: Act, seen: int | None = None) -> list[Generation]:
        """Drop what is kept or unfinished (see `projections.rebuild.drop`)."""
        dropped = drop(self._datastore, name=name, seen=seen)
        what = ", ".join(each.schema for each in dropped) or "nothing"
        self.note(name=name, week=None, outcome=f"dropped {what}", act=act)
        return dropped

    def drop_version(self, dsn: str, *, name: str, version: int, act: Act) -> str:
        """Drop the tables of an old version, and return what they were called (see `projections.rebuild`)."""
        label = name if version == 1 else f"{name}_v{version}"
        drop_version(self._datastore, dsn, label=label)
        self.note(name=name, week=None, outcome=f"dropped version {version}", act=act)
        return label

    def note(self, *, name: str | None, week: str | None, outcome: str, act: Act) -> None:
        """Note an act in the log of the week that it is about, or in the office's."""
        note_act(
            self._ledger,
            log=week or OFFICE,
            subject=f"projection:{name or 'all'}",
            reason=act.reason,
            outcome=outcome,
            actor=act.actor,
            request=act.request,
        ).result()


def summary(rebuilt: Sequence[Rebuilt]) -> list[str]:
    """Return a line for each rebuilt projection, for an operator."""
    return [
        f"{each.name}: generation {each.generation}, {each.facts} facts in {each.seconds:.1f} s ({each.rate:,.0f}/s), "
        f"{_changed(each)}, flipped in {each.flip.held_ms:.0f} ms"
        for each in rebuilt
    ]


def _changed(rebuilt: Rebuilt) -> str:
    flip = rebuilt.flip
    said = "no row differs" if not flip.differing else f"{flip.differing} rows differ: first {flip.first}"
    if flip.uncompared:
        said += f" (not compared, as the live rows stood still: {', '.join(flip.uncompared)})"
    return said
