"""A bet slip: the stakes that a player asks for in one request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from ledger import ids
from ledger.aggregate import LedgerError
from ledger.facts import canonical

_MARK: Final = " slip "


class SlipRefused(LedgerError):
    """A slip whose bets are placed all or none has some that cannot be placed; `refusals` says why, by number."""

    def __init__(self, refusals: Mapping[int, LedgerError]) -> None:
        super().__init__("; ".join(f"bet {number}: {refusal}" for number, refusal in refusals.items()))
        self.refusals = refusals


class Stake(NamedTuple):
    """What a player asks for: credits on an outcome of a market, at the quote that they have seen."""

    market_id: UUID
    odds_id: UUID
    outcome: str
    stake: int


@dataclass(frozen=True, slots=True)
class Slip:
    """Stakes, numbered from 1 on, that were asked for under one Idempotency-Key: each on its own, or all or none."""

    key: str
    stakes: tuple[Stake, ...]
    all_or_nothing: bool = False

    @property
    def request(self) -> str:
        """What the envelopes of the slip's bets say: the key, and a digest of the whole slip.

        So the same key with another slip is found out, whichever of its bets were placed.
        """
        digest = hashlib.sha256(canonical([self.all_or_nothing, self.stakes])).hexdigest()
        return f"{self.key}{_MARK}{digest[:16]}"

    def bet_id(self, entry: UUID, number: int) -> UUID:
        """Return the id of one of its bets. A key has no spaces, so no other request names the same bet."""
        return ids.bet_id(entry, f"{self.key} {number}")


def slip_key(request: str) -> str | None:
    """Return the key of the slip that an envelope's request names; None for a request of another kind."""
    key, mark, _ = request.rpartition(_MARK)
    return key if mark else None
