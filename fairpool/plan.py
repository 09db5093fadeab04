"""What a demo or a sample plays: the week with most games in a feed, how many players, and how many bets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from feeds.feedfile import FeedLine, read_lines
from feeds.messages import GameMessage
from ledger.mendable import Mendable
from ledger.weeks import NEW_YORK, starts_at, week_at


class NothingToPlay(Mendable):
    """The feed lists no game."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played: the feed's lines, the week, and how many players and bets."""

    lines: Sequence[FeedLine]
    week: str
    players: int
    bets: int
    seed: int

    @property
    def rounds(self) -> list[datetime]:
        """The instants at which bets are placed: when the week starts, and a minute before each kick-off in it."""
        starts = {start for start in starts_of(self.lines).values() if week_at(start) == self.week}
        return [starts_at(self.week), *sorted(start - timedelta(minutes=1) for start in starts)]

    @property
    def days(self) -> list[str]:
        """The days of the week, as the API takes them."""
        first = starts_at(self.week).astimezone(NEW_YORK).date()
        return [(first + timedelta(days=day)).isoformat() for day in range(7)]


def plan(feed: Path, *, players: int, bets: int, seed: int) -> Plan:
    """Choose the week with most games in a feed, the earliest on a tie; raises NothingToPlay, FeedFileError."""
    lines = list(read_lines(feed))
    games = Counter(week_at(start) for start in starts_of(lines).values())
    if not games:
        raise NothingToPlay(f"{feed} lists no game")
    week = min(games, key=lambda week: (-games[week], week))
    return Plan(lines, week, players, bets, seed)


def starts_of(lines: Sequence[FeedLine]) -> dict[tuple[str, str], datetime]:
    """Return the start of each game as it was last announced."""
    games = [line.message for line in lines if isinstance(line.message, GameMessage)]
    return {(game.source, game.game_id): game.starts_at for game in games}
