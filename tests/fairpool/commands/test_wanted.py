"""What an operator's words mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from fairpool.commands.wanted import NotAChange, Status, Words, told
from ledger.events import Regulation
from ledger.ids import market_id
from ledger.instants import Instant
from ledger.proposal import Change

GAME, BET = UUID(int=1), UUID(int=2)
NOON = Instant.of(datetime(2026, 11, 17, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("words", "means", "text"),
    [
        (
            Words(score="27-21", regulation="21-21"),
            {
                "kind": "result",
                "status": "final",
                "home_score": 27,
                "away_score": 21,
                "regulation": Regulation(home=21, away=21),
            },
            "result: final, 27-21, 21-21 after regulation",
        ),
        (Words(status=Status.OPERATOR), {"kind": "result", "status": "operator"}, "result: operator"),
        (
            Words(started_at="2026-11-17T13:00:00+01:00"),
            {"kind": "start", "started_at": NOON},
            f"it started at {NOON}",
        ),
        (Words(release=True), {"kind": "lift"}, "the operator's result is released"),
        (
            Words(market="spread", placed_from="2026-11-17T12:00:00Z", placed_until="2026-11-17T12:00:00Z"),
            {
                "kind": "void",
                "market_id": market_id(GAME, "spread"),
                "placed_from": NOON,
                "placed_until": NOON,
            },
            f"void: market {market_id(GAME, 'spread')}, placed from {NOON}, placed before {NOON}",
        ),
        (Words(bet=BET), {"kind": "void", "bet_id": BET}, f"void: bet {BET}"),
        (
            Words(market=str(BET)),
            {"kind": "void", "market_id": BET},
            f"void: market {BET}",
        ),
    ],
)
def test_words_mean_a_change(words: Words, means: dict[str, Any], text: str) -> None:
    """One of each kind; and people are told what it is."""
    change = Change(game_id=GAME, **means)
    assert words.change(GAME) == change
    assert told(change) == text


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (Words(), "say what is right"),
        (Words(score="27"), "is no score"),
        (Words(score="1-0", release=True), "several changes"),
        (Words(score="1-0", bet=BET), "several changes"),
        (Words(market="prop"), "is no market"),
        (Words(placed_from="2026-11-17T09:00:00"), "names no zone"),
        (Words(placed_until="noon"), "is no time"),
        (Words(started_at="0001-01-01T00:00:00+01:00"), "outside the years"),
        (Words(regulation="1-0", status=Status.CANCELLED), "goes with --score"),
    ],
)
def test_words_that_mean_no_change_say_what_is_missing(words: Words, complaint: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(NotAChange, match=complaint):
        words.change(GAME)
