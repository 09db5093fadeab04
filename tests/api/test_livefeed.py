"""The parts of the live feed: ids, the ring, what facts are told as, and the memory that slow readers cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.live import Live
from api.livefeed.frames import EventId, Message, framed
from api.livefeed.hub import Hub
from api.livefeed.reader import LogReader
from api.livefeed.ring import Page, Ring
from api.livefeed.standings import StandingsReader
from api.livefeed.stream import Stream, Wanted
from api.livefeed.telling import Told
from api.refusal import Refusal
from ledger.events import BoughtBack
from ledger.facts import Fact
from projections.catalogue import projections
from projections.runner import Runner
from tests.api.listening import eventful
from tests.api.world import LIVE as LIMITS
from tests.api.world import WEEK, User, World

ENTRIES = [UUID(int=number) for number in range(3)]


def moved(position: int, entry: UUID) -> Fact:
    """Something that happened to an account."""
    event = BoughtBack(amount=1, available=1, payment_id="p")
    return Fact(log=WEEK, stream=entry, version=1, event=event, actor="a", request="r", position=position)


def told(position: int) -> Told:
    """Something that everybody is told."""
    return Told(position, frozenset({"quotes"}), Message("quote", "{}"))


def page(after: int, kinds: list[int | None]) -> Page:
    """A page of a log: at each position something for everybody, None, or for the entry of that number."""
    facts = [moved(after + n, ENTRIES[kind]) for n, kind in enumerate(kinds, start=1) if kind is not None]
    shared = [told(after + n) for n, kind in enumerate(kinds, start=1) if kind is None]
    return Page(after, after + len(kinds), facts, shared)


KINDS = st.lists(st.one_of(st.none(), st.integers(0, 2)), min_size=1, max_size=12)


@given(before=KINDS, pages=st.lists(KINDS, max_size=8), kept=st.integers(4, 20), data=st.data())
def test_a_ring_gives_what_lies_behind_a_position(
    before: list[int | None], pages: list[list[int | None]], kept: int, data: st.DataObject
) -> None:
    """From any position that it covers, each entry gets its own and everybody the rest, in order, none left out."""
    log = [*before, *(kind for kinds in pages for kind in kinds)]
    ring = Ring(start=len(before), kept=kept)
    ring.prepend(page(0, before))
    for kinds in pages:
        ring.append(page(ring.head, kinds))
    assert ring.head == len(log)
    assert len(ring) == ring.head - ring.floor
    assert min(kept, len(log)) <= len(ring) <= max(kept + kept // 4, len(before))
    after = data.draw(st.integers(ring.floor, ring.head))
    limit = data.draw(st.integers(1, 5))
    rest = list(enumerate(log[after:], start=after + 1))
    for number, entry in enumerate(ENTRIES):
        mine = [position for position, kind in rest if kind == number]
        assert [fact.position for fact in ring.own(entry, after=after, limit=limit)] == mine[:limit]
        assert ring.has_moved(entry, after=after) == bool(mine)
    everybodys = [position for position, kind in rest if kind is None]
    assert [each.position for each in ring.told(after=after, limit=limit)] == everybodys[:limit]
    assert ring.has_told(after=after) == bool(everybodys)


@given(position=st.integers(0, 10**18 - 1), part=st.integers(0, 9))
def test_an_id_is_read_as_it_was_written(position: int, part: int) -> None:
    """And where it is about all of a position it is that position's token."""
    event_id = EventId(WEEK, position, part)
    assert EventId.read(str(event_id)) == event_id
    assert (str(event_id) == f"{WEEK}:{position}") == (part == 0)
    assert event_id.whole == (position - 1 if part else position)


@pytest.mark.parametrize(
    "text", ["", WEEK, f"{WEEK}:", f"{WEEK}:-1", f"{WEEK}:1.0", f"{WEEK}:01", f"{WEEK}:1\n", "x" * 99]
)
def test_what_is_no_id_is_not_read(text: str) -> None:
    """Whatever a client sends, there is no error in it."""
    assert EventId.read(text) is None


def test_the_last_event_of_a_position_has_its_token() -> None:
    """So that a client which has it knows all of that position, and who has an earlier one gets the rest."""
    messages = [Message("bet", "1"), Message("balance", "2")]
    both = list(framed(messages, EventId(WEEK, 7)))
    assert [frame.decode().split()[-1] for frame in both] == [f"{WEEK}:7.1", f"{WEEK}:7"]
    assert list(framed(messages, EventId(WEEK, 7, 1))) == both[1:]


def test_pages_of_any_size_tell_the_same(world: World) -> None:
    """What is told of a position depends on the log up to it, not on how it was read."""
    ann, bob = world.playing("Ann", "Bob")
    eventful(world, ann, bob)
    reader = LogReader(world.ledger.recorder(WEEK))
    head = reader.head()
    whole = reader.page(after=0, until=head)
    for size in (1, 3, 7):
        pages = [reader.page(after=after, until=min(after + size, head)) for after in range(0, head, size)]
        assert [each for page in pages for each in page.told] == whole.told
        assert [fact.position for page in pages for fact in page.own] == [fact.position for fact in whole.own]


def test_standings_are_shown_as_the_leaderboard_is(world: World) -> None:
    """What is written once for all gives each player, and an auditor, the same as the read."""
    ann, bob = world.playing("Ann", "Bob")
    eventful(world, ann, bob)
    path = f"/api/weeks/{WEEK}/pools/W2026-47-A/leaderboard"
    operator = world.operator()
    pool = UUID(ann.get(path).json()["pool"]["pool_id"])
    standings = StandingsReader(world.ledger.datastore, world.services.players).read(pool)
    for user in (ann, bob, operator):
        entry = world.ledger.entries.entry_of(player_id=user.id, week=WEEK)
        message = standings.message(entry=entry, tells_entries=user is operator)
        assert message.data == user.get(path).text


class Listening:
    """A stream that is read by hand, as slowly as a test likes, on a hub of its own with a runner of its own."""

    def __init__(self, world: World, user: User, *, kept: int) -> None:
        runner = Runner(world.ledger.datastore, projections())
        limits = replace(LIMITS, kept=kept)
        self.hub = Hub(ledger=world.ledger, runner=runner, players=world.services.players, limits=limits)
        entry = world.ledger.entries.entry_of(player_id=user.id, week=WEEK)
        self.stream = self.another(Wanted(log=WEEK, topics=frozenset({"balance"}), entry=entry))
        self.frames: AsyncGenerator[bytes, None] = self.stream.frames()

    def another(self, wanted: Wanted) -> Stream:
        return Stream(self.hub, wanted, last_event_id=None, verify=self._verify, retry=1)

    async def next(self) -> str:
        return (await anext(self.frames)).decode()

    async def until_head(self, world: World) -> Ring:
        """Let the hub follow to the log's head, while nobody reads the stream."""
        follower = await self.hub.join(WEEK, self.stream)
        await follower.advance(world.ledger.recorder(WEEK).head().position)
        return follower.ring

    async def _verify(self) -> None:
        return None


def test_a_slow_reader_costs_no_memory(world: World) -> None:
    """However much happens, the ring stays within its bound; the reader is told that it fell behind, and goes on."""
    ann, bob = world.playing("Ann", "Bob")
    market = world.market()
    world.project()

    async def listen() -> None:
        listening = Listening(world, ann, kept=8)
        await listening.next()
        for number in range(40):
            (ann if number % 2 else bob).bet(market.bet(stake=1), key=str(number))
            world.project()
            ring = await listening.until_head(world)
            assert len(ring) <= 8 + 8 // 4
        missed = await listening.next()
        assert '"reason":"fell_behind"' in missed and '"available":980' in missed
        ann.bet(market.bet(stake=1), key="last")
        world.project()
        await listening.until_head(world)
        assert "event: bet" in await listening.next()
        listening.stream.close()
        assert not listening.hub.is_following

    asyncio.run(listen())


def test_a_slow_reader_within_the_bound_misses_nothing(world: World) -> None:
    """It gets all that happened while it did not read, in order, a bounded part at a time."""
    (ann,) = world.playing("Ann")
    market = world.market()
    world.project()

    async def listen() -> None:
        listening = Listening(world, ann, kept=1_000)
        await listening.next()
        placed = [ann.bet(market.bet(stake=1), key=str(number)).json()["bet_id"] for number in range(70)]
        world.project()
        await listening.until_head(world)
        first, second = await listening.next(), await listening.next()
        assert first.count("event: bet") == 64
        lines = [line for line in (first + second).splitlines() if '"bet_id"' in line]
        assert all(bet_id in line for bet_id, line in zip(placed, lines, strict=True))
        listening.stream.close()

    asyncio.run(listen())


def test_what_is_for_others_wakes_nobody(world: World) -> None:
    """A stream that waits goes on past what does not concern it, and never falls behind for that."""
    ann, bob = world.playing("Ann", "Bob")
    market = world.market()
    world.project()

    async def listen() -> None:
        listening = Listening(world, ann, kept=4)
        await listening.next()
        waiting = asyncio.ensure_future(listening.next())
        for number in range(20):
            await asyncio.sleep(0)
            bob.bet(market.bet(stake=1), key=str(number))
            world.project()
            await listening.until_head(world)
        assert not waiting.done()
        ann.bet(market.bet(stake=1))
        world.project()
        assert (await waiting).startswith("event: bet")
        listening.stream.close()

    asyncio.run(listen())


def test_a_hub_that_closed_takes_nobody(world: World) -> None:
    """Neither a seat is to be had, nor does somebody who came at the last moment stay."""
    (ann,) = world.playing("Ann")
    world.project()

    async def listen() -> None:
        listening = Listening(world, ann, kept=4)
        listening.hub.close()
        with pytest.raises(Refusal), listening.hub.seat(ann.id):
            raise AssertionError("there was a seat")
        parts = [part.decode() async for part in listening.frames]
        assert parts[-1].startswith("event: bye")
        listening.stream.close()

    asyncio.run(listen())


def test_a_failure_ends_the_streams_and_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for ever on a part that failed: clients are sent away, and who comes back starts it anew."""
    (ann,) = world.playing("Ann")
    world.project()
    unknown_pool = UUID(int=7)

    async def listen() -> None:
        listening = Listening(world, ann, kept=4)
        wanted = Wanted(log=WEEK, topics=frozenset({"standings"}), pool_id=unknown_pool)
        other = listening.another(wanted)
        await listening.next()
        parts = [part.decode() async for part in other.frames()]
        assert '"reason":"unavailable"' in parts[-1]
        assert '"reason":"unavailable"' in await listening.next()
        for stream in (listening.stream, other):
            stream.close()
        assert not listening.hub.is_following

    asyncio.run(listen())
    assert str(unknown_pool) in caplog.text


def test_a_client_that_takes_nothing_is_cut_off(world: World) -> None:
    """A connection that stands still does not keep its seat for ever."""
    (ann,) = world.playing("Ann")
    world.project()

    async def never(*_: object) -> Any:
        await asyncio.Event().wait()

    async def listen() -> None:
        listening = Listening(world, ann, kept=4)
        await Live(listening.stream, write_wait=0.01)({"type": "http"}, never, never)
        listening.stream.close()
        assert not listening.hub.is_following

    asyncio.run(asyncio.wait_for(listen(), timeout=60))
