"""The stream keeps each message once, and the consumer takes each until it is applied or a dead letter."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from feeds.feedfile import FeedLine, read_lines
from feeds.ingest import Taken
from feeds.jetstream import DELIVERIES_MAX, Consumer, connected, provision
from feeds.messages import encode, parse
from ledger.desk import LedgerUnavailable
from tests.feeds.consuming import PATIENCE_SECONDS, Taking, consuming, running, stream
from tests.feeds.small_week import SmallWeek, at

AT = datetime(2026, 11, 16, 5, tzinfo=UTC)


def line(body: bytes) -> FeedLine:
    return FeedLine(1, AT, body, parse(body), None)


def test_provisioning_again_keeps_what_is_there(nats_url: str) -> None:
    """A second start finds the stream, its messages and how far the consumer was."""

    async def run() -> None:
        async with stream(nats_url) as on, connected(nats_url) as client:
            await on.publish(b"one", b"two")
            taking = Taking()
            async with consuming(on, taking):
                await taking.until(2)
            await on.publish(b"three")
            context = await provision(client, stream=on.name, subjects=f"{on.root}.>")
            info = await context.stream_info(on.name)
            assert info.state.messages == 3
            again = Taking()
            async with consuming(on, again):
                await again.until(1)
            assert again.handled == [b"three"]

    asyncio.run(run())


def test_a_line_published_twice_is_kept_once(nats_url: str, tmp_path: Path) -> None:
    """Also a line that is no message, and by another publisher; the last sequence is that of the stream."""
    file = tmp_path / "feed.jsonl"
    file.write_bytes(
        b'{"v":1,"type":"game","at":"2026-11-16T05:00:00Z","source":"s","game_id":"a.b *>","league":"N F L",'
        b'"home":"A","away":"B","starts_at":"2026-11-20T01:15:00Z"}\n'
        b'{"v":1,"type":"quote","at":"2026-11-16T06:00:00Z","source":"s","game_id":"a.b *>","market":"moneyline",'
        b'"line":null,"prices":{"home":-110,"away":-110}}\n'
        b'{"v":9,"at":"2026-11-16T07:00:00Z"}\n'
    )
    lines = list(read_lines(file))

    async def run() -> None:
        async with stream(nats_url) as on:
            publishers = [on.publisher(), on.publisher()]
            kept = [[await publisher.publish(line) for line in lines] for publisher in publishers]
            assert kept == [[True] * 3, [False] * 3]
            assert [publisher.last_sequence for publisher in publishers] == [3, 3]
            stored = [await on.context.get_msg(on.name, sequence) for sequence in (1, 2, 3)]
            assert [message.data for message in stored] == [line.body for line in lines]
            assert [str(message.subject).removeprefix(on.root) for message in stored] == [
                ".N%20F%20L.a%2Eb%20%2A%3E.game",
                ".N%20F%20L.a%2Eb%20%2A%3E.quote.moneyline",
                ".unknown.unknown.unreadable",
            ]

    asyncio.run(run())


def test_messages_are_taken_in_order_and_acknowledged(nats_url: str) -> None:
    """More than one fetch of them; afterwards nothing is pending, and `taken_to` is the last one's number."""
    bodies = [b"%d" % number for number in range(250)]

    async def run() -> None:
        async with stream(nats_url) as on:
            await on.publish(*bodies)
            taking = Taking()
            async with consuming(on, taking) as consumer:
                await taking.until(len(bodies))
                await on.done()
                assert (taking.handled, consumer.taken_to) == (bodies, len(bodies))

    asyncio.run(run())


def test_a_message_that_fails_is_delivered_again_and_buried_the_fifth_time_while_others_flow(nats_url: str) -> None:
    """One that fails once is applied the second time; the dead letter says why, and does not come again."""

    def fails(body: bytes, times: int) -> Exception | None:
        return ValueError("never") if body == b"bad" else KeyError("once") if body == b"shy" and times == 1 else None

    async def run() -> None:
        async with stream(nats_url) as on:
            await on.publish(b"bad", b"shy", b"good")
            taking = Taking(fails)
            async with consuming(on, taking):
                await taking.until(3)
                await on.done()
                assert taking.handled == [b"good", b"shy"]
                assert taking.buried == [(b"bad", "ValueError: never")]
                assert [taking.times[body] for body in (b"bad", b"shy", b"good")] == [DELIVERIES_MAX, 2, 1]
            await on.publish(b"last")
            after = Taking()
            async with consuming(on, after):
                await after.until(1)
                await on.done()
            assert after.handled == [b"last"]

    asyncio.run(run())


@pytest.mark.parametrize("outage", [LedgerUnavailable("away"), psycopg.OperationalError("away")])
def test_an_outage_of_the_database_buries_nothing(nats_url: str, outage: Exception) -> None:
    """However often the message comes meanwhile, it is applied once the database is back."""
    times_away = DELIVERIES_MAX + 1

    async def run() -> None:
        async with stream(nats_url) as on:
            await on.publish(b"one")
            taking = Taking(lambda body, times: outage if times <= times_away else None)
            async with consuming(on, taking):
                await taking.until(1)
            assert (taking.handled, taking.buried, taking.times[b"one"]) == ([b"one"], [], times_away + 1)

    asyncio.run(run())


def test_a_message_is_let_go_only_once_its_dead_letter_is_kept(nats_url: str) -> None:
    """The database goes away just when the message is given up: it comes again, and is kept then."""

    class Away(Taking):
        def bury(self, body: bytes, subject: str, reason: str) -> None:
            if self.times[body] <= DELIVERIES_MAX:
                raise psycopg.OperationalError("away")
            super().bury(body, subject, reason)

    async def run() -> None:
        async with stream(nats_url) as on:
            await on.publish(b"bad")
            taking = Away(lambda body, times: ValueError("never"))
            async with consuming(on, taking):
                await taking.until(1)
            assert (taking.times[b"bad"], len(taking.buried)) == (DELIVERIES_MAX + 1, 1)

    asyncio.run(run())


def test_a_consumer_that_was_stopped_draws_no_further_message(nats_url: str) -> None:
    """Stopped between two batches it ends, time and again; what is published then comes to the next one at once."""
    bodies = [b"%d" % number for number in range(20)]

    async def run() -> None:
        async with stream(nats_url) as on:
            taking, idle, loop = Taking(), asyncio.Event(), asyncio.get_running_loop()

            def between() -> None:
                loop.call_soon_threadsafe(idle.set)

            for number, body in enumerate(bodies, start=1):
                await on.publish(body)
                async with consuming(on, taking, between=between):
                    await taking.until(number)
                    idle.clear()
                    await asyncio.wait_for(idle.wait(), PATIENCE_SECONDS)
            assert taking.handled == bodies

    asyncio.run(run())


def test_a_consumer_ends_at_whatever_moment_it_is_stopped(nats_url: str) -> None:
    """Also just when a message comes, which is when a wait forgets that it was cancelled."""
    rounds, apart = 100, 20e-6

    async def run() -> None:
        async with stream(nats_url) as on:
            for number in range(rounds):
                taking = Taking()
                consumer = Consumer(on.context, handle=taking.handle, bury=taking.bury, stream=on.name)
                task = asyncio.create_task(consumer.run())
                await on.publish(b"first")
                await taking.until(1)
                publishing = asyncio.create_task(on.publish(b"second"))
                moment = time.perf_counter() + number * apart
                while time.perf_counter() < moment:
                    await asyncio.sleep(0)
                task.cancel()
                await publishing
                assert (await asyncio.wait([task], timeout=PATIENCE_SECONDS))[1] == set()
                await on.context.purge_stream(on.name)

    asyncio.run(run())


def test_between_batches_the_consumer_does_what_it_was_given_to_do(nats_url: str) -> None:
    """Also where nothing comes: that is how waiting messages are applied though the feed is silent."""

    async def run() -> None:
        async with stream(nats_url) as on:
            called, loop = asyncio.Event(), asyncio.get_running_loop()
            async with consuming(on, Taking(), between=lambda: loop.call_soon_threadsafe(called.set)):
                assert await asyncio.wait_for(called.wait(), PATIENCE_SECONDS)

    asyncio.run(run())


def test_what_is_published_reaches_the_ledger(nats_url: str, week: SmallWeek) -> None:
    """From the file's line over the stream into the log: a game, its quote, its result, and a message that is none."""
    week.live_until(at("Thu 20:15"))
    kick_off = at("Thu 20:15")
    bodies = [
        week.message("game", "g.1", league="NFL", home="BAL", away="CIN", starts_at=kick_off),
        week.message("quote", "g.1", market="spread", line="-6.0", prices={"home": -110, "away": -110}),
        week.message("result", "g.1", revision=1, certainty="official", home_score=35, away_score=34),
    ]
    lines = [line(encode(parse(body))) for body in bodies]
    unreadable = FeedLine(4, AT, b'{"at":"2026-11-16T05:00:00Z"}', None, "v must be 1")

    async def run() -> None:
        async with stream(nats_url) as on:
            publisher, taking = on.publisher(), Taking()

            def handle(body: bytes, subject: str) -> None:
                week.ingest.take(body, subject=subject)
                taking.handle(body, subject)

            for each in [*lines, unreadable]:
                await publisher.publish(each)
            consumer = Consumer(on.context, handle=handle, bury=taking.bury, stream=on.name)
            async with running(consumer):
                await taking.until(4)

    asyncio.run(run())
    assert week.ingest.counts == {Taken.APPLIED: 3, Taken.DEAD: 1}
    assert [letter.subject.partition(".")[2] for letter in week.inbox.dead_letters()] == ["unknown.unknown.unreadable"]
    week.react()
    assert week.on_offer("g.1", "spread").line == "-6.0"
    week.play_out()
