"""Players who go on betting and reading, at several API processes, and what they were answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

GRANT = 1000
PASSWORD = "a long enough password"


@dataclass
class Told:
    """What one player was told: how long each answer took in seconds, by request, and what was not as it should be."""

    took: dict[str, list[float]] = field(default_factory=lambda: {"bet": [], "credits": [], "leaderboard": []})
    wrong: list[str] = field(default_factory=list)

    @property
    def answers(self) -> int:
        """How many requests were answered."""
        return sum(map(len, self.took.values()))


class Bettor:
    """A player who stakes one credit at a time, and reads the own credits and the pool after each bet."""

    def __init__(self, url: str, *, name: str, week: str) -> None:
        self.told = Told()
        self._week = week
        self._client = httpx.Client(base_url=url, timeout=60, trust_env=False)
        person = {"email": f"{name}@example.com", "password": PASSWORD, "name": name}
        token = self._client.post("/api/auth/signup", json=person).raise_for_status().json()["token"]
        self._client.headers["Authorization"] = f"Bearer {token}"
        entry = self._client.post(f"/api/weeks/{week}/entry").raise_for_status().json()
        me = self._client.get("/api/me", params={"after": entry["position"]}).raise_for_status().json()
        self._pool = me["pool"]["name"]
        self._staked = 0

    def bet_until(self, enough: threading.Event, pick: dict[str, str]) -> None:
        """Go on until it is enough, or the credits are staked."""
        with closing(self._client):
            while not enough.is_set() and self._staked < GRANT:
                self._bet(pick)

    def _bet(self, pick: dict[str, str]) -> None:
        headers = {"Idempotency-Key": str(uuid4())}
        bet = self._ask("bet", "POST", "/api/bets", json=pick | {"stake": 1}, headers=headers)
        if bet is None:
            return
        self._staked += 1
        after = {"after": bet["position"]}
        me = self._ask("credits", "GET", "/api/me", params=after)
        pool = f"/api/weeks/{self._week}/pools/{self._pool}/leaderboard"
        board = self._ask("leaderboard", "GET", pool, params=after)
        mine = [] if board is None else [line for line in board["data"] if line["is_me"]]
        has = {"available": GRANT - self._staked, "at_stake": self._staked}
        if me is not None and {name: me["credits"][name] for name in has} != has:
            self.told.wrong.append(f"staked {self._staked}, shown {me['credits']}")
        if [line["credits"] for line in mine] != [GRANT - self._staked]:
            self.told.wrong.append(f"staked {self._staked}, the leaderboard has {mine}")

    def _ask(self, what: str, method: str, path: str, **request: Any) -> Any:
        began = time.perf_counter()
        answer = self._client.request(method, path, **request)
        self.told.took[what].append(time.perf_counter() - began)
        if not answer.is_success:
            self.told.wrong.append(f"{what}: {answer.status_code} {answer.text}")
            return None
        return answer.json()


@contextmanager
def betting(bettors: Sequence[Bettor], pick: dict[str, str]) -> Iterator[None]:
    """Have players bet, each in a thread, for as long as the block runs."""
    enough = threading.Event()
    with ThreadPoolExecutor(len(bettors)) as threads:
        running = [threads.submit(bettor.bet_until, enough, pick) for bettor in bettors]
        try:
            yield
        finally:
            enough.set()
        for each in running:
            each.result()
