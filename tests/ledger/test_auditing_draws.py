"""The audit of a draw finds nothing in an honest one, and names what is wrong with any other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ledger import events, ids, weeks
from ledger.account import Account
from ledger.aggregate import Aggregate, Context
from ledger.auditing.draws import Draw, DrawCheck, Flaw
from ledger.beacon import QUICKNET
from ledger.draw import deal, roster_hash
from ledger.entry import Registration
from ledger.facts import Fact
from ledger.instants import Instant
from ledger.rules import Rules
from ledger.seeds import SeedChain
from ledger.week import Week
from tests.examples import MASTER, ROUND, ROUND_1000, ROUND_657413, STARTS_AT, WEEK

SEEDS = SeedChain(MASTER)
ENTRIES = [UUID(int=number, version=4) for number in range(1, 7)]
LATE = UUID(int=99, version=4)
PAIRS = Rules(pool_max=2)
BEACON = events.Beacon(chain=QUICKNET.hash, round=ROUND)
# The week of a real round: a service that stood still froze its roster on the Friday, five minutes before the round.
BEACON_AT = QUICKNET.time_of(ROUND)
BEACON_WEEK = weeks.week_at(BEACON_AT)


class Log:
    """The log of a week, written by its aggregates."""

    def __init__(self, week: str = WEEK) -> None:
        self.week = week
        self.facts: list[Fact] = []
        self.now: datetime = weeks.starts_at(week) - timedelta(hours=1)

    def ask(self, aggregate: Aggregate, command: Callable[[Any], object]) -> None:
        """Ask something of an aggregate, and write what happens."""
        aggregate.context = Context(log=self.week, actor="tester", request="test")
        command(aggregate)
        for fact in aggregate.collect_events():
            assert isinstance(fact, Fact)
            fact.position, fact.recorded_at = len(self.facts) + 1, Instant.of(self.now)
            self.facts.append(fact)

    def enrol(self, entry: UUID, *, leaves: bool = False) -> None:
        registration = Registration.blank(ids.registration_stream(entry))
        self.ask(registration, lambda each: each.enrol(entry=entry, via="free", rules_hash="r"))
        if leaves:
            self.ask(registration, lambda each: each.withdraw(reason="player"))


def drawn(*, players: int = 5, rules: Rules = PAIRS, beacon: events.Beacon | None = None) -> Log:
    """An honest draw of five entries into three pools; one more has withdrawn before."""
    log = Log(BEACON_WEEK if beacon else WEEK)
    week, reading = Week.blank(ids.week_stream(log.week)), ROUND_657413 if beacon else None
    log.ask(week, lambda each: each.open(week=log.week, rules=rules, seed_commitment=SEEDS.anchor))
    roster = ENTRIES[:players]
    for entry in [*roster, ENTRIES[-1]]:
        log.enrol(entry, leaves=entry not in roster)
    log.now = BEACON_AT - timedelta(minutes=5) if beacon else weeks.starts_at(log.week)
    position = len(log.facts)
    log.ask(week, lambda each: each.freeze_roster(entries=roster, position=position, at=log.now, beacon=beacon))
    seed, of_beacon = SEEDS.opening(SEEDS.anchor), {}
    if beacon and reading:
        log.now = BEACON_AT
        of_beacon = {"chain": beacon.chain, "round": beacon.round, "randomness_hex": reading.randomness}
    pools = deal(week=log.week, entries=roster, pool_max=rules.pool_max, seed=seed, **of_beacon)  # type: ignore[arg-type]
    said = reading._asdict() if reading else {}
    log.ask(week, lambda each: each.draw(seed=seed, pools=pools, **said))
    for pool in pools:
        for entry in pool.entries:
            seat(log, entry, pool.name)
    log.ask(week, lambda each: each.group())
    return log


def seat(log: Log, entry: UUID, name: str) -> None:
    pool = ids.pool_id(log.week, name)
    log.ask(Account.blank(entry), lambda each: each.open(pool_id=pool, pool_name=name, grant=1000))


def late(log: Log, *, pool: str | None = "W2026-47-C") -> None:
    """An entry comes after the draw, into the pool with fewest entries unless told otherwise."""
    log.now += timedelta(days=1)
    log.enrol(LATE)
    if pool is not None:
        seat(log, LATE, pool)


def flaws(log: Log) -> list[Flaw]:
    draw = Draw()
    return [flaw for fact in log.facts for flaw in draw.take(fact)]


def altered(log: Log, kind: type[events.Event], nth: int = 0, **changes: Any) -> Log:
    """The log, with the nth event of a kind changed by who can change anything."""
    fact = [fact for fact in log.facts if isinstance(fact.event, kind)][nth]
    fact.event = msgspec.structs.replace(fact.event, **changes)
    return log


def moved(log: Log, kind: type[events.Event], at: datetime) -> Log:
    """The log, with the events of a kind recorded at another time."""
    for fact in log.facts:
        if isinstance(fact.event, kind):
            fact.recorded_at = Instant.of(at)
    return log


def without(log: Log, kind: type[events.Event], nth: int = 0) -> Log:
    log.facts.remove([fact for fact in log.facts if isinstance(fact.event, kind)][nth])
    return log


def added(log: Log, entry: UUID, *, behind: type[events.Event]) -> Log:
    """The log, with an enrolment slipped in behind the first event of a kind."""
    at = next(place for place, fact in enumerate(log.facts, start=1) if isinstance(fact.event, behind))
    extra = Log(log.week)
    extra.enrol(entry)
    extra.facts[0].position = log.facts[at - 1].position
    log.facts[at:at] = extra.facts
    return log


@pytest.mark.parametrize("beacon", [None, BEACON], ids=["seed alone", "with a beacon"])
def test_honest_draw_is_found_honest(beacon: events.Beacon | None) -> None:
    """The key, the order and the pools are those of the log; who withdrew is in none."""
    log, draw = drawn(beacon=beacon), Draw()
    assert [flaw for fact in log.facts for flaw in draw.take(fact)] == []
    assert sorted(draw.order) == draw.roster == ENTRIES[:-1]
    assert draw.pool_of.keys() == draw.seated == set(ENTRIES[:-1])
    assert sorted(draw.pool_of.values()) == [f"{draw.pool_of[draw.order[0]][:-1]}{name}" for name in "AABBC"]


def test_late_entries_join_the_pool_with_fewest_entries() -> None:
    """Where the rules take them; a second one finds a pool of its own when all are full."""
    log = drawn(rules=Rules(pool_max=2, late_entry=True))
    late(log)
    log.enrol(ENTRIES[-1])
    seat(log, ENTRIES[-1], "W2026-47-D")
    assert flaws(log) == []


def test_late_entry_may_be_the_first_one() -> None:
    """Of a week that nobody else plays."""
    log = drawn(players=0, rules=Rules(pool_max=2, late_entry=True))
    late(log, pool="W2026-47-A")
    assert flaws(log) == []


def test_draw_that_is_under_way_is_found_honest() -> None:
    """There is nothing wrong with what has not happened yet, after any of its events."""
    log = drawn(beacon=BEACON)
    for end in range(len(log.facts)):
        part = Log(BEACON_WEEK)
        part.facts = log.facts[:end]
        assert flaws(part) == []


WRONG: dict[str, tuple[Callable[[], Log], str, str]] = {
    "commitment after registration": (
        lambda: moved(drawn(), events.WeekOpened, STARTS_AT),
        "commitment",
        "came when registration was over",
    ),
    "no commitment": (lambda: altered(drawn(), events.WeekOpened, seed_commitment="c0"), "commitment", "is no sha256"),
    "opened twice": (lambda: twice(drawn(), events.WeekOpened), "commitment", "week.opened comes out of turn"),
    "drawn twice": (lambda: twice(drawn(), events.PoolsDrawn), "commitment", "week.pools_drawn comes out of turn"),
    "enrolled after the start": (
        lambda: moved(drawn(), events.EntryEnrolled, STARTS_AT),
        "roster",
        "is enrolled after the week's start",
    ),
    "roster frozen early": (
        lambda: moved(drawn(), events.RosterFrozen, STARTS_AT - timedelta(seconds=1)),
        "roster",
        "before the week's start",
    ),
    "entry added before the freeze": (
        lambda: added(drawn(), LATE, behind=events.EntryWithdrawn),
        "roster",
        "5 entries are frozen, 6 are enrolled",
    ),
    "entry taken out": (lambda: without(drawn(), events.EntryEnrolled), "roster", "5 entries are frozen, 4 are"),
    "entry swapped": (
        lambda: altered(drawn(), events.EntryEnrolled, entry=LATE),
        "roster",
        f"recomputed {roster_hash(WEEK, [LATE, *ENTRIES[1:-1]])}",
    ),
    "entry twice": (
        lambda: altered(drawn(), events.EntryEnrolled, entry=ENTRIES[1]),
        "roster",
        "recomputed cannot be: entry",
    ),
    "withdrawal taken out": (lambda: without(drawn(), events.EntryWithdrawn), "roster", "are frozen, 6 are enrolled"),
    "roster of an earlier position": (
        lambda: altered(drawn(), events.RosterFrozen, position=7),
        "roster",
        "the roster changed behind position 7",
    ),
    "entry added after the freeze": (
        lambda: added(drawn(), LATE, behind=events.RosterFrozen),
        "roster",
        f"entry {LATE} is enrolled after the roster was frozen",
    ),
    "late entry that the rules do not take": (
        lambda: after(drawn(), lambda log: late(log)),
        "roster",
        f"entry {LATE} is enrolled after the roster was frozen",
    ),
    "another seed": (
        lambda: altered(drawn(), events.PoolsDrawn, seed="ab" * 32),
        "seed",
        "does not open commitment",
    ),
    "no seed": (lambda: altered(drawn(), events.PoolsDrawn, seed="secret"), "seed", "does not open commitment"),
    "another algorithm": (
        lambda: altered(drawn(), events.PoolsDrawn, algorithm="shuffle"),
        "pools",
        "hmac-sha256-sort-v1 was to be used",
    ),
    "other pools": (
        lambda: altered(drawn(), events.PoolsDrawn, pools=()),
        "pools",
        "recomputed W2026-47-A of 2, W2026-47-B of 2, W2026-47-C of 1",
    ),
    "randomness from nowhere": (
        lambda: altered(drawn(), events.PoolsDrawn, randomness="ab" * 32),
        "beacon",
        "a beacon that the roster was not frozen with",
    ),
    "unknown chain": (
        lambda: altered(drawn(beacon=BEACON), events.RosterFrozen, beacon=events.Beacon(chain="ab", round=1)),
        "beacon",
        "chain ab is not known",
    ),
    "round that was known": (
        lambda: moved(drawn(beacon=BEACON), events.RosterFrozen, BEACON_AT),
        "beacon",
        "round 657413 was known already",
    ),
    "round of one's choice": (
        lambda: altered(
            drawn(beacon=BEACON), events.RosterFrozen, beacon=events.Beacon(chain=QUICKNET.hash, round=ROUND + 1)
        ),
        "beacon",
        "round 657414 is not the first one that was five minutes away",
    ),
    "round beyond all time": (
        lambda: altered(
            drawn(beacon=BEACON), events.RosterFrozen, beacon=events.Beacon(chain=QUICKNET.hash, round=2**80)
        ),
        "beacon",
        "is not the first one that was five minutes away",
    ),
    "week that is none": (
        lambda: after(
            altered(drawn(rules=Rules(pool_max=2, late_entry=True)), events.WeekOpened, week="week 47"),
            lambda log: late(log),
        ),
        "pools",
        "nothing can be drawn: 'week 47' names no week",
    ),
    "drawn before its round": (
        lambda: moved(drawn(beacon=BEACON), events.PoolsDrawn, BEACON_AT - timedelta(seconds=1)),
        "beacon",
        "it is drawn before round 657413 came",
    ),
    "another round's signature": (
        lambda: altered(drawn(beacon=BEACON), events.PoolsDrawn, **ROUND_1000._asdict()),
        "beacon",
        "the signature is not that of round 657413",
    ),
    "made-up randomness": (
        lambda: altered(drawn(beacon=BEACON), events.PoolsDrawn, randomness="ab" * 32),
        "beacon",
        "is not the sha256 of the signature",
    ),
    "account in another pool": (
        lambda: altered(drawn(), events.AccountOpened, pool_name="W2026-47-C"),
        "accounts",
        "is in pool W2026-47-C, and was dealt into W2026-47-A",
    ),
    "account of another pool's id": (
        lambda: altered(drawn(), events.AccountOpened, pool_id=LATE),
        "accounts",
        "is not the id of pool W2026-47-A",
    ),
    "account missing": (
        lambda: without(drawn(), events.AccountOpened),
        "accounts",
        "betting opens and 1 entries have no account",
    ),
    "account twice": (lambda: twice(drawn(), events.AccountOpened), "accounts", "has an account already"),
    "account of nobody": (
        lambda: after(drawn(), lambda log: seat(log, LATE, "W2026-47-C")),
        "accounts",
        f"entry {LATE} has an account and was not drawn",
    ),
    "late entry in a pool of its choice": (
        lambda: after(drawn(rules=Rules(pool_max=9, late_entry=True)), lambda log: late(log, pool="W2026-47-B")),
        "accounts",
        "is in pool W2026-47-B, and was dealt into W2026-47-A",
    ),
    "no draw": (lambda: without(drawn(), events.PoolsDrawn), "pools", "betting opens and no pools were drawn"),
}


def twice(log: Log, kind: type[events.Event]) -> Log:
    fact = next(fact for fact in log.facts if isinstance(fact.event, kind))
    log.facts.insert(log.facts.index(fact) + 1, fact)
    return log


def after(log: Log, act: Callable[[Log], None]) -> Log:
    act(log)
    return log


@pytest.mark.parametrize("name", WRONG)
def test_whatever_is_wrong_with_a_draw_is_named(name: str) -> None:
    """In the step in which it shows, at an event of the log."""
    make, step, text = WRONG[name]
    log = make()
    found = flaws(log)
    assert [flaw for flaw in found if flaw.step == step and text in flaw.text], found
    assert {flaw.at for flaw in found} <= {fact.token for fact in log.facts}


def test_check_finds_what_is_wrong_as_a_finding_of_the_draw() -> None:
    """One for each flaw, in the form that all findings have."""
    log, check = altered(drawn(), events.PoolsDrawn, algorithm="shuffle"), DrawCheck()
    found = [str(finding) for fact in log.facts for finding in check.take(fact)]
    assert found == ["draw: 2026-W47:10: the algorithm is 'shuffle', hmac-sha256-sort-v1 was to be used"]
    assert {type(fact.event) for fact in log.facts} - set(DrawCheck.EVENTS) == {events.CreditsGranted}
