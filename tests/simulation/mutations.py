"""Bugs, planted: each is one that a service such as this could have. The simulation must find every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

from ledger import deciding, desk, drawing
from ledger.account import Account
from ledger.aggregate import LedgerError
from ledger.book import Book, Decision
from ledger.deciding import Decided, Judged, Work
from ledger.desk import Desk
from ledger.drawn import enrolled
from ledger.events import PaymentRefused
from ledger.facts import Fact, Record
from ledger.game import Game, Market
from ledger.grading import Outcome
from ledger.instants import Instant
from ledger.payment import Purchase
from ledger.recorder import Appended, Batch, LogRecorder
from ledger.settlement import Settlement, Word
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


def _judge_timelessly(log: Log, storage: Storage, batch: Batch, name: str) -> Any:
    return _judge(log, storage, replace(batch, before=[]), name)


def _turn_back(log: Log, storage: Storage, batch: Batch, name: str) -> Any:
    latest, log.recorded_at = log.recorded_at, Instant.of(batch.now)
    try:
        return _judge(log, storage, batch, name)
    finally:
        log.recorded_at = latest


def _recall_as_read(self: Account, read: Account) -> None:
    self._closed = ()
    _recall(self, read)


def _resolve_without_note(self: Account, bet_id: UUID, outcome: Outcome, resolution: int) -> None:
    bet = self.bets[bet_id]
    bet.outcome, bet.resolution = bet.outcome or outcome, resolution


def _sell_again(self: Account, *, at: datetime, until: datetime) -> None:
    before, self.bought_back = self.bought_back, None
    try:
        _require_buy_back(self, at=at, until=until)
    finally:
        self.bought_back = before


def _count_open_stakes_as_lost(self: Account) -> bool:
    return self.available <= 0


def _note_refusals_only(self: Purchase, fact: Fact) -> None:
    if isinstance(fact.event, PaymentRefused):
        self.refused = fact


def _take_whoever_comes_last(self: Settlement, word: Word) -> bool:
    known = self.words.get(word.certainty)
    return known is not None and known.content == word.content


def _offer_what_is_suspended(self: Game, market: Market, *, at: datetime) -> str | None:
    stopped = _stopped(self, market, at=at)
    return None if stopped in (self.suspended, market.suspended) and market.quote else stopped


def _draw_without_the_last(recorder: LogRecorder, *, until: int) -> list[UUID]:
    entries = _enrolled(recorder, until=until)
    return entries[:-1] if len(entries) > 1 else entries


def _pay_the_neighbour(self: Decision, entries: Sequence[UUID]) -> list[Account]:
    accounts = _accounts(self, entries)
    return accounts[1:] + accounts[:1]


def _tell_at_once(self: Desk, work: Work, *, since: datetime | None = None) -> None:
    _decide(self, work, since=since)
    for one in work.decided:
        _tell_once(one)


def _tell_once(one: Decided) -> None:
    if not one.asked.future.done():
        _tell(one)


def _answer_early(stack: ExitStack) -> None:
    stack.enter_context(patch.object(Desk, "_decide", _tell_at_once))
    stack.enter_context(patch.object(Decided, "tell", _tell_once))


def _forget_once(self: Book) -> None:
    if not hasattr(self, "known"):
        _forget(self)


def _keep_what_was_foreseen(decided: Sequence[Decided], appended: Appended, *, known: int) -> Judged:
    judged = _judge_answers(decided, appended, known=known)
    judged.as_foreseen = True
    return judged


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
    # One further on it is, so that there is an end.
    _save(table, rows, position=max(table.position + 1, position - 1))


def _acknowledge_first(self: Bus) -> tuple[int, bytes]:
    number, body = _deliver(self)
    self.acknowledge(number)
    return number, body


_recall = Account.recall
_require_buy_back = Account.require_buy_back
_stopped = Game.stopped
_enrolled = enrolled
_accounts = Decision.accounts
_decide = Desk._decide
_tell = Decided.tell
_judge_answers = deciding.judge
_forget = Book.forget

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
    "a stake may come late": _in_place_of(store, "judge", _judge_timelessly),
    "the log's time goes back": _in_place_of(store, "judge", _turn_back),
    "a recalled bet is open again": _in_place_of(Account, "recall", _recall_as_read),
    "a correction is not noted": _in_place_of(Account, "_resolve", _resolve_without_note),
    "a buy-back is granted again": _in_place_of(Account, "require_buy_back", _sell_again),
    "who has open bets is bust": _in_place_of(Account, "is_bust", property(_count_open_stakes_as_lost)),
    "what was credited is refunded": _in_place_of(Purchase, "apply", _note_refusals_only),
    "the last word heard settles": _in_place_of(Settlement, "is_old", _take_whoever_comes_last),
    "a suspended market takes stakes": _in_place_of(Game, "stopped", _offer_what_is_suspended),
    "the draw leaves an entry out": _in_place_of(drawing, "enrolled", _draw_without_the_last),
    "a payout goes to another account": _in_place_of(Decision, "accounts", _pay_the_neighbour),
    "an answer comes before the commit": _answer_early,
    "what was decided ahead stands whatever comes": _in_place_of(desk, "judge", _keep_what_was_foreseen),
    "a book in doubt is kept": _in_place_of(Book, "forget", _forget_once),
    "a purchase is forgotten": _in_place_of(Purchase, "apply", _nothing),
}

RARE: Final = frozenset(
    {
        "what was decided on is not looked at again",
        "a stake may come late",
        "a recalled bet is open again",
        "a buy-back is granted again",
        "what was decided ahead stands whatever comes",
    }
)
"""Bugs that take hundreds of weeks to be found: more than a suite of tests has."""


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Have a bug, if one is named, for as long as the block runs."""
    with ExitStack() as stack:
        if name is not None:
            MUTATIONS[name](stack)
        yield
