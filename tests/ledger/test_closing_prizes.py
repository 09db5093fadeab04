"""A week becomes final together with its prizes: in one append, once, by the standings that it ends with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from ledger.events import AccountOpened, Event, PrizeAwarded
from ledger.facts import Fact
from ledger.recorder import Appended, Batch
from ledger.rules import Prize, Rules
from ledger.week import WeekNotOver
from tests.examples import ENDS_AT, GAME
from tests.ledger.desks import Append, once, replace_append
from tests.ledger.playing import House, Listed

PRIZES = (Prize(rank=1, amount_cents=501), Prize(rank=2, amount_cents=300), Prize(rank=3, amount_cents=101))
THE_GAME = Listed(GAME, "g1")


@pytest.fixture
def entries(house: House) -> list[UUID]:
    """A settled week with prizes: the first and third entry lead with 1100, then the idle fifth, 890, and nothing."""
    entries = sorted(house.grouped(5, rules=Rules(prizes=PRIZES)))
    game = house.list_game()
    for entry, outcome, stake in zip(entries, ("home", "away", "home", "away"), (110, 110, 110, 1000), strict=False):
        house.must_bet(entry, game, outcome=outcome, stake=stake)
    house.close_week()
    house.result(game, 35, 20)
    house.settle(game)
    house.settle_week()
    return entries


def prize(rank: int, cents: int) -> PrizeAwarded:
    return PrizeAwarded(amount_cents=cents, currency="usd", rank=rank)


def awarded(house: House) -> list[Fact]:
    return [fact for fact in house.facts() if isinstance(fact.event, PrizeAwarded)]


def prizes(house: House) -> dict[UUID, Event]:
    """The prize of each winner."""
    return {fact.stream: fact.event for fact in awarded(house)}


@pytest.mark.parametrize("override", [False, True])
def test_final_week_awards_its_prizes_right_behind(house: House, entries: list[UUID], override: bool) -> None:
    """The leaders share two prizes, the third goes past the idle entry, and the bust one wins nothing."""
    with pytest.raises(WeekNotOver):
        house.finalise_week()
    assert awarded(house) == []
    house.clock.now = ENDS_AT + timedelta(hours=1 if override else 24)
    final = house.finalise_week(override=override)
    assert prizes(house) == {entries[0]: prize(1, 401), entries[2]: prize(1, 400), entries[1]: prize(4, 101)}
    assert [fact.position for fact in awarded(house)] == [final.position + behind for behind in (1, 2, 3)]
    assert {(fact.actor, fact.request, fact.at) for fact in awarded(house)} == {(final.actor, final.request, final.at)}
    assert house.available(entries[0]) == 1100
    house.audit()


def test_prizes_are_awarded_once(house: House, entries: list[UUID]) -> None:
    """Whoever makes a final week final again finds it so, here or in another process, whatever came since."""
    first = house.finalise_week(override=True)
    house.result(THE_GAME, 20, 35, revision=2)
    assert first.token == house.finalise_week().token == house.another().finalise_week(override=True).token
    assert len(awarded(house)) == 3
    house.audit()


def test_prizes_follow_the_last_correction(house: House, entries: list[UUID]) -> None:
    """What stood when the week was first settled wins nothing."""
    house.result(THE_GAME, 20, 35, revision=2)
    house.settle(THE_GAME)
    house.settle_week()
    house.finalise_week(override=True)
    assert prizes(house) == {
        entries[3]: prize(1, 501),
        entries[1]: prize(2, 300),
        entries[0]: prize(4, 51),
        entries[2]: prize(4, 50),
    }
    house.audit()


def test_week_and_prizes_are_lost_together(house: House, entries: list[UUID]) -> None:
    """A connection that breaks behind the append takes all of it back; decided again, all of it is there once."""
    sent: list[list[str]] = []

    def undone(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
        real(batch, on=on)
        sent.append([fact.event.TOPIC for _, fact in batch.facts])
        raise psycopg.OperationalError("the connection is lost")

    replace_append(house.ledger.desk(house.recorder().log), once(undone))
    final = house.finalise_week(override=True)
    assert sent == [["week.finalised", *["account.prize_awarded"] * 3]]
    assert [fact.position for fact in awarded(house)] == [final.position + behind for behind in (1, 2, 3)]
    house.audit()


def test_every_pool_has_its_prizes(house: House) -> None:
    """Five entries in pools of at most two: the one that is left alone plays for the standings."""
    entries = house.grouped(5, rules=Rules(pool_max=2, prizes=PRIZES[:1]))
    game = house.list_game()
    for number, entry in enumerate(entries):
        house.must_bet(entry, game, stake=100 + 10 * number)
    house.close_week()
    house.result(game, 35, 20)
    house.settle(game)
    house.settle_week()
    house.finalise_week(override=True)
    members: dict[str, list[UUID]] = {}
    for fact in house.facts():
        if isinstance(fact.event, AccountOpened):
            members.setdefault(fact.event.pool_name, []).append(fact.stream)
    best = [max(pool, key=house.available) for pool in members.values() if len(pool) == 2]
    assert len(best) == 2
    assert prizes(house) == dict.fromkeys(best, prize(1, 501))
    house.audit()
