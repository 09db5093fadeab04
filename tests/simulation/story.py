"""What is told of a simulated week's games: doubled, late, out of order, taken back, and much of it at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

from feeds.messages import GameMessage, MarketMessage, QuoteMessage, ResultMessage
from ledger.weeks import ends_at, starts_at
from tests.examples import MARKETS, SOURCE, WEEK
from tests.seasons.faults import BadFeed, Game, Heard

HOUR: Final = timedelta(hours=1)
QUOTES_MAX: Final = 6
STOPPED: Final = 0.2
LATE: Final = 0.4
FIRST_CORRECTION: Final = 6
CORRECTIONS: Final = (0, 1, 2, 3)
MOMENTS_MAX: Final = 3
AROUND: Final = (-600.0, -10.0, -10.0, -1.0, -1.0, 0.0, 5.0)
"""At which second before or behind a moment something happens that happens around it."""


class Story:
    """Draws some games, and all that is said of them: `heard`."""

    def __init__(self, random: Random, *, games: int) -> None:
        self._random = random
        feed = BadFeed(random)
        for number in range(games):
            game, told = _game(random, f"g{number}"), len(feed.heard)
            feed.tell(game)
            ends = [each.message for each in feed.heard[told:] if isinstance(each.message, ResultMessage)]
            feed.heard.extend(_stops(random, game))
            # What was called off, or ended by nobody's word, gets no result afterwards.
            if any(end.certainty == "official" for end in ends):
                feed.heard.extend(_corrections(random, game))
        self.heard = feed.heard
        self.moments = self._draw_moments()

    def telling(self) -> Sequence[Heard]:
        """Return what is heard, in order."""
        return sorted(map(self._late, self.heard), key=lambda heard: heard.at)

    def _late(self, heard: Heard) -> Heard:
        """Let some be told of boards just when a game starts, so that much happens at once."""
        starts = [at for at in self._starts() if at > heard.at]
        if starts and isinstance(heard.message, QuoteMessage | MarketMessage) and self._random.random() < LATE:
            return heard._replace(at=min(starts) + timedelta(seconds=self._random.choice(AROUND)))
        return heard

    def _starts(self) -> list[datetime]:
        starts = [each.message.starts_at for each in self.heard if isinstance(each.message, GameMessage)]
        return [instant for instant in starts if instant < ends_at(WEEK)]

    def _draw_moments(self) -> Sequence[datetime]:
        """Draw a few moments at which everything happens at once: when something is said, or starts."""
        starts = self._starts()
        said = [each.at for each in self.heard if each.at < max(starts)]
        # The fewer there are, the more happens at each.
        more = self._random.randint(0, MOMENTS_MAX - 1)
        return [min(starts), *(self._random.choice(self._random.choice((said, starts))) for _ in range(more))]


def _game(random: Random, name: str) -> Game:
    """Draw a game of the week, its quotes, and its result."""
    kick_off = starts_at(WEEK) + timedelta(hours=random.choice((random.randint(20, 60), random.randint(20, 160))))
    told_at = starts_at(WEEK) + timedelta(hours=random.randint(1, 12))
    listing = GameMessage(
        at=told_at, source=SOURCE, game_id=name, league="NFL", home=f"H{name}", away=f"A{name}", starts_at=kick_off
    )
    # On few markets many meet.
    markets = random.sample(sorted(MARKETS), random.randint(1, len(MARKETS)))
    quotes = [
        QuoteMessage.model_validate(
            {
                "at": told_at + (kick_off - told_at) * random.random(),
                "source": SOURCE,
                "game_id": name,
                "market": market,
                "line": MARKETS[market]["line"],
                "prices": {outcome: random.choice((-140, -110, 105, 120)) for outcome in MARKETS[market]["prices"]},
            }
        )
        for market in markets
        for _ in range(random.randint(1, QUOTES_MAX // len(markets)))
    ]
    result = ResultMessage(
        at=kick_off + 4 * HOUR,
        source=SOURCE,
        game_id=name,
        home_score=random.randint(0, 30),
        away_score=random.randint(0, 30),
        revision=1,
        certainty="official",
    )
    return Game(listing, quotes, result)


def _stops(random: Random, game: Game) -> Iterator[Heard]:
    """Draw when markets are suspended, and open again."""
    for quote in game.quotes:
        if random.random() < STOPPED:
            said = {"source": SOURCE, "game_id": quote.game_id, "market": quote.market}
            for at, status in ((quote.at, "suspended"), (quote.at + HOUR * random.random(), "open")):
                message = MarketMessage.model_validate(said | {"at": at, "status": status})
                yield Heard(at + HOUR * random.random(), message)


def _corrections(random: Random, game: Game) -> Iterator[Heard]:
    """Draw results that take back what was said before."""
    for revision in range(FIRST_CORRECTION, FIRST_CORRECTION + random.choice(CORRECTIONS)):
        change = {
            "at": game.result.at + HOUR * revision,
            "revision": revision,
            "home_score": random.randint(0, 30),
            "away_score": random.randint(0, 30),
        }
        message = game.result.model_copy(update=change)
        yield Heard(message.at + 3 * HOUR * random.random(), message)
