"""The movements as a plain text journal for hledger, in which each one is a transaction.

Accounts are the ledger's own. Behind each movement stands what it leaves to the entry, as a balance assertion, so
that `hledger check` holds the whole log against the balances that it states.
"""

from __future__ import annotations

from typing import Final

from fairpool.exports.files import Out
from fairpool.exports.movements import Movement

_HEAD: Final = """\
; fairpool, log {log}: credits by double entry. Dates are days in UTC; the code of a transaction is its event.
decimal-mark .
commodity CREDITS
  format 1. CREDITS

account entry     ; type: Asset
account escrow    ; type: Asset
account house     ; type: Asset
account issuance  ; type: Equity
"""


class Hledger:
    """A journal; each account is declared before its first transaction, so that strict checks hold as well."""

    def __init__(self, out: Out, *, log: str) -> None:
        self.rows = 0
        self._out = out
        self._declared: set[str] = set()
        out.write(_HEAD.format(log=log).encode())

    def write(self, movement: Movement, /) -> None:
        """Write a transaction."""
        lines = [""]
        for account, _ in movement.postings:
            if account not in self._declared:
                self._declared.add(account)
                lines.append(f"account {account}")
        bet = "" if movement.bet_id is None else f"  ; bet: {movement.bet_id}"
        lines.append(f"{movement.day} ({movement.token}) {movement.topic}{bet}")
        entry, *others = movement.postings
        lines.append(f"    {entry.account}  {entry.credits} CREDITS = {movement.available} CREDITS")
        lines += [f"    {account}  {credits} CREDITS" for account, credits in others]
        self._out.write(("\n".join(lines) + "\n").encode())
        self.rows += 1

    def close(self) -> None:
        """Nothing stands at the end."""
