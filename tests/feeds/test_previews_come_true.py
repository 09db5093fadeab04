"""What a preview shows is what happens: bets, credits, ranks and prizes, for any bets and any rulings on them."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from itertools import count
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds.disputes import Disputes
from ledger.account import InsufficientCredits
from ledger.aggregate import LedgerError
from ledger.disputing import NothingChanges
from ledger.game import MarketClosed
from ledger.ids import market_id
from ledger.instants import Instant
from ledger.proposal import Change
from ledger.replay import Replay
from projections.catalogue import projections
from projections.effects import Preview
from tests.feeds.conftest import MakeWeek
from tests.feeds.disputing import PLAYERS, RULES, begin, carry_through, shown, state
from tests.feeds.small_week import WEEK, SmallWeek, SteppedRunner, at

MINUTE = timedelta(minutes=1)
OUTCOMES = [("moneyline", "home"), ("moneyline", "away"), ("spread", "home"), ("total", "over"), ("total", "under")]
RULINGS = ("result", "result", "off", "start", "void market", "void bet", "void interval", "lift", "release")

Step = tuple[str, int, int]
numbers = st.integers(0, 99)
bets = st.lists(st.tuples(st.just("bet"), numbers, numbers), min_size=4, max_size=8)
moves = st.tuples(st.sampled_from(("bet", "spend", "feed", *RULINGS)), numbers, numbers)
# Each player bets once, and everything that can be ruled is, once or more, on settled bets and on open ones.
EVERYBODY = [("bet", 6 * player, 99 - player) for player in range(len(PLAYERS))]
EVERYTHING = [
    *(("void market", 0, 0), ("lift", 0, 0), ("feed", 50, 0), ("spend", 0, 0), ("result", 0, 50), ("void bet", 2, 0)),
    *(("lift", 1, 0), ("void interval", 2, 1), ("start", 5, 0), ("start", 4, 0), ("off", 0, 0), ("release", 0, 0)),
]


class Disputed:
    """A game that is bet and ruled on, beside another one on which stakes only wait."""

    def __init__(self, week: SmallWeek, disputes: Disputes, number: int) -> None:
        self.week = week
        self.disputes = disputes
        self.name, self.other = f"g{number}", f"o{number}"
        for name in (self.name, self.other):
            week.listed(name, at("Sat 20:15"))
        self.game = week.listing(self.name).game_id
        self.began = week.clock()
        self.bets: list[UUID] = []
        self.voids: list[UUID] = []
        self.revision = 0

    def take(self, what: str, which: int, much: int) -> None:
        """Take one step, as far as it is possible by now."""
        self.week.clock.set(self.week.clock() + MINUTE)
        player = PLAYERS[which % len(PLAYERS)]
        match what:
            case "bet":
                self._bet(player, which, 1 + 7 * much)
            case "spend" if (available := self.week.available(player)) > 0:
                self.week.bet(player, self.other, "total", "over", available)
            case "feed":
                self.revision += 1
                self.week.result(self.name, which % 60, much % 60, revision=self.revision)
            case _ if what in RULINGS:
                self.rule(self._change(what, which, much))

    def _bet(self, player: str, which: int, stake: int) -> None:
        market, outcome = OUTCOMES[which // len(PLAYERS) % len(OUTCOMES)]
        with suppress(InsufficientCredits, MarketClosed):
            self.bets.append(self.week.bet(player, self.name, market, outcome, stake))

    def _change(self, what: str, which: int, much: int) -> Change:
        game = self.game
        match what:
            case "result":
                return Change(kind="result", game_id=game, status="final", home_score=which % 60, away_score=much % 60)
            case "off":
                return Change(kind="result", game_id=game, status=("cancelled", "operator")[much % 2])
            case "start":
                return Change(kind="start", game_id=game, started_at=self._minute(which % 30))
            case "void market":
                market = market_id(game, OUTCOMES[which % len(OUTCOMES)][0])
                return Change(kind="void", game_id=game, market_id=market)
            case "void bet" if self.bets:
                return Change(kind="void", game_id=game, bet_id=self.bets[which % len(self.bets)])
            case "lift" if self.voids:
                return Change(kind="lift", game_id=game, lifts=self.voids[which % len(self.voids)])
            case "release" | "lift":
                return Change(kind="lift", game_id=game)
        first = self._minute(which % 20)
        return Change(kind="void", game_id=game, placed_from=first, placed_until=Instant.of(first + much * MINUTE))

    def rule(self, change: Change) -> None:
        """Preview, apply and settle: what was shown happens, and a preview writes nothing."""
        head = self.week.head()
        try:
            early = self.disputes.preview(week=WEEK, change=change)
        except LedgerError as refused:
            self._is_refused_too(change, refused)
            return
        assert self.week.head() == head
        preview = self.disputes.preview(week=WEEK, change=change) if self.week.settler.step() else early
        assert (shown(early), early.preview_hash) == (shown(preview), preview.preview_hash)
        before = state(self.week)
        try:
            case, _ = carry_through(self.disputes, change)
        except NothingChanges:
            assert preview.effect.bets == 0
            return
        self.voids += [case] if change.kind == "void" else []
        self.week.settler.step()
        after = state(self.week)
        assert shown(preview) == {name: before.changes(name, after) for name in ("bets", "credits", "ranks", "prizes")}
        adds_up(preview)

    def end(self) -> None:
        """Return every stake of both games: everybody has what the week began with."""
        for name in (self.name, self.other):
            with suppress(NothingChanges):
                change = Change(kind="result", game_id=self.week.listing(name).game_id, status="operator")
                carry_through(self.disputes, change)
        self.week.settler.step()
        assert set(state(self.week).credits.values()) == {RULES.grant}

    def _is_refused_too(self, change: Change, refused: LedgerError) -> None:
        try:
            carry_through(self.disputes, change)
        except LedgerError as again:
            assert type(again) is type(refused)
        else:
            raise AssertionError(f"{change} was carried out, and its preview refused: {refused!r}")

    def _minute(self, minute: int) -> Instant:
        return Instant.of(min(self.began + minute * MINUTE, self.week.clock()))


def adds_up(preview: Preview) -> None:
    """The effect is the sum of what is shown."""
    effect, bets = preview.effect, preview.bets
    assert (effect.bets, effect.ranks, effect.prizes) == (len(bets), len(preview.ranks), len(preview.prizes))
    assert effect.paid_after - effect.paid_before == sum(each.after - each.before for each in preview.credits)
    assert effect.moved == sum(abs(bet.to_payout - bet.from_payout) for bet in bets)
    assert effect.below_zero == len([each for each in preview.credits if each.after < 0 <= each.before])
    assert list(bets) == sorted(bets)


def test_what_a_preview_shows_is_what_happens(make_week: MakeWeek) -> None:
    """Of any rulings on any bets, one upon the other, with results of the feed in between and the settler behind."""
    week = make_week()
    # None but these two is asked here, and the others would take most of the time.
    week.runner = SteppedRunner(week.datastore, [*projections("bets"), *projections("leaderboard")])
    week.settler = week.new_settler()
    it, games = begin(week), count()

    @settings(max_examples=3, deadline=None)
    @example(EVERYBODY, EVERYTHING)
    @given(bets, st.lists(moves, min_size=3, max_size=7))
    def comes_true(placed: list[Step], taken: list[Step]) -> None:
        disputed = Disputed(week, it, next(games))
        for step in placed + taken:
            disputed.take(*step)
        disputed.end()

    comes_true()
    assert Replay(WEEK).fold(week.facts()).faults == []
