"""What a week still needs its events for: it is archived when that has ended."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from ledger import publishing
from ledger.book import Decision
from ledger.datastore import Datastore, cursor_on
from ledger.ledger import Ledger
from ledger.sql import queries

_NAMED: Final = 5


class Money:
    """Reads what of a week's money is not at its end."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("fairpool.archives", "waiting.sql")

    def undecided_payments(self, week: str) -> list[UUID]:
        """Return the payments that the week's log may have to decide on."""
        return self._ids("undecided_payments", week)

    def unpaid_prizes(self, week: str) -> list[UUID]:
        """Return the entries whose prizes are to be paid: the week's money cannot be reconciled without its log."""
        return self._ids("unpaid_prizes", week)

    def _ids(self, query: str, week: str) -> list[UUID]:
        with self._datastore.connection() as connection:
            return [id_ for (id_,) in cursor_on(connection).execute(self._sql[query], {"week": week})]


def what_waits(ledger: Ledger, week: str) -> list[str]:
    """Return what keeps a week from being archived, for people to read; [] where nothing does. Raises LogNotOpen."""
    ledger.recorder(week).head()
    state, cases = ledger.desk(week).ask(_look, actor="operator", request="look").result()
    if state != "final":
        return [f"it is {state}, not final"]
    money = Money(ledger.datastore)
    payments, prizes = money.undecided_payments(week), money.unpaid_prizes(week)
    waits = []
    if publishing.listed_week(ledger, week=week) is None:
        waits.append("the office does not list it yet, which the notary sees to (`fairpool publish`)")
    if not any(_is_drawn(ledger, later) for later in ledger.weeks() if later > week):
        waits.append("its seed is the next week's commitment, and no later week is drawn")
    if cases:
        waits.append(f"cases are open: {_some(cases)}")
    if payments:
        waits.append(f"payments are not decided: {_some(payments)}")
    if prizes:
        waits.append(f"prizes are not paid: {_some(prizes)}")
    return waits


def _look(on: Decision) -> tuple[str, list[UUID]]:
    """Return the week's state and its open cases."""
    return on.week().state, [case.id for case in on.cases() if case.is_open]


def _is_drawn(ledger: Ledger, week: str) -> bool:
    return ledger.desk(week).ask(lambda on: on.week().drawn is not None, actor="operator", request="look").result()


def _some(ids: list[UUID]) -> str:
    named = ", ".join(str(each) for each in ids[:_NAMED])
    return named if len(ids) <= _NAMED else f"{named} and {len(ids) - _NAMED} more"
