"""drand, the beacon that draws may wait for: over HTTP from several relays, or from a file of recorded rounds.

A relay is not believed: what it says is checked against the chain's key, and two relays must say the same.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Final

import httpx
import msgspec

from ledger.beacon import QUICKNET, Chain, Reading, RoundAwaited, fault
from ledger.facts import read_as

RELAYS_THAT_AGREE: Final = 2
# A round has some hundred bytes: what a relay says beyond is not listened to.
_ANSWER_BYTES: Final = 4_096


class _TooLong(Exception):
    """An answer goes on for longer than any round would."""


class _Round(msgspec.Struct, frozen=True):
    """A round as drand's HTTP API and files of recorded rounds have it."""

    round: int
    randomness: str
    signature: str


class DrandBeacon:
    """A chain of drand, read from relays, such as `https://api.drand.sh`, that are asked all at once."""

    def __init__(self, relays: Collection[str], *, chain: Chain = QUICKNET, timeout_seconds: float = 4.0) -> None:
        self.chain = chain
        self._relays = sorted({relay.rstrip("/") for relay in relays})
        self._timeout_seconds = timeout_seconds

    def read(self, round: int) -> Reading:
        """Return what the chain said at a round; raises RoundAwaited until enough relays say the same."""
        answers = asyncio.run(self._ask_all(round))
        agreed = Counter(answer for answer in answers if isinstance(answer, Reading)).most_common(1)
        if agreed and agreed[0][1] >= RELAYS_THAT_AGREE:
            return agreed[0][0]
        wrong = [
            f"{relay}: {answer}"
            for relay, answer in zip(self._relays, answers, strict=True)
            if not isinstance(answer, Reading)
        ]
        raise RoundAwaited(f"round {round} of {self.chain.name} is not known from two relays: {'; '.join(wrong)}")

    async def _ask_all(self, round: int) -> list[Reading | str]:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with httpx.AsyncClient(headers=headers, timeout=self._timeout_seconds) as client:
            return await asyncio.gather(*[self._ask(client, relay, round) for relay in self._relays])

    async def _ask(self, client: httpx.AsyncClient, relay: str, round: int) -> Reading | str:
        """Return what a relay says at a round, or why that is nothing to go by."""
        try:
            # The client's own limit begins anew with each byte, and the clock of all weeks would wait along.
            async with asyncio.timeout(self._timeout_seconds):
                answer = await _answer(client, f"{relay}/{self.chain.hash}/public/{round}")
            said = read_as(_Round, answer)
        except _TooLong:
            return "what it says is longer than a round"
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, msgspec.DecodeError, UnicodeDecodeError) as error:
            return f"{type(error).__name__}: {error}".partition("\n")[0]
        reading = Reading(said.randomness, said.signature)
        return fault(self.chain, round, reading) or reading


async def _answer(client: httpx.AsyncClient, url: str) -> bytes:
    """Return what is answered; raises _TooLong."""
    body = b""
    async with client.stream("GET", url) as answer:
        answer.raise_for_status()
        async for part in answer.aiter_raw():
            body += part
            if len(body) > _ANSWER_BYTES:
                raise _TooLong
    return body


class RecordedBeacon:
    """Rounds of a chain that a client of drand has written down, one JSON object a line, for where no relay is."""

    def __init__(self, path: Path, *, chain: Chain = QUICKNET) -> None:
        self.chain = chain
        self._path = path

    def read(self, round: int) -> Reading:
        """Return what the chain said at a round; raises RoundAwaited while the file does not hold it."""
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        for line in lines:
            try:
                said = read_as(_Round, line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise RoundAwaited(f"{self._path} holds a line that is no round: {error}") from error
            reading = Reading(said.randomness, said.signature)
            if said.round == round:
                if wrong := fault(self.chain, round, reading):
                    raise RoundAwaited(f"{self._path}: round {round}: {wrong}")
                return reading
        raise RoundAwaited(f"{self._path} holds no round {round} of {self.chain.name} yet: add its line")
