"""The ledger's answers come into the event loop, whatever thread gives them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

from api.answers import Answers
from ledger.account import InsufficientCredits


def test_a_request_that_is_given_up_does_not_take_back_its_command() -> None:
    """Who hangs up while a bet is being recorded has bet all the same."""
    answer: Future[int] = Future()

    async def give_up() -> None:
        waiting = asyncio.ensure_future(Answers().to(answer))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        answer.set_result(1)
        await asyncio.sleep(0)

    asyncio.run(give_up())
    assert not answer.cancelled()


def test_a_batch_of_answers_wakes_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits gets its own answer or refusal; all that are given together are taken together."""
    asked: list[Future[int]] = [Future() for _ in range(3)]
    wakes = 0

    async def wait() -> list[Any]:
        nonlocal wakes
        loop, answers = asyncio.get_running_loop(), Answers()
        wake = loop.call_soon_threadsafe

        def counted(callback: Any, *arguments: Any, **more: Any) -> asyncio.Handle:
            nonlocal wakes
            wakes += 1
            return wake(callback, *arguments, **more)

        waiting = [asyncio.ensure_future(answers.to(each)) for each in asked]
        await asyncio.sleep(0)
        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        _answer(asked)
        return await asyncio.gather(*waiting, return_exceptions=True)

    first, refused, last = asyncio.run(wait())
    assert (first, last) == (1, 3)
    assert isinstance(refused, InsufficientCredits)
    assert wakes == 1


def test_an_answer_that_is_there_already_is_brought_as_well() -> None:
    """A desk may have answered before anybody waits."""
    answer: Future[int] = Future()
    answer.set_result(7)

    assert asyncio.run(Answers().to(answer)) == 7


def test_what_comes_together_is_asked_together() -> None:
    """The desk hears of all requests of a burst before it is woken; who cannot ask is told why."""
    asked: list[int] = []

    def ask(number: int) -> Future[int]:
        if number < 0:
            raise InsufficientCredits("no")
        asked.append(number)
        answer: Future[int] = Future()
        answer.set_result(number)
        return answer

    async def wait() -> list[Any]:
        answers = Answers()
        waiting = [asyncio.ensure_future(answers.of(partial(ask, number))) for number in (1, -1, 2)]
        await asyncio.sleep(0)
        assert not asked
        return await asyncio.gather(*waiting, return_exceptions=True)

    first, refused, last = asyncio.run(wait())
    assert (first, last, asked) == (1, 2, [1, 2])
    assert isinstance(refused, InsufficientCredits)


def test_who_stops_waiting_before_others_come_has_asked_all_the_same() -> None:
    """What was sent is carried out, whether or not its client is still there."""
    asked: list[Future[int]] = []

    def ask() -> Future[int]:
        asked.append(Future())
        return asked[0]

    async def give_up() -> None:
        waiting = asyncio.ensure_future(Answers().of(ask))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while not asked:
            await asyncio.sleep(0)
        asked[0].set_result(1)
        await asyncio.sleep(0)

    asyncio.run(give_up())


def _answer(asked: list[Future[int]]) -> None:
    asked[0].set_result(1)
    asked[1].set_exception(InsufficientCredits("no"))
    asked[2].set_result(3)
