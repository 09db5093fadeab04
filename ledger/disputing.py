"""Use cases: a case is opened, a change proposed in it, approved by another operator, applied, or closed without one.

Each is answered with its first answer when its request comes again. `week` is the log that the case is kept in. `seen`
is the version of the case that the operator has seen: where something was done in it since, CaseMoved is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import NamedTuple
from uuid import UUID

from ledger.aggregate import LedgerError
from ledger.book import Decision
from ledger.case import PreviewOutdated, require_words
from ledger.events import StakePlaced
from ledger.facts import Fact, fact_of
from ledger.game import Game
from ledger.ledger import Ledger
from ledger.proposal import Proposal
from ledger.recorder import LogRecorder
from ledger.rulings import carry_out, require_sound
from ledger.settlement import Settlement, Word


class Look(NamedTuple):
    """What the effect of a change was shown on: the log up to a position, and all words about the game in it."""

    position: int
    words: Mapping[str, Word]


class NothingChanges(LedgerError):
    """The change says what holds already: nothing would be recorded, so there is nothing to apply."""

    code = "nothing_changes"


def open_case(ledger: Ledger, *, week: str, subject: str, reason: str, actor: str, request: str) -> Future[Fact]:
    """Open a case; its id is the stream of the CaseOpened. Raises UnknownSubject, ReasonNeeded or KeyReused."""

    def decide(on: Decision) -> Fact:
        return on.case_to_open().open(subject=subject, reason=reason)

    return ledger.desk(week).ask(decide, actor=actor, request=request)


def propose(
    ledger: Ledger,
    *,
    week: str,
    case_id: UUID,
    proposal: Proposal,
    preview_hash: str,
    actor: str,
    request: str,
    seen: int | None = None,
) -> Future[Fact]:
    """Propose a change, in the place of an earlier one and its approval.

    Raises UnknownCase, CaseNotOpen, KeyReused, UnknownGame, UnknownMarket or UnsoundChange.
    """

    def decide(on: Decision) -> Fact:
        case, change = on.case(case_id), proposal.change
        require_sound(change, game=on.listed_game(change.game_id), at=on.now)
        return case.propose(proposal, preview_hash=preview_hash, seen=seen)

    return ledger.desk(week).ask(decide, actor=actor, request=request)


def approve(
    ledger: Ledger, *, week: str, case_id: UUID, preview_hash: str, actor: str, request: str, seen: int | None = None
) -> Future[Fact]:
    """Agree to what was proposed last, as another operator who saw the preview of that hash.

    Raises UnknownCase, CaseNotOpen, NothingProposed, SecondOperatorNeeded or PreviewOutdated.
    """

    def decide(on: Decision) -> Fact:
        return on.case(case_id).approve(preview_hash=preview_hash, seen=seen)

    return ledger.desk(week).ask(decide, actor=actor, request=request)


def apply(
    ledger: Ledger, *, week: str, case_id: UUID, actor: str, seen: int | None = None, look: Look | None = None
) -> Future[list[Fact]]:
    """Carry out what was proposed, in one append with the case's end; returns the CaseApplied and the CaseClosed.

    With a `look`, raises PreviewOutdated where more than that is behind the ruling, even if the resolution has not
    moved. Once the week is final the ruling is recorded, and moves nothing. The request of all that happens is
    `case/<id>`, so that everybody finds the case of a ruling. Raises UnknownCase, CaseNotOpen, NothingProposed,
    SecondOperatorNeeded, PreviewOutdated, NothingToLift, NothingElseSettles or NothingChanges.
    """

    def decide(on: Decision) -> list[Fact]:
        case = on.case(case_id)
        if case.applied is not None and case.closed is not None:
            return [case.applied, case.closed]
        change, final = case.proposal.change, on.week().finalised is not None
        game, settlement = on.listed_game(change.game_id), on.settlement(change.game_id)
        case.require_ready(resolution=settlement.resolution, seen=seen)
        if look is not None and not final and _has_moved(on, look, game, settlement, ledger.recorder(week)):
            raise PreviewOutdated(
                f"case {case_id}: a bet on game {game.id}, or a word about it, came just now: try again"
            )
        ruling = carry_out(
            change, case_id=case_id, game=game, settlement=settlement, rules=on.week().rules, final=final
        )
        if not ruling and not final:
            raise NothingChanges(f"case {case_id}: game {game.id} is as proposed already: close the case")
        return case.conclude(outcome="recorded" if final else "applied")

    # With a look it is decided alone, because it rests on the bets on the game, whoever places them.
    return ledger.desk(week).ask(decide, actor=actor, request=f"case/{case_id}", alone=look is not None)


def _has_moved(on: Decision, look: Look, game: Game, settlement: Settlement, recorder: LogRecorder) -> bool:
    """Say whether a bet on a game or a word about it has come since a look at it."""
    if settlement.words != look.words:
        return True
    if settlement.settling is not None:
        # It was settled at the look, and took no stakes from then on.
        return False
    since = recorder.read_all(after=look.position, until=on.known)
    stakes = (fact_of(record).event for record in since if record.topic == StakePlaced.TOPIC)
    return any(isinstance(stake, StakePlaced) and stake.game_id == game.id for stake in stakes)


def close_case(
    ledger: Ledger, *, week: str, case_id: UUID, outcome: str, actor: str, request: str, seen: int | None = None
) -> Future[Fact]:
    """Close a case without a change; `outcome` says why. Raises UnknownCase, CaseNotOpen, KeyReused or ReasonNeeded."""

    def decide(on: Decision) -> Fact:
        require_words(outcome, f"the end of case {case_id} needs a reason")
        return on.case(case_id).close(outcome=outcome, seen=seen)

    return ledger.desk(week).ask(decide, actor=actor, request=request)
