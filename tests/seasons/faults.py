"""What goes wrong in a feed: messages doubled, late and out of order, results taken back, games that go elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from feeds.messages import GameMessage, Message, QuoteMessage, ResultMessage, StatusMessage
from feeds.nflverse import RESULT_AFTER_KICK_OFF
from ledger.weeks import ends_at, week_at

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
# Of sixteen games, a full week's, each fate meets so many; of five nothing is said but what is true.
FATES: Final = {
    "reversed": 2,
    "contradicted": 1,
    "annulled": 1,
    "provisional": 1,
    "vanished": 1,
    "cancelled": 1,
    "postponed": 1,
    "moved_within": 1,
    "moved_out": 1,
    "began_early": 1,
    "none": 5,
}
SAID_AGAIN: Final = 0.3


class Heard(NamedTuple):
    """A message, and when the feed brings it."""

    at: datetime
    message: Message


class Fault(NamedTuple):
    """What is wrong with what is said of a game; `at` is the instant that counts where it leaves bets void."""

    game: str
    name: str
    at: datetime


class Game(NamedTuple):
    """What the table has of a game."""

    listing: GameMessage
    quotes: Sequence[QuoteMessage]
    result: ResultMessage


def games_of(messages: Sequence[Message]) -> list[Game]:
    """Return the games of a table's messages that were played."""
    listings = [each for each in messages if isinstance(each, GameMessage)]
    quotes = [each for each in messages if isinstance(each, QuoteMessage)]
    results = {each.game_id: each for each in messages if isinstance(each, ResultMessage)}
    return [
        Game(listing, [each for each in quotes if each.game_id == listing.game_id], results[listing.game_id])
        for listing in listings
        if listing.game_id in results
    ]


class BadFeed:
    """Tells of games as a bad feed does. The same `random` and the same games, the same faults.

    What it tells stands in `heard`, what is wrong with it in `faults`.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._fates: list[str] = []
        self.heard: list[Heard] = []
        self.faults: list[Fault] = []

    def tell(self, game: Game) -> None:
        """Tell of a game from its listing to its last result, if it gets one."""
        fate = self._deal()
        # Quotes may come before their game, and wait as dead letters until it is listed.
        at_once: list[Message] = [game.listing, *game.quotes]
        for message in at_once:
            self._say(message, within=HOUR)
        at = getattr(self, f"_{fate}")(game)
        if fate != "none":
            self.faults.append(Fault(game.listing.game_id, fate, at))

    def _deal(self) -> str:
        """Deal fates like cards, so that few games meet many of them."""
        if not self._fates:
            self._fates = [fate for fate, number in FATES.items() for _ in range(number)]
            self._random.shuffle(self._fates)
        return self._fates.pop()

    def _say(self, message: Message, *, within: timedelta = 6 * HOUR, after: timedelta = timedelta()) -> None:
        """Say something some time `after` it happened, and perhaps again when it is old; so, all gets out of order."""
        heard_at = message.at + after + within * self._random.random()
        self.heard.append(Heard(heard_at, message))
        if self._random.random() < SAID_AGAIN:
            self.heard.append(Heard(heard_at + 30 * HOUR * self._random.random(), message))

    def _none(self, game: Game) -> datetime:
        self._say(game.result)
        return game.result.at

    def _reversed(self, game: Game) -> datetime:
        """One result, another, and the first again; or the wrong one first."""
        wrong = _swapped(game.result)
        words = (game.result, wrong, game.result) if self._random.random() < 0.5 else (wrong, game.result)
        return self._say_in_turn(*words)

    def _contradicted(self, game: Game) -> datetime:
        """Two results with one number, of which the later one heard is a dead letter; then one that counts."""
        self._say(game.result)
        self._say(_swapped(game.result, at=game.result.at + 10 * MINUTE))
        self._say(game.result.model_copy(update={"revision": 2, "at": game.result.at + HOUR}))
        return game.result.at

    def _annulled(self, game: Game) -> datetime:
        """A result, its annulment, and the result again."""
        self._say(_status(game, "abandoned", at=game.result.at + 30 * MINUTE))
        return self._say_in_turn(_swapped(game.result), game.result)

    def _provisional(self, game: Game) -> datetime:
        """Nothing official ever comes: at the deadline the latest provisional result stands."""
        return self._say_in_turn(_swapped(game.result), game.result, certainty="provisional")

    def _vanished(self, game: Game) -> datetime:
        return game.listing.starts_at

    def _cancelled(self, game: Game) -> datetime:
        before = self._random.random() < 0.5
        at = game.listing.starts_at - 5 * HOUR if before else game.result.at
        self._say(_status(game, "cancelled" if before else "abandoned", at=at))
        return at

    def _postponed(self, game: Game) -> datetime:
        """It is to be played some day, and is not."""
        at = game.listing.starts_at - 5 * HOUR
        self._say(_status(game, "postponed", at=at), within=HOUR)
        return at

    def _moved_within(self, game: Game) -> datetime:
        """A day later, or an hour earlier where the week has no such day."""
        starts_at, at = game.listing.starts_at, game.listing.starts_at - 5 * HOUR
        later = starts_at + 24 * HOUR
        moved = later if later < ends_at(week_at(starts_at)) else starts_at - HOUR
        if self._random.random() < 0.5:
            self._say(game.listing.model_copy(update={"at": at, "starts_at": moved}), within=HOUR)
        else:
            self._say(_status(game, "postponed", at=at, starts_at=moved), within=HOUR)
        self._say(game.result.model_copy(update={"at": moved + RESULT_AFTER_KICK_OFF}))
        return at

    def _moved_out(self, game: Game) -> datetime:
        """Seven days later it is listed anew, with quotes of its own."""
        at, moved = game.listing.starts_at - 5 * HOUR, game.listing.starts_at + timedelta(days=7)
        self._say(game.listing.model_copy(update={"at": at, "starts_at": moved}), within=HOUR)
        for quote in game.quotes:
            self._say(quote.model_copy(update={"at": at + MINUTE}), after=HOUR)
        self._say(game.result.model_copy(update={"at": moved + RESULT_AFTER_KICK_OFF}))
        return at

    def _began_early(self, game: Game) -> datetime:
        """That it began ten minutes early is learnt at the scheduled start, or hours after the result."""
        started_at = game.listing.starts_at - 10 * MINUTE
        said_at = game.listing.starts_at if self._random.random() < 0.5 else game.result.at
        self._say(_status(game, "in_progress", at=said_at, started_at=started_at))
        self._say(game.result)
        return started_at

    def _say_in_turn(self, *words: ResultMessage, certainty: str = "official") -> datetime:
        """Give results in turn, an hour apart, each a revision of its own; they are heard in any order."""
        for number, word in enumerate(words):
            change = {"revision": number + 1, "at": word.at + number * HOUR, "certainty": certainty}
            self._say(word.model_copy(update=change))
        return words[0].at


def _swapped(result: ResultMessage, **changes: object) -> ResultMessage:
    """Return the result with the sides swapped; a tie becomes a win, as it would be no other result."""
    home, away = result.home_score, result.away_score
    return result.model_copy(update={"home_score": away + (home == away), "away_score": home, **changes})


def _status(game: Game, status: str, **times: datetime) -> StatusMessage:
    said = {"source": game.listing.source, "game_id": game.listing.game_id, "status": status}
    return StatusMessage.model_validate(said | times)
