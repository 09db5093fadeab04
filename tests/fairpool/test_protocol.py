"""What leaves a connection, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from fairpool.protocol import OnePiece


class Wire:
    """A transport that notes what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        """Note it."""
        self.written.append(data)

    def close(self) -> None:
        """Close."""
        self.is_closed = True

    def is_closing(self) -> bool:
        """Say whether it is closed."""
        return self.is_closed


def after_a_turn(act: Callable[[OnePiece], None]) -> tuple[list[bytes], list[bytes]]:
    """What is written at once, and what by the end of the turn."""

    async def turn() -> tuple[list[bytes], list[bytes]]:
        wire = Wire()
        act(OnePiece(cast(Any, wire), asyncio.get_running_loop()))
        at_once = list(wire.written)
        await asyncio.sleep(0)
        return at_once, wire.written

    return asyncio.run(turn())


def test_the_head_and_the_body_of_an_answer_leave_in_one_piece() -> None:
    """The body does not wait for the end of the turn, and nothing is written twice."""

    def answer(transport: OnePiece) -> None:
        transport.write(b"head ")
        transport.write(b"body")

    assert after_a_turn(answer) == ([b"head body"], [b"head body"])


def test_what_nothing_follows_leaves_by_the_end_of_the_turn() -> None:
    """The head of a stream does not wait for its first event."""
    assert after_a_turn(lambda transport: transport.write(b"head")) == ([], [b"head"])


def test_a_connection_is_closed_behind_what_was_written() -> None:
    """Nothing is held back, and nothing is written into a connection that is closed."""

    def end(transport: OnePiece) -> None:
        transport.write(b"last")
        transport.close()
        assert transport.is_closing()
        transport.write(b"late")

    assert after_a_turn(end) == ([b"last"], [b"last"])
