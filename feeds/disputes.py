"""Disputes, as operators carry them on: preview, propose, approve, apply. What API and command line both call."""

from __future__ import annotations

import time
from typing import Final
from uuid import UUID

from ledger import disputing, settling
from ledger.aggregate import LedgerError
from ledger.case import PreviewOutdated
from ledger.disputing import Look
from ledger.events import CaseClosed, CaseProposed
from ledger.facts import Fact, fact_of
from ledger.ledger import Ledger
from ledger.proposal import Change, Proposal
from projections.effects import Preview
from projections.previews import Previews

_POLL_SECONDS: Final = 0.05


class Disputes:
    """The steps of a dispute, in order. What moves more than `approval_above` credits needs a second operator.

    Errors are those of `ledger.disputing`, and of `Previews.preview`. Each step is answered with its first answer when
    its request comes again. `seen` is the version of the case that the operator has seen, if that matters.
    """

    def __init__(self, ledger: Ledger, previews: Previews, *, approval_above: int) -> None:
        self._ledger = ledger
        self._previews = previews
        self._approval_above = approval_above

    def open(self, *, week: str, subject: str, reason: str, actor: str, request: str) -> Fact:
        """Open a case and return its CaseOpened, whose stream is the case."""
        return disputing.open_case(
            self._ledger, week=week, subject=subject, reason=reason, actor=actor, request=request
        ).result()

    def preview(self, *, week: str, change: Change) -> Preview:
        """Show what a change would do, without writing."""
        return self._previews.preview(week, change)

    def proposal(self, preview: Preview) -> Proposal:
        """Return what is proposed when somebody has seen a preview."""
        return Proposal(
            change=preview.change,
            effect=preview.effect,
            needs_approval=preview.effect.moved > self._approval_above,
            resolution=preview.resolution,
        )

    def propose(
        self,
        *,
        week: str,
        case_id: UUID,
        change: Change,
        actor: str,
        request: str,
        preview_hash: str | None = None,
        seen: int | None = None,
    ) -> Fact:
        """Preview a change and propose it; the CaseProposed tells the preview's hash, its effect and who must agree.

        `preview_hash` is that of the preview which the operator looked at: where another would be proposed now, raises
        PreviewOutdated.
        """
        first = self._proposed(week, case_id, change, request)
        if first is not None:
            return first
        preview = self.preview(week=week, change=change)
        if preview_hash not in (None, preview.preview_hash):
            raise PreviewOutdated(f"case {case_id}: preview {preview_hash} is no longer what would happen: look again")
        return disputing.propose(
            self._ledger,
            week=week,
            case_id=case_id,
            proposal=self.proposal(preview),
            preview_hash=preview.preview_hash,
            actor=actor,
            request=request,
            seen=seen,
        ).result()

    def approve(
        self, *, week: str, case_id: UUID, preview_hash: str, actor: str, request: str, seen: int | None = None
    ) -> Fact:
        """Agree, as another operator, to what was proposed on the preview of this hash."""
        return disputing.approve(
            self._ledger,
            week=week,
            case_id=case_id,
            preview_hash=preview_hash,
            actor=actor,
            request=request,
            seen=seen,
        ).result()

    def apply(self, *, week: str, case_id: UUID, actor: str, seen: int | None = None) -> list[Fact]:
        """Carry out what was proposed; the settler does the rest.

        Raises PreviewOutdated, too, where it would no longer do what its preview showed, and what refuses a preview.
        """
        look = None
        try:
            look = self._look_again(week, case_id)
        except LedgerError:
            # Somebody else may have applied it between two reads: then theirs is the answer.
            if not isinstance(self._history(week, case_id)[-1].event, CaseClosed):
                raise
        return disputing.apply(self._ledger, week=week, case_id=case_id, actor=actor, seen=seen, look=look).result()

    def close(
        self, *, week: str, case_id: UUID, outcome: str, actor: str, request: str, seen: int | None = None
    ) -> Fact:
        """Close a case without a change; `outcome` says why."""
        return disputing.close_case(
            self._ledger, week=week, case_id=case_id, outcome=outcome, actor=actor, request=request, seen=seen
        ).result()

    def follow(self, *, week: str, game_id: UUID, timeout_seconds: float) -> bool:
        """Wait until the settler is through with a game's resolution, and return whether it is, in that time."""
        deadline = time.monotonic() + timeout_seconds
        while not settling.progress(self._ledger, week=week, game_id=game_id).result().is_done:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def _look_again(self, week: str, case_id: UUID) -> Look | None:
        """Preview once more what is about to be applied, and refuse it where it would do something else by now.

        Bets may have been placed since, or a feed may have said beside an operator's result what a release of that
        would leave. Once the week is final nothing moves, whatever the proposal was.
        """
        facts = self._history(week, case_id)
        proposed = [fact.event for fact in facts if isinstance(fact.event, CaseProposed)]
        if not proposed or isinstance(facts[-1].event, CaseClosed):
            return None
        preview = self.preview(week=week, change=Proposal.parse(proposed[-1].change).change)
        if preview.preview_hash != proposed[-1].preview_hash and not preview.is_final:
            raise PreviewOutdated(
                f"case {case_id}: its preview is outdated, as bets were placed or a feed spoke since: preview and "
                "propose again; where the game still takes stakes, suspend the market before that"
            )
        return Look(preview.position, preview.words)

    def _proposed(self, week: str, case_id: UUID, change: Change, request: str) -> Fact | None:
        """Return what a request proposed the first time: asked again later, its preview would be another one."""
        for fact in self._history(week, case_id):
            if isinstance(fact.event, CaseProposed) and fact.request == request:
                return fact if Proposal.parse(fact.event.change).change == change else None
        return None

    def _history(self, week: str, case_id: UUID) -> list[Fact]:
        return [fact_of(record) for record in self._ledger.recorder(week).read_streams([case_id])]
