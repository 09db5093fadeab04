"""Bugs, planted: each is one that a service such as this could have. The simulation must find every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

from ledger.account import Account
from ledger.aggregate import LedgerError
from ledger.book import Book
from ledger.desk import Desk
from ledger.facts import Record
from ledger.payment import Purchase
from ledger.recorder import Appended, Batch
from ledger.settlement import Settlement
from ledger.settling import PlacedBet
from tests.simulation import store, tables
from tests.simulation.bus import Bus
from tests.simulation.store import Log, MemoryRecorder, Storage
from tests.simulation.tables import MemoryBets, Table

Mutation = Callable[[ExitStack], None]
_judge = store.judge
_commit = MemoryRecorder.commit
_bets = MemoryBets.open_or_settled_bets_of_game
_save = tables.save
_deliver = Bus.deliver


def _in_place_of(target: Any, name: str, bug: Any) -> Mutation:
    return lambda stack: stack.enter_context(patch.object(target, name, bug))


def _nothing(*_: Any, **__: Any) -> None:
    """Do nothing, where a rule stood."""


def _judge_blindly(log: Log, storage: Storage, batch: Batch, name: str) -> Any:
    return _judge(log, storage, replace(batch, behind=[]), name)


def _commit_twice(self: MemoryRecorder, log: Log, batch: Batch, appended: Appended, recorded: Sequence[Record]) -> None:
    half = len(recorded) // 2
    _commit(self, log, batch, appended, recorded[:half])
    self.chaos.step()
    _commit(self, log, replace(batch, rows=[]), appended, recorded[half:])


def _commit_unlocked(
    self: MemoryRecorder, log: Log, batch: Batch, appended: Appended, recorded: Sequence[Record]
) -> None:
    self.chaos.step()
    _commit(self, log, batch, appended, recorded)


def _commit_perhaps(
    self: MemoryRecorder, log: Log, batch: Batch, appended: Appended, recorded: Sequence[Record]
) -> None:
    if len(log.records) % 7 or recorded[:1] == []:
        _commit(self, log, batch, appended, recorded)


def _begin_one_late(self: MemoryBets, log: str, game_id: UUID, *, after_position: int, **more: int) -> list[PlacedBet]:
    return _bets(self, log, game_id, after_position=after_position + 1, **more)


def _leave_out_the_last(
    self: MemoryBets, log: str, game_id: UUID, *, after_position: int, cut: int, limit: int
) -> list[PlacedBet]:
    bets = _bets(self, log, game_id, after_position=after_position, cut=cut, limit=limit)
    return bets[:-1] if len(bets) < limit else bets


def _say_no_in_doubt(self: Desk, work: Any, error: Exception) -> None:
    self.book.forget()
    for asked in work.asked + self._abandon():
        asked.fail(LedgerError("nothing was recorded"))


def _save_without_position(table: Table, rows: Any, *, position: int) -> None:
    _save(table, rows, position=position - 1)


def _acknowledge_first(self: Bus) -> tuple[int, bytes]:
    number, body = _deliver(self)
    self.acknowledge(number)
    return number, body


MUTATIONS: Final[Mapping[str, Mutation]] = {
    "a request that comes again is a new one": _in_place_of(Account, "placed", _nothing),
    "nobody looks whether a stake is there": _in_place_of(Account, "require_stake", _nothing),
    "what was decided on is not looked at again": _in_place_of(store, "judge", _judge_blindly),
    "the head is not locked": _in_place_of(MemoryRecorder, "commit", _commit_unlocked),
    "an append is two commits": _in_place_of(MemoryRecorder, "commit", _commit_twice),
    "the disk lies": _in_place_of(MemoryRecorder, "commit", _commit_perhaps),
    "a commit in doubt counts as none": _in_place_of(Desk, "_in_doubt", _say_no_in_doubt),
    "the news of others is skipped": _in_place_of(Book, "catch_up", _nothing),
    "a chunk begins one position late": _in_place_of(MemoryBets, "open_or_settled_bets_of_game", _begin_one_late),
    "a chunk ends one bet early": _in_place_of(MemoryBets, "open_or_settled_bets_of_game", _leave_out_the_last),
    "a chunk may come again": _in_place_of(Settlement, "require_next", _nothing),
    "rows stand without their position": _in_place_of(tables, "save", _save_without_position),
    "a message is acknowledged before it is taken": _in_place_of(Bus, "deliver", _acknowledge_first),
    "a purchase is forgotten": _in_place_of(Purchase, "apply", _nothing),
}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Have a bug, if one is named, for as long as the block runs."""
    with ExitStack() as stack:
        if name is not None:
            MUTATIONS[name](stack)
        yield
