"""The settlement of a game: what the sources said, what counts, and how far the bets are settled under it.

What settles is chosen by precedence: an operator's word, the latest official record of the source, its latest
provisional one (where the rules settle on those, or once the deadline has passed), the clock's. Each change of it
is a new resolution. A game that left the week stays returned, whatever its result was later, unless an operator
says otherwise.

An operator may also rule that some bets are void. Each void, and the end of each, is a resolution too, with or without
a result: until there is one, it settles the bets that are void and leaves the others open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from ledger.aggregate import Aggregate, LedgerError
from ledger.events import (
    BetsVoided,
    ChunkSettled,
    Event,
    Regulation,
    ResultRecorded,
    RulingLifted,
    SettlementCompleted,
    StakePlaced,
)
from ledger.facts import Fact
from ledger.game import POSTPONED, Game
from ledger.grading import FinalScore, Grades, Outcome, Result, grades_by, score_that_counts
from ledger.instants import Instant
from ledger.rules import Rules

CLOCK: Final = "clock"
OPERATOR: Final = "operator"


class ConflictingResult(LedgerError):
    """A source gave two different results one revision number: neither the later nor the earlier can be trusted."""

    code = "conflicting_result"


class StaleChunk(LedgerError):
    """The chunk was settled already, or its resolution has been superseded: read the settlement again."""

    code = "stale_chunk"


class NothingToLift(LedgerError):
    """The ruling does not stand: it was lifted already, or never applied."""

    code = "nothing_to_lift"


class NothingElseSettles(LedgerError):
    """The operator's result is all that settles the game: without it nobody would know what bets come to."""

    code = "nothing_else_settles"


@dataclass(frozen=True, slots=True)
class Word:
    """What a source says of a game. `status`: final, cancelled, abandoned, postponed, no_result or operator.

    A status message has no revision of its own: it speaks at the source's latest one, and after its result. Nor has an
    operator: each new word of operators is their next revision.
    """

    game_id: UUID
    source: str
    status: str
    certainty: str = "official"
    revision: int | None = None
    home_score: int | None = None
    away_score: int | None = None
    regulation: tuple[int, int] | None = None

    @property
    def content(self) -> tuple[object, ...]:
        """What would settle bets: two words with equal content settle alike."""
        return (self.status, self.home_score, self.away_score, self.regulation)


class Settlement(Aggregate):
    """One game's results and rulings, and the progress of settling its bets under them.

    `words` holds the latest of each kind, `settling` the one that settles, `voids` by case the rulings that stand.
    `cut` is the position that a resolution settles to.
    """

    def __init__(self) -> None:
        self.words: dict[str, Word] = {}
        self.settling: Word | None = None
        self.voids: dict[UUID, Fact] = {}
        self.operator_revision = 0
        self.decided_by: Fact | None = None
        self.resolution = 0
        self.settled_to = 0
        self.bets = 0
        self.paid = 0
        self.completed: Fact | None = None
        self.completed_resolution = 0

    @property
    def is_settled(self) -> bool:
        """Whether every bet that the current resolution says anything of is settled under it, if there is one."""
        return self.resolution == self.completed_resolution

    @property
    def is_resolved(self) -> bool:
        """Whether there is a result, and every bet is settled under the current resolution."""
        return self.settling is not None and self.is_settled

    @property
    def cut(self) -> int:
        """The position of the event that brought the resolution: bets up to it are settled under it."""
        return self.decided_by.position if self.decided_by is not None else 0

    def record(self, word: Word, *, rules: Rules, final: bool) -> Fact | None:
        """Record what a source says; None for a repeat or an older word, ConflictingResult for a contradiction.

        `final`: the week is over, so the record is kept and settles nothing.
        """
        if self.is_old(word):
            return None
        word = self._revised(word)
        counts = _what_settles({**self.words, _slot(word): word}, rules)
        applied = not final and counts is not None and counts.content == word.content
        settles = not final and counts is not None and counts.content != self.content
        return self._trigger(word, applied=applied, resolution=self.resolution + 1 if settles else None)

    def reconsider(self) -> Fact | None:
        """Settle again under the same result, because the game's real start became known afterwards."""
        if self.settling is None:
            return None
        # The latest word that says it, so that what its source said since is not forgotten.
        said = next(word for word in self.words.values() if word.content == self.content)
        return self._trigger(said, applied=True, resolution=self.resolution + 1)

    def void(
        self,
        *,
        case_id: UUID,
        game_id: UUID,
        market_id: UUID | None = None,
        bet_id: UUID | None = None,
        placed_from: datetime | None = None,
        placed_until: datetime | None = None,
        final: bool = False,
    ) -> Fact:
        """Rule that the bets placed so far that fit all the selectors given are void, whatever the result."""
        return self.trigger(
            BetsVoided(
                applied=not final,
                bet_id=bet_id,
                case_id=case_id,
                game_id=game_id,
                market_id=market_id,
                placed_from=None if placed_from is None else Instant.of(placed_from),
                placed_until=None if placed_until is None else Instant.of(placed_until),
                resolution=None if final else self.resolution + 1,
            )
        )

    def lift(self, case_id: UUID, *, game_id: UUID, final: bool = False) -> Fact:
        """End the void of a case; raises NothingToLift where none stands."""
        if case_id not in self.voids:
            raise NothingToLift(f"game {game_id}: no void of case {case_id} stands, so there is none to lift")
        resolution = None if final else self.resolution + 1
        return self.trigger(RulingLifted(applied=not final, case_id=case_id, game_id=game_id, resolution=resolution))

    def release(self, *, game_id: UUID, rules: Rules, final: bool = False) -> list[Fact]:
        """Leave the game to what was said beside the operator's result, which is recorded again where it differs.

        Raises NothingToLift where there is no operator's result, NothingElseSettles where there is nothing beside it.
        """
        if OPERATOR not in self.words:
            raise NothingToLift(f"game {game_id}: no operator gave it a result, so there is none to release")
        counts = _what_settles({slot: word for slot, word in self.words.items() if slot != OPERATOR}, rules)
        if counts is None:
            raise NothingElseSettles(f"game {game_id}: only the operator's result settles it: propose another result")
        differs = not final and counts.content != self.content
        lifted = self.trigger(RulingLifted(applied=not final, case_id=None, game_id=game_id, resolution=None))
        return [lifted, self._trigger(counts, applied=True, resolution=self.resolution + 1)] if differs else [lifted]

    def _trigger(self, word: Word, *, applied: bool, resolution: int | None) -> Fact:
        return self.trigger(
            ResultRecorded(
                applied=applied,
                away_score=word.away_score,
                certainty=word.certainty,
                game_id=word.game_id,
                home_score=word.home_score,
                regulation=None
                if word.regulation is None
                else Regulation(home=word.regulation[0], away=word.regulation[1]),
                resolution=resolution,
                revision=word.revision or 0,
                source=word.source,
                status=word.status,
            )
        )

    def _revised(self, word: Word) -> Word:
        if word.revision is not None:
            return word
        if word.source == OPERATOR:
            return replace(word, revision=self.operator_revision + 1)
        said = [said.revision or 0 for said in self.words.values() if said.source == word.source]
        return replace(word, revision=max(said, default=0))

    def is_old(self, word: Word) -> bool:
        """Say whether a word is a repeat, or older than what its source said already; raises ConflictingResult."""
        known = self.words.get(_slot(word))
        if word.source == OPERATOR and word.revision is None:
            return known is not None and known.content == word.content
        word = self._revised(word)
        official = self.words.get("official")
        if known is None or known.source != word.source:
            return word.certainty == "provisional" and official is not None and _order(word) <= _order(official)
        if _order(word) == _order(known) and word.content != known.content:
            raise ConflictingResult(
                f"game {word.game_id}: {word.source} gave revision {word.revision} ({word.certainty}) twice, "
                f"as {known.content} and as {word.content}"
            )
        return _order(word) <= _order(known)

    @property
    def content(self) -> tuple[object, ...]:
        """What the bets are settled on; nothing before there is a result."""
        return () if self.settling is None else self.settling.content

    @property
    def status(self) -> str | None:
        """The status of what the bets are settled on: final, or why they were returned; None before that."""
        return None if self.settling is None else self.settling.status

    def result(self, game: Game, rules: Rules) -> Result | None:
        """Return what bets that are not void are graded by under the current resolution; None before a result."""
        word = self.settling
        if word is None:
            return None
        if word.status != "final":
            return Result(word.status, None, game.started_at)
        assert word.home_score is not None
        assert word.away_score is not None
        score: FinalScore = score_that_counts(
            home=word.home_score,
            away=word.away_score,
            regulation=word.regulation,
            overtime_counts=rules.overtime_counts(game.listing.league),
        )
        return Result("final", score, game.started_at)

    def grades(self, game: Game, rules: Rules) -> Grades | None:
        """Return what bets that are not void come to under the current resolution; None before a result."""
        result = self.result(game, rules)
        return None if result is None else grades_by(result)

    def outcome(self, placed: Fact, *, game: Game, grades: Grades | None) -> Outcome | None:
        """Return what a bet comes to under the current resolution; None where that says nothing of it.

        `placed` is its StakePlaced, `grades` what `grades` returns.
        """
        bet = placed.event
        assert isinstance(bet, StakePlaced)
        if self.is_void(bet_id=bet.bet_id, market_id=bet.market_id, placed_at=placed.at, position=placed.position):
            return Outcome("void", bet.stake, "operator")
        if grades is None:
            return None
        return grades.outcome(
            market=bet.market,
            outcome=bet.outcome,
            line=bet.line,
            price=bet.price,
            stake=bet.stake,
            recorded_at=placed.at,
            three_way=bool(game.three_way_odds) and bet.odds_id in game.three_way_odds,
        )

    def is_void(self, *, bet_id: UUID, market_id: UUID, placed_at: datetime, position: int) -> bool:
        """Say whether a ruling that stands names a bet, by where and when it was placed."""
        return bool(self.voids) and any(
            position < ruling.position and _names(ruling.event, bet_id=bet_id, market_id=market_id, placed_at=placed_at)
            for ruling in self.voids.values()
        )

    def require_next(self, *, resolution: int, from_: int) -> None:
        """Refuse a chunk that is not the next of the current resolution."""
        if resolution != self.resolution or from_ != self.settled_to + 1 or self.is_settled:
            raise StaleChunk(f"settlement {self.id}: resolution {resolution} from {from_} is not what comes next")

    def settle_chunk(self, *, resolution: int, from_: int, to: int, bets: int, paid: int) -> Fact:
        """Note that the bets at positions `from_` to `to` are settled; raises StaleChunk where that is not next.

        `bets` counts those that the resolution says anything of.
        """
        self.require_next(resolution=resolution, from_=from_)
        return self.trigger(ChunkSettled(bets=bets, from_=from_, paid=paid, resolution=resolution, to=to))

    def complete(self, *, resolution: int, staked: int) -> Fact:
        """Note that every bet up to the cut is settled."""
        if not 0 < resolution == self.resolution or self.settled_to < self.cut:
            raise StaleChunk(f"settlement {self.id}: resolution {resolution} is settled to {self.settled_to}")
        if self.is_settled and self.completed is not None:
            return self.completed
        return self.trigger(
            SettlementCompleted(bets=self.bets, cut=self.cut, paid=self.paid, resolution=resolution, staked=staked)
        )

    def apply(self, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case ResultRecorded(resolution=resolution) as event:
                word = word_of(event)
                self.words[_slot(word)] = word
                if word.source == OPERATOR:
                    self.operator_revision = event.revision
                if resolution is not None:
                    self.settling = word
                    self._begin(resolution, fact)
            case BetsVoided(case_id=case_id, resolution=int(resolution)):
                self.voids[case_id] = fact
                self._begin(resolution, fact)
            case RulingLifted(case_id=UUID() as case_id, resolution=int(resolution)):
                del self.voids[case_id]
                self._begin(resolution, fact)
            case RulingLifted(case_id=None, applied=True):
                del self.words[OPERATOR]
            case ChunkSettled(to=to, bets=bets, paid=paid):
                self.settled_to = to
                self.bets += bets
                self.paid += paid
            case SettlementCompleted(resolution=resolution):
                self.completed = fact
                self.completed_resolution = resolution

    def _begin(self, resolution: int, fact: Fact) -> None:
        self.decided_by = fact
        self.resolution = resolution
        self.settled_to = self.bets = self.paid = 0


def word_of(event: ResultRecorded) -> Word:
    """Return the word that a record holds."""
    regulation = None if event.regulation is None else (event.regulation.home, event.regulation.away)
    return Word(
        game_id=event.game_id,
        source=event.source,
        status=event.status,
        certainty=event.certainty,
        revision=event.revision,
        home_score=event.home_score,
        away_score=event.away_score,
        regulation=regulation,
    )


def _names(event: Event, *, bet_id: UUID, market_id: UUID, placed_at: datetime) -> bool:
    assert isinstance(event, BetsVoided)
    return (
        event.bet_id in (None, bet_id)
        and event.market_id in (None, market_id)
        and (event.placed_from is None or event.placed_from <= placed_at)
        and (event.placed_until is None or placed_at < event.placed_until)
    )


def _slot(word: Word) -> str:
    if word.source == OPERATOR:
        return OPERATOR
    if word.status == POSTPONED:
        return POSTPONED
    return CLOCK if word.source == CLOCK else word.certainty


def _order(word: Word) -> tuple[int, bool]:
    return (word.revision or 0, word.status != "final")


def _what_settles(words: Mapping[str, Word], rules: Rules) -> Word | None:
    on_provisional = rules.settles_on_provisional or CLOCK in words
    precedence = (OPERATOR, POSTPONED, "official", *(["provisional"] if on_provisional else []), CLOCK)
    return next((words[slot] for slot in precedence if slot in words), None)
