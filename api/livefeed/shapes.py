"""What the events of a live stream hold: the shapes of the reads where there is one, so that clients share code."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, RootModel

from api.bets import BetShown
from api.games import GameShown
from api.http.moments import Moment
from api.http.reading import Shown
from api.leaderboard import LeaderboardShown
from api.me import Credits
from api.quotes import QuoteShown

TOPICS: Final = ("standings", "balance", "quotes", "settlements")

Id = Annotated[str, Field(examples=["2026-W47:5123"])]
GoneBack = Literal["too_far_back", "fell_behind", "unknown_position"]


class QuoteChanged(BaseModel):
    """A new quote on a market: the only one that bets on it may name from now on."""

    model_config = ConfigDict(frozen=True)

    game_id: UUID
    market_id: UUID
    market: str = Field(examples=["spread"])
    quote: QuoteShown


class MarketChanged(BaseModel):
    """A market was suspended or reopened, or all of the game's where `market_id` is null; `why` gives the reason."""

    model_config = ConfigDict(frozen=True)

    game_id: UUID
    market_id: UUID | None
    suspended: bool
    why: str


class GameSettled(BaseModel):
    """All bets on a game are settled under a resolution: 1, and more after each correction of the result.

    `bets` counts them, `paid` is what they were paid, in credits, the stakes included. Before there is a result an
    operator's void may be settled: then they are those that it names, and `result_status` is null.
    """

    model_config = ConfigDict(frozen=True)

    game_id: UUID
    resolution: int
    result_status: str | None = Field(examples=["final"])
    certainty: str | None = Field(examples=["official"])
    home_score: int | None
    away_score: int | None
    bets: int
    paid: int


class WeekChanged(Shown):
    """What of `GET /api/weeks/{week}` the week's own events change.

    `state`: registering, grouped (drawn, takes stakes), closed, settled or final.
    """

    week: str = Field(examples=["2026-W47"])
    state: str = Field(examples=["grouped"])
    roster_hash: str | None
    roster_size: int | None
    seed: str | None
    grouped_at: Moment | None
    closed_at: Moment | None
    settled_at: Moment | None
    finalised_at: Moment | None
    standings_hash: str | None
    position: str = Field(examples=["2026-W47:5123"])


class Reset(BaseModel):
    """Events are missing before this one: read everything anew, then go on from here.

    `reason`: `too_far_back`, the position asked for is no longer at hand; `fell_behind`, the client read too slowly;
    `unknown_position`, it is none of this week's.
    """

    reason: GoneBack


class Bye(BaseModel):
    """The stream ends. `reason`: `stopping` (come back later), or the code of the problem that a request would meet."""

    reason: str = Field(examples=["stopping"])
    detail: str


class _Event(BaseModel):
    id: Id


class StandingsEvent(_Event):
    """The pool's standings as they are now: the whole pool, at most about once a second."""

    event: Literal["standings"]
    data: LeaderboardShown


class BalanceEvent(_Event):
    """The player's credits, after each movement."""

    event: Literal["balance"]
    data: Credits


class BetEvent(_Event):
    """One of the player's bets was placed, settled or corrected."""

    event: Literal["bet"]
    data: BetShown


class QuoteEvent(_Event):
    """A market has a new quote."""

    event: Literal["quote"]
    data: QuoteChanged


class MarketEvent(_Event):
    """A market takes no stakes for now, or takes them again."""

    event: Literal["market"]
    data: MarketChanged


class GameEvent(_Event):
    """A game was listed, moved, locked or unlocked, or has a result. Its `markets` are null."""

    event: Literal["game"]
    data: GameShown


class SettlementEvent(_Event):
    """A game's bets are settled."""

    event: Literal["settlement"]
    data: GameSettled


class WeekEvent(_Event):
    """The week has come further."""

    event: Literal["week"]
    data: WeekChanged


class ResetEvent(_Event):
    """The stream could not go on where the client was."""

    event: Literal["reset"]
    data: Reset


class ByeEvent(_Event):
    """The last event of a stream that the service ends."""

    event: Literal["bye"]
    data: Bye


_Events = (
    StandingsEvent
    | BalanceEvent
    | BetEvent
    | QuoteEvent
    | MarketEvent
    | GameEvent
    | SettlementEvent
    | WeekEvent
    | ResetEvent
    | ByeEvent
)


class LiveEvent(RootModel[Annotated[_Events, Field(discriminator="event")]]):
    """One event of the stream: its fields `id:` and `event:`, and the JSON of `data:`, one line."""
