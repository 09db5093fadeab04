"""Which listing of which week a feed's game id means: ids return in other weeks, and games move and come back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from ledger.events import Event, GameMovedOut, GameRescheduled, GameScheduled, WeekFinalised
from ledger.facts import fact_of
from ledger.ids import game_id
from ledger.ledger import Ledger
from ledger.recorder import LogArchived

_TOPICS = (GameScheduled.TOPIC, GameRescheduled.TOPIC, GameMovedOut.TOPIC, WeekFinalised.TOPIC)


@dataclass(frozen=True, slots=True)
class Listing:
    """A game as listed in a week; `number` counts its listings there under the same id."""

    week: str
    game_id: UUID
    number: int
    league: str
    home: str
    away: str
    starts_at: datetime
    moved_out: bool = False


class Listings:
    """All listings of all weeks by source and feed id, read from the logs and kept up with them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._by_name: dict[tuple[str, str], list[UUID]] = defaultdict(list)
        self._by_teams: dict[tuple[str, str, str], list[UUID]] = defaultdict(list)
        self._by_id: dict[UUID, Listing] = {}
        self._read_to: dict[str, int] = {}
        self._over: set[str] = set()

    def refresh(self) -> None:
        """Read what the logs of weeks that are not over say anew."""
        for week in self._ledger.weeks():
            if week in self._over:
                continue
            # A week may leave the database meanwhile: that is no trouble of the message at hand.
            with suppress(LogArchived):
                self._read(week)

    def of(self, source: str, external_id: str) -> Sequence[Listing]:
        """Return the listings of a feed's id in order of their start, those that moved out of their week first."""
        listings = [self._by_id[listing] for listing in self._by_name.get((source, external_id), ())]
        return sorted(listings, key=lambda listing: (not listing.moved_out, listing.starts_at))

    def of_teams(self, league: str, home: str, away: str) -> list[Listing]:
        """Return the listings of two teams, whichever week they are of, but for those that moved out of theirs."""
        listings = [self._by_id[listing] for listing in self._by_teams.get((league, home, away), ())]
        return [listing for listing in listings if not listing.moved_out]

    def listing(self, game_id: UUID) -> Listing | None:
        """Return a listing by the ledger's id of the game."""
        return self._by_id.get(game_id)

    def meant(self, source: str, external_id: str, *, result_at: datetime | None = None) -> Listing | None:
        """Return the listing that a message means: the last one, for a result the last that had started by then.

        One that moved out of its week is meant only where there is no other.
        """
        listings = self.of(source, external_id)
        started = [each for each in listings if result_at is not None and each.starts_at <= result_at]
        return next(reversed(started or listings), None)

    def next_id(self, week: str, source: str, external_id: str) -> UUID:
        """Return the id of a new listing."""
        listed = sum(listing.week == week for listing in self.of(source, external_id))
        return game_id(week, source, external_id, listed + 1)

    def _read(self, week: str) -> None:
        for record in self._ledger.recorder(week).read_topics(*_TOPICS, after=self._read_to.get(week, 0)):
            self._apply(week, record.stream, fact_of(record).event)
            self._read_to[week] = record.position

    def _apply(self, week: str, stream: UUID, event: Event) -> None:
        match event:
            case GameScheduled(source=source, external_id=external_id) as game:
                number = 1 + sum(listing.week == week for listing in self.of(source, external_id))
                self._by_id[stream] = Listing(week, stream, number, game.league, game.home, game.away, game.starts_at)
                self._by_name[source, external_id].append(stream)
                self._by_teams[game.league, game.home, game.away].append(stream)
            case GameRescheduled(starts_at=starts_at):
                self._by_id[stream] = replace(self._by_id[stream], starts_at=starts_at)
            case GameMovedOut():
                self._by_id[stream] = replace(self._by_id[stream], moved_out=True)
            case WeekFinalised():
                self._over.add(week)
