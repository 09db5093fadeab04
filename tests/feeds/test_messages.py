"""The wire format: what is read, what is refused and why, and how it is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.messages import (
    MESSAGE_BYTES_MAX,
    GameMessage,
    MarketMessage,
    Message,
    QuoteMessage,
    Regulation,
    ResultMessage,
    StatusMessage,
    UnreadableMessage,
    encode,
    parse,
)

AT = "2024-11-04T05:00:00Z"
HEAD = {"v": 1, "at": AT, "source": "nflverse", "game_id": "2024_10_CIN_BAL"}
GAME = HEAD | {
    "type": "game",
    "league": "NFL",
    "home": "BAL",
    "away": "CIN",
    "starts_at": "2024-11-08T01:15:00Z",
}
MONEYLINE = HEAD | {
    "type": "quote",
    "market": "moneyline",
    "line": None,
    "prices": {"home": -250, "away": 205},
}
SPREAD = HEAD | {"type": "quote", "market": "spread", "line": "-6.0", "prices": {"home": -110, "away": -110}}
TOTAL = HEAD | {"type": "quote", "market": "total", "line": "53.0", "prices": {"over": -105, "under": -115}}
MARKET = HEAD | {"type": "market", "market": "spread", "status": "suspended", "why": "injury report"}
STATUS = HEAD | {"type": "status", "status": "in_progress", "starts_at": None, "started_at": AT}
SCORE: dict[str, Any] = {"home_score": 35, "away_score": 34, "regulation": None}
RESULT = HEAD | {"type": "result", "revision": 1, "certainty": "official"} | SCORE
EVERY_TYPE = [GAME, MONEYLINE, SPREAD, TOTAL, MARKET, STATUS, RESULT]


def body(fields: dict[str, Any], **changes: object) -> bytes:
    return json.dumps(fields | changes).encode()


def reason(bad: bytes) -> str:
    with pytest.raises(UnreadableMessage) as caught:
        parse(bad)
    return caught.value.reason


@pytest.mark.parametrize("fields", EVERY_TYPE, ids=lambda fields: f"{fields['type']}-{fields.get('market', '')}")
def test_each_type_of_message_is_read_and_written_in_the_documented_order(fields: dict[str, Any]) -> None:
    """A documented message comes out byte for byte as the compact JSON of its documented fields."""
    order = [
        "v",
        "type",
        "at",
        "source",
        "game_id",
        *(name for name in fields if name not in HEAD | {"type": 0}),
    ]
    documented = {name: fields[name] for name in order}
    assert encode(parse(body(fields))) == json.dumps(documented, separators=(",", ":")).encode()


def test_fields_of_later_versions_are_ignored() -> None:
    """Unknown fields change nothing, also inside a regulation score."""
    assert parse(body(GAME, venue="M&T Bank Stadium", week=10)) == parse(body(GAME))
    regulation = {"home": 1, "away": 1, "minutes": 90}
    message = parse(body(RESULT, regulation=regulation))
    assert isinstance(message, ResultMessage)
    assert message.regulation == Regulation(home=1, away=1)


@pytest.mark.parametrize(
    "text", ["2024-11-04T00:00:00-05:00", "2024-11-04T05:00:00+00:00", "2024-11-04T05:00:00.000000000Z"]
)
def test_times_become_utc(text: str) -> None:
    """Equal instants are equal messages with equal ids, however their offset was written."""
    message = parse(body(GAME, at=text))
    assert message.at.utcoffset() == timedelta(0)
    assert message.msg_id == parse(body(GAME)).msg_id


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("+3", "3.0"),
        ("3", "3.0"),
        ("-6", "-6.0"),
        ("-0.0", "0.0"),
        ("-0", "0.0"),
        ("2.50", "2.5"),
        ("007.5", "7.5"),
    ],
)
def test_lines_have_one_text(written: str, canonical: str) -> None:
    """A line reads the same however the source wrote it."""
    message = parse(body(SPREAD, line=written))
    assert isinstance(message, QuoteMessage)
    assert message.line == canonical


def test_outcomes_have_one_order_and_a_draw_price_makes_three() -> None:
    """Two quotes that differ in the order of their prices are one, also with three outcomes."""
    one = parse(body(MONEYLINE, prices={"home": 150, "draw": 220, "away": 180}))
    other = parse(body(MONEYLINE, prices={"away": 180, "home": 150, "draw": 220}))
    assert encode(one) == encode(other)
    assert b'"prices":{"home":150,"draw":220,"away":180}' in encode(one)


@pytest.mark.parametrize(
    ("fields", "changes", "field"),
    [
        (GAME, {"v": 2}, "v"),
        (GAME, {"v": True}, "v"),
        (GAME, {"v": 1.0}, "v"),
        (GAME, {"v": None}, "v"),
        (GAME, {"type": "injury"}, "type"),
        (GAME, {"type": ["game"]}, "type"),
        (GAME, {"at": "2024-11-04T05:00:00"}, "at"),
        (GAME, {"at": "2024-11-04"}, "at"),
        (GAME, {"at": 1730696400}, "at"),
        (GAME, {"at": "2024-13-04T05:00:00Z"}, "at"),
        (GAME, {"starts_at": None}, "starts_at"),
        (GAME, {"starts_at": "9999-12-31T23:59:59-05:00"}, "starts_at"),
        (GAME, {"starts_at": "0001-01-01T00:00:00+14:00"}, "starts_at"),
        (GAME, {"source": " "}, "source"),
        (GAME, {"source": 7}, "source"),
        (GAME, {"source": "operator"}, "source"),
        (GAME, {"source": "clock"}, "source"),
        (GAME, {"game_id": "a\nb"}, "game_id"),
        (GAME, {"game_id": "a\x00b"}, "game_id"),
        (GAME, {"game_id": "\ud800"}, "game_id"),
        (GAME, {"league": "N" * 201}, "league"),
        (GAME, {"league": "é" * 101}, "league"),
        (GAME, {"home": "CIN"}, "home"),
        (MONEYLINE, {"line": "0.0"}, "line"),
        (MONEYLINE, {"market": "prop"}, "market"),
        (MONEYLINE, {"market": "h2h"}, "market"),
        (MONEYLINE, {"market": "total"}, "line"),
        (SPREAD, {"line": None}, "line"),
        (SPREAD, {"line": -6.0}, "line"),
        (SPREAD, {"line": "-6.25"}, "line"),
        (SPREAD, {"line": "6e0"}, "line"),
        (SPREAD, {"line": "٦.5"}, "line"),
        (SPREAD, {"line": ""}, "line"),
        (TOTAL, {"line": "-53.0"}, "line"),
        (SPREAD, {"prices": {"home": -110}}, "prices"),
        (SPREAD, {"prices": {"home": -110, "draw": 300, "away": -110}}, "prices"),
        (SPREAD, {"prices": {"over": -110, "under": -110}}, "prices"),
        (SPREAD, {"prices": {"home": -110, "away": -110, "\ud800": 100}}, "prices"),
        (SPREAD, {"prices": [-110, -110]}, "prices"),
        (SPREAD, {"prices": {"home": -110.0, "away": -110}}, "prices.home"),
        (SPREAD, {"prices": {"home": "-110", "away": -110}}, "prices.home"),
        (SPREAD, {"prices": {"home": True, "away": -110}}, "prices.home"),
        (SPREAD, {"prices": {"home": -110, "away": 99}}, "prices.away"),
        (SPREAD, {"prices": {"home": -110, "away": -10001}}, "prices.away"),
        (SPREAD, {"prices": {"home": -110, "away": 0}}, "prices.away"),
        (MARKET, {"status": "closed"}, "status"),
        (MARKET, {"why": ""}, "why"),
        (STATUS, {"status": "final"}, "status"),
        (STATUS, {"started_at": "soon"}, "started_at"),
        (RESULT, {"revision": -1}, "revision"),
        (RESULT, {"revision": 1.5}, "revision"),
        (RESULT, {"revision": 2**53}, "revision"),
        (RESULT, {"certainty": "likely"}, "certainty"),
        (RESULT, {"home_score": -1}, "home_score"),
        (RESULT, {"home_score": "35"}, "home_score"),
        (RESULT, {"away_score": None}, "away_score"),
        (RESULT, {"away_score": 10**9}, "away_score"),
        (RESULT, {"regulation": {"home": 1}}, "regulation.away"),
        (RESULT, {"regulation": [1, 1]}, "regulation"),
    ],
)
def test_what_is_not_version_1_is_refused_by_field(fields: dict[str, Any], changes: dict[str, Any], field: str) -> None:
    """The reason begins with the name of the field that is wrong, and can be stored and printed anywhere."""
    said = reason(body(fields, **changes))
    assert said.startswith(f"{field} ")
    assert said.encode().decode() == said
    assert len(said) < 200


def required_fields() -> list[tuple[dict[str, Any], str]]:
    optional = {"line", "why", "regulation"}
    messages = [GAME, SPREAD, MARKET, RESULT]
    return [(message, name) for message in messages for name in message if name not in optional]


@pytest.mark.parametrize(("fields", "missing"), required_fields())
def test_a_missing_field_is_named(fields: dict[str, Any], missing: str) -> None:
    """No required field has a default."""
    assert reason(body({name: value for name, value in fields.items() if name != missing})).startswith(missing)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"game"',
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"v":1,"v":1}',
        body(GAME).replace(b'"BAL"', b"NaN"),
        body(GAME, extra=0).replace(b'"extra": 0', b'"extra": -Infinity'),
        body(RESULT).replace(b"35", b"9" * 5000),
    ],
)
def test_what_is_not_a_json_object_is_refused(bad: bytes) -> None:
    """Broken, ambiguous or hostile JSON is unreadable, never another error."""
    assert reason(bad).startswith("the message ")


def test_a_message_over_64_kib_is_refused() -> None:
    """The limit counts the bytes of the whole message: one at the limit is read, one past it is not."""
    empty = len(body(GAME, extra=""))
    assert parse(body(GAME, extra="x" * (MESSAGE_BYTES_MAX - empty))) == parse(body(GAME))
    assert str(MESSAGE_BYTES_MAX) in reason(body(GAME, extra="x" * (MESSAGE_BYTES_MAX - empty + 1)))


def test_ids_tell_messages_apart() -> None:
    """Equal messages have equal ids, and any other content has another."""
    ids = {parse(body(fields)).msg_id for fields in [*EVERY_TYPE, RESULT | {"revision": 2}]}
    assert len(ids) == len(EVERY_TYPE) + 1
    assert parse(body(RESULT)).msg_id in ids


INSTANTS = st.datetimes(
    min_value=datetime(1901, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2198, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=14))]),
)
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=50).filter(str.strip)
PRICES = st.integers(100, 10_000) | st.integers(-10_000, -100)
SCORES = st.integers(0, 200)
HEADS: dict[str, st.SearchStrategy[Any]] = {"at": INSTANTS, "source": TEXTS, "game_id": TEXTS}
HALF_POINTS = st.integers(-200, 200).map(lambda halves: str(halves / 2))


def prices(*outcomes: str) -> st.SearchStrategy[dict[str, int]]:
    return st.fixed_dictionaries(dict.fromkeys(outcomes, PRICES))


def quotes() -> st.SearchStrategy[QuoteMessage]:
    moneyline = prices("home", "away") | prices("away", "draw", "home")
    return st.one_of(
        st.builds(QuoteMessage, **HEADS, market=st.just("moneyline"), line=st.none(), prices=moneyline),
        st.builds(QuoteMessage, **HEADS, market=st.just("spread"), line=HALF_POINTS, prices=prices("home", "away")),
        st.builds(
            QuoteMessage,
            **HEADS,
            market=st.just("total"),
            line=HALF_POINTS.map(lambda line: line.lstrip("-")),
            prices=prices("under", "over"),
        ),
    )


def messages() -> st.SearchStrategy[Message]:
    teams = st.lists(TEXTS, min_size=2, max_size=2, unique=True)
    game = st.builds(
        lambda pair, **rest: GameMessage(home=pair[0], away=pair[1], **rest),
        teams,
        **HEADS,
        league=TEXTS,
        starts_at=INSTANTS,
    )
    regulations = st.none() | st.builds(Regulation, home=SCORES, away=SCORES)
    result = st.builds(
        ResultMessage,
        **HEADS,
        revision=st.integers(0, 2**53 - 1),
        certainty=st.sampled_from(["provisional", "official"]),
        home_score=SCORES,
        away_score=SCORES,
        regulation=regulations,
    )
    return st.one_of(game, quotes(), st.builds(MarketMessage, **HEADS), st.builds(StatusMessage, **HEADS), result)


@given(messages())
def test_every_message_survives_the_wire(message: Message) -> None:
    """Reading what was written gives the same message, and writing it again the same bytes."""
    assert parse(encode(message)) == message
    assert encode(parse(encode(message))) == encode(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(EVERY_TYPE), st.data())
def test_any_value_in_any_field_is_read_or_refused_with_a_reason(fields: dict[str, Any], data: st.DataObject) -> None:
    """Whatever stands in a field, the answer is a message that survives the wire, or a reason."""
    changed = data.draw(st.sampled_from(sorted(fields)))
    try:
        message = parse(body(fields, **{changed: data.draw(JSON)}))
    except UnreadableMessage as error:
        assert error.reason
    else:
        assert parse(encode(message)) == message


@given(st.binary())
def test_any_bytes_are_refused_as_unreadable(noise: bytes) -> None:
    """Noise is a dead letter, never a crash."""
    with pytest.raises(UnreadableMessage):
        parse(noise)
