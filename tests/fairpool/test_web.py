"""The API as a server."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import Any

import pytest

from fairpool.settings import Settings
from fairpool.web import PortTaken, listening_on, server_config


def seen(settings: Settings, *, connection: str) -> str:
    """The address that the app sees of a request which claims to come from 203.0.113.7."""
    scopes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    config = server_config(app, settings)
    config.load()
    scope = {
        "type": "http",
        "scheme": "http",
        "client": (connection, 50_000),
        "headers": [(b"x-forwarded-for", b"203.0.113.7")],
    }
    asyncio.run(config.loaded_app(scope, None, None))
    address: str = scopes[0]["client"][0]
    return address


@pytest.mark.parametrize("connection", ["127.0.0.1", "10.1.2.3"])
def test_nobody_is_believed_to_speak_for_others_by_default(connection: str) -> None:
    """Neither is this machine: a client could name any address, and be limited as somebody else."""
    assert seen(Settings(), connection=connection) == connection


def test_a_trusted_proxy_says_whom_it_speaks_for() -> None:
    """One that is named, by address or by network; others are not believed."""
    trusting = Settings.model_validate({"trusted_proxies": ["10.1.0.0/16", "192.0.2.1"]})
    assert seen(trusting, connection="10.1.2.3") == "203.0.113.7"
    assert seen(trusting, connection="192.0.2.1") == "203.0.113.7"
    assert seen(trusting, connection="10.2.2.3") == "10.2.2.3"


def test_who_takes_no_answer_is_cut_off() -> None:
    """By the system, after a minute: each connection inherits it from the socket that listens."""
    with closing(listening_on("127.0.0.1", 0)) as listening:
        with closing(socket.create_connection(listening.getsockname())):
            connection, _ = listening.accept()
        with closing(connection):
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_a_port_that_is_taken_is_named() -> None:
    """Choose another."""
    with closing(listening_on("127.0.0.1", 0)) as listening, pytest.raises(PortTaken, match="choose another port"):
        listening_on("127.0.0.1", listening.getsockname()[1])
