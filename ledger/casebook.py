"""Cases as they stand in the logs: all that was done in one, and which of them is behind a movement of credits.

Read straight from the log, so that nothing here is ever behind what has been recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg.rows import TupleRow

from ledger.case import NothingProposed, UnknownCase
from ledger.datastore import cursor_on
from ledger.events import CaseOpened, CaseProposed
from ledger.facts import Fact, fact_of, read_as
from ledger.ids import position_token
from ledger.ledger import Ledger
from ledger.sql import queries

_REQUEST: Final = re.compile(r"case/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class Why:
    """Why an operator's ruling moved credits: the case, and the public reason that it was opened with."""

    case_id: UUID
    reason: str


class Casebook:
    """What the logs hold of cases."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._sql = queries("ledger", "casebook.sql")

    def log_of_case(self, case_id: UUID) -> str | None:
        """Return the log that a case is kept in, None where there is no such case."""
        rows = self._rows("log_of_case", case_id=case_id)
        return str(rows[0][0]) if rows else None

    def history(self, case_id: UUID) -> list[Fact]:
        """Return all that was done in a case, oldest first; none where there is no such case."""
        log = self.log_of_case(case_id)
        if log is None:
            return []
        return [fact_of(record) for record in self._ledger.recorder(log).read_streams([case_id])]

    def must_be_there(self, case_id: UUID) -> list[Fact]:
        """Return all that was done in a case, oldest first; raises UnknownCase."""
        found = self.history(case_id)
        if not found:
            raise UnknownCase(f"there is no case {case_id}: see `fairpool dispute list`")
        return found

    def proposed(self, case_id: UUID) -> Fact:
        """Return the CaseProposed that stands in a case; raises UnknownCase or NothingProposed."""
        found = [fact for fact in self.must_be_there(case_id) if isinstance(fact.event, CaseProposed)]
        if not found:
            raise NothingProposed(f"case {case_id} has no proposal: propose a change first")
        return found[-1]

    def reasons(self, log: str, positions: Iterable[int]) -> dict[str, Why]:
        """Return, by the token of a position, why what stands there was recorded, where a case brought it; one query.

        `positions` are those of the causes of movements.
        """
        rows = self._rows("reasons", log=log, positions=list(positions))
        return {
            position_token(log, position): Why(case_id, read_as(CaseOpened, bytes(state)).reason)
            for position, case_id, state in rows
        }

    def _rows(self, query: str, **parameters: Any) -> list[TupleRow]:
        with self._ledger.datastore.connection() as connection:
            return cursor_on(connection).execute(self._sql[query], parameters, binary=True, prepare=True).fetchall()


class Reasons:
    """The same from facts that pass in order, as a replay or an export has them: no database is asked."""

    def __init__(self) -> None:
        self._opened: dict[UUID, str] = {}
        self._rulings: dict[str, UUID] = {}

    def take(self, fact: Fact) -> None:
        """Note a case that was opened, or a ruling that one brought."""
        if isinstance(fact.event, CaseOpened):
            self._opened[fact.stream] = fact.event.reason
        elif (found := _REQUEST.fullmatch(fact.request)) is not None:
            self._rulings[fact.token] = UUID(found[1])

    def by_cause(self) -> dict[str, Why]:
        """Return, by the token of a cause, why it was recorded, where a case brought it."""
        return {
            token: Why(case_id, self._opened[case_id])
            for token, case_id in self._rulings.items()
            if case_id in self._opened
        }
