"""Rulings amid what the feed says and the clock does: settled like results, holding up what they should and no more."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from ledger import disputing
from ledger.events import (
    BetsVoided,
    ResultRecorded,
    RulingLifted,
    SettlementCompleted,
    StakeReturned,
    WeekFinalised,
    WeekSettled,
)
from ledger.ids import market_id
from ledger.proposal import Change, ChangeKind
from tests.examples import proposal
from tests.feeds.conftest import MakeWeek
from tests.feeds.small_week import ENDS_AT, WEEK, SmallWeek, at
from tests.feeds.test_settler import CHUNK, Killed, watched

ANN = "operator:ann"
KICK_OFF = at("Thu 20:15")
DEADLINE = ENDS_AT + timedelta(hours=36)


def open_case(week: SmallWeek, name: str, request: str) -> UUID:
    subject = f"game:{week.listing(name).game_id}"
    return (
        disputing.open_case(
            week.ledger, week=WEEK, subject=subject, reason="players complain", actor=ANN, request=request
        )
        .result()
        .stream
    )


def rule(week: SmallWeek, name: str, kind: ChangeKind, request: str, **fields: object) -> UUID:
    """Open a case on a game, propose a change and apply it; returns the case."""
    game = week.listing(name).game_id
    case_id = open_case(week, name, request)
    desk = week.ledger.desk(WEEK)
    resolution = desk.ask(lambda on: on.settlement(game).resolution, actor="test", request="look").result()
    what = proposal(Change(kind=kind, game_id=game, **fields), resolution=resolution)  # type: ignore[arg-type]
    disputing.propose(
        week.ledger, week=WEEK, case_id=case_id, proposal=what, preview_hash="p", actor=ANN, request=request
    ).result()
    disputing.apply(week.ledger, week=WEEK, case_id=case_id, actor=ANN).result()
    return case_id


def spread(week: SmallWeek, name: str) -> UUID:
    return market_id(week.listing(name).game_id, "spread")


def test_a_void_without_a_result_is_settled_and_taken_up_by_the_next_settler(week: SmallWeek) -> None:
    """It goes on behind the chunk at which the first one ended; so does the end of a void, which moves nothing yet."""
    week.listed("g1")
    wrong = [week.bet("ann", "g1", "spread", "home", 10) for _ in range(5)]
    right = week.bet("bob", "g1", "total", "over", 10)
    case_id = rule(week, "g1", "void", "void", market_id=spread(week, "g1"))

    def dies(step: int) -> None:
        if step == 2:
            raise Killed

    with pytest.raises(Killed):
        watched(week, dies).step()
    assert len(week.events(StakeReturned)) == CHUNK
    assert week.new_settler(CHUNK).step() == 1
    assert [week.outcome(bet) for bet in wrong] == [("void", "operator", 10)] * 5
    assert week.outcome(right) == ("placed", None, None)
    assert [(each.bets, each.paid) for each in week.events(SettlementCompleted)] == [(5, 50)]
    assert (week.settler.step(), week.new_settler().step()) == (0, 0)
    rule(week, "g1", "lift", "lift", lifts=case_id)
    assert week.new_settler().step() == 1
    week.clock.set(KICK_OFF)
    week.result("g1", 27, 20)
    week.react()
    assert [week.outcome(bet) for bet in wrong] == [("won", None, 19)] * 5
    assert [each.resolution for each in week.events(ResultRecorded)] == [3]
    assert [each.resolution for each in week.events(BetsVoided)] == [1]
    assert [each.resolution for each in week.events(RulingLifted)] == [2]
    week.play_out()


def test_a_game_of_which_only_a_void_is_known_waits_for_its_deadline(make_week: MakeWeek) -> None:
    """The void neither ends the game for the clock nor holds the week up; the deadline returns the other bets."""
    week = make_week()
    week.begin("ann", "bob")
    week.listed("g1")
    wrong, right = (week.bet(player, "g1", "total", "over", 10) for player in ("ann", "bob"))
    rule(week, "g1", "void", "void", bet_id=wrong)
    week.live_until(DEADLINE - timedelta(seconds=1))
    assert week.outcome(wrong) == ("void", "operator", 10)
    assert week.outcome(right) == ("placed", None, None)
    assert week.events(WeekSettled) == []
    week.live_until(DEADLINE)
    assert week.outcome(wrong) == ("void", "operator", 10)
    assert week.outcome(right) == ("void", "no_result", 10)
    assert len(week.events(WeekSettled)) == 1
    # A void of a settled week is settled through, and the week settled again, before it may be final.
    rule(week, "g1", "void", "another", bet_id=right)
    week.react()
    assert len(week.events(WeekSettled)) == 2
    open_one = open_case(week, "g1", "open")
    week.live_until(ENDS_AT + timedelta(hours=80))
    assert (week.state(), week.deadlines.tick()) == ("settled", 0)
    disputing.close_case(
        week.ledger, week=WEEK, case_id=open_one, outcome="all is well", actor=ANN, request="close"
    ).result()
    week.react()
    assert len(week.events(WeekFinalised)) == 1
    week.audit()
