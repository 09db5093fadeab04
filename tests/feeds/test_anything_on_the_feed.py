"""Whatever a feed says, and whenever: the week ends, every stake is resolved, and the books balance."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.aggregate import LedgerError
from ledger.weeks import ends_at, following, starts_at
from tests.feeds.conftest import MakeWeek
from tests.feeds.small_week import WEEK, SmallWeek

HOUR = timedelta(hours=1)
GAMES = ("g1", "g2")
# Hours from the week's start at which a game may be said to start, the last two in the next week.
STARTS = (30, 90, 160, 167, 168, 200)

games = st.sampled_from(GAMES)
starts = st.none() | st.sampled_from(STARTS)
scores = st.integers(18, 24)
statuses = st.sampled_from(["in_progress", "suspended", "postponed", "cancelled", "abandoned"])
certainties = st.sampled_from(["official", "provisional"])
bets = st.tuples(st.sampled_from(["spread", "total", "moneyline"]), st.booleans(), st.integers(1, 400))
actions = st.one_of(
    st.tuples(st.just("game"), games, st.sampled_from(STARTS), st.booleans()),
    st.tuples(st.just("quote"), games, st.integers(-12, 12)),
    st.tuples(st.just("market"), games, st.sampled_from(["open", "suspended"])),
    st.tuples(st.just("status"), games, statuses, starts, st.none() | st.integers(-2, 170)),
    st.tuples(st.just("result"), games, scores, scores, st.integers(1, 4), certainties),
    st.tuples(st.just("bet"), games, bets),
    st.tuples(st.just("bet"), games, bets),
    st.tuples(st.just("again"), st.integers(0, 60)),
    st.tuples(st.just("wait"), st.sampled_from([1, 10, 60])),
    st.just(("restart",)),
)


class Playing:
    """Carries actions out in one week."""

    def __init__(self, week: SmallWeek, name: str, prefix: str) -> None:
        self.week = week
        self.name = name
        self.prefix = prefix
        self.since = len(week.said)
        self.begins = starts_at(name)

    def do(self, action: tuple[Any, ...]) -> None:
        kind, *what = action
        getattr(self, f"do_{kind}")(*what)

    def do_game(self, game: str, start: int, swapped: bool) -> None:
        teams = {"home": "CIN", "away": "BAL"} if swapped else {}
        self.week.game(self.prefix + game, self.at(start), **teams)

    def do_quote(self, game: str, halves: int) -> None:
        self.week.quote(self.prefix + game, "spread", line=str(halves / 2))
        self.week.quote(self.prefix + game, "total")
        self.week.quote(self.prefix + game, "moneyline")

    def do_market(self, game: str, status: str) -> None:
        self.week.say("market", self.prefix + game, market="spread", status=status)

    def do_status(self, game: str, status: str, start: int | None, started: int | None) -> None:
        times = {"starts_at": self.at(start), "started_at": self.at(started)}
        self.week.status(self.prefix + game, status, **times)

    def do_result(self, game: str, home: int, away: int, revision: int, certainty: str) -> None:
        self.week.result(self.prefix + game, home, away, revision, certainty=certainty)

    def do_bet(self, game: str, bet: tuple[str, bool, int]) -> None:
        name, first, stake = bet
        market = self.week.on_board(self.prefix + game).markets.get(name)
        if self.week.listing(self.prefix + game).week != self.name or market is None or market.quote is None:
            return
        # The market is closed, or the credits do not suffice: the player goes without.
        with suppress(LedgerError):
            self.week.bet("ann", self.prefix + game, name, list(market.quote.prices)[first], stake)

    def do_again(self, which: int) -> None:
        said = self.week.said[self.since :]
        if said:
            self.week.hear(said[which % len(said)])

    def do_wait(self, hours: int) -> None:
        # The last result may come two days after the end.
        self.week.live_until(min(self.week.clock() + hours * HOUR, ends_at(self.name) + 48 * HOUR))

    def do_restart(self) -> None:
        self.week.ingest = self.week.new_ingest()
        self.week.settler = self.week.new_settler(2)

    def at(self, hours: int | None) -> datetime | None:
        return None if hours is None else self.begins + hours * HOUR


def test_whatever_is_said_the_week_ends_and_its_books_balance(make_week: MakeWeek) -> None:
    """Contradictions, moves, corrections and repeats between the bets: never stuck, never a credit made or lost."""
    week = make_week(opens_weeks=True, bets_a_chunk=2)
    numbers = count()
    week.open(WEEK)
    upcoming = [WEEK]

    @settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(actions, min_size=12, max_size=40))
    def ends_and_balances(said: list[tuple[Any, ...]]) -> None:
        name = upcoming.pop()
        week.enrol(name, "ann")
        week.live_until(starts_at(name))
        playing = Playing(week, name, f"{next(numbers)}-")
        for game in GAMES:
            playing.do(("game", game, 90, False))
            playing.do(("quote", game, -3))
        for action in said:
            playing.do(action)
        # The week after next is the next that can be played from its start.
        upcoming.append(following(following(name)))
        week.play_out(name)
        assert week.audit(name).bets["open"] == 0

    ends_and_balances()
