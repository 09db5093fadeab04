"""The rule set of a week: one frozen value, published, hashed, and carried by the week's first event."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Hours = Annotated[int, msgspec.Meta(ge=0, le=24 * 28)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class Prize(msgspec.Struct, frozen=True, kw_only=True):
    """What one place in a pool wins, in cents."""

    amount_cents: Count
    rank: Count


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Rule set 1. Credits are whole numbers; hours count from the week's end or its last settlement.

    The bounds hold wherever rules are read, from a request as from a log.
    """

    correction_limit_hours: Hours = 72
    correction_window_hours: Hours = 24
    grant: Count = 1000
    late_entry: bool = False
    overtime_leagues: tuple[Text, ...] = ("CFL", "MLB", "NBA", "NCAAB", "NCAAF", "NFL", "NHL", "WNBA")
    pool_max: Count = 100
    price_max: Count = 10_000
    prize_currency: Text = "usd"
    prize_min_entries: Count = 2
    prizes: tuple[Prize, ...] = ()
    settlement_deadline_hours: Hours = 36
    settles_on_provisional: bool = False
    stake_max: Count | None = None
    stake_min: Count = 1
    version: Text = "1"

    def overtime_counts(self, league: str) -> bool:
        """Say whether a league's games settle on the score with overtime; soccer's settle on regulation time."""
        return league in self.overtime_leagues

    @property
    def settlement_deadline(self) -> timedelta:
        """How long after the week's end a game may stay without a result."""
        return timedelta(hours=self.settlement_deadline_hours)

    @property
    def correction_window(self) -> timedelta:
        """How long after a settlement results may still be corrected."""
        return timedelta(hours=self.correction_window_hours)

    @property
    def correction_limit(self) -> timedelta:
        """When, after the week's end, the correction window closes at the latest."""
        return timedelta(hours=self.correction_limit_hours)


def rules_hash(rules: Rules) -> str:
    """Return the sha256, in hex, of the rules' RFC 8785 canonical JSON."""
    return hashlib.sha256(msgspec.json.encode(rules, order="sorted")).hexdigest()
