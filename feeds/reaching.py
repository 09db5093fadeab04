"""Whether NATS is there, and takes us in."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

_CONNECT_SECONDS: Final = 3


async def lack_of_nats(url: str) -> str | None:
    """Return why NATS does not take us in, None where it does."""
    servers, failed, all_failed = url.split(","), list[Exception](), asyncio.Event()

    async def note(error: Exception) -> None:
        failed.append(error)
        if len(failed) >= len(servers):
            all_failed.set()

    client = Client()
    connecting = asyncio.create_task(client.connect(servers, allow_reconnect=False, error_cb=note))
    failing = asyncio.create_task(all_failed.wait())
    try:
        # It tries a server that is away three times, with pauses: we have our own.
        await asyncio.wait({connecting, failing}, timeout=_CONNECT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not client.is_connected:
            return str(failed[0]) if failed else "nobody answers"
    finally:
        for task in (connecting, failing):
            task.cancel()
        await asyncio.gather(connecting, failing, return_exceptions=True)
        with suppress(NatsError, OSError):
            await client.close()
    return None
