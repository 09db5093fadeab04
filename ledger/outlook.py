"""What a week waits for, for operators who ask why it is not settled, not final, or not archived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.book import Decision
from ledger.ledger import Ledger

_BEFORE_THE_END = ("registering", "grouped")


@dataclass(frozen=True, slots=True)
class GameAwaited:
    """A game that is not resolved. `waits_for`: `result`, or `settlement` where there is one."""

    game_id: UUID
    external_id: str
    league: str
    home: str
    away: str
    starts_at: datetime
    waits_for: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """A week as it stands in its log: what is open in it, and by when that ends.

    `open_stakes` is None before the week's close. At `deadline` games without a result are void; at `final_at`, None
    until the week is settled, it becomes final, unless one of `open_cases` keeps it. `sealed_at` is None until nothing
    can be appended to the log any more.
    """

    week: str
    state: str
    games: Sequence[GameAwaited]
    open_stakes: int | None
    open_cases: Sequence[UUID]
    deadline: datetime
    final_at: datetime | None
    sealed_at: datetime | None


def outlook(ledger: Ledger, *, week: str) -> Outlook:
    """Return what a week waits for; raises LogNotOpen, LogArchived, or UnknownWeek."""
    recorder = ledger.recorder(week)
    recorder.head()

    def look(on: Decision) -> Outlook:
        playing, games = on.week(), on.games()
        playing.require_open()
        settled = zip(games, on.settlements(games), strict=True)
        return Outlook(
            week=week,
            state=playing.state,
            games=[
                GameAwaited(
                    game_id=game.id,
                    external_id=game.listing.external_id,
                    league=game.listing.league,
                    home=game.listing.home,
                    away=game.listing.away,
                    starts_at=game.starts_at,
                    waits_for="result" if settlement.settling is None else "settlement",
                )
                for game, settlement in settled
                if not settlement.is_resolved
            ],
            open_stakes=None if playing.state in _BEFORE_THE_END else recorder.count_open_stakes(),
            open_cases=[case.id for case in on.cases() if case.is_open],
            deadline=playing.ends_at + playing.rules.settlement_deadline,
            final_at=playing.final_at,
            sealed_at=playing.sealed.at if playing.sealed is not None else None,
        )

    return ledger.desk(week).ask(look, actor="operator", request="look").result()
