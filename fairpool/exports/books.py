"""The ledger's own books, account by account: what a journal that was exported must come to."""

from __future__ import annotations

from ledger.datastore import Datastore, cursor_on
from ledger.recorder import END
from ledger.sql import queries


def balances(datastore: Datastore, log: str, *, until: int | None = None) -> dict[str, int]:
    """Return the balance of each account that credits moved on, by the `journal` projection, up to a position.

    Accounts are called as in the journals: `issuance:<pool>`, `entry:<id>`, `escrow:<pool>:<market>`, `house:<pool>`.
    """
    query = queries("fairpool.exports", "books.sql")["balances"]
    parameters = {"log": log, "until": END if until is None else until}
    with datastore.connection() as connection:
        return dict(cursor_on(connection).execute(query, parameters))
