"""The rule set of a week: one frozen value, published, hashed, and carried by the week's first event."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import msgspec


class Prize(msgspec.Struct, frozen=True, kw_only=True):
    """What one place in a pool wins, in cents."""

    amount_cents: int
    rank: int


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Rule set 1. Credits are whole numbers; hours count from the week's end or its last settlement."""

    correction_limit_hours: int = 72
    correction_window_hours: int = 24
    grant: int = 1000
    late_entry: bool = False
    overtime_leagues: tuple[str, ...] = ("CFL", "MLB", "NBA", "NCAAB", "NCAAF", "NFL", "NHL", "WNBA")
    pool_max: int = 100
    price_max: int = 10_000
    prize_currency: str = "usd"
    prize_min_entries: int = 2
    prizes: tuple[Prize, ...] = ()
    settlement_deadline_hours: int = 36
    settles_on_provisional: bool = False
    stake_max: int | None = None
    stake_min: int = 1
    version: str = "1"

    def unsound(self) -> list[str]:
        """Return the names of values that no week can be played by.

        They are counts below one, hours below zero, and prizes that name a place twice.
        """
        counts = ("grant", "pool_max", "price_max", "prize_min_entries", "stake_min")
        hours = ("correction_limit_hours", "correction_window_hours", "settlement_deadline_hours")
        found = [name for name in counts if getattr(self, name) < 1]
        found += [name for name in hours if getattr(self, name) < 0]
        if self.stake_max is not None and self.stake_max < self.stake_min:
            found.append("stake_max")
        places = {prize.rank for prize in self.prizes}
        if len(places) < len(self.prizes) or any(prize.amount_cents < 1 or prize.rank < 1 for prize in self.prizes):
            found.append("prizes")
        return found

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
