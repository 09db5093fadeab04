"""Facts are stored as canonical bytes that never change, read by releases older and newer, and exported as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from msgspec import structs

from ledger.events import ChunkSettled, PrizeHeld, StakePlaced, WeekSettled, event_types
from ledger.facts import (
    UPCASTS,
    Fact,
    Record,
    UnknownTopic,
    UnreadableEvent,
    Upcasts,
    canonical,
    decode,
    export_line,
    fact_of,
    record_of,
)
from ledger.instants import Instant
from tests.examples import game_scheduled, quoted, stake_placed, week_opened

ROOT = Path(__file__).parents[2]
SETTLED_AT = Instant(2026, 11, 23, 6, tzinfo=UTC)


def record(topic: str, data: dict[str, Any], *, schema: int = 1, **changes: Any) -> Record:
    """A stored event with this data, written as a release would."""
    fields: dict[str, Any] = {
        "log": "2026-W47",
        "position": 9,
        "stream": UUID(int=7),
        "version": 3,
        "topic": topic,
        "schema": schema,
        "state": json.dumps(data, sort_keys=True, separators=(",", ":")).encode(),
        "recorded_at": SETTLED_AT,
        "actor": "clock",
        "request": "2026-W47/clock",
        "cause": None,
    }
    return Record(**fields | changes)


def test_export_line_is_the_canonical_envelope_with_its_data() -> None:
    """Keys in order at every depth, times with six digits, nulls said, nothing between tokens: byte for byte."""
    line = export_line(
        Record(
            log="2026-W47",
            position=5123,
            stream=UUID("7f6c1f3e-3a9b-4d8e-9d5a-1c2b3a4d5e6f"),
            version=4,
            topic="account.stake_placed",
            schema=1,
            state=canonical(stake_placed()),
            recorded_at=Instant(2026, 11, 17, 15, 4, 5, 60, tzinfo=UTC),
            actor="player",
            request="key 1",
            cause=None,
        )
    )
    assert line == (
        b'{"actor":"player","cause":null,"data":{"available":890,"bet_id":"6928c951-6fdf-5e2c-9bf7-79d514ac7a30",'
        b'"game_id":"546ef4f5-09bc-54a2-805b-32820bc5368a","line":"-6.0","market":"spread","market_id":"8461537c-58fb-5ffa-9386-30de8f46c544","odds_id":"ffed4843-a843-535b-9d3c-1f1fee15c917","outcome":"home",'
        b'"potential_payout":210,"price":-110,"stake":110},"log":"2026-W47","position":5123,'
        b'"recorded_at":"2026-11-17T15:04:05.000060Z","request":"key 1","schema":1,'
        b'"stream":"7f6c1f3e-3a9b-4d8e-9d5a-1c2b3a4d5e6f","type":"account.stake_placed","version":4}'
    )


def test_export_line_of_a_reaction_names_its_cause() -> None:
    """Whole seconds have six zeros, and the data of an event without fields is empty."""
    line = export_line(record("week.closed", {}, cause="2026-W47:8"))
    assert line == (
        b'{"actor":"clock","cause":"2026-W47:8","data":{},"log":"2026-W47","position":9,'
        b'"recorded_at":"2026-11-23T06:00:00.000000Z","request":"2026-W47/clock","schema":1,'
        b'"stream":"00000000-0000-0000-0000-000000000007","type":"week.closed","version":3}'
    )


@pytest.mark.parametrize("request_id", ["naïve", 'a"b\\c/d', "tab\there", "\x00\x1f\x7f", "漢字 🏈", "\u2028<&>"])
def test_export_line_is_canonical_whatever_a_client_sends(request_id: str) -> None:
    """Escapes are those of RFC 8785, so that any implementation of it gives the same bytes."""
    line = export_line(record("week.closed", {}, request=request_id))
    assert rfc8785.dumps(json.loads(line)) == line
    assert json.loads(line)["request"] == request_id


def test_field_named_like_a_keyword_keeps_its_name_on_the_wire() -> None:
    """`from` in the log is `from_` in Python only."""
    chunk = ChunkSettled(bets=2, from_=1, paid=10, resolution=1, to=4)
    assert canonical(chunk) == b'{"bets":2,"from":1,"paid":10,"resolution":1,"to":4}'


def test_nested_values_are_sorted_too() -> None:
    """Prices by outcome, rules by name."""
    three_way = quoted("moneyline", prices={"home": 1, "draw": 2, "away": 3})
    assert b'"prices":{"away":3,"draw":2,"home":1}' in canonical(three_way)
    rules = json.loads(canonical(week_opened()))["rules"]
    assert list(rules) == sorted(rules)


def test_value_that_has_no_place_in_an_event_is_refused() -> None:
    """What JSON does not know is a mistake of ours."""
    with pytest.raises(TypeError, match="complex has no place"):
        canonical({"a": 1j})


def test_event_is_written_with_its_own_fields_only() -> None:
    """An unknown field is refused before anything is stored, and so is a missing one."""
    with pytest.raises(TypeError, match="extra"):
        stake_placed(extra=1)
    with pytest.raises(TypeError, match="standings_hash"):
        WeekSettled(n=1)  # type: ignore[call-arg]


def test_written_event_cannot_be_changed() -> None:
    """What happened is frozen."""
    with pytest.raises(AttributeError):
        stake_placed().stake = 1  # type: ignore[misc]


def test_unknown_field_is_ignored_when_read() -> None:
    """A newer release may write more than this one knows."""
    data = {"n": 1, "standings_hash": "s1", "added_later": {"deep": [1]}}
    assert decode(record("week.settled", data)) == WeekSettled(n=1, standings_hash="s1")


def test_unknown_topic_stops_the_reader() -> None:
    """It says where, and that a newer release is needed."""
    with pytest.raises(UnknownTopic, match=r"2026-W47:9: topic 'week\.reopened' is not known"):
        decode(record("week.reopened", {}))


def test_newer_schema_stops_the_reader() -> None:
    """A new number is a new meaning, which this release cannot know."""
    with pytest.raises(UnknownTopic, match=r"2026-W47:9: .*week\.settled.* schema 2"):
        decode(record("week.settled", {"n": 1, "standings_hash": "s1"}, schema=2))


@pytest.mark.parametrize(
    "state",
    [
        b"{}",
        b'{"n":1}',
        b'{"n":"1","standings_hash":"s1"}',
        b'{"n":1.5,"standings_hash":"s1"}',
        b'{"n":1,"standings_hash":null}',
        b"[]",
        b'{"n":1',
        b"\xff",
    ],
)
def test_data_that_does_not_fit_stops_the_reader(state: bytes) -> None:
    """Missing, of another type, or no JSON at all: the error names the place and the topic."""
    with pytest.raises(UnreadableEvent, match=r"2026-W47:9: week\.settled schema 1"):
        decode(record("week.settled", {}, state=state))


def test_time_without_a_zone_stops_the_reader() -> None:
    """An instant is a point in time, not a text."""
    data = json.loads(canonical(game_scheduled())) | {"starts_at": "2026-11-20T01:15:00"}
    with pytest.raises(UnreadableEvent, match="no time zone"):
        decode(record("game.scheduled", data))


UPCASTS_OF_OLD: Upcasts = {
    ("week.settled", -1): lambda data: {"count": data["count"], "hash": data["digest"]},
    ("week.settled", 0): lambda data: {"n": data["count"], "standings_hash": data["hash"]},
}


@pytest.mark.parametrize(("schema", "data"), [(0, {"count": 3, "hash": "s3"}), (-1, {"count": 3, "digest": "s3"})])
def test_older_schema_is_upcast_step_by_step(schema: int, data: dict[str, Any]) -> None:
    """Each upcast brings the data to the next schema, until it is today's."""
    old = record("week.settled", data, schema=schema)
    assert decode(old, upcasts=UPCASTS_OF_OLD) == WeekSettled(n=3, standings_hash="s3")


def test_export_keeps_the_stored_bytes_of_an_older_schema() -> None:
    """What was stored and hashed is never upcast, even where its spelling is not today's."""
    state = b'{"count": 3, "hash": "s3"}'
    line = export_line(record("week.settled", {}, schema=0, state=state))
    assert state in line
    assert b'"schema":0' in line


def test_older_schema_without_an_upcast_stops_the_reader() -> None:
    """Nothing of this topic was ever written under another schema."""
    with pytest.raises(UnreadableEvent, match="schema 0"):
        decode(record("week.settled", {"count": 3, "hash": "s3"}, schema=0))


def test_prize_held_of_the_first_schema_is_still_read() -> None:
    """It gave no reason: only an operator held prizes then, and said not why."""
    first = {"amount_cents": 5000, "currency": "usd", "entry": str(UUID(int=7)), "kind": "prize", "paid_at": None}
    first |= {"payment_id": "p1", "week": "2026-W47"}
    today = PrizeHeld(**first | {"entry": UUID(int=7)}, reason="operator", why="")  # type: ignore[arg-type]
    assert decode(record("payment.prize_held", first)) == today
    said = {"reason": "tax", "why": "over the year's threshold"}
    assert decode(record("payment.prize_held", first | said, schema=2)) == structs.replace(today, **said)
    with pytest.raises(UnreadableEvent, match="reason"):
        decode(record("payment.prize_held", first, schema=2))


def test_upcasts_lead_to_todays_schema() -> None:
    """Each is from a schema of a known topic to its next, so that every older one arrives at today's."""
    for topic, schema in UPCASTS:
        assert 1 <= schema < event_types()[topic].SCHEMA
    for topic, event in event_types().items():
        assert {(topic, schema) for schema in range(1, event.SCHEMA)} <= UPCASTS.keys()


def test_first_events_may_be_read_by_many_threads_at_once() -> None:
    """A service starts with several readers: none may meet a type that another is still looking at."""
    for _ in range(10):
        read = subprocess.run([sys.executable, "-m", "tests.ledger.first_reads"], cwd=ROOT, check=False)
        assert read.returncode == 0


def test_older_schema_with_times_and_ids_is_upcast() -> None:
    """After an upcast, texts become the instants and ids of today's event."""
    data = json.loads(canonical(game_scheduled()))
    data["kick_off"] = data.pop("starts_at")
    upcasts: Upcasts = {("game.scheduled", 0): lambda old: old | {"starts_at": old["kick_off"]}}
    assert decode(record("game.scheduled", data, schema=0), upcasts=upcasts) == game_scheduled()
    bet = json.loads(canonical(stake_placed()))
    keep: Upcasts = {("account.stake_placed", 0): lambda old: old}
    event = decode(record("account.stake_placed", bet, schema=0), upcasts=keep)
    assert isinstance(event, StakePlaced)
    assert event == stake_placed()


def test_fact_carries_the_whole_envelope() -> None:
    """Position, time, actor, request and cause come back as they were stored."""
    stored = record("week.settled", {"n": 1, "standings_hash": "s1"}, cause="2026-W47:8")
    fact = fact_of(stored)
    assert (fact.token, fact.at, fact.cause) == ("2026-W47:9", SETTLED_AT, "2026-W47:8")
    assert (fact.stream, fact.version, fact.actor, fact.request) == (UUID(int=7), 3, "clock", "2026-W47/clock")
    assert stored.token == fact.token


def test_a_fact_knows_the_record_that_it_was_read_from() -> None:
    """Unless it is to do without; that makes no other fact of it, and what was stored can be told all the same."""
    stored = record("week.settled", {"n": 1, "standings_hash": "s1"})
    fact, bare = fact_of(stored), fact_of(stored, keeps_record=False)
    assert (fact.record, bare.record) == (stored, None)
    assert fact == bare != structs.replace(bare, actor="player")
    assert record_of(fact) == record_of(bare) == stored


def test_fact_that_is_not_recorded_has_no_time() -> None:
    """The append stamps it."""
    event = WeekSettled(n=1, standings_hash="s1")
    fact = Fact(log="2026-W47", stream=UUID(int=7), version=1, event=event, actor="clock", request="r")
    with pytest.raises(ValueError, match="not recorded yet"):
        _ = fact.at


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2024, 11, 8, 1, 15, tzinfo=UTC), "2024-11-08T01:15:00.000000Z"),
        (datetime(2024, 11, 8, 1, 15, 0, 7, tzinfo=UTC), "2024-11-08T01:15:00.000007Z"),
        (datetime(2024, 11, 7, 20, 15, tzinfo=timezone(timedelta(hours=-5))), "2024-11-08T01:15:00.000000Z"),
    ],
)
def test_instant_has_one_text(moment: datetime, text: str) -> None:
    """UTC with six digits, from whatever zone."""
    instant = Instant.of(moment)
    assert (str(instant), f"{instant}", canonical(instant)) == (text, text, f'"{text}"'.encode())
    assert Instant.parse(text) == instant == moment


def test_naive_time_is_no_instant() -> None:
    """A time without a zone is refused before it is written."""
    with pytest.raises(ValueError, match="no time zone"):
        Instant.of(datetime(2024, 11, 8))  # noqa: DTZ001 - it is refused for that


def test_time_reckoned_from_an_instant_is_one() -> None:
    """Adding hours keeps the one text."""
    assert str(SETTLED_AT + timedelta(hours=36)) == "2026-11-24T18:00:00.000000Z"
