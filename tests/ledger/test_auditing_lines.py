"""Many lines at once are read as each is by itself; what is wrong with one of them is never passed over."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import events
from ledger.auditing.lines import Block, LineReader
from ledger.events import Event
from ledger.facts import Fact, canonical, export_line, export_lines, record_of
from tests.examples import WEEK, corrected, game_scheduled, opened, quoted, recorded, stake_placed, week_opened
from tests.given import recorded_at

HAPPENED: list[Event] = [
    week_opened(),
    *opened(),
    game_scheduled(),
    quoted(),
    stake_placed(),
    recorded(),
    events.BetLost(available=-3, bet_id=UUID(int=7), resolution=1),
    corrected(),
    events.MarketSuspended(market_id=None, why='"a\\b", ü\n'),
    events.WeekClosed(),
]
LINES = [
    export_line(
        record_of(
            Fact(
                log=WEEK,
                stream=UUID(int=position),
                version=position,
                event=event,
                actor="tester",
                request=f"täst {position}",
                cause=None if position % 2 else f"{WEEK}:1",
                position=position,
                recorded_at=recorded_at(1 + position // 3),
            )
        )
    )
    for position, event in enumerate(HAPPENED, start=1)
]


def at_once(*lines: bytes, cut_off: bool = False) -> list[Fact] | None:
    return LineReader().facts(Block(lines, cut_off=cut_off))


def one_by_one(*lines: bytes) -> list[tuple[Fact | None, str]]:
    return list(LineReader().judged(Block(lines)))


def test_honest_lines_are_read_at_once() -> None:
    """As the facts that each line holds, from which its very bytes can be made again."""
    facts = at_once(*LINES)
    assert facts is not None
    assert [(fact, "") for fact in facts] == one_by_one(*LINES)
    assert export_lines(map(record_of, facts)) == LINES


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"stake":', b'"stake": '),
        (b'"price":-110', b'"price":-110.0'),
        (b'"price":-110', b'"price":-1.1e2'),
        (b'"version":6', b'"version":6,"version":6'),
        (b'"version":6', b'"version":6,"worth":1'),
        (b'"version":6', b'"record":null,"version":6'),
        (b'"outcome":', b'"outcam":1,"outcome":'),
        (b'"schema":1', b'"schema":0'),
        (b'"schema":1', b'"schema":true'),
        (b'"log":', b'"l\\u006fg":'),
        (b"00Z", b"00+00:00"),
        (b"t\xc3\xa4st", b"t\\u00e4st"),
        (b"t\xc3\xa4st", b"t\xe4st"),
        (b"account.stake_placed", b"account.stake_palced"),
        (b'{"actor"', b' {"actor"'),
    ],
    ids=lambda text: text.decode(errors="replace"),
)
def test_line_that_is_written_in_another_way_is_looked_at_by_itself(old: bytes, new: bytes) -> None:
    """One among others is enough."""
    stake = LINES[5]
    assert old in stake
    assert at_once(LINES[0], stake.replace(old, new, 1), LINES[1]) is None


def test_line_that_is_cut_off_is_looked_at_by_itself() -> None:
    """However whole it looks."""
    assert at_once(*LINES, cut_off=True) is None
    block = Block(LINES, cut_off=True)
    *_, (fact, trouble) = LineReader().judged(block)
    assert (fact, trouble) == (None, "is cut off: no LF stands behind it")


def test_lines_are_not_read_at_once_in_another_order() -> None:
    """The order of fields belongs to the form."""
    turned = [json.dumps(dict(reversed(json.loads(line).items())), separators=(",", ":")).encode() for line in LINES]
    assert all(at_once(line) is None for line in turned)
    assert at_once(*(canonical(json.loads(line)) for line in turned)) is not None


@settings(max_examples=100, deadline=None, database=None)
@given(
    line=st.sampled_from(LINES),
    place=st.integers(0, 600),
    length=st.integers(0, 3),
    text=st.one_of(st.binary(max_size=3), st.text('0123456789.eE+-",:{}[] \\tfnZTu', max_size=3).map(str.encode)),
)
def test_what_is_read_at_once_holds_line_by_line(line: bytes, place: int, length: int, text: bytes) -> None:
    """Wherever a line was changed: no trouble is passed over, and the facts are the same."""
    place %= len(line)
    changed = line[:place] + text + line[place + length :]
    facts = at_once(*changed.split(b"\n"))
    if facts is not None:
        assert [(fact, "") for fact in facts] == one_by_one(*changed.split(b"\n"))
