"""A week is opened and drawn, each step once, however often it is broken off."""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from ledger import drawing, ids
from ledger.desk import DeskClosed, LedgerUnavailable
from ledger.draw import deal, roster_hash
from ledger.events import (
    AccountOpened,
    CreditsGranted,
    EntryEnrolled,
    PoolsDrawn,
    RosterFrozen,
    RuleSetPublished,
    SeedChainAnchored,
    WeekGrouped,
    WeekOpened,
)
from ledger.facts import Fact
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.recorder import Appended, Batch, Row
from ledger.rules import Rules, rules_hash
from ledger.seeds import SeedChain, SeedNotOurs
from ledger.week import WeekNotOver
from ledger.weeks import WeekIdError
from tests.examples import MASTER, NEXT_WEEK, RULES, STARTS_AT, WEEK, at
from tests.ledger.desks import Append, replace_append
from tests.ledger.playing import ENROLLING, PATIENCE, House

PAIRS = Rules(pool_max=2)


def pools(house: House, week: str = WEEK) -> dict[str, set[UUID]]:
    """Who is in which pool, as the accounts have it."""
    members: dict[str, set[UUID]] = {}
    for fact in house.facts(week):
        if isinstance(fact.event, AccountOpened):
            members.setdefault(fact.event.pool_name, set()).add(fact.stream)
    return members


def is_drawn_by_the_book(house: House, entries: list[UUID], *, pool_max: int, week: str = WEEK) -> None:
    """What an auditor recomputes from the log: roster, seed, pools, and one grant each."""
    (opened,) = house.events(WeekOpened, week=week)
    (frozen,) = house.events(RosterFrozen, week=week)
    (drawn,) = house.events(PoolsDrawn, week=week)
    assert len(house.events(WeekGrouped, week=week)) == 1
    assert (frozen.roster_hash, frozen.size) == (roster_hash(week, entries), len(entries))
    seed = bytes.fromhex(drawn.seed)
    assert hashlib.sha256(seed).hexdigest() == opened.seed_commitment
    dealt = deal(week=week, entries=entries, pool_max=pool_max, seed=seed)
    assert pools(house, week) == {pool.name: set(pool.entries) for pool in dealt}
    assert [(pool.name, pool.pool_id, pool.size) for pool in drawn.pools] == [
        (pool.name, ids.pool_id(week, pool.name), len(pool.entries)) for pool in dealt
    ]
    grants = Counter(fact.stream for fact in house.facts(week) if isinstance(fact.event, CreditsGranted))
    assert grants == dict.fromkeys(entries, 1)
    house.audit(week)


def enrolled_in_bulk(house: House, players: int) -> list[UUID]:
    """So many entries, appended as their enrolments would be."""
    entries = [UUID(int=number, version=4) for number in range(1, players + 1)]
    facts, rows = [], []
    for number, entry in enumerate(entries, start=1):
        event = EntryEnrolled(entry=entry, payment_id=None, rules_hash="r", via="free")
        stream = ids.registration_stream(entry)
        facts.append((number, Fact(log=WEEK, stream=stream, version=1, event=event, actor="player", request="r")))
        rows.append((number, Row("entries", {"player_id": UUID(int=number), "week": WEEK, "entry": entry})))
    known = house.recorder().head().position
    house.recorder().append(Batch(known=known, now=ENROLLING, facts=facts, rows=rows))
    return entries


@pytest.mark.parametrize(
    ("players", "sizes"),
    [(0, []), (1, [1]), (100, [100]), (101, [51, 50]), (5_000, [100] * 50)],
)
def test_pools_are_the_fewest_and_as_even_as_can_be(house: House, players: int, sizes: list[int]) -> None:
    """From nobody to thousands: named A to Z before AA, everybody in one pool, granted once."""
    house.open_week()
    entries = enrolled_in_bulk(house, players) if players else []
    house.clock.now = STARTS_AT
    grouped = house.draw()
    assert [pool.size for pool in house.events(PoolsDrawn)[0].pools] == sizes
    assert grouped.position == house.recorder().head().position
    is_drawn_by_the_book(house, entries, pool_max=100)


def test_draw_waits_for_the_start(house: House) -> None:
    """Until then anybody may join or leave."""
    house.open_week()
    with pytest.raises(WeekNotOver, match="is drawn when it starts"):
        house.draw()
    assert house.events(RosterFrozen) == []


def test_roster_is_who_is_enrolled_at_the_start(house: House) -> None:
    """Who withdrew is not drawn; who came back is."""
    house.open_week()
    entries = [house.enrol(UUID(int=number)) for number in range(1, 5)]
    house.withdraw(UUID(int=1))
    house.withdraw(UUID(int=2))
    house.enrol(UUID(int=2))
    house.clock.now = STARTS_AT
    house.draw()
    is_drawn_by_the_book(house, entries[1:], pool_max=100)
    (frozen,) = house.events(RosterFrozen)
    assert frozen.position == 1 + 4 + 3
    assert frozen.beacon is None


def test_draw_that_is_asked_again_changes_nothing(house: House) -> None:
    """It is answered with the first one, from any service."""
    entries = house.grouped(5, rules=PAIRS)
    head = house.recorder().head()
    assert house.draw().token == house.another().draw().token == f"{WEEK}:{head.position}"
    assert house.recorder().head() == head
    is_drawn_by_the_book(house, entries, pool_max=2)


def test_two_services_draw_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is taken by one of them."""
    monkeypatch.setattr(drawing, "ACCOUNTS_A_CHUNK", 2)
    house.open_week(rules=PAIRS)
    entries = [house.enrol(UUID(int=number)) for number in range(1, 8)]
    house.clock.now = STARTS_AT
    with ThreadPoolExecutor(2) as threads:
        draws = list(threads.map(lambda each: each.draw(), [house, house.another()]))
    assert draws[0].token == draws[1].token
    is_drawn_by_the_book(house, entries, pool_max=2)


class Crash(BaseException):
    """The process is gone."""


def crashing(house: House, step: int, *, committed: bool) -> None:
    """Let the service die at the append of a step, before it is sent or after it is committed."""
    appends = count(1)

    def append(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
        if not batch.facts or next(appends) != step:
            return real(batch, on=on)
        if committed and on is None:
            real(batch)
        raise Crash

    replace_append(house.ledger.desk(WEEK), append)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("committed", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("step", range(1, 7))
def test_draw_goes_on_after_a_crash_at_any_step(
    house: House, monkeypatch: pytest.MonkeyPatch, step: int, committed: bool
) -> None:
    """Roster, seed, three chunks of accounts, and the opening of bets: what is in the log is not done twice."""
    monkeypatch.setattr(drawing, "ACCOUNTS_A_CHUNK", 2)
    house.open_week(rules=PAIRS)
    entries = [house.enrol(UUID(int=number)) for number in range(1, 6)]
    house.clock.now = STARTS_AT
    dying = house.another()
    crashing(dying, step, committed=committed)
    with pytest.raises((LedgerUnavailable, DeskClosed)):
        dying.draw()
    assert [type(death) for death in dying.deaths] == [Crash]
    house.draw()
    is_drawn_by_the_book(house, entries, pool_max=2)


def test_roster_that_was_tampered_with_is_not_drawn(house: House, dsn: str) -> None:
    """Whoever could change an enrolment after the roster was frozen is found out by its hash."""
    house.open_week()
    house.enrol(UUID(int=1))
    house.clock.now = STARTS_AT
    with pytest.raises(SeedNotOurs):
        # A service with another secret freezes the roster, and cannot go on.
        drawing.draw(other_master(house), week=WEEK, actor="clock", request="draw")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE events_2026_w47 DISABLE TRIGGER append_only")
        connection.execute(
            "UPDATE events SET state = convert_to(replace(convert_from(state, 'UTF8'), '4000', '4999'), 'UTF8')"
            " WHERE topic = 'entry.enrolled'"
        )
    with pytest.raises(drawing.RosterChanged, match="is not the one frozen"):
        house.draw()
    assert house.events(PoolsDrawn) == []


def other_master(house: House) -> Ledger:
    """A service that was started with another secret."""
    other = house.another()
    other.ledger.seeds = SeedChain(bytes(32))
    return other.ledger


def test_week_is_not_drawn_by_another_secret(house: House) -> None:
    """The commitment stands; the service with the right secret draws it."""
    house.open_week()
    house.clock.now = STARTS_AT
    with pytest.raises(SeedNotOurs):
        drawing.draw(other_master(house), week=WEEK, actor="clock", request="draw")
    house.draw()
    is_drawn_by_the_book(house, [], pool_max=100)


# Opening.


def test_first_week_is_bound_to_the_anchor_of_the_chain(house: House) -> None:
    """Opened twice, it is the first opening that stands, with its rules."""
    first = house.open_week(rules=PAIRS)
    again = house.open_week(rules=RULES)
    assert first.token == again.token == f"{WEEK}:1"
    (opened,) = house.events(WeekOpened)
    assert (opened.seed_commitment, opened.rules) == (SeedChain(MASTER).anchor, PAIRS)
    assert house.ledger.weeks() == [WEEK]


def test_each_week_is_bound_to_the_seed_revealed_the_week_before(house: House) -> None:
    """So it opens only once that one is drawn; and the first, asked again, is still the first."""
    house.open_week()
    with pytest.raises(WeekNotOver, match="its seed is still secret"):
        house.open_week(NEXT_WEEK)
    assert house.ledger.weeks() == [WEEK]
    house.clock.now = STARTS_AT
    house.draw()
    house.open_week(NEXT_WEEK)
    (drawn,), (opened,) = house.events(PoolsDrawn), house.events(WeekOpened, week=NEXT_WEEK)
    assert opened.seed_commitment == drawn.seed
    house.clock.now = at("Mon 00:00", week=NEXT_WEEK)
    house.draw(NEXT_WEEK)
    is_drawn_by_the_book(house, [], pool_max=100, week=NEXT_WEEK)
    assert house.open_week().token == f"{WEEK}:1"


def test_rules_and_seed_chain_are_published_before_their_week_opens(house: House) -> None:
    """The office has them first, each once: the same chain goes on, and other rules are published as they come."""
    first = house.open_week(rules=PAIRS)
    house.open_week(rules=RULES)
    house.clock.now = STARTS_AT
    house.draw()
    house.open_week(NEXT_WEEK)
    published = house.facts(OFFICE)
    assert [fact.event for fact in published] == [
        RuleSetPublished(rules=PAIRS, rules_hash=rules_hash(PAIRS), version="1"),
        SeedChainAnchored(anchor=SeedChain(MASTER).anchor, length=520),
        RuleSetPublished(rules=RULES, rules_hash=rules_hash(RULES), version="1"),
    ]
    assert published[1].at <= first.at
    assert {fact.actor for fact in published} == {"operator:1"}


def test_week_is_not_opened_by_another_secret(house: House) -> None:
    """It could never be drawn; and nothing of that secret is published."""
    house.open_week()
    house.clock.now = STARTS_AT
    house.draw()
    office = house.facts(OFFICE)
    with pytest.raises(SeedNotOurs, match="no seed of this chain opens"):
        drawing.open_week(other_master(house), week=NEXT_WEEK, rules=PAIRS, actor="clock", request="open")
    assert house.ledger.weeks() == [WEEK]
    assert house.facts(OFFICE) == office


def test_week_before_one_that_is_open_stays_shut(house: House) -> None:
    """The chain of seeds goes forward only."""
    house.open_week()
    with pytest.raises(WeekNotOver, match="lies before 2026-W47"):
        house.open_week("2026-W46")
    with pytest.raises(WeekIdError):
        house.open_week("2026-W54")
    assert house.ledger.weeks() == [WEEK]


def test_week_whose_opening_crashed_is_opened_on_its_own_commitment(house: House) -> None:
    """Its log was there and its first event was not: it is bound to the week before all the same."""
    house.open_week()
    house.clock.now = STARTS_AT
    house.draw()
    house.recorder(NEXT_WEEK).create_table()
    assert house.ledger.weeks() == [WEEK]
    house.open_week(NEXT_WEEK)
    (opened,) = house.events(WeekOpened, week=NEXT_WEEK)
    assert opened.seed_commitment == house.events(PoolsDrawn)[0].seed


def test_week_is_opened_by_many_at_once(house: House) -> None:
    """One of them does it."""
    with ThreadPoolExecutor(4) as threads:
        houses = [house, *(house.another() for _ in range(3))]
        opened = list(threads.map(lambda each: each.open_week(), houses, timeout=PATIENCE))
    assert {fact.token for fact in opened} == {f"{WEEK}:1"}
    assert len(house.events(WeekOpened)) == 1
