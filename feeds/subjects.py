"""The NATS subjects of feed messages: `sports.<league>.<game_id>.<type>[.<market>]`."""

from __future__ import annotations

import re

from feeds.messages import GameMessage, MarketMessage, Message, QuoteMessage

UNKNOWN_LEAGUE = "unknown"
# A body that is no message still has to reach the consumer, which keeps it as a dead letter.
UNREADABLE_SUBJECT = "sports.unknown.unknown.unreadable"


def subject(message: Message, league: str) -> str:
    """Return the subject of a message of a game in `league`."""
    tokens = [league, message.game_id, message.type]
    if isinstance(message, QuoteMessage | MarketMessage):
        tokens.append(message.market)
    return ".".join(["sports", *map(_token, tokens)])


class Leagues:
    """Which league each game is in. Only `game` messages say it: a publisher in feed order remembers it."""

    def __init__(self) -> None:
        self._of_game: dict[tuple[str, str], str] = {}

    def subject(self, message: Message) -> str:
        """Return the subject of the next message; a game not yet introduced is in the league `unknown`."""
        game = (message.source, message.game_id)
        if isinstance(message, GameMessage):
            self._of_game[game] = message.league
        return subject(message, self._of_game.get(game, UNKNOWN_LEAGUE))


def _token(text: str) -> str:
    """Percent-encode the UTF-8 bytes that could end a token or be a wildcard, so that any id is one token."""
    return re.sub(rb"[^A-Za-z0-9_-]", lambda byte: b"%%%02X" % byte[0][0], text.encode()).decode()
