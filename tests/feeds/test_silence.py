"""Markets of a source that is heard of no more take no stakes, and exactly those go on when it is heard again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.silence import Silence
from feeds.sources import Sources
from ledger.events import MarketReopened, MarketSuspended
from ledger.game import SOURCE_SILENT, MarketClosed
from tests.feeds.conftest import MakeWeek
from tests.feeds.small_week import MARKETS, SOURCE, SmallWeek, at

LIMIT = 60
MINUTE = timedelta(seconds=LIMIT)
SECOND = timedelta(seconds=1)


@pytest.fixture
def week(make_week: MakeWeek) -> SmallWeek:
    """A week in which a source may be silent for a minute, with a game that has its three markets."""
    week = make_week(silence=LIMIT)
    week.begin("ann")
    week.listed("g1")
    week.react()
    return week


def stopped(week: SmallWeek, name: str = "g1") -> dict[str, str | None]:
    """Why each market of a game is stopped."""
    game = week.on_board(name)
    return {market: game.stopped_for(market) for market in MARKETS}


def wait(week: SmallWeek, by: timedelta) -> None:
    week.live_until(week.clock() + by)


def test_a_silent_source_takes_no_stakes_until_it_is_heard(week: SmallWeek) -> None:
    """At the limit, market by market, by the clock; one message of it is enough to go on, and nothing is done twice."""
    wait(week, MINUTE - SECOND)
    assert set(stopped(week).values()) == {None}
    assert week.silence.next_at() == week.clock() + SECOND
    wait(week, SECOND)
    assert set(stopped(week).values()) == {SOURCE_SILENT}
    assert [(each.source, each.limit) for each in week.silence.silent()] == [(SOURCE, MINUTE)]
    with pytest.raises(MarketClosed, match="silent"):
        week.bet("ann", "g1", "spread", "home", 10)
    head = week.head()
    assert (week.silence.tick(), Silence(week.ledger, seconds=LIMIT).tick(), week.head()) == (0, 0, head)
    week.quote("g1", "total", line="40.0")
    week.react()
    assert set(stopped(week).values()) == {None}
    assert {fact.actor for fact in week.facts(MarketSuspended, MarketReopened)} == {"clock"}
    assert len(week.facts(MarketSuspended)) == len(week.facts(MarketReopened)) == 3
    assert week.silence.next_at() is not None


def test_what_is_stopped_for_another_reason_stays_stopped(week: SmallWeek) -> None:
    """Stopped before the silence, in it, by the source as it comes back, or with the whole game: all of it stands."""
    week.listed("g2")
    week.say("market", "g1", market="spread", status="suspended", why="injury")
    week.status("g2", "suspended")
    week.react()
    wait(week, MINUTE)
    assert stopped(week) == {"moneyline": SOURCE_SILENT, "spread": "injury", "total": SOURCE_SILENT}
    assert set(stopped(week, "g2").values()) == {None}
    week.say("market", "g1", market="total", status="suspended", why="weather")
    week.react()
    assert stopped(week) == {"moneyline": None, "spread": "injury", "total": "weather"}
    assert week.on_board("g2").suspended == "suspended"


def test_a_backlog_opens_nothing_before_its_last_messages(week: SmallWeek) -> None:
    """After an outage of the feed, prices from the middle of the backlog are as stale as those before it."""
    now = week.clock() + 10 * MINUTE
    backlog = [
        week.message(
            "quote", "g1", market="spread", line="-3.0", prices={"home": -105, "away": -115}, at=now - 5 * MINUTE
        ),
        week.message("market", "g1", market="total", status="open", at=now - 4 * MINUTE),
        week.message("quote", "g1", **MARKETS["total"] | {"market": "total", "line": "44.0"}, at=now - SECOND),
    ]
    wait(week, 10 * MINUTE)
    for body in backlog[:2]:
        week.hear(body)
        assert set(stopped(week).values()) == {SOURCE_SILENT}
        week.react()
        assert set(stopped(week).values()) == {SOURCE_SILENT}
    week.hear(backlog[2])
    week.react()
    assert set(stopped(week).values()) == {None}
    assert week.on_offer("g1", "spread").line == "-3.0"


def test_a_game_that_has_started_is_left_alone_and_a_new_market_is_not(week: SmallWeek) -> None:
    """A lock stops stakes anyway; what is quoted first in the silence is stopped like the rest."""
    wait(week, MINUTE)
    week.game("g2", at("Thu 20:15"), at=week.clock() - 2 * MINUTE)
    week.quote("g2", "spread", at=week.clock() - 2 * MINUTE)
    week.react()
    assert stopped(week, "g2") == {"moneyline": None, "spread": SOURCE_SILENT, "total": None}
    week.status("g1", "in_progress", started_at=week.clock())
    week.react()
    assert set(stopped(week).values()) == {SOURCE_SILENT}
    assert stopped(week, "g2")["spread"] is None


def test_switched_off_it_lets_go_on_what_it_stopped_and_limits_may_differ(week: SmallWeek) -> None:
    """A source without a limit is never silent, nor one that was never heard; a clock that runs ahead does not help."""
    Sources(week.datastore).heard({"other": week.clock() - 99 * MINUTE})
    week.quote("g1", "spread", line="-1.0", at=week.clock() + 10 * MINUTE)
    week.react()
    week.clock.set(week.clock() + MINUTE)
    assert [each.source for each in Silence(week.ledger, seconds={"other": 60, "unheard": 1}).silent()] == ["other"]
    week.react()
    assert set(stopped(week).values()) == {SOURCE_SILENT}
    off = Silence(week.ledger, seconds=None)
    assert (off.tick(), off.tick(), off.next_at(), off.silent()) == (3, 0, None, [])
    assert set(stopped(week).values()) == {None}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 130)),
        st.tuples(st.just("quote"), st.sampled_from(sorted(MARKETS))),
        st.tuples(st.sampled_from(["suspended", "open"]), st.sampled_from(sorted(MARKETS))),
    ),
    max_size=8,
)


def test_whatever_happens_markets_end_as_without_any_silence(make_week: MakeWeek) -> None:
    """With reactions at any time, once the source is heard, each market is stopped for what its source said or not."""
    week = make_week(silence=LIMIT)
    week.begin("ann")
    names = iter(f"g{number}" for number in range(1_000))

    @settings(max_examples=5, deadline=None)
    @given(steps, st.randoms(use_true_random=False))
    def ends_alike(script: list[tuple[str, Any]], chance: Any) -> None:
        name, expected = next(names), dict.fromkeys(MARKETS)
        week.listed(name)
        for number, (what, of) in enumerate(script):
            if what == "wait":
                week.clock.set(week.clock() + of * SECOND)
            elif what == "quote":
                week.quote(name, of, **MARKETS[of] | {"prices": _prices(of, number)})
            else:
                week.say("market", name, market=of, status=what, why="injury")
                expected[of] = "injury" if what == "suspended" else None
            if chance.random() < 0.5:
                week.react()
        week.quote(name, "total", line="99.0")
        week.react()
        assert stopped(week, name) == expected

    ends_alike()
    week.audit()


def _prices(market: str, number: int) -> dict[str, int]:
    one, other = MARKETS[market]["prices"]
    return {one: -110 - number, other: 100 + number}
