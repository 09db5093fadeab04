"""A feed's game id means one listing of one week at a time, and a restarted process means the same one."""

from __future__ import annotations

from datetime import datetime, timedelta

from feeds.listings import Listings
from ledger.ids import game_id
from tests.feeds.conftest import MakeWeek
from tests.feeds.small_week import NEXT_WEEK, SOURCE, WEEK, SmallWeek, at

MINUTE = timedelta(minutes=1)


def fresh(week: SmallWeek) -> Listings:
    listings = Listings(week.ledger)
    listings.refresh()
    return listings


def test_an_unknown_id_means_nothing(week: SmallWeek) -> None:
    """Neither another id, nor the same id of another source."""
    week.game("g1")
    listings = fresh(week)
    assert listings.meant(SOURCE, "g2") is None
    assert listings.meant("other", "g1") is None
    assert listings.next_id(WEEK, SOURCE, "g2") == game_id(WEEK, SOURCE, "g2")


def test_what_is_listed_and_moved_later_is_seen_after_a_refresh(week: SmallWeek) -> None:
    """Start and week follow the log, and a refresh without news changes nothing."""
    listings = fresh(week)
    assert listings.meant(SOURCE, "g1") is None
    week.game("g1")
    week.status("g1", "postponed", starts_at=at("Fri 20:15"))
    listings.refresh()
    meant = listings.meant(SOURCE, "g1")
    assert meant is not None
    assert (meant.week, meant.number, meant.league, meant.home, meant.away) == (WEEK, 1, "NFL", "BAL", "CIN")
    assert (meant.starts_at, meant.moved_out) == (at("Fri 20:15"), False)
    listings.refresh()
    assert listings.of(SOURCE, "g1") == [meant]


def test_a_game_that_went_to_another_week_and_came_back_is_its_new_listing(make_week: MakeWeek) -> None:
    """The same to a process that followed it and to one that reads the logs afterwards, week by week."""
    week = make_week(opens_weeks=True)
    week.begin("ann")
    followed = fresh(week)
    for starts in (at("Thu 20:15"), at("Thu 20:15", week=NEXT_WEEK), at("Wed 20:15")):
        week.game("g1", starts)
        followed.refresh()
    for listings in (followed, fresh(week)):
        meant = listings.meant(SOURCE, "g1")
        assert meant is not None
        assert (meant.week, meant.number, meant.game_id) == (WEEK, 2, game_id(WEEK, SOURCE, "g1", 2))
        assert [each.moved_out for each in listings.of(SOURCE, "g1")] == [True, True, False]
        assert listings.next_id(WEEK, SOURCE, "g1") == game_id(WEEK, SOURCE, "g1", 3)
        assert listings.next_id(NEXT_WEEK, SOURCE, "g1") == game_id(NEXT_WEEK, SOURCE, "g1", 2)


def test_a_result_means_the_last_listing_that_had_started(make_week: MakeWeek) -> None:
    """Another message means the last listing; a listing that moved out only where there is no other."""
    week = make_week(opens_weeks=True)
    week.begin("ann")
    first, second = at("Sun 13:00"), at("Sun 13:00", week=NEXT_WEEK)
    week.game("g1", first)
    week.live_until(first)
    week.result("g1", 1, 0)
    week.game("g1", second)
    week.game("out", first)
    week.game("out", second)
    listings = fresh(week)

    def of_result(name: str, moment: datetime) -> str | None:
        meant = listings.meant(SOURCE, name, result_at=moment)
        return None if meant is None else meant.week

    last = listings.meant(SOURCE, "g1")
    assert last is not None
    assert last.week == NEXT_WEEK
    assert [of_result("g1", moment) for moment in (first, second - MINUTE, second)] == [WEEK, WEEK, NEXT_WEEK]
    assert of_result("g1", first - MINUTE) == NEXT_WEEK
    assert [of_result("out", moment) for moment in (second - MINUTE, second)] == [WEEK, NEXT_WEEK]
