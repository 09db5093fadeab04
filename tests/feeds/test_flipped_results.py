"""A result that is taken back and comes again while bets go on: in the end nobody can tell that it ever was away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Final, NamedTuple
from uuid import UUID, uuid5

import pytest

from fairpool.verifying.database import DatabaseVerifier
from feeds.disputes import Disputes
from ledger.betting import place_bet
from ledger.datastore import Datastore
from ledger.events import PayoutCorrected, PrizeAwarded, ResultRecorded, StakePlaced, WeekFinalised
from ledger.ids import market_id
from ledger.proposal import Change
from projections.journal import Journal
from tests.database import Database
from tests.feeds.disputing import ANN, State, begin, carry_through, state
from tests.feeds.disputing import PLAYERS as NAMES
from tests.feeds.small_week import PLAYERS, WEEK, SmallWeek, at

A, B = (27, 20), (20, 27)
OTHERS: Final = ("second", "third")
BETS_AT_A_TIME: Final = 15
# What each bet on the game comes to under A and under B; the sum is the same under both.
SIDES: Final = (("moneyline", "home"), ("moneyline", "away"), ("spread", "home"), ("spread", "away"), ("total", "over"))


class End(NamedTuple):
    """What is left of a week when it is final."""

    state: State
    standings_hash: str
    trial_balance: Sequence[object]
    escrow: Sequence[object]
    prizes: Sequence[tuple[UUID, PrizeAwarded]]


class Playing:
    """A week of three games: one is played and settled, and bets on the others go on meanwhile."""

    def __init__(self, week: SmallWeek) -> None:
        self.week = week
        self.disputes: Disputes = begin(week)
        for name, start in zip(("flipped", *OTHERS), ("Thu 20:15", "Sat 20:15", "Sun 13:00"), strict=True):
            week.listed(name, at(start))
        for number, (market, outcome) in enumerate(SIDES * 2):
            week.bet(NAMES[number % 5], "flipped", market, outcome, 100 + number)
        week.live_until(at("Thu 23:00"))
        self.game = week.listing("flipped").game_id
        self.entries = [week.entry(name) for name in NAMES]
        self.offers = [
            (market_id(week.listing(name).game_id, market), week.on_offer(name, market))
            for name in OTHERS
            for market in ("moneyline", "spread", "total")
        ]
        self.cases: list[UUID] = []
        self._random = Random(1)
        self._keys = count(1)

    def bet(self) -> None:
        """Place some bets on the other games, one after another."""
        for number in range(BETS_AT_A_TIME):
            market, quote = self._random.choice(self.offers)
            placed = place_bet(
                self.week.ledger,
                week=WEEK,
                entry=self.entries[number % len(self.entries)],
                market_id=market,
                odds_id=quote.odds_id,
                outcome=self._random.choice([*quote.prices]),
                stake=self._random.randint(1, 20),
                key=f"another {next(self._keys)}",
            )
            assert isinstance(placed.result().event, StakePlaced)

    def meanwhile(self, *acts: Callable[[], object]) -> None:
        """Do one thing after another and settle, each while bets are placed in another thread."""
        with ThreadPoolExecutor(1) as other:
            for act in acts:
                betting = other.submit(self.bet)
                act()
                self.week.react()
                betting.result()

    def say(self, score: tuple[int, int], revision: int) -> None:
        self.week.result("flipped", *score, revision)

    def rule(self, score: tuple[int, int] | None) -> None:
        """Two operators give the game a result, or take back theirs."""
        change = Change(kind="lift", game_id=self.game)
        if score is not None:
            home, away = score
            change = Change(kind="result", game_id=self.game, status="final", home_score=home, away_score=away)
        case, _ = carry_through(self.disputes, change)
        self.cases.append(case)

    def repeat(self) -> None:
        """Say and apply everything once more."""
        for body in list(self.week.said):
            self.week.hear(body)
        for case in self.cases:
            self.disputes.apply(week=WEEK, case_id=case, actor=ANN)
        self.week.react()

    def end(self, folder: Path) -> End:
        """Play the other games, verify the log, and return what the week comes to."""
        self.week.live_until(at("Sun 17:00"))
        for name, score in zip(OTHERS, ((31, 28), (13, 10)), strict=True):
            self.week.result(name, *score)
        self.week.play_out()
        verified = DatabaseVerifier(self.week.ledger, folder=folder).verify(WEEK, progress=lambda done, total: None)
        assert verified.findings == []
        journal = Journal(self.week.datastore)
        awarded = self.week.facts(PrizeAwarded)
        return End(
            state(self.week),
            self.week.events(WeekFinalised)[-1].standings_hash,
            journal.trial_balance(WEEK),
            journal.escrow(WEEK),
            sorted((fact.stream, fact.event) for fact in awarded if isinstance(fact.event, PrizeAwarded)),
        )


@contextmanager
def playing(database: Database) -> Iterator[Playing]:
    """Give the game with its bets, before anything is said of its end; the same entries each time."""
    database.empty()
    datastore = Datastore(database.dsn)
    week, numbers = SmallWeek(datastore, bets_a_chunk=3), count(1)
    week.ledger.new_id = lambda: uuid5(PLAYERS, f"entry {next(numbers)}")
    try:
        yield Playing(week)
    finally:
        week.close()
        datastore.close()


@pytest.fixture(scope="module")
def never_flipped(database: Database, tmp_path_factory: pytest.TempPathFactory) -> End:
    """How the week ends that hears the last result only, with the same bets."""
    with playing(database) as it:
        it.meanwhile(lambda: it.say(A, 3), lambda: None, lambda: None)
        return it.end(tmp_path_factory.mktemp("never"))


def by_revisions(it: Playing) -> None:
    """The feed itself says A, B, and A again."""
    it.meanwhile(lambda: it.say(A, 1), lambda: it.say(B, 2), lambda: it.say(A, 3))


def by_rulings(it: Playing) -> None:
    """The feed says A, two operators say B, and in another case A."""
    it.meanwhile(lambda: it.say(A, 1), lambda: it.rule(B), lambda: it.rule(A))


def by_a_ruling_lifted(it: Playing) -> None:
    """The feed says A, two operators say B, and take it back."""
    it.meanwhile(lambda: it.say(A, 1), lambda: it.rule(B), lambda: it.rule(None))


@pytest.mark.parametrize("flip", [by_revisions, by_rulings, by_a_ruling_lifted])
def test_a_result_flipped_there_and_back_leaves_nothing_but_its_history(
    database: Database, tmp_path: Path, never_flipped: End, flip: Callable[[Playing], None]
) -> None:
    """Standings, balances, bets, journal and prizes are those of a ledger that only ever saw the last result."""
    with playing(database) as it:
        flip(it)
        week = it.week
        assert [each.resolution for each in week.events(ResultRecorded)] == [1, 2, 3]
        corrected = [(each.resolution, each.from_outcome, each.to_outcome) for each in week.events(PayoutCorrected)]
        assert sorted(corrected) == sorted(
            (resolution, *change)
            for resolution in (2, 3)
            for change in (("won", "lost"), ("lost", "won"))
            for _ in range(4)
        ), "each bet on a side is corrected once by each flip, and no bet on the sum"
        head = week.head()
        it.repeat()
        assert week.head() == head
        assert it.end(tmp_path) == never_flipped
