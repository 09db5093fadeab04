"""What is proposed in a case: the change, what its preview found, and on which resolution of the game that was."""

from __future__ import annotations

from typing import Literal, Self
from uuid import UUID

import msgspec

from ledger.events import Regulation
from ledger.facts import canonical, read_as
from ledger.instants import Instant

ChangeKind = Literal["result", "start", "void", "lift"]
"""`result`: the operator's word; `start`: the real start; `void`: bets are void; `lift`: a ruling counts no longer."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator wants of a game; fields that its kind has no use for are None.

    - result: `status` final with `home_score`, `away_score` and perhaps `regulation`; or, without them, cancelled,
      abandoned or operator, which returns all stakes. It beats what any feed says, until it is released.
    - start: the game really started at `started_at`.
    - void: the bets placed so far that fit all the selectors given: those on `market_id`, the one that is `bet_id`,
      those placed at or after `placed_from` and before `placed_until`.
    - lift: the void of the case `lifts` or, where that is None, the operator's result counts no longer.
    """

    kind: ChangeKind
    game_id: UUID
    market_id: UUID | None = None
    bet_id: UUID | None = None
    placed_from: Instant | None = None
    placed_until: Instant | None = None
    status: str | None = None
    home_score: int | None = None
    away_score: int | None = None
    regulation: Regulation | None = None
    started_at: Instant | None = None
    lifts: UUID | None = None

    @property
    def text(self) -> str:
        """The change as canonical JSON, with all its fields."""
        return canonical(self).decode()


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a preview found that a change comes to.

    `bets` that change, and the credits `moved`: the sum of the differences, each taken as positive. What those bets
    pay before and after. How many accounts fall below zero, entries change their rank, and prizes change.
    """

    bets: int
    moved: int
    paid_before: int
    paid_after: int
    below_zero: int
    ranks: int
    prizes: int


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A change as it was previewed: `resolution` is the game's at that time, and must still be when it is applied."""

    change: Change
    effect: Effect
    needs_approval: bool
    resolution: int

    @property
    def text(self) -> str:
        """The proposal as `case.proposed` keeps it: canonical JSON."""
        return canonical(self).decode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` wrote; raises msgspec.ValidationError where it is something else."""
        return read_as(cls, text.encode())
