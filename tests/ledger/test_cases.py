"""What operators do by hand is noted with the act, in its append, once; in every log, the office's too."""

from __future__ import annotations

from typing import Any

import pytest

from ledger import closing, drawing
from ledger.account import KeyReused
from ledger.case import ReasonNeeded, UnknownSubject
from ledger.cases import note_act
from ledger.events import CaseClosed, CaseOpened
from ledger.facts import Fact
from ledger.ids import OFFICE, case_id
from ledger.rules import Prize, Rules
from ledger.week import WeekNotOver
from tests.examples import ENDS_AT, STARTS_AT, WEEK
from tests.ledger.playing import PATIENCE, House

ANN = "operator:ann"
BY_HAND: dict[str, Any] = {"week": WEEK, "actor": ANN, "reason": "the clock's run failed"}
FOR_PRIZES = Rules(prizes=(Prize(amount_cents=500, rank=1),))


def acts(house: House, log: str = WEEK) -> list[tuple[str, str]]:
    """Subject and outcome of each case of a log, in which exactly two things happened."""
    facts = [fact for fact in house.facts(log) if isinstance(fact.event, CaseOpened | CaseClosed)]
    opened, closed = [fact.event for fact in facts[::2]], [fact.event for fact in facts[1::2]]
    return [(one.subject, other.outcome) for one, other in zip(opened, closed, strict=True)]  # type: ignore[attr-defined]


def last_topics(house: House, count: int) -> list[str]:
    return [fact.event.TOPIC for fact in house.facts()[-count:]]


def test_week_led_by_hand_says_why(house: House) -> None:
    """From its opening to its end each act is noted right behind it; what had been done before is not noted again."""
    drawing.open_week(house.ledger, rules=FOR_PRIZES, request="open", **BY_HAND)
    assert last_topics(house, 3) == ["week.opened", "case.opened", "case.closed"]
    entries = [house.enrol(player) for player in (case_id(WEEK, "one"), case_id(WEEK, "two"))]
    house.clock.now = STARTS_AT
    drawing.draw(house.ledger, request="draw", **BY_HAND)
    assert last_topics(house, 3) == ["week.grouped", "case.opened", "case.closed"]
    game = house.list_game()
    house.must_bet(entries[0], game)
    house.result(game, 35, 20)
    house.settle(game)
    house.clock.now = ENDS_AT
    closing.close_week(house.ledger, request="close", **BY_HAND).result(PATIENCE)
    closing.settle_week(house.ledger, request="settle", **BY_HAND)
    final = closing.finalise_week(house.ledger, request="final", override=True, **BY_HAND)
    # Readers of the log find the prizes right behind the week's end.
    assert last_topics(house, 4) == ["week.finalised", "account.prize_awarded", "case.opened", "case.closed"]
    done = ["week.opened", "week.grouped", "week.closed", "week.settled", "week.finalised"]
    assert acts(house) == [(f"week:{WEEK}", topic) for topic in done]
    for request in ("final", "another"):
        again = closing.finalise_week(house.ledger, request=request, override=True, **BY_HAND)
        assert again.token == final.token
    closing.close_week(house.ledger, request="close again", **BY_HAND).result(PATIENCE)
    assert len(acts(house)) == len(done)
    house.audit()


def test_act_that_is_refused_is_not_noted(house: House) -> None:
    """Nor is anything done without a reason."""
    with pytest.raises(ReasonNeeded):
        drawing.open_week(house.ledger, rules=Rules(), request="open", **BY_HAND | {"reason": " "})
    assert house.facts() == []
    house.open_week()
    with pytest.raises(WeekNotOver):
        closing.close_week(house.ledger, request="close", **BY_HAND).result(PATIENCE)
    assert acts(house) == []


def test_act_that_is_no_event_is_noted_once(house: House) -> None:
    """By its request, in any log; by another process it is found again, and a new book knows it."""
    house.open_week()
    before = len(acts(house, OFFICE))

    def note(house: House, **changes: Any) -> Fact:
        asked: dict[str, Any] = {"subject": "projection:all", "reason": "rows were wrong", "outcome": "rebuilt"}
        asked |= {"log": OFFICE, "actor": ANN, "request": "rebuild 1"}
        return note_act(house.ledger, **asked | changes).result(PATIENCE)

    first = note(house)
    assert first.stream == case_id(OFFICE, "rebuild 1")
    for process in (house, house.another()):
        assert note(process, outcome="took longer").token == first.token
    with pytest.raises(KeyReused):
        note(house, reason="another reason")
    with pytest.raises(UnknownSubject):
        note(house, subject="everything", request="rebuild 2")
    assert acts(house, OFFICE)[before:] == [("projection:all", "rebuilt")]
