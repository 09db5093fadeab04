"""The ledger's answers come into the event loop, whatever thread gives them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

from api.answers import Answers
from api.refusal import Refusal
from ledger.account import InsufficientCredits
from ledger.desk import LedgerUnavailable


def test_a_request_that_is_given_up_does_not_take_back_its_command() -> None:
    """Who hangs up while a bet is being recorded has bet all the same."""
    answer: Future[int] = Future()

    async def give_up() -> None:
        waiting = asyncio.ensure_future(Answers().of(lambda: answer))
        await turns()
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

        waiting = [asyncio.ensure_future(answers.of(partial(lambda each: each, each))) for each in asked]
        await turns()
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

    assert asyncio.run(Answers().of(lambda: answer)) == 7


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


def test_beyond_a_bound_requests_are_refused_at_once() -> None:
    """Nothing is asked for them; also what nobody waits for any more takes its place until it is answered."""
    asked: list[Future[int]] = []

    def ask() -> Future[int]:
        asked.append(Future())
        return asked[-1]

    async def crowd() -> list[str]:
        answers, refused = Answers(most=1), []
        leaving = asyncio.ensure_future(answers.of(ask))
        await turns()
        for leaves in (False, True):
            if leaves:
                leaving.cancel()
                await turns()
            with pytest.raises(Refusal) as refusal:
                await answers.of(ask)
            refused.append(refusal.value.code)
        asked[0].set_result(1)
        await turns()
        following = asyncio.ensure_future(answers.of(ask))
        await turns()
        asked[1].set_result(2)
        assert await following == 2
        return refused

    assert asyncio.run(crowd()) == ["overloaded", "overloaded"]
    assert len(asked) == 2


def test_who_cannot_ask_takes_no_place() -> None:
    """A bet on a log that does not exist is no work for any desk."""

    def fail() -> Future[int]:
        raise InsufficientCredits("no")

    async def crowd() -> None:
        answers = Answers(most=1)
        for _ in range(3):
            with pytest.raises(InsufficientCredits):
                await answers.of(fail)

    asyncio.run(crowd())


def test_an_answer_that_does_not_come_is_not_waited_for_without_end() -> None:
    """Whether the command stands is for its repetition to find out; one that is answered keeps its answer."""
    given: Future[int] = Future()
    given.set_result(1)

    async def wait() -> list[Any]:
        answers = Answers(seconds=0.02)
        waiting = [answers.of(lambda: given), answers.of(Future), answers.of(Future)]
        return await asyncio.gather(*waiting, return_exceptions=True)

    first, *lost = asyncio.run(wait())
    assert first == 1
    assert [type(each) for each in lost] == [LedgerUnavailable, LedgerUnavailable]


async def turns() -> None:
    """Let the loop turn as often as it takes until all have asked."""
    for _ in range(5):
        await asyncio.sleep(0)


def _answer(asked: list[Future[int]]) -> None:
    asked[0].set_result(1)
    asked[1].set_exception(InsufficientCredits("no"))
    asked[2].set_result(3)
