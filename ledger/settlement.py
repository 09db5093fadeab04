"""The settlement of a game: what the sources said, what counts, and how far the bets are settled under it.

What settles is chosen by precedence: an operator's word, the latest official record of the source, its latest
provisional one (where the rules settle on those, or once the deadline has passed), the clock's. Each change of it
is a new resolution. A game that left the week stays returned, whatever its result was later, unless an operator
says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from ledger.aggregate import Aggregate, LedgerError
from ledger.events import ChunkSettled, Regulation, ResultRecorded, SettlementCompleted
from ledger.facts import Fact
from ledger.game import POSTPONED, Game
from ledger.grading import FinalScore, Result, score_that_counts
from ledger.rules import Rules

CLOCK: Final = "clock"
OPERATOR: Final = "operator"


class ConflictingResult(LedgerError):
    """A source gave two different results one revision number: neither the later nor the earlier can be trusted."""

    code = "conflicting_result"


class StaleChunk(LedgerError):
    """The chunk was settled already, or its resolution has been superseded: read the settlement again."""

    code = "stale_chunk"


@dataclass(frozen=True, slots=True)
class Word:
    """What a source says of a game. `status`: final, cancelled, abandoned, postponed or no_result.

    A status message has no revision of its own: it speaks at the source's latest one, and after its result.
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
    """One game's results and the progress of settling them. `cut` is the position that a resolution settles to."""

    def __init__(self) -> None:
        self.words: dict[str, Word] = {}
        self.decided_by: Fact | None = None
        self.resolution = 0
        self.settled_to = 0
        self.bets = 0
        self.paid = 0
        self.completed: Fact | None = None
        self.completed_resolution = 0

    @property
    def is_resolved(self) -> bool:
        """Whether there is a resolution and every bet is settled under it."""
        return 0 < self.resolution == self.completed_resolution

    @property
    def cut(self) -> int:
        """The position of the record that brought the resolution: bets up to it are settled under it."""
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
        settles = not final and counts is not None and (self.resolution == 0 or counts.content != self.content)
        return self._trigger(word, applied=applied, resolution=self.resolution + 1 if settles else None)

    def reconsider(self) -> Fact | None:
        """Settle again under the same result, because the game's real start became known afterwards."""
        if self.resolution == 0:
            return None
        # The latest word that says it, so that what its source said since is not forgotten.
        said = next(word for word in self.words.values() if word.content == self.content)
        return self._trigger(said, applied=True, resolution=self.resolution + 1)

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
        said = [said.revision or 0 for said in self.words.values() if said.source == word.source]
        return replace(word, revision=max(said, default=0))

    def is_old(self, word: Word) -> bool:
        """Say whether a word is a repeat, or older than what its source said already; raises ConflictingResult."""
        word = self._revised(word)
        known = self.words.get(_slot(word))
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
    def _settling(self) -> Word:
        assert self.decided_by is not None
        assert isinstance(self.decided_by.event, ResultRecorded)
        return word_of(self.decided_by.event)

    @property
    def content(self) -> tuple[object, ...]:
        """What the bets are settled on."""
        return self._settling.content

    @property
    def status(self) -> str | None:
        """The status of what the bets are settled on: final, or why they were returned; None before that."""
        return None if self.resolution == 0 else self._settling.status

    def result(self, game: Game, rules: Rules) -> Result:
        """Return what bets are graded by under the current resolution."""
        word = self._settling
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

    def require_next(self, *, resolution: int, from_: int) -> None:
        """Refuse a chunk that is not the next of the current resolution."""
        if not 0 < resolution == self.resolution or from_ != self.settled_to + 1 or self.is_resolved:
            raise StaleChunk(f"settlement {self.id}: resolution {resolution} from {from_} is not what comes next")

    def settle_chunk(self, *, resolution: int, from_: int, to: int, bets: int, paid: int) -> Fact:
        """Note that the bets at positions `from_` to `to` are settled; raises StaleChunk where that is not next."""
        self.require_next(resolution=resolution, from_=from_)
        return self.trigger(ChunkSettled(bets=bets, from_=from_, paid=paid, resolution=resolution, to=to))

    def complete(self, *, resolution: int, staked: int) -> Fact:
        """Note that every bet up to the cut is settled."""
        if not 0 < resolution == self.resolution or self.settled_to < self.cut:
            raise StaleChunk(f"settlement {self.id}: resolution {resolution} is settled to {self.settled_to}")
        if self.is_resolved and self.completed is not None:
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
                if resolution is not None:
                    self.decided_by = fact
                    self.resolution = resolution
                    self.settled_to = self.bets = self.paid = 0
            case ChunkSettled(to=to, bets=bets, paid=paid):
                self.settled_to = to
                self.bets += bets
                self.paid += paid
            case SettlementCompleted(resolution=resolution):
                self.completed = fact
                self.completed_resolution = resolution


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
