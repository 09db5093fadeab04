"""Disputes on a real log: a ruling is one append with its case's end, settled like any result, and applied once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from ledger import closing, disputing, paying, settling
from ledger.aggregate import LedgerError
from ledger.case import CaseNotOpen, PreviewOutdated, SecondOperatorNeeded, UnknownCase
from ledger.deciding import WeekSealed
from ledger.disputing import NothingChanges
from ledger.events import (
    BetLost,
    BetsVoided,
    BetWon,
    CaseClosed,
    GameLocked,
    PayoutCorrected,
    Regulation,
    ResultRecorded,
    RulingLifted,
    SettlementCompleted,
    StakeReturned,
)
from ledger.events import (
    WeekSealed as Sealed,
)
from ledger.facts import Fact
from ledger.game import UnknownGame, UnknownMarket
from ledger.ids import case_id
from ledger.proposal import Change
from ledger.rulings import UnsoundChange
from ledger.settlement import NothingToLift
from ledger.week import CaseOpen, WeekNotOver
from tests.examples import ENDS_AT, KICK_OFF, WEEK, change
from tests.ledger.desks import meanwhile
from tests.ledger.playing import PATIENCE, House, Listed
from tests.ledger.ruling import ANN, BOB, apply, approve, open_case, propose, resolution_of, rule

MOVEMENTS = (BetWon, BetLost, StakeReturned, PayoutCorrected)


@pytest.fixture
def entries(house: House) -> list[UUID]:
    """Three entries of a week that is drawn."""
    return house.grouped(3)


@pytest.fixture
def game(house: House, entries: list[UUID]) -> Listed:
    """A game with a bet of each entry on its home side, and one on the total."""
    game = house.list_game()
    for entry in entries:
        house.must_bet(entry, game)
    house.must_bet(entries[0], game, market="total", outcome="over", key="k2")
    return game


def on(game: Listed, kind: Any = "result", **fields: Any) -> Change:
    return change(kind, game_id=game.game_id, **fields)


def void(game: Listed, market: str = "spread") -> Change:
    return on(game, "void", market_id=game.market(market))


def head(house: House) -> int:
    return house.recorder().head().position


def topics(house: House, *, after: int) -> list[str]:
    return [fact.event.TOPIC for fact in house.facts()[after:]]


def test_ruling_stands_in_one_append_with_the_end_of_its_case(house: House, game: Listed) -> None:
    """The game's events, then the case's, all by the request that names the case; applied again, nothing happens."""
    case = open_case(house, game)
    assert case == case_id(WEEK, "open") == open_case(house, game)
    propose(house, case, on(game))
    before = head(house)
    answer = apply(house, case)
    assert [fact.event for fact in answer][1:] == [CaseClosed(outcome="applied")]
    facts = house.facts()[before:]
    assert [fact.event.TOPIC for fact in facts] == [
        "game.locked",
        "settlement.result_recorded",
        "case.applied",
        "case.closed",
    ]
    assert {(fact.actor, fact.request) for fact in facts} == {(ANN, f"case/{case}")}
    for again in (house, house.another()):
        assert [fact.token for fact in apply(again, case, actor=BOB)] == [fact.token for fact in answer]
    assert len({fact.recorded_at for fact in facts}) == 1
    assert head(house) == before + 4
    with pytest.raises(CaseNotOpen, match="'applied'"):
        propose(house, case, on(game), request="more")


def test_large_change_waits_for_a_second_operator(house: House, game: Listed) -> None:
    """Who proposed it cannot agree to it; a second process knows of the approval."""
    case = open_case(house, game)
    propose(house, case, on(game), needs_approval=True)
    other = house.another()
    with pytest.raises(SecondOperatorNeeded):
        apply(other, case)
    with pytest.raises(SecondOperatorNeeded):
        approve(house, case, actor=ANN)
    with pytest.raises(PreviewOutdated):
        approve(house, case, seen="another preview")
    assert approve(house, case).token == approve(house, case).token
    assert apply(other, case)[0].event.TOPIC == "case.applied"


def test_preview_is_outdated_once_something_else_settles_the_game(
    house: House, entries: list[UUID], game: Listed
) -> None:
    """Also where that is recorded between the decision and its append; it is then proposed anew."""
    case = open_case(house, game)
    propose(house, case, on(game))
    other = house.another()
    before = head(house)
    meanwhile(house.ledger.desk(WEEK), lambda: other.result(game, 35, 34))
    with pytest.raises(PreviewOutdated, match="resolution 0 of game"):
        apply(house, case)
    assert topics(house, after=before) == ["game.locked", "settlement.result_recorded"]
    propose(house, case, on(game, home_score=28, away_score=3), request="again")
    apply(house, case)
    house.settle(game)
    assert [house.available(entry) for entry in entries] == [990, 1090, 1090]
    house.audit()


def test_void_is_settled_on_where_a_crash_left_it(house: House, entries: list[UUID], game: Listed) -> None:
    """Before a result it returns the stakes that it names, once, and leaves the other bets and the game open."""
    case = rule(house, game, void(game), request="void")
    cut = head(house) - 2
    settled_to = house.settle_chunk(game, after=0, cut=cut, resolution=1, chunk=2)
    assert [house.available(entry) for entry in entries] == [900, 1000, 900]
    successor = house.another()
    progress = settling.progress(successor.ledger, week=WEEK, game_id=game.game_id).result(PATIENCE)
    assert (progress.resolution, progress.settled_to, progress.cut, progress.is_done) == (1, settled_to, cut, False)
    successor.settle(game, chunk=2)
    assert [house.available(entry) for entry in entries] == [900, 1000, 1000]
    assert [(event.bets, event.paid) for event in house.events(SettlementCompleted)] == [(3, 300)]
    assert [event.reason for event in house.events(StakeReturned)] == ["operator"] * 3
    house.must_bet(entries[1], game, key="behind the void")
    house.result(game, 35, 20)
    house.settle(game)
    assert [house.available(entry) for entry in entries] == [1095, 1090, 1000]
    # What a void returned stays so until there is a result without it.
    rule(house, game, on(game, "lift", lifts=case), request="lift")
    house.settle(game)
    assert [house.available(entry) for entry in entries] == [1185, 1180, 1090]
    assert [(event.case_id, event.resolution) for event in house.events(RulingLifted)] == [(case, 3)]
    with pytest.raises(NothingToLift):
        rule(house, game, on(game, "lift", lifts=case), request="lift again")
    house.audit()


def test_operators_correct_one_another_and_let_the_feed_count_again(
    house: House, entries: list[UUID], game: Listed
) -> None:
    """A, B, A and its release: each is a resolution, and the end is as if nothing had been said but the feed's word."""
    house.result(game, 20, 35)
    house.settle(game)
    before = [house.available(entry) for entry in entries]
    for number, (home, away) in enumerate([(35, 20), (20, 35), (35, 20)]):
        rule(house, game, on(game, home_score=home, away_score=away), request=f"word {number}")
        house.settle(game)
    assert [house.available(entry) for entry in entries] == [1185, 1090, 1090]
    with pytest.raises(NothingChanges):
        rule(house, game, on(game, home_score=35, away_score=20), request="the same again")
    rule(house, game, on(game, "lift"), request="release")
    house.settle(game)
    assert [house.available(entry) for entry in entries] == before
    said = [(event.source, event.revision, event.resolution) for event in house.events(ResultRecorded)]
    # The second word says what the feed says: it holds against the feed all the same.
    assert said == [("feed", 1, 1), ("operator", 1, 2), ("operator", 2, 3), ("operator", 3, 4), ("feed", 1, 5)]
    house.audit()


def test_real_start_makes_bets_late(house: House, entries: list[UUID], game: Listed) -> None:
    """A settled game is settled again, with the lock right before."""
    house.result(game, 35, 20)
    house.settle(game)
    placed = house.bets_on(game)[2].at
    before = head(house)
    house.clock.now = KICK_OFF
    rule(house, game, on(game, "start", started_at=placed), request="start")
    assert topics(house, after=before)[2:4] == ["game.locked", "settlement.result_recorded"]
    assert house.events(GameLocked)[-1].started_at == placed
    house.settle(game)
    assert {event.reason for event in house.events(PayoutCorrected)} == {"late"}
    with pytest.raises(NothingChanges):
        rule(house, game, on(game, "start", started_at=placed), request="start again")
    house.audit()


REFUSED: list[tuple[Callable[[Listed], Change], type[LedgerError], str]] = [
    (lambda game: change(game_id=UUID(int=7)), UnknownGame, "not listed"),
    (lambda game: void(Listed(game.game_id, "g1"), "first half"), UnknownMarket, "no market"),
    (lambda game: on(game, "void"), UnsoundChange, "names no bets"),
    (lambda game: on(game, "void", placed_until=ENDS_AT), UnsoundChange, "still to come"),
    (lambda game: on(game, "void", placed_from=KICK_OFF, placed_until=KICK_OFF), UnsoundChange, "no bet is placed"),
    (lambda game: on(game, market_id=game.market("total")), UnsoundChange, "no use for market_id"),
    (lambda game: on(game, status="postponed"), UnsoundChange, "'postponed'"),
    (lambda game: on(game, away_score=None), UnsoundChange, "needs home_score and away_score"),
    (lambda game: on(game, away_score=-1), UnsoundChange, "from 0 to"),
    (lambda game: on(game, away_score=2**63), UnsoundChange, "from 0 to"),
    (lambda game: on(game, regulation=Regulation(home=99, away=0)), UnsoundChange, "fewer points in the end"),
    (lambda game: on(game, "void", placed_from=ENDS_AT), UnsoundChange, "still to come"),
    (lambda game: on(game, status="cancelled"), UnsoundChange, "has no score"),
    (lambda game: on(game, "start"), UnsoundChange, "needs started_at"),
    (lambda game: on(game, "start", started_at=ENDS_AT), UnsoundChange, "still to come"),
]


def test_unsound_change_is_not_even_proposed(house: House, game: Listed) -> None:
    """Each refusal says what is wrong with it; nothing is written."""
    case = open_case(house, game)
    before = head(house)
    for what, error, text in REFUSED:
        with pytest.raises(error, match=text):
            propose(house, case, what(game), resolution=0)
    with pytest.raises(UnknownCase, match=str(game.game_id)):
        propose(house, game.game_id, on(game))
    assert head(house) == before
    assert house.must_bet(house.bets_on(game)[0].stream, game, key="and the board is whole").stake == 100


def closed_and_settled(house: House, game: Listed) -> None:
    house.result(game, 35, 20)
    house.settle(game)
    house.close_week()
    house.settle_week()


def test_open_case_keeps_the_week_from_becoming_final(house: House, game: Listed) -> None:
    """Unless an operator overrides it; what is ruled afterwards is kept and moves nothing."""
    closed_and_settled(house, game)
    case = open_case(house, game)
    propose(house, case, on(game))
    house.clock.now = ENDS_AT + timedelta(hours=24)
    with pytest.raises(CaseOpen, match=str(case)):
        house.finalise_week()
    house.finalise_week(override=True)
    voiding = open_case(house, game, request="another")
    propose(house, voiding, void(game), request="another")
    before = head(house)
    for each in (case, voiding):
        assert apply(house, each)[1].event == CaseClosed(outcome="recorded")
    assert topics(house, after=before) == [
        "settlement.result_recorded",
        "case.applied",
        "case.closed",
        "settlement.bets_voided",
        "case.applied",
        "case.closed",
    ]
    kept = [event for event in house.events(ResultRecorded, BetsVoided) if not event.applied]
    assert [event.resolution for event in kept] == [None, None]
    assert resolution_of(house, game.game_id) == 1
    assert settling.progress(house.ledger, week=WEEK, game_id=game.game_id).result(PATIENCE).is_done
    house.audit()


def test_nothing_is_written_behind_the_seal(house: House, game: Listed) -> None:
    """Whatever the command, also by a process that has not heard of it; what was answered before is answered again."""
    closed_and_settled(house, game)
    stale = house.another()
    assert resolution_of(stale, game.game_id) == 1
    with pytest.raises(WeekNotOver):
        seal(house)
    house.finalise_week(override=True)
    case = open_case(house, game)
    with pytest.raises(CaseOpen):
        seal(house)
    disputing.close_case(
        house.ledger, week=WEEK, case_id=case, outcome="all is well", actor=ANN, request="close"
    ).result(PATIENCE)
    sealed = seal(house)
    assert sealed.token == seal(house).token == house.facts()[-1].token
    for process in (stale, house):
        for command in (
            lambda process=process: process.result(game, 20, 35, revision=2),
            lambda process=process: open_case(process, game, request="too late"),
            lambda process=process: purchase_refused(process),
        ):
            with pytest.raises(WeekSealed, match=sealed.token):
                command()
    assert isinstance(house.facts()[-1].event, Sealed)
    assert house.finalise_week().event.TOPIC == "week.finalised"
    assert open_case(house, game) == case


def seal(house: House) -> Fact:
    return closing.seal_week(house.ledger, week=WEEK, actor=ANN, request="seal")


def purchase_refused(house: House) -> Fact:
    """A command that does not look at the week."""
    return paying.refuse(
        house.ledger, week=WEEK, payment_id=UUID(int=9), kind="week_pass", reason="late", request="webhook"
    )
