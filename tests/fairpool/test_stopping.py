"""The server stops while clients listen to live streams."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
from pydantic import SecretStr

from fairpool.core import Core, core
from fairpool.settings import Settings
from fairpool.web import serving
from ledger import drawing
from ledger.rules import Rules
from ledger.weeks import starts_at

WEEK = "2026-W47"


async def last_words(url: str, token: str, listens: asyncio.Event) -> str:
    """Listen until the stream ends, and return what it ended with."""
    headers = {"Authorization": f"Bearer {token}"}
    text = ""
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client,
        client.stream("GET", f"/api/weeks/{WEEK}/live") as answer,
    ):
        async for part in answer.aiter_text():
            text += part
            listens.set()
    return text.strip().rpartition("\n\n")[2]


async def token_of(url: str, name: str) -> str:
    """Sign somebody up."""
    body = {"email": f"{name}@example.org", "password": "correct horse", "name": name}
    async with httpx.AsyncClient(base_url=url) as client:
        answer = await client.post("/api/auth/signup", json=body)
    return str(answer.json()["token"])


async def stop_while_listening(built: Core) -> list[str]:
    """Stop the server while two clients listen, and return what each heard last."""
    async with serving(built) as url:
        listening = []
        for name in ("ann", "bob"):
            listens = asyncio.Event()
            listening.append(asyncio.create_task(last_words(url, await token_of(url, name), listens)))
            await listens.wait()
    return await asyncio.gather(*listening)


def test_live_streams_do_not_hold_up_a_stop(dsn: str, tmp_path: Path) -> None:
    """Each stream ends with a goodbye, which a server that waited until its patience was over could not say."""
    secret = SecretStr("01" * 32)
    settings = Settings(
        data=tmp_path, api_port=0, seed_master=secret, token_key=secret, argon2_memory_kib=8, argon2_passes=1
    )
    now = starts_at(WEEK) - timedelta(days=1)
    with core(settings, dsn, clock=lambda: now) as built:
        drawing.open_week(built.ledger, week=WEEK, rules=Rules(), actor="clock", request="open")
        goodbyes = asyncio.run(stop_while_listening(built))
    assert [words.splitlines()[0] for words in goodbyes] == ["event: bye", "event: bye"]
    assert all('"reason":"stopping"' in words for words in goodbyes)
