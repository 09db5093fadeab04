"""The consumer goes on after a restart of the server, and after the loss of all that it had stored."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from nats.js.errors import NotFoundError

from fairpool.embedded import EmbeddedNats
from feeds.jetstream import CONSUMER, Consumer, connected, provision
from tests.feeds.consuming import Stream, Taking, consuming, running, stream
from tests.feeds.forwarding import forwarded


def test_the_consumer_survives_a_restart_of_the_server(tmp_path: Path) -> None:
    """It goes on with what is published afterwards, and what it had acknowledged does not come again."""

    async def run() -> None:
        taking = Taking()
        async with AsyncExitStack() as stack:
            port, forward_to = await stack.enter_async_context(forwarded())
            with EmbeddedNats(tmp_path) as server:
                forward_to(server.url)
                lasting = server.url.rpartition(":")[0] + f":{port}"
                client = await stack.enter_async_context(connected(lasting))
                on = Stream(await provision(client, stream="RESTART", subjects="restart.>"), "RESTART", "restart")
                consumer = await stack.enter_async_context(consuming(on, taking))
                await on.publish(b"one")
                await taking.until(1)
                await on.done()
            with EmbeddedNats(tmp_path) as server:
                forward_to(server.url)
                async with connected(server.url) as direct:
                    await direct.jetstream().publish("restart.test", b"two")
                await taking.until(2)
                await on.done()
                assert (taking.handled, consumer.taken_to) == ([b"one", b"two"], 2)
                await stack.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("is_all_lost", [False, True])
def test_what_the_server_has_lost_is_made_again(nats_url: str, is_all_lost: bool) -> None:
    """The consumer alone, or the stream with it: the feed goes on with what is published then."""

    async def run() -> None:
        async with stream(nats_url) as on:
            taking = Taking()
            consumer = Consumer(
                on.context,
                handle=taking.handle,
                bury=taking.bury,
                stream=on.name,
                subjects=f"{on.root}.>",
                pause_seconds=0.01,
            )
            async with running(consumer):
                await on.publish(b"before")
                await taking.until(1)
                await on.done()
                if is_all_lost:
                    await on.context.delete_stream(on.name)
                else:
                    await on.context.delete_consumer(on.name, CONSUMER)
                await _there_again(on)
                await on.publish(b"after")
                await taking.until(2 if is_all_lost else 3)
                await on.done()
            # A new consumer is told all that the stream has.
            assert taking.handled == ([b"before", b"after"] if is_all_lost else [b"before", b"before", b"after"])

    asyncio.run(run())


async def _there_again(on: Stream) -> None:
    """Come back once the consumer is there; the test's time limit ends this."""
    while True:
        with suppress(NotFoundError):
            await on.context.consumer_info(on.name, CONSUMER)
            return
        await asyncio.sleep(0.01)
