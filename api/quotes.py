"""Quotes as clients see them, on the board and in the answer to a bet at an old one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from ledger.game import Quote
from ledger.instants import instant_text
from ledger.odds import decimal_odds

Moment = Annotated[
    datetime,
    PlainSerializer(instant_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-16T05:00:00.000000Z"]}),
]
"""An instant in the ledger's one spelling: UTC with microseconds."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        # What a zone shifts beyond the calendar would be stored, and never be read again.
        raise ValueError("in UTC this lies outside the years 1 to 9999") from error


GivenMoment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""An instant as a client sends it, in whichever zone."""


class Price(BaseModel):
    """What an outcome pays: American, which counts, and decimal, for display."""

    model_config = ConfigDict(frozen=True)

    outcome: str
    price: int
    decimal: str


class QuoteShown(BaseModel):
    """A line and its prices on offer. A bet names it by `odds_id`.

    `line` is the home handicap of a spread or the sum of a total, a decimal string; null for a moneyline.
    """

    model_config = ConfigDict(frozen=True)

    odds_id: UUID
    line: str | None
    prices: list[Price]
    quoted_at: Moment

    @classmethod
    def of(cls, quote: Quote) -> QuoteShown:
        """Show a quote of the write path's board."""
        return cls(odds_id=quote.odds_id, line=quote.line, prices=shown_prices(quote.prices), quoted_at=quote.at)


def shown_prices(prices: Mapping[str, int]) -> list[Price]:
    """Return American prices by outcome as clients see them, in order of outcome."""
    return [
        Price(outcome=outcome, price=price, decimal=decimal_odds(price)) for outcome, price in sorted(prices.items())
    ]
