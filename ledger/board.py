"""The board: what a desk reads of its log before the first command, and always has at hand."""

from __future__ import annotations

from typing import Final

from ledger.events import CaseOpened, GameScheduled

BOARD_TOPICS: Final = (
    "week.opened",
    "week.roster_frozen",
    "week.pools_drawn",
    "week.grouped",
    "week.closed",
    "week.settled",
    "week.finalised",
    "week.sealed",
    "game.scheduled",
    "game.rescheduled",
    "game.moved_out",
    "game.market_quoted",
    "game.market_suspended",
    "game.market_reopened",
    "game.locked",
    "game.unlocked",
    "case.opened",
    "case.proposed",
    "case.approved",
    "case.applied",
    "case.closed",
)
ON_BOARD: Final = (GameScheduled.TOPIC, CaseOpened.TOPIC)
"""What begins a stream that joins the board."""
