"""Payers: what keeps a player from a checkout, beside what the ledger says of what is for sale."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from api.refusal import Refusal
from api.services import Services
from ledger import weeks
from ledger.weeks import NEW_YORK


class Span(NamedTuple):
    """A span of time: its first instant, and the first one after it."""

    since: datetime
    until: datetime


def require_may_pay(services: Services, *, player_id: UUID, week: str | None, amount_cents: int) -> None:
    """Refuse a payment that the player may not make, or does not want to.

    Who pays takes part: without a `week`, a subscription, from the next one on. Raises what `TakingPart` does, and
    Refusal `spend_limit_reached`. What counts is what was spent and not refunded, open checkouts included.
    """
    now = services.clock()
    current = weeks.week_at(now)
    services.taking_part.require_admitted(player_id=player_id, week=week or weeks.following(current))
    limits = services.spending.limits_in_force(player_id, now)
    spans = (
        ("week", limits.weekly.cents, Span(weeks.starts_at(current), weeks.ends_at(current))),
        ("month", limits.monthly.cents, month_of(now)),
    )
    for name, most, span in spans:
        if most is None:
            continue
        spent = services.money.records.spent_cents(player_id=player_id, since=span.since, until=span.until)
        if spent + amount_cents > most:
            raise Refusal(
                "spend_limit_reached",
                f"Your limit for a {name} is {most} cents: {spent} are spent, or in checkouts that are open, and this "
                f"takes {amount_cents}. A higher limit is in force 24 hours after PUT /api/me/limits.",
            )


def month_of(instant: datetime) -> Span:
    """Return the calendar month in New York that holds an instant."""
    local = instant.astimezone(NEW_YORK)
    year, month = divmod(local.year * 12 + local.month, 12)
    return Span(
        datetime(local.year, local.month, 1, tzinfo=NEW_YORK),
        datetime(year, month + 1, 1, tzinfo=NEW_YORK),
    )
