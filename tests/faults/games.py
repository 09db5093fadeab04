"""The provider of games: one begins every few seconds, is quoted, played, and has a result, some a corrected one.

It publishes in a thread of its own and goes on publishing a message until the server has kept it, as providers do.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from nats.errors import Error as NatsError

from feeds.jetstream import CONSUMER, STREAM, connected, provision
from feeds.messages import GameMessage, Message, QuoteMessage, ResultMessage, StatusMessage, encode
from feeds.subjects import Leagues

T = TypeVar("T")
SOURCE: Final = "faults"
EVERY_SECONDS: Final = 4.0
OPEN_SECONDS: Final = (12.0, 30.0)
PLAYED_SECONDS: Final = 2.0
CORRECTED_SECONDS: Final = 4.0
# A minute and more of messages.
SAID_AGAIN: Final = 200
_CORRECTED: Final = 0.2
_CALLED_OFF: Final = 0.1
_AGAIN_SECONDS: Final = 0.3
_ANSWERS_WITHIN_SECONDS: Final = 3.0
_log = logging.getLogger(__name__)
_LEAGUES: Final = ("NFL", "NBA", "EPL")


@dataclass(order=True, frozen=True, slots=True)
class Planned:
    """A message that is due at an instant of the game's time."""

    at: datetime
    number: int
    message: Message = field(compare=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be published at an instant of the game's time, perhaps one more time."""

    at: datetime
    message: Message
    is_copy: bool = False


@dataclass
class Disorder:
    """How the messages come while the network is bad: twice, late, or behind later ones."""

    twice: float = 0.0
    late: float = 0.0
    late_seconds: float = 3.0


class Games:
    """Publishes while it runs.

    `said` is everything that was to be published, in its first order.
    """

    def __init__(self, url: str, *, clock: Callable[[], datetime], seed: int) -> None:
        self.said: list[Message] = []
        self.disorder = Disorder()
        self._url = url
        self._clock = clock
        self._random = random.Random(seed)
        self._planned: list[Planned] = []
        self._count = 0
        self._outgoing: list[Outgoing] = []
        self._leagues = Leagues()
        self._again = threading.Event()
        self._is_ready = threading.Event()
        self._is_played = threading.Event()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="games", daemon=True)

    def start(self) -> None:
        """Begin, once the server answers."""
        self._thread.start()
        self._is_ready.wait()

    def end(self) -> None:
        """Begin no more games, and wait until those that are there have been played."""
        self._ends.set()
        self._is_played.wait()

    def last_sequence(self) -> int:
        """Return the place of the last message in the stream; raises NatsError, TimeoutError."""
        return int(self._answer(self._context.stream_info(STREAM)).state.last_seq)

    def taken_to(self) -> int:
        """Return up to which place all messages have been taken; raises NatsError, TimeoutError."""
        floor = self._answer(self._context.consumer_info(STREAM, CONSUMER)).ack_floor
        return 0 if floor is None else floor.stream_seq

    def say_again(self) -> None:
        """Publish the latest messages anew, as a provider does for a client who has lost what came."""
        self._again.set()

    def _answer(self, asked: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result(_ANSWERS_WITHIN_SECONDS)

    async def _run(self) -> None:
        async with connected(self._url) as client:
            self._loop, self._context = asyncio.get_running_loop(), await provision(client)
            self._is_ready.set()
            next_at = self._clock()
            while True:
                if self._clock() >= next_at and not self._ends.is_set():
                    self._plan_game()
                    next_at += timedelta(seconds=EVERY_SECONDS)
                await self._publish_due()
                if self._ends.is_set() and not (self._planned or self._outgoing or self._again.is_set()):
                    self._is_played.set()
                await asyncio.sleep(0.05)

    def _plan_game(self) -> None:
        """Plan all that is to be said of one more game."""
        self._count += 1
        now, name, source = self._clock(), f"g{self._count}", SOURCE
        starts_at = now + timedelta(seconds=self._random.uniform(*OPEN_SECONDS))
        game = GameMessage(
            at=now,
            source=source,
            game_id=name,
            league=self._random.choice(_LEAGUES),
            home=f"Home {self._count}",
            away=f"Away {self._count}",
            starts_at=starts_at,
        )
        self._say_at(now, game)
        for number in range(3):
            self._quote(name, now + number * (starts_at - now) / 3)
        self._end_game(name, starts_at)

    def _quote(self, name: str, at: datetime) -> None:
        line = f"{self._random.randint(-14, 14) / 2:.1f}"
        price = self._random.randint(101, 140)
        for market, quoted, prices in (
            ("moneyline", None, {"home": -price, "away": price}),
            ("spread", line, {"home": -110, "away": -110}),
            ("total", f"{self._random.randint(60, 110) / 2:.1f}", {"over": -110, "under": -110}),
        ):
            quote: dict[str, Any] = {"market": market, "line": quoted, "prices": prices}
            self._say_at(at, QuoteMessage(at=at, source=SOURCE, game_id=name, **quote))

    def _end_game(self, name: str, starts_at: datetime) -> None:
        origin: dict[str, Any] = {"source": SOURCE, "game_id": name}
        if self._random.random() < _CALLED_OFF:
            self._say_at(starts_at, StatusMessage(at=starts_at, status="cancelled", **origin))
            return
        self._say_at(starts_at, StatusMessage(at=starts_at, status="in_progress", **origin))
        over = starts_at + timedelta(seconds=PLAYED_SECONDS)
        revisions = 2 if self._random.random() < _CORRECTED else 1
        for revision in range(1, revisions + 1):
            scores = {"home_score": self._random.randint(0, 40), "away_score": self._random.randint(0, 40)}
            regulation = {"home": scores["home_score"], "away": scores["away_score"]}
            result: dict[str, Any] = {"revision": revision, "certainty": "official", "regulation": regulation}
            self._say_at(over, ResultMessage.model_validate({"at": over, **origin, **result, **scores}))
            over += timedelta(seconds=CORRECTED_SECONDS)

    def _say_at(self, at: datetime, message: Message) -> None:
        self._planned.append(Planned(at, len(self._planned) + len(self.said), message))

    async def _publish_due(self) -> None:
        """Hand over what is due, and what is said again; some of it twice or late while there is disorder."""
        now = self._clock()
        for planned in sorted(each for each in self._planned if each.at <= now):
            self.said.append(planned.message)
            self._hand_over(planned.message, now)
        self._planned = [each for each in self._planned if each.at > now]
        if self._again.is_set():
            self._again.clear()
            self._outgoing += [Outgoing(now, message, is_copy=True) for message in self.said[-SAID_AGAIN:]]
        due = [each for each in self._outgoing if each.at <= now]
        self._outgoing = [each for each in self._outgoing if each.at > now]
        for outgoing in due:
            await self._publish(outgoing)

    def _hand_over(self, message: Message, now: datetime) -> None:
        is_late = self._random.random() < self.disorder.late
        late = timedelta(seconds=self._random.uniform(0, self.disorder.late_seconds) if is_late else 0)
        self._outgoing.append(Outgoing(now + late, message))
        if self._random.random() < self.disorder.twice:
            later = timedelta(seconds=self._random.uniform(0, self.disorder.late_seconds))
            self._outgoing.append(Outgoing(now + later, message, is_copy=True))

    async def _publish(self, outgoing: Outgoing) -> None:
        """Publish until the server has kept it. A copy has no id by which the server would know it."""
        message = outgoing.message
        headers = None if outgoing.is_copy else {"Nats-Msg-Id": message.msg_id}
        while True:
            try:
                await self._context.publish(self._leagues.subject(message), encode(message), headers=headers)
            except NatsError as error:
                _log.info("not published yet: %s", error)
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return
