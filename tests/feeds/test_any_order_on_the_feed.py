"""However often and in whatever order the messages of a game come after it was listed, its bets come to the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.rules import Rules
from tests.feeds.conftest import MakeWeek
from tests.feeds.small_week import ENDS_AT, STARTS_AT, SmallWeek

MINUTE = timedelta(minutes=1)
FINAL = {"revision": 1, "certainty": "official", "home_score": 27, "away_score": 20}
PROVISIONAL = FINAL | {"certainty": "provisional"}

Said = tuple[str, str, dict[str, Any]]
# What is said of each game from its kick-off on, in order, a second apart.
SCRIPT: list[Said] = [
    ("status", "late", {"status": "in_progress", "started_at": -4 * MINUTE}),
    ("status", "within", {"status": "postponed"}),
    ("status", "out", {"status": "postponed", "starts_at": ENDS_AT}),
    ("status", "resumed", {"status": "abandoned"}),
    ("market", "corrected", {"market": "spread", "status": "suspended"}),
    ("market", "corrected", {"market": "spread", "status": "open"}),
    ("quote", "corrected", {"market": "spread", "line": "-9.0", "prices": {"home": 120, "away": -140}}),
    ("status", "within", {"status": "postponed", "starts_at": 2 * MINUTE}),
    ("result", "annulled", FINAL),
    ("result", "corrected", PROVISIONAL),
    ("result", "off", PROVISIONAL),
    ("status", "late", {"status": "suspended"}),
    ("result", "late", FINAL),
    ("status", "off", {"status": "cancelled"}),
    ("status", "annulled", {"status": "abandoned"}),
    ("result", "corrected", FINAL | {"revision": 2, "home_score": 26}),
    ("result", "corrected", FINAL | {"revision": 7, "home_score": 25}),
    ("result", "resumed", FINAL),
    ("result", "out", FINAL),
    ("result", "within", FINAL),
]
GAMES = sorted({name for _, name, _ in SCRIPT})
EXPECTED = {
    "annulled": ("void", "cancelled", 10),
    "corrected": ("lost", None, 0),
    "late": ("won", None, 19),
    "off": ("void", "cancelled", 10),
    "out": ("void", "postponed", 10),
    "resumed": ("won", None, 19),
    "within": ("won", None, 19),
}
TOO_LATE = ("void", "late", 10)

orders = st.tuples(
    st.permutations(range(len(SCRIPT))),
    st.lists(st.tuples(st.integers(0, len(SCRIPT)), st.integers(0, len(SCRIPT) - 1)), max_size=len(SCRIPT)),
    st.sets(st.integers(0, 2 * len(SCRIPT)), max_size=4),
)


def bets_on_games(week: SmallWeek, prefix: str, kick_off: datetime) -> tuple[dict[str, UUID], UUID]:
    """List the games and bet on the home side of each, and once more on one that has really started by then."""
    week.live_until(kick_off - 8 * MINUTE)
    for name in GAMES:
        week.game(prefix + name, kick_off)
        week.quote(prefix + name, "spread")
    bets = {name: week.bet("ann", prefix + name, "spread", "home", 10) for name in GAMES}
    week.live_until(kick_off - 2 * MINUTE)
    late = week.bet("ann", f"{prefix}late", "spread", "home", 10)
    week.live_until(kick_off + 2 * MINUTE)
    return bets, late


def messages(week: SmallWeek, prefix: str, kick_off: datetime) -> list[bytes]:
    bodies = []
    for second, (kind, name, fields) in enumerate(SCRIPT):
        times = {key: kick_off + value for key, value in fields.items() if isinstance(value, timedelta)}
        moment = kick_off + timedelta(seconds=second)
        bodies.append(week.message(kind, prefix + name, **{**fields, **times, "at": moment}))
    return bodies


def test_messages_in_any_order_and_number_settle_alike(make_week: MakeWeek) -> None:
    """Shuffled, duplicated, with reactions in between or at the end, and with the process restarted on the way."""
    week = make_week()
    week.begin("ann", rules=Rules(grant=1_000_000))
    numbers = count()

    @settings(max_examples=6, deadline=None)
    @given(orders)
    def settles_alike(order: tuple[list[int], list[tuple[int, int]], set[int]]) -> None:
        permutation, again, reactions = order
        number = next(numbers)
        kick_off = STARTS_AT + (10 + 15 * number) * MINUTE
        bets, late = bets_on_games(week, f"{number}-", kick_off)
        said = messages(week, f"{number}-", kick_off)
        heard = list(permutation)
        for position, message in again:
            heard.insert(position, message)
        for step, message in enumerate(heard):
            week.hear(said[message])
            if step in reactions:
                week.react()
                week.ingest = week.new_ingest()
        week.react()
        assert {name: week.outcome(bet) for name, bet in bets.items()} == EXPECTED
        assert week.outcome(late) == TOO_LATE
        assert week.dead() == []

    settles_alike()
    week.play_out()


def test_the_script_heard_in_order_comes_to_what_is_expected(make_week: MakeWeek) -> None:
    """The outcomes that every order must come to are those of the messages as they were said."""
    week = make_week()
    week.begin("ann")
    kick_off = STARTS_AT + 10 * MINUTE
    bets, late = bets_on_games(week, "", kick_off)
    for body in messages(week, "", kick_off):
        week.hear(body)
        week.react()
    assert {name: week.outcome(bet) for name, bet in bets.items()} == EXPECTED
    assert week.outcome(late) == TOO_LATE
    week.play_out()
