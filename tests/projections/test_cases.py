"""Cases."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from ledger import events
from ledger.aggregate import Context
from ledger.case import Case as LedgerCase
from ledger.datastore import Datastore
from ledger.ids import case_id, settlement_stream
from ledger.proposal import Change
from projections.cases import Case, Cases, CasesProjection
from tests.projections.book import fold
from tests.projections.case_book import ANN, BEN, EFFECT, CaseBook, correction, lifted, record, voided
from tests.projections.conftest import Project


def row_of(book: CaseBook, case: UUID) -> Case:
    return fold(CasesProjection(), book.facts).all(Case)[case]


def said(text: str | None) -> tuple[str | None, int, int] | None:
    """Who said what, of what settles a game."""
    word = None if text is None else json.loads(text)
    return None if word is None else (word["source"], word["home_score"], word["away_score"])


def test_a_case_goes_from_its_reason_to_its_ruling() -> None:
    """Each step leaves who and when; what settled the game before and after stands beside it."""
    book = CaseBook()
    game = book.list_game("one")
    book.result(game)
    case = book.case("one", f"game:{game}")
    opened = row_of(book, case)
    assert (opened.state, opened.subject, opened.reason) == ("open", f"game:{game}", "the score was wrong")
    assert (opened.opened_by, opened.opened_at, opened.game_id) == (ANN, book.facts[-1].at, game)
    book.propose(case, correction(game))
    proposed = row_of(book, case)
    assert (proposed.state, proposed.proposed_by, proposed.preview_hash) == ("proposed", ANN, "a0")
    assert (proposed.needs_approval, proposed.resolution) == (True, 1)
    assert json.loads(proposed.effect or "")["moved"] == EFFECT.moved
    assert proposed.change == correction(game).text
    book.by(BEN, case, events.CaseApproved())
    assert (row_of(book, case).state, row_of(book, case).approved_by) == ("approved", BEN)
    book.rule(case, game, events.GameLocked(started_at=None, why="result"))
    ruling = book.rule(case, settlement_stream(game), record(game, resolution=2))
    book.conclude(case)
    row = row_of(book, case)
    assert (row.state, row.outcome, row.applied_by, row.closed_by) == ("applied", "applied", ANN, ANN)
    assert (row.ruling_position, row.ruling_resolution) == (ruling, 2)
    assert (said(row.before), said(row.after)) == (("feed", 21, 20), ("operator", 20, 21))
    assert row.position == len(book.facts)


def test_a_new_proposal_takes_the_place_of_the_approved_one() -> None:
    """The approval was of something else, and the case waits for another."""
    book = CaseBook()
    game = book.list_game("one")
    case = book.case("one", f"game:{game}")
    book.propose(case, correction(game))
    book.by(BEN, case, events.CaseApproved())
    book.propose(case, correction(game, home=3), needs_approval=False)
    row = row_of(book, case)
    assert (row.state, row.needs_approval, row.approved_by, row.approved_at) == ("proposed", False, None, None)
    assert row.change == correction(game, home=3).text


def test_an_act_that_is_noted_is_a_case_from_open_to_closed() -> None:
    """It is over at once, without a change, and concerns no game."""
    book = CaseBook()
    ledger_case = LedgerCase.blank(case_id(book.log, "rebuild"))
    ledger_case.context = Context(log=book.log, actor=ANN, request="rebuild")
    ledger_case.open(subject="projection:bets", reason="a bug")
    ledger_case.close(outcome="rebuilt")
    for fact in list(ledger_case.collect_events()):
        book.add(ledger_case.id, fact.event)  # type: ignore[attr-defined]
    row = row_of(book, ledger_case.id)
    assert (row.state, row.outcome, row.game_id, row.change, row.applied_at) == ("closed", "rebuilt", None, None, None)
    assert row.closed_at == row.opened_at or row.position == 2


def test_a_void_before_any_result_shows_that_nothing_settled_the_game() -> None:
    """Its ruling is that of the resolution; what the result is later does not change the case."""
    book = CaseBook()
    game = book.list_game("one")
    case = book.case("one", f"market:{UUID(int=5)}")
    assert row_of(book, case).game_id is None
    book.propose(case, Change(kind="void", game_id=game, market_id=UUID(int=5)))
    assert row_of(book, case).game_id == game
    ruling = book.rule(case, settlement_stream(game), voided(game, case, resolution=1))
    book.conclude(case)
    book.result(game, resolution=2)
    row = row_of(book, case)
    assert (row.before, row.after, row.ruling_position, row.ruling_resolution) == (None, None, ruling, 1)


def test_a_released_result_shows_whose_word_counts_again() -> None:
    """The ruling is the record that brought the resolution, behind the event that released the operator's word."""
    book = CaseBook()
    game = book.list_game("one")
    book.result(game)
    first = book.case("one", f"game:{game}")
    book.rule(first, settlement_stream(game), record(game, resolution=2))
    book.conclude(first)
    second = book.case("two", f"game:{game}")
    book.rule(second, settlement_stream(game), lifted(game, None, resolution=None))
    again = book.result(game, resolution=3)
    again.request = f"case/{second}"
    book.conclude(second)
    row = row_of(book, second)
    assert (said(row.before), said(row.after)) == (("operator", 20, 21), ("feed", 21, 20))
    assert (row.ruling_position, row.ruling_resolution) == (again.position, 3)


def test_a_result_released_to_one_that_says_the_same_has_no_operator_behind_it() -> None:
    """Nothing is recorded again, and the score stands without the operator's name."""
    book = CaseBook()
    game = book.list_game("one")
    first = book.case("one", f"game:{game}")
    book.rule(first, settlement_stream(game), record(game, resolution=1))
    second = book.case("two", f"game:{game}")
    released = book.rule(second, settlement_stream(game), lifted(game, None, resolution=None))
    book.conclude(second)
    row = row_of(book, second)
    assert (said(row.before), said(row.after)) == (("operator", 20, 21), (None, 20, 21))
    assert (row.ruling_position, row.ruling_resolution) == (released, None)


def test_a_ruling_of_a_final_week_is_recorded_and_changes_nothing() -> None:
    """What settled the game stays, and the outcome says that it was recorded."""
    book = CaseBook()
    game = book.list_game("one")
    book.result(game)
    case = book.case("one", f"game:{game}")
    ruling = book.rule(case, settlement_stream(game), record(game, resolution=None, applied=False))
    book.conclude(case, outcome="recorded")
    row = row_of(book, case)
    assert (row.state, row.outcome, row.ruling_position, row.ruling_resolution) == ("applied", "recorded", ruling, None)
    assert said(row.before) == said(row.after) == ("feed", 21, 20)


@pytest.mark.parametrize("request_", ["case/nobody", f"case/{UUID(int=7)}", "message 1"])
def test_a_request_that_names_no_case_is_nobodys_ruling(request_: str) -> None:
    """Whatever a feed calls its messages."""
    book = CaseBook()
    game = book.list_game("one")
    book.case("one", f"game:{game}")
    book.by("feed:feed", settlement_stream(game), record(game, resolution=1), request=request_)
    [row] = fold(CasesProjection(), book.facts).all(Case).values()
    assert (row.state, row.ruling_position) == ("open", None)


def test_readers_page_through_cases_newest_first(datastore: Datastore, project: Project) -> None:
    """By week, state and game, on from a place and back from it; and each case by its id or its ruling."""
    books = [CaseBook("2026-W47"), CaseBook("2026-W48")]
    opened = []
    for book in books:
        games = [book.list_game(name) for name in ("one", "two")]
        opened += [book.case(str(number), f"game:{games[number % 2]}") for number in range(3)]
        ruling = book.rule(opened[-1], settlement_stream(games[0]), record(games[0], resolution=1))
        book.conclude(opened[-1])
        project(book)
    cases = Cases(datastore)
    by_age = sorted((cases.case(each) for each in opened), key=lambda row: (row.opened_at, row.case_id))  # type: ignore[union-attr]
    newest = by_age[::-1]
    assert cases.cases() == newest
    assert cases.cases(limit=2) == newest[:2]
    place = (newest[1].opened_at, newest[1].case_id)  # type: ignore[union-attr]
    assert cases.cases(place=place, limit=2) == newest[2:4]
    assert cases.cases(place=place, is_back=True) == newest[:1]
    assert {row.case_id for row in cases.cases(week="2026-W48")} == set(opened[3:])
    assert {row.case_id for row in cases.cases(state="applied")} == {opened[2], opened[5]}
    assert {row.case_id for row in cases.cases(game_id=games[0])} == {opened[3], opened[5]}
    [ruled] = cases.cases_of_rulings("2026-W48", [1, ruling])
    assert ruled.case_id == opened[5]
    assert cases.case(UUID(int=9)) is None
