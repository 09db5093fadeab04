"""What many need at once is brought once, for all of them."""

from __future__ import annotations

import asyncio

import pytest

from api.together import Together


def test_who_comes_meanwhile_gets_the_same() -> None:
    """The next who comes has it done anew."""
    begun = 0

    async def bring() -> int:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0)
        return begun

    async def run() -> list[int]:
        together = Together[int]()
        first = await asyncio.gather(*(together.run(bring) for _ in range(3)))
        return [*first, await together.run(bring)]

    assert asyncio.run(run()) == [1, 1, 1, 2]


def test_a_failure_is_for_all_who_wait() -> None:
    """None of them has to find out by itself, one after another."""
    tries = 0

    async def fail() -> None:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)
        raise ConnectionError("away")

    async def run() -> list[object]:
        together = Together[None]()
        return await asyncio.gather(*(together.run(fail) for _ in range(3)), return_exceptions=True)

    assert [type(said) for said in asyncio.run(run())] == [ConnectionError] * 3
    assert tries == 1


def test_who_leaves_does_not_take_it_from_the_others() -> None:
    """Nor does a failure that everybody has left trouble the loop."""

    async def run() -> int:
        together, bring = Together[int](), asyncio.Event()

        async def work() -> int:
            await bring.wait()
            return 7

        leaving, staying = (asyncio.ensure_future(together.run(work)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        bring.set()
        return await staying

    assert asyncio.run(run()) == 7
