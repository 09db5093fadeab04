"""Prices and lines, in whole numbers only.

A price is American: +120 pays 120 credits of profit on a stake of 100, -140 takes a stake of 140 for a profit
of 100. A line is a decimal string in multiples of 0.5, counted here in half points: "-6.5" is -13.
"""

from __future__ import annotations

import re

_LINE = re.compile(r"(-?)(0|[1-9][0-9]{0,3})(?:\.([05]))?")


class PriceError(ValueError):
    """A number that is no American price."""

    def __init__(self, price: int) -> None:
        super().__init__(f"{price} is no American price: expected +100 and above, or -100 and below")


class StakeError(ValueError):
    """A stake of less than one credit."""

    def __init__(self, stake: int) -> None:
        super().__init__(f"{stake} is no stake: expected a whole number of credits, at least 1")


class LineError(ValueError):
    """A text that is no line."""

    def __init__(self, line: str) -> None:
        super().__init__(f"{line!r} is no line: expected a multiple of 0.5 below 10000, like -6.5 or 53.0")


def profit(stake: int, price: int) -> int:
    """The credits won on top of the stake, floored to a whole credit (design §3, rule 1).

    Raises PriceError or StakeError.
    """
    _check_price(price)
    if stake < 1:
        raise StakeError(stake)
    return stake * price // 100 if price > 0 else stake * 100 // -price


def payout(stake: int, price: int) -> int:
    """The credits that a won bet returns: the stake and its profit. Raises PriceError or StakeError."""
    return stake + profit(stake, price)


def decimal_odds(price: int) -> str:
    """The price as decimal odds for display, half up to two places: +120 is "2.20", -140 is "1.71"."""
    _check_price(price)
    # Half up in integers: floor(10000/p + 1/2) is floor((20000 + p) / 2p).
    profit_hundredths = price if price > 0 else (20_000 - price) // (-2 * price)
    whole, hundredths = divmod(100 + profit_hundredths, 100)
    return f"{whole}.{hundredths:02}"


def half_points(line: str) -> int:
    """Twice the value of a line, exactly: "-6.5" is -13, "53.0" and "53" are 106. Raises LineError."""
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise LineError(line)
    sign, whole, tenths = parts.groups()
    value = 2 * int(whole) + (tenths == "5")
    return -value if sign else value


def line_text(half_points: int) -> str:
    """The one way to write a line of so many half points: -13 is "-6.5", 106 is "53.0", 0 is "0.0"."""
    whole, half = divmod(abs(half_points), 2)
    return f"{'-' if half_points < 0 else ''}{whole}.{5 if half else 0}"


def _check_price(price: int) -> None:
    if abs(price) < 100:
        raise PriceError(price)
