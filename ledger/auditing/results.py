"""What settles each game, worked out again from what was said of it.

The aggregate that decided decides again, on the words that the log holds, so that a record shows that claims to settle
what it does not, or not to settle what it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from ledger.aggregate import Context, LedgerError
from ledger.auditing.board import Board
from ledger.auditing.verdicts import Verdicts
from ledger.events import BetsVoided, Event, GameLocked, ResultRecorded, RulingLifted
from ledger.facts import Fact
from ledger.game import POSTPONED, Game
from ledger.grading import Result
from ledger.ids import settlement_stream
from ledger.instants import Instant
from ledger.rules import Rules
from ledger.settlement import CLOCK, ConflictingResult, Settlement, Word, word_of

_NO_RESULT: Final = ("no_result", None, None, None)


@dataclass(slots=True)
class Settled:
    """A game of which something was said, and its settlement as that comes to."""

    game: Game
    settlement: Settlement
    _result: Result | None = None
    _as_of: tuple[int, int] = (0, 0)
    _verdicts: Verdicts | None = None

    def result(self, rules: Rules) -> Result | None:
        """Return what the game's bets are graded by here, but for those that are void; None before a result."""
        as_of = (self.settlement.resolution, self.game.version)
        if self._result is None or self._as_of != as_of:
            self._result, self._as_of = self.settlement.result(self.game, rules), as_of
        return self._result

    def verdicts(self, result: Result) -> Verdicts:
        """Return what the game's bets come to by a result, as the game stands here."""
        verdicts = self._verdicts
        if verdicts is None or verdicts.result is not result or verdicts.version != self.game.version:
            verdicts = self._verdicts = Verdicts(self.game, result)
        return verdicts


class Results:
    """The settlements of all games. The board must stand where the log does."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._games: dict[int, Settled] = {}
        self._streams: dict[int, Settled] = {}
        self._started_at: dict[int, int] = {}
        # What counts again since an operator's word was released, and where it is due.
        self._released: dict[int, tuple[int, Event]] = {}

    def of_game(self, game_id: UUID) -> Settled | None:
        """Return how a game is settled, once something was said of it."""
        return self._games.get(game_id.int)

    def of_stream(self, stream: UUID) -> Settled | None:
        """Return the settlement of a stream that has a resolution."""
        settled = self._streams.get(stream.int)
        return settled if settled is not None and settled.settlement.resolution else None

    def lock(self, fact: Fact, event: GameLocked) -> None:
        """Remember where a game's real start became known."""
        if event.started_at is not None:
            self._started_at[fact.stream.int] = fact.position

    def record(self, fact: Fact, event: ResultRecorded) -> Iterator[str]:
        """Take the next record, and yield what is wrong with it. What goes on is what it should have been."""
        game = self._board.game(event.game_id)
        if game is None:
            yield f"game {event.game_id} is not listed"
            return
        settled, word = self._settled(game), word_of(event)
        if self._released.pop(game.id.int, None) == (fact.position, event):
            return
        yield from self._may_be_said(fact, settled, word)
        try:
            decided = self._decide(fact, settled.settlement, word, reconsiders=event.resolution is not None)
        except ConflictingResult as error:
            yield str(error)
            return
        if decided is None:
            yield f"records what {word.source} had said before, or something older"
        elif decided != event:
            said = f"applied {event.applied}, resolution {event.resolution}"
            yield f"says {said}; by precedence it is applied {decided.applied}, resolution {decided.resolution}"

    def rule(self, fact: Fact, event: BetsVoided | RulingLifted) -> Iterator[str]:
        """Take the next void, or the end of a ruling, and yield what is wrong with it."""
        game = self._board.game(event.game_id)
        if game is None:
            yield f"game {event.game_id} is not listed"
            return
        settlement = self._settled(game).settlement
        settlement.context = Context(log=fact.log, actor=fact.actor, request=fact.request)
        try:
            ruled, *recorded = self._ruled(settlement, event)
        except LedgerError as refusal:
            yield str(refusal)
            return
        settlement.collect_events()
        for position, each in enumerate((ruled, *recorded), start=fact.position):
            each.position = position
        if ruled.event != event:
            yield f"says {event}; by what was said before it is {ruled.event}"
        for again in recorded:
            self._released[game.id.int] = (again.position, again.event)

    def _ruled(self, settlement: Settlement, event: BetsVoided | RulingLifted) -> list[Fact]:
        week = self._board.week
        final = week.finalised is not None
        if isinstance(event, RulingLifted):
            if event.case_id is None:
                return settlement.release(game_id=event.game_id, rules=week.rules, final=final)
            return [settlement.lift(event.case_id, game_id=event.game_id, final=final)]
        voided = settlement.void(
            case_id=event.case_id,
            game_id=event.game_id,
            market_id=event.market_id,
            bet_id=event.bet_id,
            placed_from=event.placed_from,
            placed_until=event.placed_until,
            final=final,
        )
        return [voided]

    def is_said_again(self, fact: Fact, event: ResultRecorded) -> bool:
        """Say whether a word that is known settles its game again, because the real start became known just before."""
        settled = self._games.get(event.game_id.int)
        is_late = self._started_at.get(event.game_id.int) == fact.position - 1
        return is_late and settled is not None and word_of(event) in settled.settlement.words.values()

    def _decide(self, fact: Fact, settlement: Settlement, word: Word, *, reconsiders: bool) -> ResultRecorded | None:
        """Let the settlement decide on a word as it did; return what it came to, None where there was no news."""
        week = self._board.week
        settlement.context = Context(log=fact.log, actor=fact.actor, request=fact.request)
        decided = settlement.record(word, rules=week.rules, final=week.finalised is not None)
        is_late = week.finalised is None and self._started_at.get(word.game_id.int) == fact.position - 1
        if decided is None and reconsiders and is_late:
            # The real start became known in the same append: the same word settles the game again.
            decided = settlement.reconsider()
        settlement.collect_events()
        if decided is None:
            return None
        decided.position = fact.position
        assert isinstance(decided.event, ResultRecorded)
        return decided.event

    def _may_be_said(self, fact: Fact, settled: Settled, word: Word) -> Iterator[str]:
        """Hold what no source need say, or what returns stakes, against the clock and the board."""
        week, game = self._board.week, settled.game
        if week.finalised is None and game.locked is None and not game.moved_out:
            yield f"game {game.id} has an end, and takes stakes"
        if word.status == POSTPONED:
            stands_still = game.suspended == POSTPONED and game.started_at is None
            if not game.moved_out and (week.closed is None or not stands_still):
                yield f"returns the stakes on game {game.id}, which neither moved out nor stands still"
        elif word.source == CLOCK:
            deadline = week.ends_at + week.rules.settlement_deadline
            if fact.at < deadline:
                yield f"ends game {game.id} before the deadline, {Instant.of(deadline)}"
            provisional = settled.settlement.words.get("provisional")
            if word.content != (_NO_RESULT if provisional is None else provisional.content):
                yield f"ends game {game.id} otherwise than its provisional result, or the lack of one"

    def _settled(self, game: Game) -> Settled:
        settled = self._games.get(game.id.int)
        if settled is None:
            stream = settlement_stream(game.id)
            settled = self._games[game.id.int] = Settled(game, Settlement.blank(stream))
            self._streams[stream.int] = settled
        return settled
