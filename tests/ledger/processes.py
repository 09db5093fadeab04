"""What the processes of a test do: each has a ledger of its own on the same database."""

from __future__ import annotations

from uuid import UUID

from ledger.account import InsufficientCredits
from tests.examples import STARTS_AT
from tests.ledger.playing import PATIENCE, Clock, House, Listed


def bet_until_broke(dsn: str, entry: UUID, game: Listed, stake: int, prefix: str) -> dict[str, int]:
    """Place bets, many at a time, until there are no credits; return the position of each by its key."""
    placed: dict[str, int] = {}
    with House(dsn, clock=Clock(STARTS_AT)) as house:
        while True:
            first = len(placed)
            bets = {
                f"{prefix}{number}": house.bet(entry, game, stake=stake, key=f"{prefix}{number}")
                for number in range(first, first + 8)
            }
            for key, bet in bets.items():
                refusal = bet.exception(PATIENCE)
                if refusal is None:
                    placed[key] = bet.result(PATIENCE).position
                elif not isinstance(refusal, InsufficientCredits):
                    raise refusal
            if len(placed) < first + len(bets):
                return placed
