"""A week's log in which operators keep cases, written fact by fact."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from ledger import events
from ledger.ids import case_id, settlement_stream
from ledger.proposal import Change, Effect, Proposal
from tests.projections.book import Book

EFFECT = Effect(bets=2, moved=190, paid_before=190, paid_after=0, below_zero=0, ranks=2, prizes=0)
ANN, BEN = "operator:ann", "operator:ben"


class CaseBook(Book):
    """A book in which operators keep cases."""

    def case(self, name: str, subject: str, reason: str = "the score was wrong") -> UUID:
        """Open a case; returns its id."""
        case = case_id(self.log, name)
        self.by(ANN, case, events.CaseOpened(case_id=case, reason=reason, subject=subject))
        return case

    def by(self, actor: str, stream: UUID, event: events.Event, *, request: str = "r") -> int:
        """Write an event of an actor; returns its position."""
        fact = self.add(stream, event)
        fact.actor, fact.request = actor, request
        return fact.position

    def propose(self, case: UUID, change: Change, *, needs_approval: bool = True) -> None:
        proposal = Proposal(change=change, effect=EFFECT, needs_approval=needs_approval, resolution=1)
        self.by(ANN, case, events.CaseProposed(change=proposal.text, preview_hash="a0"))

    def rule(self, case: UUID, stream: UUID, event: events.Event) -> int:
        return self.by(ANN, stream, event, request=f"case/{case}")

    def conclude(self, case: UUID, outcome: str = "applied") -> None:
        self.rule(case, case, events.CaseApplied())
        self.rule(case, case, events.CaseClosed(outcome=outcome))


def correction(game: UUID, home: int = 20, away: int = 21) -> Change:
    return Change(kind="result", game_id=game, status="final", home_score=home, away_score=away)


def record(game: UUID, *, resolution: int | None, home: int = 20, away: int = 21, applied: bool = True) -> events.Event:
    return events.ResultRecorded(
        applied=applied,
        away_score=away,
        certainty="official",
        game_id=game,
        home_score=home,
        regulation=None,
        resolution=resolution,
        revision=0,
        source="operator",
        status="final",
    )


def voided(game: UUID, case: UUID, *, resolution: int | None) -> events.BetsVoided:
    return events.BetsVoided(
        applied=resolution is not None,
        bet_id=None,
        case_id=case,
        game_id=game,
        market_id=None,
        placed_from=None,
        placed_until=None,
        resolution=resolution,
    )


def lifted(game: UUID, case: UUID | None, *, resolution: int | None) -> events.RulingLifted:
    return events.RulingLifted(applied=True, case_id=case, game_id=game, resolution=resolution)


def random_cases(moves: Sequence[tuple[int, int, int]]) -> CaseBook:
    """A log of cases about two games that takes each `move` (what, on which of them, how much) as far as it can."""
    book = CaseBook()
    games = [book.list_game("one"), book.list_game("two")]
    cases: list[UUID] = []
    for number, (what, which, much) in enumerate(moves):
        game, stream = games[much % 2], settlement_stream(games[much % 2])
        case = cases[which % len(cases)] if cases else None
        match what % 6, case:
            case 0 | 1, None:
                cases.append(book.case(str(number), (f"game:{game}", "week:2026-W47")[which % 2]))
            case 1, UUID():
                book.propose(case, correction(game, home=much), needs_approval=which % 2 > 0)
            case 2, UUID():
                book.by(BEN, case, events.CaseApproved())
            case 3, UUID():
                book.rule(case, game, events.GameLocked(started_at=None, why="result"))
                book.rule(case, stream, record(game, resolution=number or None, home=much))
                book.conclude(case)
                cases.remove(case)
            case 4, UUID():
                book.rule(case, stream, voided(game, case, resolution=number or None))
            case 5, _:
                book.rule(case or UUID(int=3), stream, lifted(game, None, resolution=None))
    return book
