"""Somebody who listens to live streams, and a week with something to hear in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from ledger import listing, settling
from ledger.settlement import Word
from tests.api.world import WEEK, Market, User, World

LIVE = f"/api/weeks/{WEEK}/live"
Drawn = tuple[World, User, User]


@dataclass(frozen=True)
class Heard:
    """An event as a client takes it."""

    id: str
    name: str
    data: dict[str, Any]

    @property
    def position(self) -> int:
        return int(self.id.rpartition(":")[2].partition(".")[0])


class Ear:
    """Reads a stream as an EventSource does: `last_id` is what it would come back with."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.last_id = ""
        self.retry: int | None = None
        self.pulses = 0
        self._lines = answer.iter_lines()

    def next(self) -> Heard:
        """Wait for the next event. Raises StopIteration at the end of the stream."""
        while True:
            fields = self._block()
            self.last_id = fields.get("id", self.last_id)
            self.retry = int(fields["retry"]) if "retry" in fields else self.retry
            if "data" in fields:
                return Heard(self.last_id, fields["event"], json.loads(fields["data"]))
            self.pulses += 1

    def until(self, is_it: Callable[[Heard], bool]) -> list[Heard]:
        """Listen until an event is the one that is waited for, and return all that was heard."""
        heard = [self.next()]
        while not is_it(heard[-1]):
            heard.append(self.next())
        return heard

    def events(self, number: int) -> list[Heard]:
        """Return the next events that are told once, which standings are not."""
        heard: list[Heard] = []
        while len(heard) < number:
            event = self.next()
            heard += [event] if event.name != "standings" else []
        return heard

    def _block(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        while line := next(self._lines):
            name, _, value = line.partition(":")
            fields |= {name: value.removeprefix(" ")} if name else {}
        return fields


@contextmanager
def listening(user: User, path: str = LIVE, *, last_event_id: str | None = None, **params: Any) -> Iterator[Ear]:
    """Listen as somebody, until the block ends."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id is not None else {}
    with user.stream(path, headers=headers, params=params or None) as answer:
        assert answer.status_code == 200, answer.read()
        yield Ear(answer)


def finish(world: World, game: UUID, bets: list[dict[str, Any]], *, home: int, away: int, revision: int = 1) -> None:
    """Record a result and settle a game's bets, given as they were answered, under it, to the end."""
    word = Word(game_id=game, source="nfl", status="final", revision=revision, home_score=home, away_score=away)
    request = f"result {revision}"
    settling.record_result(world.ledger, week=WEEK, word=word, actor="feed:nfl", request=request).result()
    progress = settling.progress(world.ledger, week=WEEK, game_id=game).result()
    world.project()
    rows = [world.services.views.bets.bet(UUID(bet["bet_id"])) for bet in bets]
    placed = [settling.PlacedBet(row.bet_id, row.entry, row.position) for row in rows if row is not None]
    settling.settle_chunk(
        world.ledger,
        week=WEEK,
        game_id=game,
        resolution=progress.resolution,
        bets=sorted(placed, key=lambda bet: bet.position),
        from_=1,
        to=progress.cut,
        cut=progress.cut,
    ).result()
    staked = sum(bet["stake"] for bet in bets)
    settling.complete(world.ledger, week=WEEK, game_id=game, resolution=progress.resolution, staked=staked).result()


def suspend(world: World, game: UUID, market: str | None) -> None:
    """Stop stakes on a market for a while."""
    listing.suspend(
        world.ledger, week=WEEK, game_id=game, market=market, why="injury", actor="feed:nfl", request="suspend"
    ).result()


def reopen(world: World, game: UUID, market: str | None) -> None:
    """Let stakes go on."""
    listing.reopen(
        world.ledger, week=WEEK, game_id=game, market=market, why="news", actor="feed:nfl", request="reopen"
    ).result()


def eventful(world: World, ann: User, bob: User) -> Market:
    """Let much happen: quotes, bets, a suspension, a result and its correction; projected."""
    game = world.game()
    market = world.quote(game)
    bets = [ann.bet(market.bet(), key="1").json(), bob.bet(market.bet(outcome="away"), key="1").json()]
    moved = world.quote(game, line="-7.5", minutes=1)
    bets += [ann.bet(moved.bet(stake=20, outcome="away"), key="2").json()]
    suspend(world, game, "spread")
    reopen(world, game, None)
    world.quote(game, "moneyline", line=None)
    bets += [bob.bet(moved.bet(stake=30), key="2").json(), ann.bet(moved.bet(stake=10), key="3").json()]
    finish(world, game, bets, home=30, away=20)
    finish(world, game, bets, home=20, away=30, revision=2)
    world.project()
    return moved


def names(heard: list[Heard]) -> list[str]:
    """What kinds of events were heard, in order."""
    return [event.name for event in heard]


def once(heard: list[Heard]) -> list[Heard]:
    """The events that are told once: all but standings."""
    return [event for event in heard if event.name != "standings"]


def without_interruption(
    world: World, user: User, start: str, topics: str = "balance,quotes,settlements"
) -> list[Heard]:
    """What somebody hears from a position to the log's head: standings come when everything else has been told."""
    head = world.ledger.recorder(WEEK).head().position
    with listening(user, topics=f"{topics},standings", last_event_id=start) as ear:
        return once(ear.until(lambda event: event.name == "standings" and event.position == head))
