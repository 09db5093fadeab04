"""A player is enrolled once a week, until the start, or later where the rules let late entries in."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from ledger import enrolment
from ledger.entry import NotEnrolled
from ledger.events import AccountOpened, CreditsGranted, EntryEnrolled, EntryWithdrawn
from ledger.facts import Fact
from ledger.recorder import Appended, Batch, LogNotOpen
from ledger.rules import Rules, rules_hash
from ledger.week import BettingClosed, RegistrationClosed
from tests.examples import ENDS_AT, RULES, STARTS_AT, WEEK
from tests.ledger.desks import Append, once, replace_append
from tests.ledger.playing import PATIENCE, House

PLAYER = UUID(int=1)
PAYMENT = UUID(int=0xA)
LATE = Rules(late_entry=True, pool_max=2)
TICK = timedelta(microseconds=1)


def enrolling(house: House, player: UUID = PLAYER, **terms: Any) -> Fact:
    asked: dict[str, Any] = {"week": WEEK, "via": "free", "request": "r1"} | terms
    return enrolment.enrol(house.ledger, player_id=player, **asked)


def at_once(houses: list[House], players: list[UUID]) -> list[Fact]:
    """Enrol all of them at the same moment, in turn by each of the services."""
    together = threading.Barrier(len(players))

    def starting(number: int) -> Fact:
        together.wait(PATIENCE)
        return enrolling(houses[number % len(houses)], players[number])

    with ThreadPoolExecutor(len(players)) as threads:
        return list(threads.map(starting, range(len(players))))


def pool_sizes(house: House) -> Counter[str]:
    return Counter(event.pool_name for event in house.events(AccountOpened))


def test_enrolment_links_player_and_entry_in_one_table(house: House) -> None:
    """The log knows the entry only, with the rules that it accepted and how it was paid."""
    house.open_week()
    fact = enrolling(house, via="week_pass", payment_id=str(PAYMENT))
    entry = house.ledger.entries.entry_of(player_id=PLAYER, week=WEEK)
    assert entry is not None
    bought = {"payment_id": str(PAYMENT), "via": "week_pass"}
    assert fact.event == EntryEnrolled(entry=entry, rules_hash=rules_hash(RULES), **bought)
    assert [each.entry for each in house.ledger.entries.entries_of(player_id=PLAYER)] == [entry]
    assert str(PLAYER) not in str([fact.event for fact in house.facts()])


def test_player_is_enrolled_once_however_often_it_is_asked(house: House) -> None:
    """Twenty times at once, through two services: one entry, one row, one answer."""
    house.open_week()
    answers = at_once([house, house.another()], [PLAYER] * 20)
    assert len({(fact.token, fact.stream) for fact in answers}) == 1
    assert len(house.events(EntryEnrolled)) == 1
    assert enrolling(house, via="week_pass").token == answers[0].token


def test_many_players_enrol_at_once(house: House) -> None:
    """Each gets an entry of its own."""
    house.open_week()
    players = [uuid4() for _ in range(20)]
    answers = at_once([house, house.another()], players)
    assert len({fact.event.entry for fact in answers}) == 20  # type: ignore[attr-defined]
    assert len(house.events(EntryEnrolled)) == 20


def test_player_withdraws_and_comes_back(house: House) -> None:
    """Under the same entry, until the start; what is asked twice is answered with the first answer."""
    house.open_week()
    entry = house.enrol(PLAYER)
    assert house.withdraw(PLAYER).token == house.withdraw(PLAYER).token
    assert house.enrol(PLAYER) == entry
    house.withdraw(PLAYER)
    assert [type(event) for event in house.events(EntryEnrolled, EntryWithdrawn)] == [
        EntryEnrolled,
        EntryWithdrawn,
    ] * 2
    house.clock.now = STARTS_AT
    house.draw()
    assert house.events(AccountOpened) == []


def test_who_is_not_enrolled_cannot_withdraw(house: House) -> None:
    """There is nothing to withdraw."""
    house.open_week()
    with pytest.raises(NotEnrolled, match=str(PLAYER)):
        house.withdraw(PLAYER)


def test_week_that_is_not_open_takes_nobody(house: House) -> None:
    """And no row is left behind."""
    with pytest.raises(LogNotOpen):
        house.enrol(PLAYER)
    assert house.ledger.entries.entries_of(player_id=PLAYER) == []


def test_enrolment_ends_with_the_start(house: House) -> None:
    """The last microsecond before it is in time, for joining as for leaving."""
    house.open_week()
    house.clock.now = STARTS_AT - TICK
    house.enrol(PLAYER)
    house.clock.now = STARTS_AT
    for leave_or_join in (lambda: house.withdraw(PLAYER), lambda: house.enrol(UUID(int=2))):
        with pytest.raises(RegistrationClosed):
            leave_or_join()
    assert house.enrol(PLAYER) == house.ledger.entries.entry_of(player_id=PLAYER, week=WEEK)


def test_enrolment_recorded_at_the_start_is_too_late(house: House) -> None:
    """Decided before it: the store's time limit keeps it out, as anyone can check by the times in the log."""
    house.open_week()
    house.clock.now = STARTS_AT - TICK

    def start_comes(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
        house.clock.now = batch.now = STARTS_AT
        return real(batch, on=on)

    replace_append(house.ledger.desk(WEEK), once(start_comes))
    with pytest.raises(RegistrationClosed):
        house.enrol(PLAYER)
    assert house.ledger.entries.entries_of(player_id=PLAYER) == []


def test_late_player_waits_for_the_next_week_unless_the_rules_say_otherwise(house: House) -> None:
    """The default is no late entry."""
    house.grouped(1)
    with pytest.raises(RegistrationClosed):
        house.enrol(UUID(int=2))


def test_late_entry_joins_the_pool_with_fewest_entries(house: House) -> None:
    """The first name on a tie, a new pool when all are full, with the full grant."""
    house.grouped(3, rules=LATE)
    assert pool_sizes(house) == {"W2026-47-A": 2, "W2026-47-B": 1}
    expected = ["B", "C", "C", "D"]
    for number, letter in enumerate(expected, start=10):
        entry = house.enrol(UUID(int=number))
        account = [fact.event for fact in house.facts() if fact.stream == entry]
        assert [type(event) for event in account] == [AccountOpened, CreditsGranted]
        assert account[0].pool_name == f"W2026-47-{letter}"  # type: ignore[attr-defined]
    house.audit()


def test_late_entry_on_a_tie_joins_the_first_pool(house: House) -> None:
    """Names stand in order of their length, then A to Z."""
    house.grouped(3, rules=Rules(late_entry=True, pool_max=3))
    assert pool_sizes(house) == {"W2026-47-A": 3}
    for number in range(10, 13):
        house.enrol(UUID(int=number))
    assert pool_sizes(house) == {"W2026-47-A": 3, "W2026-47-B": 3}


def test_late_entries_at_once_never_overfill_a_pool(house: House) -> None:
    """Ten through two services at the same moment, as if one after the other."""
    house.grouped(3, rules=LATE)
    at_once([house, house.another()], [UUID(int=number) for number in range(10, 20)])
    assert pool_sizes(house) == dict.fromkeys((f"W2026-47-{letter}" for letter in "ABCDEF"), 2) | {"W2026-47-G": 1}
    house.audit()


def test_late_player_is_enrolled_once_however_often_it_is_asked(house: House) -> None:
    """One entry, one account, one grant."""
    house.grouped(1, rules=LATE)
    answers = at_once([house, house.another()], [UUID(int=10)] * 8)
    assert len({fact.token for fact in answers}) == 1
    assert pool_sizes(house) == {"W2026-47-A": 2}
    assert len(house.events(CreditsGranted)) == 2


def test_player_who_withdrew_may_come_late(house: House) -> None:
    """Under the entry of before, with an account that is opened once."""
    house.open_week(rules=LATE)
    entry = house.enrol(PLAYER)
    house.withdraw(PLAYER)
    house.clock.now = STARTS_AT
    house.draw()
    assert house.enrol(PLAYER) == entry
    assert (pool_sizes(house), house.available(entry)) == ({"W2026-47-A": 1}, 1000)


def test_late_entry_ends_with_the_week(house: House) -> None:
    """And leaves neither an event nor a row."""
    house.grouped(1, rules=LATE)
    house.close_week(ENDS_AT)
    head = house.recorder().head()
    with pytest.raises(BettingClosed):
        house.enrol(UUID(int=10))
    assert house.recorder().head() == head
    assert house.ledger.entries.entries_of(player_id=UUID(int=10)) == []
