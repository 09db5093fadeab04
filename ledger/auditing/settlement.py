"""Settlement: what settles each game, worked out again from what was said, and what each bet on it comes to.

The aggregate that decided decides again, on the words that the log holds, so that a record that claims another
resolution shows. Bets are graded by the result that their resolution stands for, where they are resolved and again,
if a later resolution left them as they were, with their chunk. In the log a chunk's payouts stand right behind it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from ledger.aggregate import Context
from ledger.auditing.bets import Bets
from ledger.auditing.board import Board
from ledger.auditing.findings import Check, Finding
from ledger.events import (
    BetLost,
    BetWon,
    ChunkSettled,
    Event,
    GameLocked,
    PayoutCorrected,
    ResultRecorded,
    SettlementCompleted,
    StakeReturned,
    WeekSettled,
)
from ledger.facts import Fact
from ledger.game import POSTPONED, Game
from ledger.grading import Outcome, Result, grade
from ledger.ids import settlement_stream
from ledger.instants import Instant
from ledger.settlement import CLOCK, ConflictingResult, Settlement, StaleChunk, Word, word_of

_Resolving = BetWon | BetLost | StakeReturned | PayoutCorrected
_NO_RESULT: Final = ("no_result", None, None, None)


@dataclass(slots=True)
class _Settled:
    """A game's settlement. `result` is what its bets are graded by, as of (resolution, version of the game)."""

    game: Game
    settlement: Settlement
    result: Result | None = None
    as_of: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk whose payouts are still to come, and what its bets are graded by."""

    fact: Fact
    event: ChunkSettled
    settled: _Settled
    result: Result


class Settlements(Check):
    """Holds results, payouts, chunks and their ends against each other. It stands behind the books."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (
        GameLocked,
        ResultRecorded,
        BetWon,
        BetLost,
        StakeReturned,
        PayoutCorrected,
        ChunkSettled,
        SettlementCompleted,
        WeekSettled,
    )

    def __init__(self, board: Board, bets: Bets) -> None:
        self._board = board
        self._bets = bets
        self._games: dict[int, _Settled] = {}
        self._streams: dict[int, _Settled] = {}
        self._locked_at: dict[int, int] = {}
        self._chunk: _Chunk | None = None

    def take(self, fact: Fact) -> Iterator[Finding]:
        """Take the next event."""
        event = fact.event
        if isinstance(event, _Resolving):
            yield from self._resolve(fact, event)
            return
        yield from self._end_chunk()
        if isinstance(event, ResultRecorded):
            yield from self._record(fact, event)
        elif isinstance(event, ChunkSettled):
            yield from self._begin_chunk(fact, event)
        elif isinstance(event, SettlementCompleted):
            yield from self._complete(fact, event)
        elif isinstance(event, WeekSettled):
            yield from self._week_settled(fact)
        elif isinstance(event, GameLocked) and event.started_at is not None:
            self._locked_at[fact.stream.int] = fact.position

    def end(self) -> Iterator[Finding]:
        """Judge the last chunk."""
        yield from self._end_chunk()

    # What settles a game.

    def _record(self, fact: Fact, event: ResultRecorded) -> Iterator[Finding]:
        game = self._board.game(event.game_id)
        if game is None:
            yield _finding(fact, f"game {event.game_id} is not listed")
            return
        settled, word = self._of(game), word_of(event)
        yield from self._may_be_said(fact, settled, word)
        try:
            decided = self._decide(fact, settled.settlement, word, reconsiders=event.resolution is not None)
        except ConflictingResult as error:
            yield _finding(fact, str(error))
            return
        if decided is None:
            yield _finding(fact, f"records what {word.source} had said before, or something older")
        elif decided != event:
            said = f"applied {event.applied}, resolution {event.resolution}"
            text = f"says {said}; by precedence it is applied {decided.applied}, resolution {decided.resolution}"
            yield _finding(fact, text)

    def _decide(self, fact: Fact, settlement: Settlement, word: Word, *, reconsiders: bool) -> ResultRecorded | None:
        """Let the settlement decide on a word as it did; return what it came to, None where there was no news."""
        week = self._board.week
        settlement.context = Context(log=fact.log, actor=fact.actor, request=fact.request)
        decided = settlement.record(word, rules=week.rules, final=week.finalised is not None)
        if decided is None and reconsiders and self._locked_at.get(word.game_id.int) == fact.position - 1:
            # The real start became known in the same append: the same word settles the game again.
            decided = settlement.reconsider()
        settlement.collect_events()
        if decided is None:
            return None
        decided.position = fact.position
        assert isinstance(decided.event, ResultRecorded)
        return decided.event

    def _may_be_said(self, fact: Fact, settled: _Settled, word: Word) -> Iterator[Finding]:
        """Hold what no source need say, or what returns stakes, against the clock and the board."""
        week, game = self._board.week, settled.game
        if week.finalised is None and game.locked is None and not game.moved_out:
            yield _finding(fact, f"game {game.id} has an end, and takes stakes")
        if word.status == POSTPONED:
            stands_still = game.suspended == POSTPONED and game.started_at is None
            if not game.moved_out and (week.closed is None or not stands_still):
                yield _finding(fact, f"returns the stakes on game {game.id}, which neither moved out nor stands still")
        elif word.source == CLOCK:
            deadline = week.ends_at + week.rules.settlement_deadline
            if fact.at < deadline:
                yield _finding(fact, f"ends game {game.id} before the deadline, {Instant.of(deadline)}")
            provisional = settled.settlement.words.get("provisional")
            if word.content != (_NO_RESULT if provisional is None else provisional.content):
                yield _finding(fact, f"ends game {game.id} otherwise than its provisional result, or the lack of one")

    # What the bets come to.

    def _resolve(self, fact: Fact, event: _Resolving) -> Iterator[Finding]:
        number = self._bets.find(event.bet_id)
        if number is None:
            return
        settled = self._games.get(self._bets.offers[number].game_id.int)
        settlement = None if settled is None else settled.settlement
        if settled is None or settlement is None or not 0 < event.resolution == settlement.resolution:
            stands = 0 if settlement is None else settlement.resolution
            yield _finding(fact, f"resolves bet {event.bet_id} under {event.resolution}, its game stands at {stands}")
            return
        if self._bets.positions[number] > settlement.cut:
            yield _finding(fact, f"resolves bet {event.bet_id}, which was placed behind the result at {settlement.cut}")
        try:
            outcome = self._grade(settled, number, self._result(settled))
        except ValueError as error:
            yield _finding(fact, f"bet {event.bet_id}: {error}")
            return
        said = _said(event)
        if said != (outcome.verdict, outcome.payout, outcome.reason):
            text = f"bet {event.bet_id} is {_told(*said)}; by its terms and the result it is {_told(*_of(outcome))}"
            yield _finding(fact, text)

    def _result(self, settled: _Settled) -> Result:
        as_of = (settled.settlement.resolution, settled.game.version)
        if settled.result is None or settled.as_of != as_of:
            settled.result = settled.settlement.result(settled.game, self._board.week.rules)
            settled.as_of = as_of
        return settled.result

    def _grade(self, settled: _Settled, number: int, result: Result) -> Outcome:
        three_way = self._bets.offers[number].odds_id in settled.game.three_way_odds
        return grade(self._bets.terms(number), result, three_way=three_way)

    # Chunks, and their ends.

    def _begin_chunk(self, fact: Fact, event: ChunkSettled) -> Iterator[Finding]:
        settled = self._streams.get(fact.stream.int)
        if settled is None or settled.settlement.resolution == 0:
            yield _finding(fact, "settles a game without a result")
            return
        try:
            settled.settlement.require_next(resolution=event.resolution, from_=event.from_)
        except StaleChunk as error:
            yield _finding(fact, str(error))
        settled.settlement.apply(fact)
        self._chunk = _Chunk(fact, event, settled, self._result(settled))

    def _end_chunk(self) -> Iterator[Finding]:
        """Hold the chunk that is open against its payouts, all of which have come."""
        chunk, self._chunk = self._chunk, None
        if chunk is None:
            return
        numbers = self._between(chunk.settled.game.id, chunk.event.from_, chunk.event.to)
        bets, paid = len(numbers), sum(self._bets.payouts[number] for number in numbers)
        if (chunk.event.bets, chunk.event.paid) != (bets, paid):
            text = f"says {chunk.event.bets} bets and {chunk.event.paid} paid, the log has {bets} and {paid}"
            yield _finding(chunk.fact, text)
        for number in numbers:
            if self._bets.outcome(number) == "open":
                yield _finding(chunk.fact, f"leaves the bet of position {self._bets.positions[number]} open")
            elif self._bets.resolutions[number] != chunk.event.resolution:
                yield from self._left(chunk, number)

    def _left(self, chunk: _Chunk, number: int) -> Iterator[Finding]:
        """Hold a bet that the chunk left as it was against what it comes to under the resolution."""
        where = f"the bet of position {self._bets.positions[number]}"
        try:
            outcome = self._grade(chunk.settled, number, chunk.result)
        except ValueError as error:
            yield _finding(chunk.fact, f"{where}: {error}")
            return
        stands = (self._bets.outcome(number), self._bets.payouts[number])
        if stands != (outcome.verdict, outcome.payout):
            told = f"it is {_told(*_of(outcome))} under resolution {chunk.event.resolution}"
            yield _finding(chunk.fact, f"leaves {where} {stands[0]} for {stands[1]}; {told}")

    def _complete(self, fact: Fact, event: SettlementCompleted) -> Iterator[Finding]:
        settled = self._streams.get(fact.stream.int)
        if settled is None or settled.settlement.resolution == 0:
            yield _finding(fact, "completes a game without a result")
            return
        settlement = settled.settlement
        numbers = self._between(settled.game.id, 1, settlement.cut)
        staked = sum(self._bets.stakes[number] for number in numbers)
        paid = sum(self._bets.payouts[number] for number in numbers)
        expected = (settlement.resolution, settlement.cut, len(numbers), staked, paid)
        if (event.resolution, event.cut, event.bets, event.staked, event.paid) != expected:
            yield _finding(
                fact,
                f"says resolution {event.resolution} to {event.cut}: {event.bets} bets, {event.staked} staked,"
                f" {event.paid} paid; the log has {expected[0]} to {expected[1]}: {expected[2]}, {staked}, {paid}",
            )
        if settlement.settled_to != settlement.cut:
            yield _finding(fact, f"ends at {settlement.cut}, its chunks at {settlement.settled_to}")
        settlement.apply(fact)

    def _week_settled(self, fact: Fact) -> Iterator[Finding]:
        for game in self._board.games:
            settled = self._games.get(game.id.int)
            if settled is None or not settled.settlement.is_resolved:
                yield _finding(fact, f"the week is settled while game {game.id} is not")
        for number in self._bets.open():
            yield _finding(
                fact, f"the week is settled while the bet of position {self._bets.positions[number]} is open"
            )

    def _between(self, game_id: UUID, first: int, last: int) -> list[int]:
        """Return the numbers of a game's bets that were placed at some positions."""
        numbers, positions = self._bets.of_game(game_id), self._bets.positions
        begin = bisect_left(numbers, first, key=positions.__getitem__)
        end = bisect_right(numbers, last, key=positions.__getitem__)
        return numbers[begin:end].tolist()

    def _of(self, game: Game) -> _Settled:
        settled = self._games.get(game.id.int)
        if settled is None:
            stream = settlement_stream(game.id)
            settled = self._games[game.id.int] = _Settled(game, Settlement.blank(stream))
            self._streams[stream.int] = settled
        return settled


def _said(event: _Resolving) -> tuple[str, int, str | None]:
    match event:
        case BetWon(payout=payout):
            return "won", payout, None
        case BetLost():
            return "lost", 0, None
        case StakeReturned(amount=amount, reason=reason):
            return ("push" if reason == "push" else "void"), amount, reason
        case PayoutCorrected(to_outcome=outcome, to_payout=payout, reason=reason):
            return outcome, payout, None if reason == "result" else reason


def _of(outcome: Outcome) -> tuple[str, int, str | None]:
    return outcome.verdict, outcome.payout, outcome.reason


def _told(verdict: str, payout: int, reason: str | None) -> str:
    return f"{verdict} for {payout}" + ("" if reason is None else f" ({reason})")


def _finding(fact: Fact, text: str) -> Finding:
    return Finding("settlement", fact.token, text)
