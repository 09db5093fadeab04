"""The audit of a log holds the prizes of its final week against its standings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairpool import audit
from ledger.book import Decision
from ledger.events import WeekSettled
from ledger.rules import Prize, Rules
from tests.examples import ENDS_AT, WEEK
from tests.ledger.playing import PATIENCE, House


@pytest.fixture
def house(dsn: str) -> Iterator[House]:
    """A settled week of two entries, of which the first has played for the prize."""
    with House(dsn) as house:
        entries = house.grouped(2, rules=Rules(prizes=(Prize(rank=1, amount_cents=500),)))
        game = house.list_game()
        house.must_bet(entries[0], game)
        house.close_week()
        house.result(game, 35, 20)
        house.settle(game)
        house.settle_week()
        yield house


def faults(house: House, *, until: int | None = None) -> list[str]:
    return audit.replay(house.recorder(), progress=lambda done, total: None, until=until).faults


def test_prize_that_a_final_week_lacks_is_a_fault(house: House) -> None:
    """It names who is owed what."""

    def finalise_alone(on: Decision) -> None:
        settled = on.week().settled
        assert settled is not None
        assert isinstance(settled.event, WeekSettled)
        claimed = settled.event.standings_hash
        on.week().finalise(at=ENDS_AT, unresolved=[], standings_hash=claimed, override=True)

    house.ledger.desk(WEEK).ask(finalise_alone, actor="tester", request="final").result(PATIENCE)
    (fault,) = faults(house)
    assert fault.endswith("of pool W2026-47-A is owed 500 cents usd at rank 1")


def test_part_of_a_log_owes_no_prizes(house: House) -> None:
    """A position before the end may stand between the end of the week and its prizes, which came in one append."""
    final = house.finalise_week(override=True)
    assert house.recorder().head().position == final.position + 1
    assert faults(house, until=final.position) == faults(house) == []
