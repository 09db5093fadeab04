"""What an operator wants changed, as words on the command line, and the `Change` that they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import typer

from ledger.events import Regulation
from ledger.ids import market_id
from ledger.instants import Instant
from ledger.mendable import Mendable
from ledger.proposal import Change

_SCORE: Final = re.compile(r"(\d{1,4})-(\d{1,4})")
_MARKETS: Final = ("moneyline", "spread", "total")


class NotAChange(Mendable):
    """The words name no change, or several."""


class Status(StrEnum):
    """How a game ended that has no score."""

    CANCELLED = "cancelled"
    ABANDONED = "abandoned"
    OPERATOR = "operator"


Score = Annotated[str, typer.Option(metavar="HOME-AWAY", help="The right score, such as 27-21: the home side's first.")]
AfterRegulation = Annotated[
    str, typer.Option(metavar="HOME-AWAY", help="The score after regulation, for leagues that settle on it.")
]
Ended = Annotated[Status | None, typer.Option(help="The game has no score that counts: all stakes on it are returned.")]
StartedAt = Annotated[
    str, typer.Option(metavar="TIME", help="When it really started, such as 2026-11-20T01:15:00Z: later bets are void.")
]
Release = Annotated[bool, typer.Option("--release", help="Let the feed's word count again, in place of an operator's.")]
Market = Annotated[str, typer.Option(help="Bets on one market: moneyline, spread, total, or its id.")]
Bet = Annotated[UUID | None, typer.Option(help="One bet.")]
From = Annotated[str, typer.Option("--from", metavar="TIME", help="Bets placed at or after this time.")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Bets placed before this time.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The options of `correct` and `void`, as they were given; what was not given is empty."""

    score: str = ""
    regulation: str = ""
    status: Status | None = None
    started_at: str = ""
    release: bool = False
    market: str = ""
    bet: UUID | None = None
    placed_from: str = ""
    placed_until: str = ""

    @property
    def _corrections(self) -> list[bool]:
        return [bool(self.score), self.status is not None, bool(self.started_at), self.release]

    @property
    def _selectors(self) -> list[bool]:
        return [bool(self.market), self.bet is not None, bool(self.placed_from), bool(self.placed_until)]

    def change(self, game_id: UUID) -> Change:
        """Return the change that the words mean; raises NotAChange."""
        if sum(self._corrections) + any(self._selectors) > 1:
            raise NotAChange("these are several changes: make one after another")
        if any(self._selectors):
            return self._void(game_id)
        if any(self._corrections):
            return self._correction(game_id)
        raise NotAChange(
            "say what is right: --score, --status, --started-at or --release;"
            " or which bets are void: --market, --bet, --from or --until"
        )

    def _correction(self, game_id: UUID) -> Change:
        if self.regulation and not self.score:
            raise NotAChange("--regulation goes with --score")
        if self.score:
            return self._result(game_id)
        if self.status is not None:
            return Change(kind="result", game_id=game_id, status=self.status.value)
        if self.started_at:
            return Change(kind="start", game_id=game_id, started_at=_instant(self.started_at))
        return Change(kind="lift", game_id=game_id)

    def _result(self, game_id: UUID) -> Change:
        home, away = _score(self.score)
        ended = None
        if self.regulation:
            regulation_home, regulation_away = _score(self.regulation)
            ended = Regulation(home=regulation_home, away=regulation_away)
        return Change(
            kind="result", game_id=game_id, status="final", home_score=home, away_score=away, regulation=ended
        )

    def _void(self, game_id: UUID) -> Change:
        return Change(
            kind="void",
            game_id=game_id,
            market_id=_market(game_id, self.market) if self.market else None,
            bet_id=self.bet,
            placed_from=_instant(self.placed_from) if self.placed_from else None,
            placed_until=_instant(self.placed_until) if self.placed_until else None,
        )


def told(change: Change) -> str:
    """Return a change in words, for people."""
    match change.kind:
        case "result" if change.status == "final":
            regulation = change.regulation
            ended = "" if regulation is None else f", {regulation.home}-{regulation.away} after regulation"
            return f"result: final, {change.home_score}-{change.away_score}{ended}"
        case "result":
            return f"result: {change.status}"
        case "start":
            return f"it started at {change.started_at}"
        case "lift":
            return "the operator's result is released" if change.lifts is None else f"case {change.lifts} is lifted"
        case "void":
            return f"void: {_selected(change)}"


def _selected(change: Change) -> str:
    named = {"bet": change.bet_id, "market": change.market_id}
    times = {"placed from": change.placed_from, "placed before": change.placed_until}
    said = [f"{name} {value}" for name, value in (named | times).items() if value is not None]
    return ", ".join(said)


def _score(text: str) -> tuple[int, int]:
    found = _SCORE.fullmatch(text)
    if found is None:
        raise NotAChange(f"{text!r} is no score: write HOME-AWAY, such as 27-21")
    return int(found[1]), int(found[2])


def _instant(text: str) -> Instant:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise NotAChange(f"{text!r} is no time such as 2026-11-20T01:15:00Z: {error}") from error
    if at.tzinfo is None:
        raise NotAChange(f"{text!r} names no zone: write 2026-11-20T01:15:00Z")
    try:
        return Instant.of(at)
    except OverflowError as error:
        raise NotAChange(f"{text!r} lies outside the years 1 to 9999 in UTC") from error


def _market(game_id: UUID, text: str) -> UUID:
    if text in _MARKETS:
        return market_id(game_id, text)
    try:
        return UUID(text)
    except ValueError as error:
        raise NotAChange(f"{text!r} is no market: name {', '.join(_MARKETS)}, or an id") from error
