"""Operators' rulings: their word beats every feed until it is released, and a void holds whatever the result is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from ledger.events import BetsVoided, ChunkSettled, Event, ResultRecorded, RulingLifted, SettlementCompleted
from ledger.facts import Fact
from ledger.game import Game
from ledger.grading import Outcome
from ledger.ids import settlement_stream
from ledger.settlement import (
    OPERATOR,
    ConflictingResult,
    NothingElseSettles,
    NothingToLift,
    Settlement,
    StaleChunk,
)
from tests.examples import BET, GAME, MONEYLINE, RULES, SPREAD, game_scheduled, recorded, stake_placed, word
from tests.given import Given, recorded_at
from tests.given import given as given_any

ONE, OTHER = UUID(int=0xC1), UUID(int=0xC2)
OFFICIAL = recorded()
WAITING = recorded(certainty="provisional", applied=False, resolution=None)
"""A provisional result, on which nothing is settled: it only moves the positions on."""
CHUNK_1 = ChunkSettled(bets=1, from_=1, paid=110, resolution=1, to=1)
DONE_1 = SettlementCompleted(bets=1, cut=1, paid=110, resolution=1, staked=110)


def by_operator(home: int | None = 20, away: int | None = 17, **changes: Any) -> ResultRecorded:
    return recorded(home, away, **{"source": OPERATOR, "resolution": 2} | changes)


def voided(case_id: UUID = ONE, resolution: int | None = 1, **selectors: Any) -> BetsVoided:
    fields: dict[str, Any] = {"bet_id": None, "market_id": None, "placed_from": None, "placed_until": None}
    applied = resolution is not None
    named = fields | (selectors or {"market_id": SPREAD})
    return BetsVoided(applied=applied, case_id=case_id, game_id=GAME, resolution=resolution, **named)


def lifted(case_id: UUID | None = ONE, resolution: int | None = None, *, applied: bool = True) -> RulingLifted:
    return RulingLifted(applied=applied, case_id=case_id, game_id=GAME, resolution=resolution)


def given(*history: Event) -> Given[Settlement]:
    return given_any(Settlement, *history, stream=settlement_stream(GAME))


def deciding(home: int = 20, away: int = 17, *, final: bool = False) -> Callable[[Settlement], Fact | None]:
    said = word(home, away, source=OPERATOR, revision=None)
    return lambda settlement: settlement.record(said, rules=RULES, final=final)


def voiding(case_id: UUID = ONE, *, final: bool = False, **selectors: Any) -> Callable[[Settlement], Fact]:
    named = selectors or {"market_id": SPREAD}
    return lambda settlement: settlement.void(case_id=case_id, game_id=GAME, final=final, **named)


def lifting(case_id: UUID = ONE, *, final: bool = False) -> Callable[[Settlement], Fact]:
    return lambda settlement: settlement.lift(case_id, game_id=GAME, final=final)


def releasing(*, final: bool = False) -> Callable[[Settlement], list[Fact]]:
    return lambda settlement: settlement.release(game_id=GAME, rules=RULES, final=final)


# The operator's word.


@pytest.mark.parametrize(
    ("history", "command", "event"),
    [
        ((OFFICIAL,), deciding(), by_operator()),
        ((OFFICIAL, by_operator()), deciding(35, 34), by_operator(35, 34, revision=2, resolution=3)),
        (
            (OFFICIAL, by_operator(), by_operator(35, 34, revision=2, resolution=3)),
            deciding(20, 17),
            by_operator(revision=3, resolution=4),
        ),
        ((OFFICIAL,), deciding(35, 34), by_operator(35, 34, resolution=None)),
        ((OFFICIAL, by_operator(), lifted(None)), deciding(), by_operator(revision=2, resolution=None)),
        ((OFFICIAL,), deciding(final=True), by_operator(applied=False, resolution=None)),
    ],
    ids=["first", "of another operator", "A, B, A", "as the feed says", "again after its release", "after final"],
)
def test_each_word_of_operators_is_their_next_revision(
    history: tuple[Event, ...], command: Callable[[Settlement], Fact | None], event: Event
) -> None:
    """Whoever says it: it takes the place of the one before, and is a new resolution where it says something else."""
    given(*history).when(command).then(event)


def test_word_of_operators_that_stands_is_not_said_twice() -> None:
    """The same again is a repeat, also from a second operator."""
    given(OFFICIAL, by_operator()).when(deciding()).then()


def test_operator_may_decide_for_what_stands_and_the_feed_then_changes_nothing() -> None:
    """Their word holds against later revisions until it is released."""
    later = recorded(21, 3, revision=2, applied=False, resolution=None)
    history = (OFFICIAL, by_operator(35, 34, resolution=None))
    given(*history).when(lambda s: s.record(word(21, 3, revision=2), rules=RULES, final=False)).then(later)


def test_revision_that_is_given_is_held_against_the_one_that_stands() -> None:
    """So that an auditor, who has it from the log, finds a contradiction."""
    said = word(21, 3, source=OPERATOR, revision=1)
    given(OFFICIAL, by_operator()).when(lambda s: s.record(said, rules=RULES, final=False)).raises(ConflictingResult)


@pytest.mark.parametrize(
    ("history", "events"),
    [
        ((OFFICIAL, by_operator()), (lifted(None), recorded(resolution=3))),
        (
            (OFFICIAL, by_operator(), recorded(21, 3, revision=2, applied=False, resolution=None)),
            (lifted(None), recorded(21, 3, revision=2, resolution=3)),
        ),
        ((OFFICIAL, by_operator(35, 34, resolution=None)), (lifted(None),)),
    ],
    ids=["the feed's word", "what the feed said meanwhile", "the same content"],
)
def test_released_word_leaves_the_game_to_what_was_said_beside_it(
    history: tuple[Event, ...], events: tuple[Event, ...]
) -> None:
    """What counts now is recorded again, as a new resolution, only where it differs."""
    settlement = given(*history).when(releasing()).then(*events)
    assert OPERATOR not in settlement.words
    assert settlement.settling is not None


REFUSED: list[tuple[str, tuple[Event, ...], Callable[[Settlement], object], type[Exception]]] = [
    ("no operator's word", (OFFICIAL,), releasing(), NothingToLift),
    ("released already", (OFFICIAL, by_operator(), lifted(None), recorded(resolution=3)), releasing(), NothingToLift),
    ("nothing beside it", (by_operator(resolution=1),), releasing(), NothingElseSettles),
    ("only a provisional word", (WAITING, by_operator(resolution=1)), releasing(), NothingElseSettles),
    ("no such void", (OFFICIAL, voided(OTHER, 2)), lifting(), NothingToLift),
    ("lifted already", (voided(), lifted(ONE, 2)), lifting(), NothingToLift),
    ("void that was never applied", (OFFICIAL, voided(ONE, None)), lifting(), NothingToLift),
]


@pytest.mark.parametrize(("history", "command", "error"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED])
def test_ruling_that_does_not_stand_is_not_lifted(
    history: tuple[Event, ...], command: Callable[[Settlement], object], error: type[Exception]
) -> None:
    """Nor is the operator's word, where nobody would know then what bets come to."""
    given(*history).when(command).raises(error, str(GAME))


# Voids.


@pytest.mark.parametrize(
    ("history", "command", "event"),
    [
        ((), voiding(), voided()),
        ((), voiding(bet_id=BET), voided(bet_id=BET)),
        ((OFFICIAL,), voiding(), voided(resolution=2)),
        ((OFFICIAL, voided(resolution=2)), voiding(OTHER), voided(OTHER, 3)),
        ((OFFICIAL, voided(resolution=2)), lifting(), lifted(ONE, 3)),
        ((voided(),), lifting(), lifted(ONE, 2)),
        ((OFFICIAL,), voiding(final=True), voided(resolution=None)),
        ((OFFICIAL, voided(resolution=2)), lifting(final=True), lifted(ONE, applied=False)),
    ],
)
def test_each_void_and_each_end_of_one_is_a_new_resolution(
    history: tuple[Event, ...], command: Callable[[Settlement], Fact], event: Event
) -> None:
    """Before a result and after, whatever the bets; in a final week it is kept and settles nothing."""
    given(*history).when(command).then(event)


def test_settlement_without_a_word_is_settled_but_not_resolved() -> None:
    """Its void may be settled through; the game waits for its result all the same."""
    assert given().aggregate.is_settled
    assert not given(voided()).aggregate.is_settled
    done = given(voided(), CHUNK_1).when(lambda s: s.complete(resolution=1, staked=110)).then(DONE_1)
    assert (done.is_settled, done.is_resolved, done.settling, done.status) == (True, False, None, None)
    assert (done.cut, done.resolution, done.result(Game.blank(GAME), RULES)) == (1, 1, None)


def test_result_behind_a_void_settles_everything_anew() -> None:
    """With the bets that are void among them."""
    history = (voided(), CHUNK_1, DONE_1)
    said = given(*history).when(lambda s: s.record(word(), rules=RULES, final=False)).then(recorded(resolution=2))
    assert (said.cut, said.settled_to, said.is_settled, list(said.voids)) == (4, 0, False, [ONE])


def test_void_abandons_the_chunks_of_the_result() -> None:
    """A settler that was at work is overtaken, as by a newer result."""
    stale = given(OFFICIAL, CHUNK_1, voided(resolution=2))
    stale.when(lambda s: s.settle_chunk(resolution=1, from_=2, to=3, bets=1, paid=0)).raises(StaleChunk)
    stale.when(lambda s: s.complete(resolution=1, staked=110)).raises(StaleChunk)
    assert (stale.aggregate.cut, stale.aggregate.settled_to, stale.aggregate.status) == (3, 0, "final")


def outcome_of(*history: Event, position: int = 1, **terms: Any) -> Outcome | None:
    """What a bet of 110 on the home side comes to, placed at some position, a minute each."""
    listed = given_any(Game, game_scheduled(), stream=GAME).aggregate
    settlement = given(*history).aggregate
    placed = Fact(
        log="2026-W47",
        stream=UUID(int=0xE),
        version=3,
        event=stake_placed(**terms),
        actor="player",
        request="k1",
        position=position,
        recorded_at=recorded_at(position),
    )
    return settlement.outcome(placed, game=listed, grades=settlement.grades(listed, RULES))


RETURNED = Outcome("void", 110, "operator")
LOST, WON = Outcome("lost", 0), Outcome("won", 210)


@pytest.mark.parametrize(
    ("history", "outcome"),
    [
        ((), None),
        ((WAITING, voided()), RETURNED),
        ((WAITING, voided(market_id=MONEYLINE)), None),
        ((WAITING, voided(), OFFICIAL), RETURNED),
        ((WAITING, OFFICIAL), LOST),
        ((WAITING, recorded(41, 3)), WON),
        ((WAITING, OFFICIAL, voided(resolution=2)), RETURNED),
        ((WAITING, OFFICIAL, voided(resolution=2), lifted(ONE, 3)), LOST),
        ((WAITING, voided(), lifted(ONE, 2)), None),
        ((WAITING, voided(), voided(OTHER, 2), lifted(ONE, 3)), RETURNED),
        ((WAITING, OFFICIAL, voided(resolution=None)), LOST),
        ((WAITING, OFFICIAL, voided(resolution=2), lifted(ONE, applied=False)), RETURNED),
    ],
)
def test_bet_comes_to_what_the_rulings_that_stand_and_the_result_say(
    history: tuple[Event, ...], outcome: Outcome | None
) -> None:
    """A void that stands beats any result; without either, nothing is said of the bet."""
    assert outcome_of(*history) == outcome


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("selectors", "is_void"),
    [
        ({"bet_id": BET}, True),
        ({"bet_id": UUID(int=1)}, False),
        ({"market_id": SPREAD, "bet_id": BET}, True),
        ({"market_id": MONEYLINE, "bet_id": BET}, False),
        ({"placed_from": recorded_at(2)}, True),
        ({"placed_from": recorded_at(2) + MINUTE}, False),
        ({"placed_until": recorded_at(2)}, False),
        ({"placed_until": recorded_at(2) + MINUTE}, True),
        ({"market_id": SPREAD, "placed_from": recorded_at(1), "placed_until": recorded_at(3)}, True),
        ({"market_id": SPREAD, "placed_from": recorded_at(3), "placed_until": recorded_at(4)}, False),
    ],
)
def test_void_names_the_bets_that_fit_all_its_selectors(selectors: dict[str, Any], is_void: bool) -> None:
    """Market and bet by their ids, the time of the stake from an instant on and before another."""
    assert outcome_of(WAITING, WAITING, voided(**selectors), position=2) == (RETURNED if is_void else None)


def test_void_names_no_bet_that_is_placed_behind_it() -> None:
    """A market that opens again at right odds takes stakes that stand."""
    assert outcome_of(WAITING, WAITING, voided(), position=2) == RETURNED
    assert outcome_of(WAITING, WAITING, voided(), position=4) is None


def test_real_start_settles_again_only_what_has_a_result() -> None:
    """The word that settles is repeated; a void alone has none."""
    given(voided()).when(lambda s: s.reconsider()).then()
    given(OFFICIAL, voided(resolution=2)).when(lambda s: s.reconsider()).then(recorded(resolution=3))
