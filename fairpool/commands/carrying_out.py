"""A dispute from the preview to the payouts, as one operator carries it as far as one may."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple
from uuid import UUID

import typer

from fairpool.commands.operators import Operator, sign_in
from fairpool.core import Core, core
from fairpool.servers import database
from feeds.disputed import Disputed
from feeds.disputes import Disputes
from ledger import ids, settling
from ledger.account import KeyReused
from ledger.case import PreviewOutdated
from ledger.casebook import Casebook
from ledger.disputing import NothingChanges
from ledger.events import (
    BetLost,
    BetWon,
    CaseApplied,
    CaseClosed,
    CaseOpened,
    CaseProposed,
    PayoutCorrected,
    StakeReturned,
)
from ledger.facts import Fact, fact_of
from ledger.ids import position_token
from ledger.mendable import Mendable
from ledger.proposal import Change, Proposal
from ledger.settlement import OPERATOR, NothingToLift
from projections.effects import Preview
from projections.previews import Previews


class ProposedAlready(Mendable):
    """A case on the same change is open, and was opened for another reason."""


class Settled(NamedTuple):
    """What a ruling came to once the settler was through: bets that changed, and the credits that moved for them."""

    bets: int
    moved: int


@dataclass(frozen=True, slots=True)
class Applied:
    """A ruling that was carried out: `outcome` is applied, or recorded where the week was final and nothing moved."""

    case_id: UUID
    week: str
    outcome: str
    position: str
    settled: Settled


@dataclass(frozen=True, slots=True)
class CaseWork:
    """What an operator on the command line does in a case, over the same use cases as the API."""

    built: Core
    disputes: Disputes
    disputed: Disputed
    casebook: Casebook

    @classmethod
    def of(cls, built: Core) -> CaseWork:
        """Return it on a service's parts."""
        previews = Previews(built.ledger, projections=built.projections)
        disputes = Disputes(built.ledger, previews, approval_above=built.settings.dispute_approval_above)
        return cls(built, disputes, Disputed(built.ledger), Casebook(built.ledger))

    def preview(self, week: str, change: Change) -> Preview:
        """Show what a change of a week would do."""
        return self.disputes.preview(week=week, change=self.disputed.require_change(week, change))

    def needs_approval(self, preview: Preview) -> bool:
        """Say whether what was previewed needs a second operator."""
        return self.disputes.proposal(preview).needs_approval

    def propose(self, preview: Preview, *, reason: str, operator: Operator) -> Fact:
        """Open a case and propose what was previewed in it. Interrupted and asked again, it goes on in that case.

        Raises ProposedAlready where that case was opened for another reason.
        """
        request = self._request(preview)
        subject = f"game:{preview.change.game_id}"
        try:
            opened = self.disputes.open(
                week=preview.week, subject=subject, reason=reason, actor=operator.actor, request=request
            )
        except KeyReused as error:
            case_id = ids.case_id(preview.week, request)
            raise ProposedAlready(
                f"case {case_id} is open on the same change, for another reason: `fairpool dispute show {case_id}`, "
                "then approve and apply it, or close it"
            ) from error
        return self.disputes.propose(
            week=preview.week,
            case_id=opened.stream,
            change=preview.change,
            preview_hash=preview.preview_hash,
            actor=operator.actor,
            request=request,
        )

    def approve(self, case_id: UUID, *, operator: Operator) -> Fact:
        """Agree, as another operator, to what stands in a case now."""
        proposed = self.proposed(case_id)
        assert isinstance(proposed.event, CaseProposed)
        return self.disputes.approve(
            week=proposed.log,
            case_id=case_id,
            preview_hash=proposed.event.preview_hash,
            actor=operator.actor,
            request=f"approval of {proposed.token}",
        )

    def apply(self, case_id: UUID, *, operator: Operator) -> Applied:
        """Carry out what is proposed in a case, and settle the bets; again, it is done once.

        A proposal that cannot be carried out any more, or would change nothing, ends its case: raises PreviewOutdated,
        NothingChanges or NothingToLift.
        """
        proposed = self.proposed(case_id)
        week = proposed.log
        try:
            _, closed = self.disputes.apply(week=week, case_id=case_id, actor=operator.actor)
        except (NothingChanges, NothingToLift, PreviewOutdated) as error:
            self.close(case_id, outcome=f"not applied: {error.code}", operator=operator)
            raise
        assert isinstance(closed.event, CaseClosed)
        settled = self._settle(proposed, closed)
        return Applied(case_id, week, closed.event.outcome, closed.token, settled)

    def close(self, case_id: UUID, *, outcome: str, operator: Operator) -> Fact:
        """Close a case without a change."""
        opened = self.history(case_id)[0]
        return self.disputes.close(
            week=opened.log,
            case_id=case_id,
            outcome=outcome,
            actor=operator.actor,
            request=f"closing of {opened.token}",
        )

    def history(self, case_id: UUID) -> list[Fact]:
        """Return all that was done in a case; raises UnknownCase."""
        return self.casebook.must_be_there(case_id)

    def proposed(self, case_id: UUID) -> Fact:
        """Return the last CaseProposed of a case; raises UnknownCase or NothingProposed."""
        return self.casebook.proposed(case_id)

    def applied(self, case_id: UUID) -> Fact:
        """Return the CaseProposed that was carried out in a case, a void or a result that stands.

        Raises NothingToLift for other cases: the ruling of another one must not be taken for theirs.
        """
        proposed = self.proposed(case_id)
        is_applied = any(isinstance(fact.event, CaseApplied) for fact in self.history(case_id))
        change = proposal_of(proposed).change
        if is_applied and (change.kind == "void" or (change.kind == "result" and self._stands(proposed.log, change))):
            return proposed
        raise NothingToLift(f"case {case_id} applied no void and no result that could be taken back, or none stands")

    def _stands(self, week: str, change: Change) -> bool:
        """Say whether the operator's word on a game is that of a change, and not of a later one."""
        word = (
            self.built.ledger.desk(week)
            .ask(lambda on: on.settlement(change.game_id).words.get(OPERATOR), actor="operator", request="look")
            .result()
        )
        said = (change.status, change.home_score, change.away_score)
        return word is not None and (word.status, word.home_score, word.away_score) == said

    def _request(self, preview: Preview) -> str:
        """Return the request under which this change of the game, as it is settled now, is proposed.

        It is the same each time, so that a command that was interrupted goes on where it stopped; a case that was
        closed since is not opened again.
        """
        text = f"{preview.change.text} on {preview.resolution}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        for number in count(1):
            request = f"dispute/{digest}/{number}"
            history = self.casebook.history(ids.case_id(preview.week, request))
            if not any(isinstance(fact.event, CaseClosed) for fact in history):
                return request
        raise AssertionError("there are enough numbers")

    def _settle(self, proposed: Fact, closed: Fact) -> Settled:
        """Settle the bets, beside a service that may be at it as well, and return what moved for the ruling."""
        week, game_id = proposed.log, proposal_of(proposed).change.game_id
        self.built.settler.settle(week=week, game_id=game_id)
        cut = settling.progress(self.built.ledger, week=week, game_id=game_id).result().cut
        if not proposed.position < cut < closed.position:
            return Settled(0, 0)
        return _moved_by(self.built, week=week, position=cut)


@contextmanager
def case_work(context: typer.Context) -> Iterator[CaseWork]:
    """Give it on the data of a command, with projections that follow."""
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        while built.projections.step():
            pass
        built.start("projections", built.projections.run)
        yield CaseWork.of(built)


@contextmanager
def signed_in(context: typer.Context, email: str) -> Iterator[tuple[CaseWork, Operator]]:
    """Give it to an operator who shows who they are; raises NotSignedIn."""
    with case_work(context) as found:
        yield found, sign_in(found.built, email)


def proposal_of(proposed: Fact) -> Proposal:
    """Return what a CaseProposed proposes."""
    assert isinstance(proposed.event, CaseProposed)
    return Proposal.parse(proposed.event.change)


def reason_of(opened: Fact) -> str:
    """Return why a case was opened."""
    assert isinstance(opened.event, CaseOpened)
    return opened.event.reason


def _moved_by(built: Core, *, week: str, position: int) -> Settled:
    """Add up the movements whose cause stands at a position; they are all behind it."""
    cause, bets, moved = position_token(week, position), 0, 0
    for record in built.ledger.recorder(week).read_all(after=position):
        if record.cause != cause:
            continue
        match fact_of(record).event:
            case BetWon(payout=amount) | StakeReturned(amount=amount):
                bets, moved = bets + 1, moved + amount
            case BetLost():
                bets += 1
            case PayoutCorrected(from_payout=before, to_payout=after):
                bets, moved = bets + 1, moved + abs(after - before)
    return Settled(bets, moved)
