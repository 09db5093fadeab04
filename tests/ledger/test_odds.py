"""Profits are floored exactly, at every price; lines are read and written exactly."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.odds import (
    LineError,
    PriceError,
    StakeError,
    decimal_odds,
    half_points,
    line_text,
    payout,
    profit,
)

PRICES = [*range(-10_000, -99), *range(100, 10_001)]


def exact_profit_per_credit(price: int) -> Fraction:
    return Fraction(price, 100) if price > 0 else Fraction(100, -price)


@pytest.mark.parametrize("stake", [1, 7, 50, 99, 100, 1000, 123_457])
def test_profit_is_the_floor_of_the_exact_fraction(stake: int) -> None:
    """At every price from -10000 to +10000 the profit is the exact one without its fraction of a credit."""
    for price in PRICES:
        assert profit(stake, price) == floor(stake * exact_profit_per_credit(price))


@given(st.integers(min_value=1, max_value=10**30), st.sampled_from(PRICES))
def test_profit_stays_exact_for_large_stakes(stake: int, price: int) -> None:
    """No stake is large enough to lose a credit to rounding other than the floor."""
    short_of = stake * exact_profit_per_credit(price) - profit(stake, price)
    assert 0 <= short_of < 1


@pytest.mark.parametrize(
    ("stake", "price", "returned"),
    [(50, 120, 110), (50, -140, 85), (1, -110, 1), (1, 100, 2), (1, -100, 2), (100, -110, 190), (3, 133, 6)],
)
def test_payout_is_the_stake_and_its_profit(stake: int, price: int, returned: int) -> None:
    """The published examples, the smallest stakes, and even money under either sign."""
    assert payout(stake, price) == returned


@pytest.mark.parametrize("price", [0, 1, -1, 99, -99])
def test_price_below_even_money_is_refused(price: int) -> None:
    """American prices begin at 100 on either side, and the refusal names the number."""
    for asks in (lambda: profit(50, price), lambda: payout(50, price), lambda: decimal_odds(price)):
        with pytest.raises(PriceError, match=f"^{price} is no American price"):
            asks()


@pytest.mark.parametrize("stake", [0, -1, -50])
def test_stake_below_one_credit_is_refused(stake: int) -> None:
    """Nothing is won on no stake, nor on a negative one."""
    with pytest.raises(StakeError, match=f"^{stake} is no stake"):
        payout(stake, 120)


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (120, "2.20"),
        (-140, "1.71"),
        (100, "2.00"),
        (-100, "2.00"),
        (-110, "1.91"),
        (-10_000, "1.01"),
        (10_000, "101.00"),
        (-800, "1.13"),
        (205, "3.05"),
        (-20_001, "1.00"),
    ],
)
def test_decimal_odds_read_as_people_write_them(price: int, text: str) -> None:
    """Two places always, and -800, which is 1.125 exactly, is rounded up."""
    assert decimal_odds(price) == text


def test_decimal_odds_are_rounded_half_up_at_every_price() -> None:
    """The integer arithmetic agrees with the decimal module's rounding of the exact quotient."""
    for price in PRICES:
        numerator, denominator = exact_profit_per_credit(price).as_integer_ratio()
        exact = 1 + Decimal(numerator) / Decimal(denominator)
        assert decimal_odds(price) == str(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("line", "half"),
    [
        ("-6.5", -13),
        ("53.0", 106),
        ("53", 106),
        ("-6", -12),
        ("0.5", 1),
        ("-0.5", -1),
        ("0.0", 0),
        ("0", 0),
        ("-0.0", 0),
        ("9999.5", 19_999),
    ],
)
def test_line_is_read_in_half_points(line: str, half: int) -> None:
    """Whole and half lines of either sign are read exactly; minus zero is zero."""
    assert half_points(line) == half


@pytest.mark.parametrize(
    "line",
    [
        *("", "-", ".5", "6.", "6.25", "6.50", "6.1", "+6.5", "06.5", "6,5", "1e3", "--6", "10000"),
        *(" 6.5", "6.5\n", "NaN", "pk", "٦.5"),
    ],
)
def test_text_that_is_no_line_is_refused(line: str) -> None:
    """Quarter lines, other spellings and other texts are refused by name, never rounded."""
    with pytest.raises(LineError) as refusal:
        half_points(line)
    assert repr(line) in str(refusal.value)


@given(st.integers(min_value=-19_999, max_value=19_999))
def test_line_makes_the_round_trip(half: int) -> None:
    """A line is written in one way, which reads back as itself and as the number it stands for."""
    text = line_text(half)
    assert half_points(text) == half
    assert Fraction(text) == Fraction(half, 2)
    assert text[-2:] in (".0", ".5")


def test_line_is_written_in_one_way() -> None:
    """One decimal always, and zero has no sign."""
    assert [line_text(half) for half in (-13, 106, 0, -1, 1)] == ["-6.5", "53.0", "0.0", "-0.5", "0.5"]
