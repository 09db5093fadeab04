"""The ledger keeps a desk for each log, and knows which weeks there are and which one a market belongs to."""

from __future__ import annotations

from uuid import uuid4

from tests.examples import NEXT_WEEK, STARTS_AT, WEEK
from tests.ledger.playing import House


def test_log_has_one_desk(house: House) -> None:
    """Whoever asks for it."""
    assert house.ledger.desk(WEEK) is house.ledger.desk(WEEK)
    assert house.ledger.desk(WEEK) is not house.ledger.desk(NEXT_WEEK)


def test_weeks_are_those_that_were_opened_in_order(house: House) -> None:
    """The office is no week."""
    house.recorder("office").create_table()
    house.open_week()
    house.clock.now = STARTS_AT
    house.draw()
    house.open_week(NEXT_WEEK)
    assert house.another().ledger.weeks() == [WEEK, NEXT_WEEK]


def test_market_is_found_in_its_week(house: House) -> None:
    """By the boards of this service; a stranger's is in none."""
    house.open_week()
    game = house.list_game()
    assert house.ledger.week_of_market(game.market("total")) == WEEK
    assert house.ledger.week_of_market(uuid4()) is None
