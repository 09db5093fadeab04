"""Use cases: a week is opened, and drawn: roster, seed, accounts and grants, each step done once.

A crash between any two steps is mended by asking for the draw again: what is in the log is not done twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final, NamedTuple
from uuid import UUID

from ledger import publishing, weeks
from ledger.beacon import Reading, RoundAwaited
from ledger.book import Decision
from ledger.cases import explain
from ledger.desk import Desk
from ledger.draw import Pool, deal, roster_hash
from ledger.drawn import enrolled
from ledger.events import Beacon, PoolsDrawn, RosterFrozen
from ledger.facts import Fact
from ledger.ids import pool_id
from ledger.ledger import Ledger
from ledger.rules import Rules
from ledger.week import WeekNotOver, require_sound

ACCOUNTS_A_CHUNK: Final = 2_000
# With two of them in the queue there is always one to decide while another is appended.
CHUNKS_AHEAD: Final = 2


class RosterChanged(Exception):
    """The roster read from the log does not have the hash that was frozen: the log was tampered with."""


class _Terms(NamedTuple):
    """What a draw follows; `reading` is what the beacon said where the week is drawn already."""

    rules: Rules
    commitment: str
    reading: Reading | None


class Seat(NamedTuple):
    """Where the draw puts an entry."""

    pool_id: UUID
    pool_name: str
    entry: UUID


def open_week(ledger: Ledger, *, week: str, rules: Rules, actor: str, request: str, reason: str | None = None) -> Fact:
    """Open a week for enrolments and return its WeekOpened; again, the first one.

    The office publishes its rules and the chain of its seed before. The commitment is the seed of the last week that
    was opened before: raises WeekNotOver until that one is drawn, or when a later week is open already; SeedNotOurs
    where the ledger's chain cannot open the commitment; UnsoundRules; WeekIdError. The `reason` of an operator who does
    this by hand is noted with the act, here and in `draw`, unless it had been done before.
    """
    weeks.starts_at(week)
    require_sound(week, rules)
    opened = ledger.weeks()
    if week not in opened and opened and week < opened[-1]:
        raise WeekNotOver(f"week {week} lies before {opened[-1]}, which is open already")
    commitment = _commitment(ledger, [each for each in opened if each < week], actor=actor, request=request)
    if week not in opened:
        ledger.seeds.opening(commitment)
        publishing.publish_rules(ledger, rules=rules, actor=actor, request=request)
        publishing.anchor_seeds(ledger, actor=actor, request=request)
    ledger.recorder(week).create_table()

    def decide(on: Decision) -> Fact:
        return explain(on, on.week().open(week=week, rules=rules, seed_commitment=commitment), reason=reason)

    return ledger.desk(week).ask(decide, actor=actor, request=request).result()


def _commitment(ledger: Ledger, earlier: Sequence[str], *, actor: str, request: str) -> str:
    """Return the seed that the last week revealed, or the chain's anchor where there was no week yet."""
    for week in reversed(earlier):
        seed = ledger.desk(week).ask(_seed, actor=actor, request=request).result()
        if seed is not None:
            return seed
    return ledger.seeds.anchor


def draw(ledger: Ledger, *, week: str, actor: str, request: str, reason: str | None = None) -> Fact:
    """Freeze the roster, reveal the seed, open and grant the accounts, and open betting; returns the WeekGrouped.

    Raises WeekNotOver before the week's start. A roster that was frozen with a round of the beacon waits for that
    round: raises RoundAwaited until its randomness is known, and never takes another.
    """
    desk, rosters = ledger.desk(week), dict[int, list[UUID]]()

    def freeze(on: Decision) -> Fact:
        frozen = on.week().frozen
        if frozen is not None:
            return frozen
        entries = rosters[on.known] = enrolled(ledger.recorder(week), until=on.known)
        beacon = _round_to_come(ledger, on.now)
        return on.week().freeze_roster(entries=entries, position=on.known, at=on.now, beacon=beacon)

    frozen = desk.ask(freeze, actor=actor, request=request, alone=True).result().event
    assert isinstance(frozen, RosterFrozen)
    terms = desk.ask(_terms, actor=actor, request=request).result()
    seed = ledger.seeds.opening(terms.commitment)
    reading = terms.reading or _read_round(ledger, week, frozen.beacon)
    roster = rosters.get(frozen.position) or _read_roster(ledger, week, frozen)
    pools = _deal(week, roster, frozen, seed, reading, terms.rules)

    def reveal(on: Decision) -> Fact:
        return on.week().draw(seed=seed, pools=pools, randomness=reading.randomness, signature=reading.signature)

    desk.ask(reveal, actor=actor, request=request).result()
    _open_all(desk, pools, actor=actor, request=request)
    return desk.ask(lambda on: explain(on, on.week().group(), reason=reason), actor=actor, request=request).result()


def _round_to_come(ledger: Ledger, at: datetime) -> Beacon | None:
    if ledger.beacon is None:
        return None
    chain = ledger.beacon.chain
    return Beacon(chain=chain.hash, round=chain.round_after(at))


def _read_round(ledger: Ledger, week: str, named: Beacon | None) -> Reading:
    """Return what the beacon said at the round that a roster was frozen with; raises RoundAwaited."""
    if named is None:
        return Reading("", "")
    beacon = ledger.beacon
    if beacon is None or beacon.chain.hash != named.chain:
        raise RoundAwaited(f"week {week} waits for round {named.round} of chain {named.chain}: switch that beacon on")
    comes_at = beacon.chain.time_of(named.round)
    if ledger.clock() < comes_at:
        raise RoundAwaited(f"week {week} is drawn with round {named.round}, which comes at {comes_at}", until=comes_at)
    return beacon.read(named.round)


def _read_roster(ledger: Ledger, week: str, frozen: RosterFrozen) -> list[UUID]:
    """Read the roster that was frozen before; raises RosterChanged."""
    roster = enrolled(ledger.recorder(week), until=frozen.position)
    if roster_hash(week, roster) != frozen.roster_hash:
        raise RosterChanged(f"week {week}: the roster at position {frozen.position} is not the one frozen")
    return roster


def _deal(
    week: str, roster: Sequence[UUID], frozen: RosterFrozen, seed: bytes, reading: Reading, rules: Rules
) -> tuple[Pool, ...]:
    return deal(
        week=week,
        entries=roster,
        hashed=frozen.roster_hash,
        pool_max=rules.pool_max,
        seed=seed,
        chain=frozen.beacon.chain if frozen.beacon else "",
        round=frozen.beacon.round if frozen.beacon else 0,
        randomness_hex=reading.randomness,
    )


def _open_all(desk: Desk, pools: Sequence[Pool], *, actor: str, request: str) -> None:
    """Open and grant all accounts, a chunk at a time; while the database appends one, the next is decided."""
    entries = [entry for pool in pools for entry in pool.entries]
    desk.ask(lambda on: on.expect_accounts(entries), actor=actor, request=request).result()
    asked: deque[Future[None]] = deque()
    for seats in _chunks(_seats(desk.recorder.log, pools)):
        asked.append(desk.ask(partial(_open_accounts, seats=seats), actor=actor, request=request, bulk=True))
        if len(asked) > CHUNKS_AHEAD:
            asked.popleft().result()
    for chunk in asked:
        chunk.result()


def _seats(week: str, pools: Sequence[Pool]) -> Iterator[Seat]:
    for pool in pools:
        id = pool_id(week, pool.name)
        yield from (Seat(id, pool.name, entry) for entry in pool.entries)


def _open_accounts(on: Decision, *, seats: Sequence[Seat]) -> None:
    grant = on.week().rules.grant
    accounts = on.accounts([seat.entry for seat in seats])
    for account, seat in zip(accounts, seats, strict=True):
        account.open(pool_id=seat.pool_id, pool_name=seat.pool_name, grant=grant)


def _seed(on: Decision) -> str | None:
    """Return the week's seed; None where a crash left its log without a week."""
    return on.week().draw_seed if on.week().opened is not None else None


def _terms(on: Decision) -> _Terms:
    week, reading = on.week(), None
    if week.drawn is not None:
        assert isinstance(week.drawn.event, PoolsDrawn)
        reading = Reading(week.drawn.event.randomness, week.drawn.event.signature)
    return _Terms(week.rules, week.seed_commitment, reading)


def _chunks(seats: Iterator[Seat]) -> Iterator[list[Seat]]:
    while chunk := list(islice(seats, ACCOUNTS_A_CHUNK)):
        yield chunk
