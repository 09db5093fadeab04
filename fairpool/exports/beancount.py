"""The movements as a plain text journal for beancount 3, in which each one is a transaction.

Its account names need a root and parts that begin with a capital letter, one name for each of ours:

- `issuance:<pool>` is `Equity:Issuance:<pool>`,
- `entry:<id>` is `Assets:Entries:<pool>:E-<id>`,
- `escrow:<pool>:<market>` is `Assets:Escrow:<pool>:M-<market>`,
- `house:<pool>` is `Assets:House:<pool>`.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from fairpool.exports.files import Out
from fairpool.exports.movements import Movement

_HEAD: Final = """\
; fairpool, log {log}: credits by double entry. Dates are days in UTC.
option "title" "fairpool {log}"
option "operating_currency" "CREDITS"
"""


class Beancount:
    """A journal; it ends with the balance of every account, on the day behind the last transaction."""

    def __init__(self, out: Out, *, log: str) -> None:
        self.rows = 0
        self._out = out
        self._names: dict[str, str] = {}
        self._balances: dict[str, int] = {}
        self._day: date | None = None
        out.write(_HEAD.format(log=log).encode())

    def write(self, movement: Movement, /) -> None:
        """Write a transaction."""
        lines = [""]
        for account, _ in movement.postings:
            if account not in self._names:
                self._names[account] = name = beancount_name(account, pool=movement.pool)
                lines.append(f"{movement.day} open {name} CREDITS")
        lines.append(f'{movement.day} * "{movement.topic}"')
        lines.append(f'  token: "{movement.token}"')
        if movement.bet_id is not None:
            lines.append(f'  bet: "{movement.bet_id}"')
        for account, credits in movement.postings:
            self._balances[account] = self._balances.get(account, 0) + credits
            lines.append(f"  {self._names[account]}  {credits} CREDITS")
        # What the event states stands in the place of what was added up: the journal is held against it.
        self._balances[movement.postings[0].account] = movement.available
        self._day = movement.day
        self._out.write(("\n".join(lines) + "\n").encode())
        self.rows += 1

    def close(self) -> None:
        """Write the balances, in order of the accounts' names."""
        if self._day is None:
            return
        after = self._day + timedelta(days=1)
        named = sorted((self._names[account], balance) for account, balance in self._balances.items())
        self._out.write(b"\n")
        for name, balance in named:
            self._out.write(f"{after} balance {name}  {balance} CREDITS\n".encode())


def beancount_name(account: str, *, pool: str) -> str:
    """Return the name that an account of the ledger has in the journal; `pool` is the name of its pool."""
    kind, _, rest = account.partition(":")
    match kind:
        case "entry":
            return f"Assets:Entries:{pool}:E-{rest}"
        case "escrow":
            return f"Assets:Escrow:{pool}:M-{rest.rpartition(':')[2]}"
        case "house":
            return f"Assets:House:{pool}"
        case _:
            return f"Equity:Issuance:{pool}"


def ledger_account(name: str) -> str:
    """Return the ledger's account of a name in the journal."""
    match name.split(":"):
        case [_, "Entries", _, entry]:
            return f"entry:{entry.removeprefix('E-')}"
        case [_, "Escrow", pool, market]:
            return f"escrow:{pool}:{market.removeprefix('M-')}"
        case [_, kind, pool]:
            return f"{kind.lower()}:{pool}"
        case _:
            raise ValueError(f"{name} is no account of a fairpool journal")
