"""What a projection is: a pure fold from facts to rows, used live, for a rebuild and for verification alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final

from ledger.aggregate import LedgerError
from ledger.events import Event
from ledger.facts import Fact
from projections.rows import Row, Rows

Key = tuple[type[Row], Any]
PUBLIC: Final = "public"


class ProjectionStopped(LedgerError):
    """A projection cannot take a fact: it stands before that fact until the cause is mended."""

    code = "projection_stopped"


class Projection(ABC):
    """One read model. `name` names it to operators, and its `.sql` file; `tables` are the types of its rows.

    `IS_EVIDENCE`: it is there for auditors. No player's read waits for it, and the service is ready without it.
    `FOLDS` are the types of the events that it takes, or bases of them: all others pass it by.
    `READS_EVENTS`: it needs to know what facts say. One that does not goes on where a fact cannot be read.
    `IS_BY_STREAM`: no row is touched by facts of two streams, so that streams may be folded one after another.
    `VERSION` counts the shapes of its rows that cannot be changed into one another while processes of two releases run.
    The tables of the first stand in `public`, those of another in the schema called `label`, made by the block
    `schema_v<VERSION>` of its `.sql` file; each process reads and writes those of its own release.
    """

    name: ClassVar[str]
    tables: ClassVar[tuple[type[Row], ...]]
    FOLDS: ClassVar[tuple[type[Any], ...]] = (Event,)
    IS_EVIDENCE: ClassVar[bool] = False
    READS_EVENTS: ClassVar[bool] = True
    IS_BY_STREAM: ClassVar[bool] = False
    VERSION: ClassVar[int] = 1

    @property
    def label(self) -> str:
        """What its positions are called: the name, with the version where that is not the first."""
        return self.name if self.VERSION == 1 else f"{self.name}_v{self.VERSION}"

    @property
    def home(self) -> str:
        """The schema of the tables that readers see."""
        return PUBLIC if self.VERSION == 1 else self.label

    @abstractmethod
    def keys(self, fact: Fact) -> Iterable[Key]:
        """Yield which rows `apply` asks for, so that a batch loads them in one query per table."""

    @abstractmethod
    def apply(self, rows: Rows, fact: Fact) -> None:
        """Change the rows as the fact says."""

    def touched(self, facts: Sequence[Fact]) -> dict[type[Row], set[Any]]:
        """Return the keys of all rows that some facts touch, by row type; raises ProjectionStopped."""
        touched: dict[type[Row], set[Any]] = defaultdict(set)
        for fact in facts:
            try:
                for row_type, key in self.keys(fact):
                    touched[row_type].add(key)
            except Exception as error:
                raise self._stopped(fact, error) from error
        return touched

    def fold(self, rows: Rows, facts: Iterable[Fact]) -> None:
        """Apply facts in order; raises ProjectionStopped, which names the one that could not be applied."""
        for fact in facts:
            try:
                self.apply(rows, fact)
            except Exception as error:
                raise self._stopped(fact, error) from error

    def _stopped(self, fact: Fact, error: Exception) -> ProjectionStopped:
        reason = f"{type(error).__name__}: {error}"
        return ProjectionStopped(f"{self.name} cannot take {fact.token} ({fact.event.TOPIC}): {reason}")


def each(row_type: type[Row], *keys: Any) -> Iterator[Key]:
    """Yield the keys of several rows of one type."""
    for key in keys:
        yield row_type, key
