"""drand, the beacon that draws may wait for: over HTTP from several relays, or from a file of recorded rounds.

A relay is not believed: what it says is checked against the chain's key, and two relays must say the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import msgspec

from ledger.beacon import QUICKNET, Chain, Reading, RoundAwaited, fault
from ledger.facts import read_as

RELAYS_THAT_AGREE: Final = 2


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
        with ThreadPoolExecutor(len(self._relays)) as threads, httpx.Client(timeout=self._timeout_seconds) as client:
            answers = list(threads.map(lambda relay: self._ask(client, relay, round), self._relays))
        agreed = Counter(answer for answer in answers if isinstance(answer, Reading)).most_common(1)
        if agreed and agreed[0][1] >= RELAYS_THAT_AGREE:
            return agreed[0][0]
        wrong = [
            f"{relay}: {answer}"
            for relay, answer in zip(self._relays, answers, strict=True)
            if not isinstance(answer, Reading)
        ]
        raise RoundAwaited(f"round {round} of {self.chain.name} is not known from two relays: {'; '.join(wrong)}")

    def _ask(self, client: httpx.Client, relay: str, round: int) -> Reading | str:
        """Return what a relay says at a round, or why that is nothing to go by."""
        try:
            answer = client.get(f"{relay}/{self.chain.hash}/public/{round}").raise_for_status()
            said = read_as(_Round, answer.content)
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            return f"{type(error).__name__}: {error}".partition("\n")[0]
        reading = Reading(said.randomness, said.signature)
        return fault(self.chain, round, reading) or reading


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
            except msgspec.DecodeError as error:
                raise RoundAwaited(f"{self._path} holds a line that is no round: {error}") from error
            reading = Reading(said.randomness, said.signature)
            if said.round == round:
                if wrong := fault(self.chain, round, reading):
                    raise RoundAwaited(f"{self._path}: round {round}: {wrong}")
                return reading
        raise RoundAwaited(f"{self._path} holds no round {round} of {self.chain.name} yet: add its line")
