"""drand is read from relays that are not believed, and a draw waits for its round however long that takes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from feeds.beacon import DrandBeacon, RecordedBeacon
from feeds.deadlines import BEACON_PAUSE
from ledger import drawing
from ledger.beacon import QUICKNET, Beacon, RoundAwaited
from ledger.events import PoolsDrawn, RosterFrozen, WeekClosed, WeekGrouped
from ledger.weeks import week_at
from tests.examples import ROUND, ROUND_1000, ROUND_657413
from tests.feeds.conftest import MakeWeek
from tests.feeds.relays import Relay, line, relays
from tests.feeds.small_week import SmallWeek

COMES_AT = QUICKNET.time_of(ROUND)
FROZEN_AT = COMES_AT - timedelta(minutes=5)
# The round came on a Friday: a week that was to be drawn on Monday, by a service that stood still.
LATE_WEEK = week_at(COMES_AT)


@pytest.fixture
def three() -> Iterator[list[Relay]]:
    """Three relays, which know no round yet."""
    with relays(3) as served:
        yield served


def drand(served: list[Relay]) -> DrandBeacon:
    return DrandBeacon([relay.url for relay in served], timeout_seconds=5)


def test_round_that_two_relays_know_is_read(three: list[Relay]) -> None:
    """The third may know it yet or not; all were asked for that round of that chain."""
    for relay in three[:2]:
        relay.publish()
    assert drand(three).read(ROUND) == ROUND_657413
    assert [relay.asked for relay in three] == [[f"/{QUICKNET.hash}/public/{ROUND}"]] * 3


def test_one_relay_is_not_enough(three: list[Relay]) -> None:
    """However sound what it says is; why the others do not count is told."""
    three[0].publish()
    with pytest.raises(RoundAwaited, match="is not known from two relays") as awaited:
        drand(three).read(ROUND)
    assert str(awaited.value).count("404") == 2
    with pytest.raises(RoundAwaited):
        drand([three[0], three[0]]).read(ROUND)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (line(ROUND, ROUND_657413._replace(randomness="00" * 32)), "is not the sha256 of the signature"),
        (line(ROUND, ROUND_1000), "is not that of round 657413"),
        (b"<html>", "malformed"),
        (b'{"round":657413}', "missing required field"),
        (b'{"round":657413,"randomness":"\xff","signature":""}', "UnicodeDecodeError"),
    ],
)
def test_relays_that_say_otherwise_do_not_count(three: list[Relay], body: bytes, said: str) -> None:
    """Not even where two of them agree: the true round is read as soon as two say it."""
    three[0].publish()
    three[1].rounds[ROUND] = three[2].rounds[ROUND] = body
    with pytest.raises(RoundAwaited, match=said):
        drand(three).read(ROUND)
    three[2].publish()
    assert drand(three).read(ROUND) == ROUND_657413


def test_relay_that_never_ends_is_not_listened_to(three: list[Relay]) -> None:
    """However much it says, the others are heard, and of itself no more than a round would take."""
    for relay in three:
        relay.publish()
    three[0].babbles = True
    assert drand(three).read(ROUND) == ROUND_657413
    three[1].babbles = True
    with pytest.raises(RoundAwaited, match="longer than a round"):
        drand(three).read(ROUND)
    three[0].babbles = three[1].babbles = False


def test_relay_that_is_gone_is_told(three: list[Relay]) -> None:
    """As any other that does not count."""
    with relays(1) as (gone,):
        pass
    for relay in three[:2]:
        relay.publish()
    assert drand([*three[:2], gone]).read(ROUND) == ROUND_657413
    with pytest.raises(RoundAwaited, match="ConnectError"):
        drand([three[0], gone]).read(ROUND)


def test_recorded_rounds_are_read_from_a_file(tmp_path: Path) -> None:
    """One a line; what is not there may come to be, and what is wrong is not used."""
    path = tmp_path / "rounds.jsonl"
    recorded = RecordedBeacon(path)
    with pytest.raises(RoundAwaited, match="holds no round 657413 of quicknet yet"):
        recorded.read(ROUND)
    path.write_bytes(line(1_000, ROUND_1000) + b"\n" + line() + b"\n")
    assert (recorded.read(1_000), recorded.read(ROUND)) == (ROUND_1000, ROUND_657413)
    path.write_bytes(line(ROUND, ROUND_1000) + b"\n")
    with pytest.raises(RoundAwaited, match="the signature is not that of round 657413"):
        recorded.read(ROUND)
    path.write_bytes(b"round 657413\n")
    with pytest.raises(RoundAwaited, match="a line that is no round"):
        recorded.read(ROUND)


# Draws that wait.


def frozen(make_week: MakeWeek, beacon: Beacon) -> SmallWeek:
    """A week whose clock has just frozen the roster, five minutes before the round that was published."""
    week = make_week(week=LATE_WEEK)
    week.ledger.beacon = beacon
    week.open(LATE_WEEK, "ann", "bob", "cid")
    week.clock.set(FROZEN_AT)
    assert week.deadlines.tick() == 0
    return week


def events(week: SmallWeek, *kinds: type) -> list[object]:
    return [fact.event for fact in week.facts(*kinds)]


def test_draw_waits_for_its_round(make_week: MakeWeek, three: list[Relay]) -> None:
    """The roster is frozen before the round comes; no relay is asked until it does, and then the pools are drawn."""
    week = frozen(make_week, drand(three))
    (roster,) = events(week, RosterFrozen)
    assert isinstance(roster, RosterFrozen)
    assert roster.beacon is not None
    assert (roster.beacon.chain, roster.beacon.round) == (QUICKNET.hash, ROUND)
    assert week.deadlines.next_at() == COMES_AT
    week.clock.set(COMES_AT - timedelta(microseconds=1))
    assert week.deadlines.tick() == 0
    assert [relay.asked for relay in three] == [[], [], []]
    for relay in three:
        relay.publish()
    week.clock.set(COMES_AT)
    assert week.deadlines.tick() == 1
    (drawn,) = events(week, PoolsDrawn)
    assert isinstance(drawn, PoolsDrawn)
    assert (drawn.randomness, drawn.signature) == ROUND_657413
    assert len(events(week, WeekGrouped)) == 1
    assert week.deadlines.tick() == 0


def test_outage_is_waited_out(make_week: MakeWeek, three: list[Relay], caplog: pytest.LogCaptureFixture) -> None:
    """The same round is asked for again after a pause, not at each tick, and a second week goes on meanwhile."""
    week = frozen(make_week, drand(three))
    week.clock.set(COMES_AT)
    for _ in range(3):
        assert week.deadlines.tick() == 0
    assert [len(relay.asked) for relay in three] == [1, 1, 1]
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    assert week.deadlines.next_at() == COMES_AT + BEACON_PAUSE
    assert events(week, PoolsDrawn) == []
    for relay in three:
        relay.publish()
    week.clock.set(COMES_AT + BEACON_PAUSE)
    assert week.deadlines.tick() == 1
    (drawn,) = events(week, PoolsDrawn)
    assert isinstance(drawn, PoolsDrawn)
    assert drawn.randomness == ROUND_657413.randomness
    assert {path for relay in three for path in relay.asked} == {f"/{QUICKNET.hash}/public/{ROUND}"}


def test_waiting_week_holds_up_no_other(make_week: MakeWeek, three: list[Relay]) -> None:
    """A week before it is closed by the clock while the draw waits."""
    week = make_week(week="2023-W36")
    week.begin("ann")
    week.ledger.beacon = drand(three)
    week.open(LATE_WEEK, "ann")
    week.clock.set(FROZEN_AT)
    assert week.deadlines.tick() > 0
    assert len(events(week, WeekClosed)) == 1
    assert len(week.ledger.recorder(LATE_WEEK).read_topics(RosterFrozen.TOPIC, PoolsDrawn.TOPIC)) == 1


def test_roster_that_was_frozen_with_a_round_is_not_drawn_without(make_week: MakeWeek, three: list[Relay]) -> None:
    """Neither where the beacon is switched off meanwhile, nor with another chain."""
    week = frozen(make_week, drand(three))
    week.clock.set(COMES_AT)
    other = DrandBeacon([relay.url for relay in three], chain=QUICKNET._replace(hash="ab" * 32))
    for beacon in (None, other):
        week.ledger.beacon = beacon
        with pytest.raises(RoundAwaited, match="switch that beacon on"):
            drawing.draw(week.ledger, week=LATE_WEEK, actor="operator:1", request="draw")
    assert events(week, PoolsDrawn) == []


def test_week_that_is_drawn_asks_no_beacon_again(make_week: MakeWeek, three: list[Relay]) -> None:
    """Whoever asks for the draw once more gets the first one, with every relay gone."""
    for relay in three:
        relay.publish()
    week = frozen(make_week, drand(three))
    week.clock.set(COMES_AT)
    week.deadlines.tick()
    (grouped,) = week.facts(WeekGrouped)
    week.ledger.beacon = None
    assert drawing.draw(week.ledger, week=LATE_WEEK, actor="operator:1", request="draw").token == grouped.token
