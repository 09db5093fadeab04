"""All that waits for a person, in one list, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from feeds.flags import Flags
from feeds.games import Games
from feeds.inbox import Inbox
from feeds.silence import Silence
from ledger.book import Decision
from ledger.ids import OFFICE
from ledger.instants import instant_text
from ledger.ledger import Ledger
from ledger.weeks import ends_at
from projections.cases import Cases
from projections.payments import PaymentsView
from projections.runner import Runner
from projections.weeks import Weeks

MANY: Final = 200
"""How many of a kind are listed at most: who has more has another trouble."""
REFUND_PATIENCE: Final = timedelta(hours=1)
FINAL_PATIENCE: Final = timedelta(minutes=5)
_ONLY_THE_WINNER: Final = ("payout_account", "erased", "identity")
_UNDER_WAY: Final = ("open", "proposed", "approved")
_NEXT_IN_CASE: Final = {
    "open": "fairpool dispute show {case}, then propose a change or close it",
    "proposed": "fairpool dispute show {case}, then approve or apply it",
    "approved": "fairpool dispute apply {case}",
}


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that waits for a person. `due_at`: when it resolves itself, or something is lost, if that is known.

    `kind`: silent_source, projection, dead_letter, flag, game, case, week, prize or refund. `todo` begins with a
    command where there is one.
    """

    kind: str
    subject: str
    week: str | None
    what: str
    todo: str
    since: datetime | None
    due_at: datetime | None = None


class Attention:
    """Gathers what waits from wherever it is kept."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        runner: Runner,
        inbox: Inbox,
        flags: Flags,
        silence: Silence,
        games: Games,
    ) -> None:
        self._ledger = ledger
        self._runner = runner
        self._inbox = inbox
        self._flags = flags
        self._silence = silence
        self._games = games
        self._cases = Cases(ledger.datastore)
        self._payments = PaymentsView(ledger.datastore)
        self._weeks = Weeks(ledger.datastore)

    def matters(self) -> list[Matter]:
        """Return all that waits, what touches most people first."""
        now = self._ledger.clock()
        # Nothing is to be done about a final week, whose log is not read for that each time.
        over = {row.week for row in self._weeks.weeks() if row.state == "final"}
        weeks = [week for week in self._ledger.weeks() if week not in over]
        return [
            *self._silent_sources(),
            *self._stopped_projections(),
            *self._stuck_games(weeks),
            *self._weeks_due(weeks, now),
            *self._open_cases(),
            *self._open_flags(),
            *self._dead_letters(),
            *self._prizes(),
            *self._refunds(now),
        ]

    def _silent_sources(self) -> Iterator[Matter]:
        for each in self._silence.silent():
            yield Matter(
                kind="silent_source",
                subject=f"source:{each.source}",
                week=None,
                what=f"nothing new from {each.source} for {each.limit} or longer: its markets take no stakes",
                todo="see that `fairpool feed` runs and NATS answers; ask the source. Its markets reopen by themselves",
                since=each.heard_at,
            )

    def _stopped_projections(self) -> Iterator[Matter]:
        for each in self._runner.status():
            if each.error is not None:
                yield Matter(
                    kind="projection",
                    subject=f"projection:{each.name}",
                    week=None if each.log == OFFICE else each.log,
                    what=f"stopped in {each.log} behind position {each.position}: {each.error}",
                    todo=f"fairpool projections rebuild {each.name} --week {each.log}, with a release that mends it",
                    since=None,
                )

    def _stuck_games(self, weeks: Iterable[str]) -> Iterator[Matter]:
        for week in weeks:
            for game in self._games.games(week, stuck_only=True):
                yield Matter(
                    kind="game",
                    subject=f"game:{game.game_id}",
                    week=week,
                    what=f"{game.away} at {game.home} ({game.source} {game.external_id}) waits for {game.waits_for}",
                    todo=f"fairpool games show {game.game_id}",
                    since=game.starts_at,
                    due_at=game.void_at,
                )

    def _weeks_due(self, weeks: Iterable[str], now: datetime) -> Iterator[Matter]:
        for week in weeks:
            if now < ends_at(week):
                continue
            state, final_at = self._ledger.desk(week).ask(_week, actor="operator", request="attention").result()
            if state == "grouped":
                yield _late(week, "it ended, and is not closed", f"fairpool week close {week}", ends_at(week))
            elif state == "settled" and final_at is not None and now >= final_at + FINAL_PATIENCE:
                yield _late(week, "its correction window is over", f"fairpool week finalise {week}", final_at)

    def _open_cases(self) -> Iterator[Matter]:
        for state in _UNDER_WAY:
            for case in self._cases.cases(state=state, limit=MANY):
                yield Matter(
                    kind="case",
                    subject=case.subject,
                    week=None if case.log == OFFICE else case.log,
                    what=f"{state} by {case.opened_by}: {case.reason}",
                    todo=_NEXT_IN_CASE[state].format(case=case.case_id),
                    since=case.opened_at,
                )

    def _open_flags(self) -> Iterator[Matter]:
        for flag in self._flags.flags(limit=MANY):
            yield Matter(
                kind="flag",
                subject=f"game:{flag.game_id}",
                week=flag.week,
                what=f"{flag.kind.replace('_', ' ')}: {flag.detail}",
                todo=f"fairpool games show {flag.game_id}, then fairpool games resolve {flag.id} --note …",
                since=flag.raised_at,
            )

    def _dead_letters(self) -> Iterator[Matter]:
        for letter in self._inbox.dead_letters_page(with_resolved=False, limit=MANY):
            yield Matter(
                kind="dead_letter",
                subject=f"dead-letter:{letter.id}",
                week=None,
                what=letter.reason,
                todo=f"fairpool dead-letters show {letter.id}, then retry or drop it",
                since=letter.received_at,
            )

    def _prizes(self) -> Iterator[Matter]:
        for state in ("failed", "held"):
            for prize in self._payments.prizes_page(state=state, limit=MANY):
                if prize.reason not in _ONLY_THE_WINNER:
                    yield Matter(
                        kind="prize",
                        subject=f"entry:{prize.entry}",
                        week=prize.week,
                        what=f"{prize.amount_cents} cents {prize.currency} {state}: {prize.reason or prize.why}",
                        todo=f"fairpool payments release {prize.entry} --reason …",
                        since=prize.changed_at,
                    )

    def _refunds(self, now: datetime) -> Iterator[Matter]:
        for payment in self._payments.to_refund(limit=MANY):
            if payment.paid_at is not None and payment.paid_at <= now - REFUND_PATIENCE:
                yield Matter(
                    kind="refund",
                    subject=f"payment:{payment.payment_id}",
                    week=payment.week,
                    what=f"{payment.amount_cents - payment.refunded_cents} cents {payment.currency} are not given back",
                    todo=f"see that `fairpool pay` runs; fairpool payments reconcile {payment.week or 'WEEK'}",
                    since=payment.paid_at,
                )


def _week(on: Decision) -> tuple[str, datetime | None]:
    week = on.week()
    return week.state, week.final_at


def _late(week: str, what: str, command: str, since: datetime) -> Matter:
    todo = f"see that `fairpool clock` runs; by hand: {command}"
    return Matter(kind="week", subject=f"week:{week}", week=week, what=what, todo=todo, since=since)


def lines(matters: Iterable[Matter]) -> Iterator[str]:
    """Yield matters for people, two lines each."""
    for each in matters:
        since = f", since {instant_text(each.since)}" if each.since else ""
        due = f", until {instant_text(each.due_at)}" if each.due_at else ""
        yield f"{each.kind}: {each.what}{since}{due}"
        yield f"  {each.todo}"
