"""The settler: reacts to each new resolution by settling the game's bets, a chunk at a time, while betting goes on.

It keeps no state of its own that matters: what is settled stands in the log, so it may be killed anywhere, and two of
them only get in each other's way.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Final
from uuid import UUID

from feeds.pace import Pace
from ledger import settling
from ledger.aggregate import LedgerError
from ledger.datastore import OUTAGES
from ledger.events import BetsVoided, ResultRecorded, RulingLifted, SettlementCompleted, WeekFinalised
from ledger.facts import Fact, fact_of
from ledger.ids import settlement_stream
from ledger.ledger import Ledger
from ledger.settlement import StaleChunk
from ledger.settling import PlacedBet, Progress
from projections.bets import Bets
from projections.runner import Runner

BETS_A_CHUNK: Final = 500
_PROJECTION_PATIENCE_SECONDS: Final = 30.0
_TOPICS: Final = tuple(
    event.TOPIC for event in (ResultRecorded, BetsVoided, RulingLifted, SettlementCompleted, WeekFinalised)
)
_log = logging.getLogger(__name__)


class ProjectionBehind(Exception):
    """The bets projection did not reach the result or the ruling: see `fairpool projections status`."""


class Settler:
    """Finds resolutions that are not settled yet, and settles them, at most `bets_a_chunk` in one append."""

    def __init__(self, ledger: Ledger, *, bets: Bets, projections: Runner, bets_a_chunk: int = BETS_A_CHUNK) -> None:
        self._ledger = ledger
        self._bets = bets
        self._projections = projections
        self._bets_a_chunk = bets_a_chunk
        self._read_to: dict[str, int] = {}
        self._over: set[str] = set()
        self._resolutions: dict[UUID, int] = {}
        self._pending: dict[UUID, tuple[str, UUID]] = {}

    def run(self, stop: threading.Event, *, poll_seconds: float = 0.1) -> None:
        """Settle what comes until `stop` is set; what fails is tried again."""
        while not stop.wait(poll_seconds):
            try:
                self.step()
            except (LedgerError, ProjectionBehind, *OUTAGES) as error:
                _log.warning("settlement waits: %s", error)
                stop.wait(1.0)

    def step(self) -> int:
        """Settle all that is to be settled now, and return how many games that were; raises ProjectionBehind."""
        self._look()
        waiting = list(self._pending.items())
        behind: list[ProjectionBehind] = []
        for stream, (week, game_id) in waiting:
            try:
                self.settle(week=week, game_id=game_id)
                self._pending.pop(stream, None)
            except ProjectionBehind as error:
                # The games of other weeks need not wait for a projection that stopped in this one.
                behind.append(error)
        if behind:
            raise behind[0]
        return len(waiting)

    def settle(self, *, week: str, game_id: UUID) -> None:
        """Settle one game under its latest resolution, going on where it stopped; a newer one starts over."""
        progress = self._progress(week, game_id)
        while not progress.is_done:
            self._await_bets(week, progress.cut)
            try:
                self._settle_rest(week, game_id, progress)
            except StaleChunk as error:
                # Another settler, or a newer resolution, was faster.
                _log.info("%s", error)
            progress = self._progress(week, game_id)

    def _settle_rest(self, week: str, game_id: UUID, progress: Progress) -> None:
        """Settle the bets that are left, and complete; the next chunk is read and asked for while one is appended."""
        asked: deque[Future[Fact]] = deque()
        pace = Pace(self._bets_a_chunk, known=progress.known)
        try:
            for bets, from_, to in self._chunks(week, game_id, progress, pace):
                pace.give_way()
                asked.append(
                    settling.settle_chunk(
                        self._ledger,
                        week=week,
                        game_id=game_id,
                        resolution=progress.resolution,
                        bets=bets,
                        from_=from_,
                        to=to,
                        cut=progress.cut,
                    )
                )
                while len(asked) > pace.ahead:
                    pace.note(asked.popleft().result())
        finally:
            # What was asked is carried out whatever happened: who goes on from here finds nothing under way.
            for chunk in asked:
                chunk.exception()
        for chunk in asked:
            chunk.result()
        staked = self._bets.staked_on_game(week, game_id, cut=progress.cut)
        settling.complete(
            self._ledger, week=week, game_id=game_id, resolution=progress.resolution, staked=staked
        ).result()

    def _chunks(
        self, week: str, game_id: UUID, progress: Progress, pace: Pace
    ) -> Iterator[tuple[Sequence[PlacedBet], int, int]]:
        """Yield the bets that are left, chunk by chunk, with the first and the last position that each covers."""
        after, cut = progress.settled_to, progress.cut
        while after < cut:
            limit = pace.bets
            bets = self._bets.open_or_settled_bets_of_game(week, game_id, after_position=after, cut=cut, limit=limit)
            to = bets[-1].position if len(bets) == limit else cut
            yield bets, after + 1, to
            after = to

    def _await_bets(self, week: str, cut: int) -> None:
        """Wait until every bet up to the cut can be found."""
        if not self._projections.wait_for(week, cut, timeout=_PROJECTION_PATIENCE_SECONDS, names=["bets"]):
            raise ProjectionBehind(f"the bets projection of {week} has not reached position {cut}")

    def _progress(self, week: str, game_id: UUID) -> Progress:
        return settling.progress(self._ledger, week=week, game_id=game_id).result()

    def _look(self) -> None:
        """Read what was resolved and what was completed since the last look."""
        for week in self._ledger.weeks():
            if week in self._over:
                continue
            for record in self._ledger.recorder(week).read_topics(*_TOPICS, after=self._read_to.get(week, 0)):
                self._read_to[week] = record.position
                match fact_of(record).event:
                    case (
                        ResultRecorded(resolution=int(resolution), game_id=game_id)
                        | BetsVoided(resolution=int(resolution), game_id=game_id)
                        | RulingLifted(resolution=int(resolution), game_id=game_id)
                    ):
                        self._resolutions[record.stream] = resolution
                        self._pending[settlement_stream(game_id)] = (week, game_id)
                    case SettlementCompleted(resolution=resolution):
                        if self._resolutions.get(record.stream) == resolution:
                            self._pending.pop(record.stream, None)
                    case WeekFinalised():
                        self._over.add(week)
