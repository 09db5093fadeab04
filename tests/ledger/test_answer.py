"""The answer to a command is a future: given once, never taken back, and heard by all who asked for it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from typing import Any

import pytest

from ledger.account import InsufficientCredits
from ledger.answer import Answer


@pytest.fixture
def answer() -> Answer[int]:
    """An answer that is not given yet."""
    return Answer(threading.Lock())


def test_who_waits_in_a_thread_gets_the_answer_of_another(answer: Answer[int]) -> None:
    """Waiting begins before the answer is there, or finds it."""
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(answer.result, timeout=10) for _ in range(3)]
        answer.set_result(7)
        assert [each.result() for each in waiting] == [7, 7, 7]
    assert (answer.result(), answer.exception(), answer.done(), answer.running()) == (7, None, True, False)


def test_a_refusal_is_raised_for_all_who_wait(answer: Answer[int]) -> None:
    """Each time that it is asked for, as a result or as what refused it."""
    answer.set_exception(InsufficientCredits("no"))
    for _ in range(2):
        with pytest.raises(InsufficientCredits):
            answer.result()
    assert isinstance(answer.exception(), InsufficientCredits)


def test_nobody_waits_longer_than_they_want(answer: Answer[int]) -> None:
    """Who gives up may ask again, and others still get the answer."""
    with pytest.raises(TimeoutError):
        answer.result(timeout=0)
    answer.set_result(7)
    assert answer.result(timeout=0) == 7


def test_callbacks_are_called_once_each_before_or_after(answer: Answer[int]) -> None:
    """In order; one that fails keeps no other back, nor who gives the answer."""
    heard: list[Any] = []

    def fail(given: Future[int]) -> None:
        raise ValueError(given)

    answer.add_done_callback(fail)
    answer.add_done_callback(lambda given: heard.append(("before", given.result())))
    answer.set_result(7)
    answer.add_done_callback(lambda given: heard.append(("after", given.result())))
    assert heard == [("before", 7), ("after", 7)]


def test_an_answer_is_given_once_and_never_cancelled(answer: Answer[int]) -> None:
    """Whoever stops waiting does not take back what was carried out."""
    assert not answer.cancel()
    answer.set_result(7)
    with pytest.raises(InvalidStateError, match="7"):
        answer.set_exception(InsufficientCredits("no"))
    assert (answer.result(), answer.cancelled()) == (7, False)


def test_the_event_loop_can_wait_for_it(answer: Answer[int]) -> None:
    """As for any future of a thread."""

    async def wait() -> int:
        waiting = asyncio.wrap_future(answer)
        threading.Thread(target=answer.set_result, args=(7,)).start()
        return await waiting

    assert asyncio.run(wait()) == 7
    assert repr(answer) == "<Answer 7>"
