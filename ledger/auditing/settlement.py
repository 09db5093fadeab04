"""Settlement: what each bet comes to by its frozen terms and the result that its resolution stands for.

Bets are graded where they are resolved and again, if a later resolution left them as they were, with their chunk. In
the log a chunk's payouts stand right behind it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias
from uuid import UUID

from ledger.auditing.bets import Bets
from ledger.auditing.board import Board
from ledger.auditing.findings import Check, Finding
from ledger.auditing.results import Results, Settled
from ledger.auditing.verdicts import Grade
from ledger.events import (
    BetLost,
    BetsVoided,
    BetWon,
    ChunkSettled,
    Event,
    GameLocked,
    PayoutCorrected,
    ResultRecorded,
    RulingLifted,
    SettlementCompleted,
    StakeReturned,
    WeekSettled,
)
from ledger.facts import Fact
from ledger.grading import Result
from ledger.settlement import StaleChunk

_Resolving: TypeAlias = BetWon | BetLost | StakeReturned | PayoutCorrected
_NONE: Final = UUID(int=0)
_RESOLVING: Final = (BetWon, BetLost, StakeReturned, PayoutCorrected)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk whose payouts are still to come, and what its bets are graded by."""

    fact: Fact
    event: ChunkSettled
    settled: Settled
    result: Result | None


class Settlements(Check):
    """Holds results, payouts, chunks and their ends against each other. It stands behind board and books."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (
        *_RESOLVING,
        GameLocked,
        ResultRecorded,
        BetsVoided,
        RulingLifted,
        ChunkSettled,
        SettlementCompleted,
        WeekSettled,
    )

    def __init__(self, board: Board, bets: Bets, results: Results) -> None:
        self._board = board
        self._bets = bets
        self._results = results
        self._chunk: _Chunk | None = None

    def take(self, fact: Fact) -> Iterable[Finding]:
        """Take the next event."""
        event: Any = fact.event
        if type(event) in _RESOLVING:
            text = self._resolve(event)
            return () if text is None else [_finding(fact, text)]
        return [*self._end_chunk(), *(_finding(fact, text) for text in self._turn(fact))]

    def end(self) -> Iterator[Finding]:
        """Judge the last chunk."""
        yield from self._end_chunk()

    def _turn(self, fact: Fact) -> Iterator[str]:
        """Take an event that does not resolve a bet, and yield what is wrong with it."""
        event = fact.event
        if isinstance(event, ResultRecorded):
            yield from self._results.record(fact, event)
        elif isinstance(event, BetsVoided | RulingLifted):
            yield from self._results.rule(fact, event)
        elif isinstance(event, ChunkSettled):
            yield from self._begin_chunk(fact, event)
        elif isinstance(event, SettlementCompleted):
            yield from self._complete(fact, event)
        elif isinstance(event, WeekSettled):
            yield from self._settle_week()
        elif isinstance(event, GameLocked):
            self._results.lock(fact, event)

    # Bets.

    def _resolve(self, event: _Resolving) -> str | None:
        """Say what is wrong with how a bet is resolved; None for a bet that nobody placed, which the books tell."""
        number = self._bets.find(event.bet_id)
        if number is None:
            return None
        settled = self._results.of_game(self._bets.offers[number].game_id)
        if settled is None or event.resolution < 1 or event.resolution != settled.settlement.resolution:
            stands = 0 if settled is None else settled.settlement.resolution
            return f"resolves bet {event.bet_id} under {event.resolution}, its game stands at {stands}"
        if self._bets.positions[number] > settled.settlement.cut:
            return f"resolves bet {event.bet_id}, which was placed behind the result at {settled.settlement.cut}"
        try:
            comes_to = self._grade(settled, number, settled.result(self._board.week.rules))
        except ValueError as error:
            return f"bet {event.bet_id}: {error}"
        if comes_to is None:
            return f"resolves bet {event.bet_id}, of which resolution {event.resolution} says nothing"
        said = _said(event)
        if said == comes_to:
            return None
        return f"bet {event.bet_id} is {_told(*said)}; by its terms and the result it is {_told(*comes_to)}"

    def _grade(self, settled: Settled, number: int, result: Result | None) -> Grade | None:
        """Return what a bet comes to; None where the resolution says nothing of it."""
        if settled.settlement.voids and self._is_void(settled, number):
            return Grade("void", self._bets.stakes[number], "operator")
        return None if result is None else settled.verdicts(result).grade(self._bets, number)

    def _is_void(self, settled: Settled, number: int) -> bool:
        """Say whether a ruling that stands names a bet."""
        voids = settled.settlement.voids.values()
        # Ids are not kept by number: of those that are named, one is the bet's, or none.
        named = (void.event.bet_id for void in voids if isinstance(void.event, BetsVoided) and void.event.bet_id)
        return settled.settlement.is_void(
            bet_id=next((bet_id for bet_id in named if self._bets.find(bet_id) == number), _NONE),
            market_id=self._bets.offers[number].market_id,
            placed_at=self._bets.recorded_at(number),
            position=self._bets.positions[number],
        )

    # Chunks, and their ends.

    def _begin_chunk(self, fact: Fact, event: ChunkSettled) -> Iterator[str]:
        settled = self._results.of_stream(fact.stream)
        if settled is None:
            yield "settles a game without a result"
            return
        try:
            settled.settlement.require_next(resolution=event.resolution, from_=event.from_)
        except StaleChunk as error:
            yield str(error)
        settled.settlement.apply(fact)
        self._chunk = _Chunk(fact, event, settled, settled.result(self._board.week.rules))

    def _end_chunk(self) -> Iterator[Finding]:
        """Hold the chunk that is open against its payouts, all of which have come."""
        chunk, self._chunk = self._chunk, None
        if chunk is None:
            return
        numbers = self._covered(chunk.settled, chunk.event.from_, chunk.event.to)
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
            grade = self._grade(chunk.settled, number, chunk.result)
        except ValueError as error:
            yield _finding(chunk.fact, f"{where}: {error}")
            return
        assert grade is not None
        stands = (self._bets.outcome(number), self._bets.payouts[number])
        if stands != (grade.verdict, grade.payout):
            told = f"it is {_told(*grade)} under resolution {chunk.event.resolution}"
            yield _finding(chunk.fact, f"leaves {where} {stands[0]} for {stands[1]}; {told}")

    def _complete(self, fact: Fact, event: SettlementCompleted) -> Iterator[str]:
        settled = self._results.of_stream(fact.stream)
        if settled is None:
            yield "completes a game without a result"
            return
        settlement = settled.settlement
        staked = sum(self._bets.stakes[number] for number in self._between(settled.game.id, 1, settlement.cut))
        numbers = self._covered(settled, 1, settlement.cut)
        paid = sum(self._bets.payouts[number] for number in numbers)
        if (event.resolution, event.cut) != (settlement.resolution, settlement.cut):
            stands = f"{settlement.resolution} to position {settlement.cut}"
            yield f"completes resolution {event.resolution} to position {event.cut}, the game stands at {stands}"
        if (event.bets, event.staked, event.paid) != (len(numbers), staked, paid):
            says = f"{event.bets} bets, {event.staked} staked, {event.paid} paid"
            yield f"says {says}; the log has {len(numbers)}, {staked} and {paid}"
        if settlement.settled_to != settlement.cut:
            yield f"ends at position {settlement.cut}, its chunks at {settlement.settled_to}"
        settlement.apply(fact)

    def _settle_week(self) -> Iterator[str]:
        for game in self._board.games:
            settled = self._results.of_game(game.id)
            if settled is None or not settled.settlement.is_resolved:
                yield f"the week is settled while game {game.id} is not"
        for number in self._bets.open():
            yield f"the week is settled while the bet of position {self._bets.positions[number]} is open"

    def _covered(self, settled: Settled, first: int, last: int) -> list[int]:
        """Return the numbers of those bets between positions of which the resolution says anything."""
        numbers = self._between(settled.game.id, first, last)
        if settled.settlement.settling is not None:
            return numbers
        return [number for number in numbers if self._is_void(settled, number)]

    def _between(self, game_id: UUID, first: int, last: int) -> list[int]:
        """Return the numbers of a game's bets that were placed at some positions."""
        numbers, positions = self._bets.of_game(game_id), self._bets.positions
        begin = bisect_left(numbers, first, key=positions.__getitem__)
        end = bisect_right(numbers, last, key=positions.__getitem__)
        return numbers[begin:end].tolist()


def _said(event: _Resolving) -> tuple[str, int, str | None]:
    if type(event) is BetLost:
        return "lost", 0, None
    if type(event) is BetWon:
        return "won", event.payout, None
    if type(event) is StakeReturned:
        return ("push" if event.reason == "push" else "void"), event.amount, event.reason
    assert isinstance(event, PayoutCorrected)
    return event.to_outcome, event.to_payout, None if event.reason == "result" else event.reason


def _told(verdict: str, payout: int, reason: str | None) -> str:
    return f"{verdict} for {payout}" + ("" if reason is None else f" ({reason})")


def _finding(fact: Fact, text: str) -> Finding:
    return Finding("settlement", fact.token, text)
