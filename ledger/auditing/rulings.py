"""Rulings: what operators have count in a game was proposed in a case, and is what that comes to.

What was proposed is carried out once more, by the code that did, on copies of the game and its settlement as they
stood before. A ruling stands in one append with the end of its case, which the request of all its events names.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias
from uuid import UUID

from ledger.aggregate import Aggregate, Context, LedgerError
from ledger.auditing.board import Board
from ledger.auditing.cases import Cases
from ledger.auditing.findings import Check, Finding
from ledger.auditing.results import Results
from ledger.events import BetsVoided, CaseApplied, Event, GameLocked, ResultRecorded, RulingLifted
from ledger.facts import Fact
from ledger.game import Game
from ledger.ids import settlement_stream
from ledger.rulings import carry_out, require_sound
from ledger.settlement import OPERATOR, Settlement

_OPERATOR: Final = "operator:"
_Ruling: TypeAlias = GameLocked | ResultRecorded | BetsVoided | RulingLifted


@dataclass(frozen=True, slots=True)
class _Append:
    """The rulings of an append, and its game and settlement as they stood before."""

    facts: list[Fact]
    game: Game
    settlement: Settlement

    def goes_on_with(self, fact: Fact) -> bool:
        """Say whether a fact is the next of the append."""
        last = self.facts[-1]
        return (fact.position, fact.request) == (last.position + 1, last.request)


class Rulings(Check):
    """Holds rulings against cases. It stands in front of the board and of what folds results."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (GameLocked, ResultRecorded, BetsVoided, RulingLifted, CaseApplied)

    def __init__(self, board: Board, results: Results, cases: Cases) -> None:
        self._board = board
        self._results = results
        self._cases = cases
        self._append: _Append | None = None

    def take(self, fact: Fact) -> Iterator[Finding]:
        """Take the next event."""
        if self._append is not None and not self._append.goes_on_with(fact):
            yield from self.end()
            self._append = None
        event = fact.event
        if isinstance(event, CaseApplied):
            append, self._append = self._append, None
            yield from (Finding("case", at.token, text) for at, text in self._applied(fact, append))
            return
        assert isinstance(event, GameLocked | ResultRecorded | BetsVoided | RulingLifted)
        game = self._board.game(fact.stream if isinstance(event, GameLocked) else event.game_id)
        if game is None or not self._rules(fact, event, game):
            return
        if not fact.actor.startswith(_OPERATOR):
            yield Finding("case", fact.token, f"is a ruling by {fact.actor}, who is no operator")
        if self._append is None:
            self._append = _Append([], deepcopy(game), deepcopy(self._settlement(game.id)))
        self._append.facts.append(fact)

    def end(self) -> Iterator[Finding]:
        """Return the rulings that were never applied by a case."""
        if self._append is not None:
            yield Finding("case", self._append.facts[0].token, "is an operator's ruling that no case.applied follows")

    def _rules(self, fact: Fact, event: _Ruling, game: Game) -> bool:
        """Say whether an event is a ruling, or part of one."""
        by_operator = fact.actor.startswith(_OPERATOR)
        if by_operator and fact.request.startswith("case/"):
            return True
        if isinstance(event, GameLocked):
            return by_operator and event.started_at != game.started_at
        if isinstance(event, ResultRecorded):
            return event.source == OPERATOR and not self._results.is_said_again(fact, event)
        return True

    def _applied(self, fact: Fact, append: _Append | None) -> Iterator[tuple[Fact, str]]:
        """Carry out what was proposed, and yield how the log differs from what that comes to."""
        proposal, final = self._cases.proposal(fact.stream), self._board.week.finalised is not None
        if proposal is None:
            return
        change = proposal.change
        game = append.game if append is not None else deepcopy(self._board.game(change.game_id))
        if fact.request != f"case/{fact.stream}":
            yield fact, f"applies case {fact.stream} by request {fact.request!r}"
        if game is None or game.id != change.game_id:
            yield fact, f"applies a change of game {change.game_id}, which the rulings before it are not of"
            return
        settlement = append.settlement if append is not None else deepcopy(self._settlement(game.id))
        if proposal.resolution != settlement.resolution:
            stands = f"the game stands at {settlement.resolution}"
            yield fact, f"applies what was proposed on resolution {proposal.resolution}, {stands}"
        _ask(game, settlement, context=Context(log=fact.log, actor=fact.actor, request=fact.request))
        try:
            require_sound(change, game=game, at=fact.at)
            due = carry_out(
                change,
                case_id=fact.stream,
                game=game,
                settlement=settlement,
                rules=self._board.week.rules,
                final=final,
            )
        except LedgerError as refusal:
            yield fact, f"applies what cannot be: {refusal}"
            return
        yield from _differences(fact, append.facts if append is not None else [], due, final=final)

    def _settlement(self, game: UUID) -> Settlement:
        settled = self._results.of_game(game)
        return Settlement.blank(settlement_stream(game)) if settled is None else settled.settlement


def _differences(applied: Fact, found: list[Fact], due: list[Fact], *, final: bool) -> Iterator[tuple[Fact, str]]:
    """Hold the rulings of an append against what its proposal comes to."""
    if not due and not final:
        yield applied, "applies a change that changes nothing"
    for fact, expected in zip(found, due, strict=False):
        if (fact.stream, fact.event) != (expected.stream, expected.event):
            yield fact, f"rules {fact.event}; what was proposed is {expected.event}"
            return
    if len(found) < len(due):
        yield (found[-1] if found else applied), f"is not followed by {due[len(found)].event}, as was proposed"
    elif len(found) > len(due):
        yield found[len(due)], f"rules {found[len(due)].event}, which was not proposed"


def _ask(*aggregates: Aggregate, context: Context) -> None:
    for aggregate in aggregates:
        aggregate.context = context
