"""The clients' journal: what they asked for and what they were told, written down outside of all that can break."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

Json = dict[str, Any]
Standing = Literal["acknowledged", "refused", "open"]


@dataclass(slots=True)
class Wish:
    """One bet that a client asked for, as often as it took; times are seconds since 1970.

    It was sent to `at_once` processes at the same time. `doubts` is when attempts ended without an answer that says
    what became of the bet: by a connection that broke, by a time limit, or by a status of 500 or more. `bets` are the
    answers that acknowledged it, `refusals` the codes of those that refused. `first_is_replay`: the first answer of all
    was to what an earlier attempt had done.
    """

    key: str
    entry: str
    body: Json
    asked_at: float
    at_once: int = 1
    answered_at: float | None = None
    doubts: list[float] = field(default_factory=list)
    bets: list[Json] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    first_is_replay: bool = False

    @property
    def standing(self) -> Standing:
        """What its client knows."""
        return "acknowledged" if self.bets else "refused" if self.refusals else "open"


class Journal:
    """Writes: each line is handed to the kernel before the request goes out, and when the answer has come."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", buffering=1)

    def asked(self, key: str, *, entry: str, body: Json, at_once: int) -> None:
        """Note a bet that is about to be asked for."""
        self._write("asked", key, entry=entry, body=body, at_once=at_once)

    def answered(self, key: str, *, status: int, answer: Json, is_replay: bool) -> None:
        """Note an answer that says what became of it; `is_replay`: and that it had become of it before."""
        self._write("answered", key, status=status, answer=answer, is_replay=is_replay)

    def in_doubt(self, key: str, *, why: str) -> None:
        """Note an attempt that ended without one."""
        self._write("in_doubt", key, why=why)

    def unsent(self, key: str, *, why: str) -> None:
        """Note an attempt that reached nobody."""
        self._write("unsent", key, why=why)

    def odd(self, what: str, *, why: str) -> None:
        """Note an answer that nobody should get, such as a status of 500."""
        self._write("odd", what, why=why)

    def _write(self, kind: str, key: str, **more: Any) -> None:
        self._file.write(json.dumps({"at": time.time(), "kind": kind, "key": key, **more}) + "\n")


@dataclass(frozen=True, slots=True)
class Told:
    """All that a journal holds: wishes by key, when bets were acknowledged, and the odd answers."""

    wishes: dict[str, Wish]
    acknowledged_at: list[float]
    odd: list[str]


def read(path: Path) -> Told:
    """Read a journal."""
    told = Told({}, [], [])
    for line in _lines(path):
        key, at = line["key"], line["at"]
        match line["kind"]:
            case "asked":
                told.wishes.setdefault(key, Wish(key, line["entry"], line["body"], at, line["at_once"]))
            case "in_doubt":
                told.wishes[key].doubts.append(at)
            case "odd":
                told.odd.append(f"{key}: {line['why']}")
            case "answered":
                _note_answer(told, told.wishes[key], line)
    return told


def _note_answer(told: Told, wish: Wish, line: Json) -> None:
    if wish.answered_at is None:
        wish.answered_at, wish.first_is_replay = line["at"], line["is_replay"]
    if line["status"] == 201:
        wish.bets.append(line["answer"])
        told.acknowledged_at.append(line["at"])
    else:
        wish.refusals.append(line["answer"]["code"])


def _lines(path: Path) -> Iterator[Json]:
    with path.open() as file:
        for line in file:
            yield json.loads(line)
