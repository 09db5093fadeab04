"""Cases: what operators disputed or did, why, who agreed, and what settled the game before and after."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from ledger.events import (
    BetsVoided,
    CaseApplied,
    CaseApproved,
    CaseClosed,
    CaseOpened,
    CaseProposed,
    GameLocked,
    Regulation,
    ResultRecorded,
    RulingLifted,
)
from ledger.facts import Fact, canonical, read_as
from ledger.proposal import Proposal
from projections.projection import Key, Projection
from projections.rows import Row, Rows
from projections.view import View

Place = tuple[datetime, UUID]
Ruling = ResultRecorded | BetsVoided | RulingLifted | GameLocked
_ID: Final = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_RULING: Final = re.compile(f"case/{_ID}")
_GAME: Final = re.compile(f"game:{_ID}")


class SettledBy(msgspec.Struct, frozen=True, kw_only=True):
    """What settles a game. `source` is None where the operator's word was released and another one says the same."""

    away_score: int | None
    certainty: str
    home_score: int | None
    regulation: Regulation | None
    source: str | None
    status: str


class Case(Row, frozen=True):
    """A case. `state`: open, proposed, approved, applied (its change was carried out) or closed (without one).

    `opened_by` and the like are actors, `operator:<id>`; `position` is that of the case's last event. What was
    proposed last stands in `change` and `effect`, each the canonical JSON of the struct of that name in
    `ledger.proposal`, and `resolution` is the game's that it was previewed on. A case about a game has its `game_id`
    from its subject or its change.

    `ruling_position` and `ruling_resolution` are those of the event that carried the change out and, where it brought
    a new resolution, settles by it: payouts name that position as their cause. `before` and `after` are what settled
    the game around it, each the canonical JSON of a `SettledBy`, null where nothing did.
    """

    TABLE: ClassVar[str] = "cases"
    KEY: ClassVar[str] = "case_id"

    log: str
    case_id: UUID
    subject: str
    reason: str
    state: str
    opened_at: datetime
    opened_by: str
    position: int
    game_id: UUID | None = None
    change: str | None = None
    effect: str | None = None
    resolution: int | None = None
    needs_approval: bool | None = None
    preview_hash: str | None = None
    proposed_at: datetime | None = None
    proposed_by: str | None = None
    approved_at: datetime | None = None
    approved_by: str | None = None
    ruling_position: int | None = None
    ruling_resolution: int | None = None
    before: str | None = None
    after: str | None = None
    applied_at: datetime | None = None
    applied_by: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    outcome: str | None = None


class SettledGame(Row, frozen=True):
    """What settles a game, remembered for the case that changes it: `settled` is the JSON of a `SettledBy`."""

    TABLE: ClassVar[str] = "settled_games"
    KEY: ClassVar[str] = "game_id"

    log: str
    game_id: UUID
    settled: str


class CasesProjection(Projection):
    """Folds `case.*`, and of a game's events what a case brought about or changes."""

    name = "cases"
    tables = (Case, SettledGame)
    FOLDS = (
        CaseOpened,
        CaseProposed,
        CaseApproved,
        CaseApplied,
        CaseClosed,
        ResultRecorded,
        BetsVoided,
        RulingLifted,
        GameLocked,
    )

    def keys(self, fact: Fact) -> Iterator[Key]:
        """The case, which a ruling names by its request, and what settles the game."""
        match fact.event:
            case CaseProposed() | CaseApproved() | CaseApplied() | CaseClosed():
                yield Case, fact.stream
            case ResultRecorded() | BetsVoided() | RulingLifted() | GameLocked() as event:
                case_id = case_of(fact)
                if case_id is not None:
                    yield Case, case_id
                if case_id is not None or not isinstance(event, GameLocked):
                    yield SettledGame, _game_of(fact, event)

    def apply(self, rows: Rows, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case CaseOpened() as event:
                rows.add(_opened(fact, event))
            case CaseProposed() as event:
                _propose(rows, fact, event)
            case CaseApproved():
                _change(rows, fact, state="approved", approved_at=fact.at, approved_by=fact.actor)
            case CaseApplied():
                _change(rows, fact, state="applied", applied_at=fact.at, applied_by=fact.actor)
            case CaseClosed(outcome=outcome):
                was = rows.need(Case, fact.stream)
                state = "applied" if was.applied_at is not None else "closed"
                _change(rows, fact, state=state, closed_at=fact.at, closed_by=fact.actor, outcome=outcome)
            case ResultRecorded() | BetsVoided() | RulingLifted() | GameLocked() as event:
                _settle(rows, fact, event)


class Cases(View):
    """What readers ask of cases."""

    NAME = "cases"

    def case(self, case_id: UUID) -> Case | None:
        """Return a case by id."""
        return self._one("case", Case, case_id=case_id)

    def cases(
        self,
        *,
        week: str | None = None,
        state: str | None = None,
        game_id: UUID | None = None,
        place: Place | None = None,
        is_back: bool = False,
        limit: int = 50,
    ) -> list[Case]:
        """Return some cases: from behind a place (`opened_at` and id) on, newest first.

        With `is_back` those before it, the nearest first. `week` is the name of a log: those that concern no week are
        in `office`.
        """
        opened_at, case_id = place or (None, None)
        return self._all(
            "cases",
            Case,
            week=week,
            state=state,
            game_id=game_id,
            opened_at=opened_at,
            case_id=case_id,
            is_back=is_back,
            limit=limit,
        )

    def cases_of_rulings(self, log: str, positions: Sequence[int]) -> list[Case]:
        """Return the cases whose rulings stand at some positions, in that order: why those payouts changed."""
        return self._all("cases_of_rulings", Case, log=log, positions=list(positions))


def case_of(fact: Fact) -> UUID | None:
    """Return the case that brought an event of a game about, by its request; None for all others."""
    named = _RULING.fullmatch(fact.request)
    return None if named is None else UUID(named[1])


def _opened(fact: Fact, event: CaseOpened) -> Case:
    game = _GAME.fullmatch(event.subject)
    return Case(
        log=fact.log,
        case_id=event.case_id,
        subject=event.subject,
        reason=event.reason,
        state="open",
        opened_at=fact.at,
        opened_by=fact.actor,
        position=fact.position,
        game_id=None if game is None else UUID(game[1]),
    )


def _propose(rows: Rows, fact: Fact, event: CaseProposed) -> None:
    """Put a proposal in the place of an earlier one, whose approval does not count for it."""
    proposal = Proposal.parse(event.change)
    _change(
        rows,
        fact,
        state="proposed",
        game_id=proposal.change.game_id,
        change=proposal.change.text,
        effect=canonical(proposal.effect).decode(),
        resolution=proposal.resolution,
        needs_approval=proposal.needs_approval,
        preview_hash=event.preview_hash,
        proposed_at=fact.at,
        proposed_by=fact.actor,
        approved_at=None,
        approved_by=None,
    )


def _settle(rows: Rows, fact: Fact, event: Ruling) -> None:
    """Fold what settles the game, and note it in the case whose ruling the event is part of."""
    case_id, game_id = case_of(fact), _game_of(fact, event)
    if case_id is None and isinstance(event, GameLocked):
        return
    known = rows.get(SettledGame, game_id)
    before = None if known is None else known.settled
    after = _settled(event, before)
    if after is not None and after != before:
        rows.put(SettledGame(fact.log, game_id, after))
    ruled = None if case_id is None else rows.get(Case, case_id)
    if ruled is not None:
        rows.put(replace(_ruled(ruled, fact, before=before), after=after))


def _ruled(case: Case, fact: Fact, *, before: str | None) -> Case:
    """Return a case with one more event of its ruling: the first finds what was, the last to resolve is the one."""
    if case.ruling_position is None:
        case = replace(case, before=before, ruling_position=fact.position)
    resolution = getattr(fact.event, "resolution", None)
    if resolution is not None:
        case = replace(case, ruling_position=fact.position, ruling_resolution=resolution)
    return case


def _settled(event: Ruling, before: str | None) -> str | None:
    """Return what settles the game after an event."""
    match event:
        case ResultRecorded(applied=True):
            said = SettledBy(**{name: getattr(event, name) for name in SettledBy.__struct_fields__})
            return canonical(said).decode()
        case RulingLifted(applied=True, case_id=None) if before is not None:
            return canonical(msgspec.structs.replace(read_as(SettledBy, before.encode()), source=None)).decode()
    return before


def _game_of(fact: Fact, event: Ruling) -> UUID:
    return fact.stream if isinstance(event, GameLocked) else event.game_id


def _change(rows: Rows, fact: Fact, **changes: Any) -> None:
    rows.put(replace(rows.need(Case, fact.stream), position=fact.position, **changes))
