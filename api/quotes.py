"""Quotes as clients see them, on the board and in the answer to a bet at an old one."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from api.http.moments import Moment
from ledger.game import Quote
from ledger.odds import decimal_odds


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
