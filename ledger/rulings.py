"""Rulings: what an operator's change does to a game and its settlement, when it is applied and when it is previewed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from ledger import listing, settling
from ledger.aggregate import LedgerError
from ledger.events import Regulation
from ledger.facts import Fact
from ledger.game import IN_PROGRESS, Game
from ledger.proposal import Change
from ledger.rules import Rules
from ledger.settlement import OPERATOR, Settlement, Word

STATUSES: Final = ("final", "cancelled", "abandoned", "operator")
SCORE_MAX: Final = 10_000
_USES: Final[Mapping[str, tuple[str, ...]]] = {
    "result": ("status", "home_score", "away_score", "regulation"),
    "start": ("started_at",),
    "void": ("market_id", "bet_id", "placed_from", "placed_until"),
    "lift": ("lifts",),
}


class UnsoundChange(LedgerError):
    """The change does not say all that its kind needs, or says what cannot be."""

    code = "unsound_change"


def require_sound(change: Change, *, game: Game, at: datetime) -> None:
    """Refuse a change that cannot be carried out as it is; raises UnsoundChange or UnknownMarket."""
    fault = _fault_of_use(change)
    match change.kind:
        case "result":
            fault = fault or _fault_of_result(change)
        case "start":
            fault = fault or _fault_of_start(change, at)
        case "void":
            fault = fault or _fault_of_void(change, at)
        case "lift":
            pass
    if fault is not None:
        raise UnsoundChange(f"a change of kind {change.kind} on game {change.game_id}: {fault}")
    if change.market_id is not None:
        game.market(change.market_id)


def carry_out(
    change: Change, *, case_id: UUID, game: Game, settlement: Settlement, rules: Rules, final: bool
) -> list[Fact]:
    """Have the aggregates do what a sound change says, and return what happened, in order; [] where nothing changes.

    A preview passes copies. `final`: the week is over, so a ruling is kept with `applied` false, and nothing moves.
    Raises NothingToLift or NothingElseSettles.
    """
    match change.kind:
        case "result":
            return settling.record(game, settlement, _word(change), rules=rules, final=final)
        case "start":
            assert change.started_at is not None
            if final:
                return []
            return listing.start(game, settlement, why=IN_PROGRESS, started_at=change.started_at)
        case "void":
            voided = settlement.void(
                case_id=case_id,
                game_id=game.id,
                market_id=change.market_id,
                bet_id=change.bet_id,
                placed_from=change.placed_from,
                placed_until=change.placed_until,
                final=final,
            )
            return [voided]
        case "lift" if change.lifts is not None:
            return [settlement.lift(change.lifts, game_id=game.id, final=final)]
        case "lift":
            return settlement.release(game_id=game.id, rules=rules, final=final)


def _word(change: Change) -> Word:
    assert change.status is not None
    regulation = change.regulation
    return Word(
        game_id=change.game_id,
        source=OPERATOR,
        status=change.status,
        home_score=change.home_score,
        away_score=change.away_score,
        regulation=None if regulation is None else (regulation.home, regulation.away),
    )


def _fault_of_use(change: Change) -> str | None:
    used = ("kind", "game_id", *_USES[change.kind])
    idle = [name for name in change.__struct_fields__ if name not in used and getattr(change, name) is not None]
    return f"it has no use for {', '.join(idle)}" if idle else None


def _fault_of_result(change: Change) -> str | None:
    if change.status not in STATUSES:
        return f"its status is {change.status!r}, and one of {', '.join(STATUSES)} is needed"
    scores = [change.home_score, change.away_score]
    if change.regulation is not None:
        scores += [change.regulation.home, change.regulation.away]
    if change.status != "final":
        return None if scores == [None, None] else f"a game that is {change.status} has no score"
    if any(score is None or not 0 <= score <= SCORE_MAX for score in scores):
        return f"a final result needs home_score and away_score, from 0 to {SCORE_MAX}"
    if change.regulation is not None and _is_undone(change.regulation, change):
        return "no side has fewer points in the end than after regulation"
    return None


def _is_undone(regulation: Regulation, change: Change) -> bool:
    assert change.home_score is not None
    assert change.away_score is not None
    return regulation.home > change.home_score or regulation.away > change.away_score


def _fault_of_void(change: Change, at: datetime) -> str | None:
    first, end = change.placed_from, change.placed_until
    if all(selector is None for selector in (change.market_id, change.bet_id, first, end)):
        return "it names no bets: give market_id, bet_id, placed_from or placed_until (for all, a result `operator`)"
    if first is not None and end is not None and first >= end:
        return f"no bet is placed at or after {first} and before {end}"
    # Bets to come are not named: who names them only would be shown none, and void those that come meanwhile.
    return _fault_of_instant(first, at) or _fault_of_instant(end, at)


def _fault_of_start(change: Change, at: datetime) -> str | None:
    return "it needs started_at" if change.started_at is None else _fault_of_instant(change.started_at, at)


def _fault_of_instant(instant: datetime | None, at: datetime) -> str | None:
    return f"{instant} is still to come" if instant is not None and instant > at else None
