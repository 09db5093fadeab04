"""Messages become facts of the ledger, once; what cannot be applied is kept, and what is not new leaves no fact."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import psycopg
import pytest

from feeds.inbox import Inbox
from feeds.ingest import Ingest, Taken
from feeds.messages import GameMessage, Message, QuoteMessage
from ledger.events import (
    GameLocked,
    GameRescheduled,
    GameScheduled,
    MarketQuoted,
    MarketSuspended,
    ResultRecorded,
)
from ledger.game import MarketClosed
from tests.feeds.conftest import MakeWeek
from tests.feeds.small_week import ENDS_AT, MARKETS, NEXT_WEEK, SOURCE, SmallWeek, at

KICK_OFF = at("Thu 20:15")
MINUTE = timedelta(minutes=1)


class CutOff(Inbox):
    """Loses its database between a game and what came before it."""

    def waiting_of_game(self, game: GameMessage) -> list[bytes]:
        raise psycopg.OperationalError("the database went away")


class Faulty(Inbox):
    """Fails at quotes, for a reason that is no outage."""

    def remember(self, message: Message, *, body: bytes, waits_for: str | None = None) -> None:
        if isinstance(message, QuoteMessage) and waits_for is None:
            raise ZeroDivisionError("a fault of ours")
        super().remember(message, body=body, waits_for=waits_for)


def test_a_listed_game_is_on_the_board_with_its_quotes(week: SmallWeek) -> None:
    """Each fact names the feed as its actor and the message's id as its request."""
    week.listed("g1")
    game = week.on_board("g1")
    listing = game.listing
    assert (listing.league, listing.home, listing.away, listing.source) == ("NFL", "BAL", "CIN", SOURCE)
    assert game.starts_at == KICK_OFF
    assert {name: market.quote and market.quote.prices for name, market in game.markets.items()} == {
        name: fields["prices"] for name, fields in MARKETS.items()
    }
    facts = week.facts(GameScheduled, MarketQuoted)
    assert [fact.actor for fact in facts] == [f"feed:{SOURCE}"] * 4
    assert [fact.request.split("-")[0] for fact in facts] == ["game", "quote", "quote", "quote"]


def test_whatever_is_delivered_again_leaves_no_fact(week: SmallWeek) -> None:
    """Messages of every type, heard again in order, backwards, and by a restarted process."""
    week.listed("g1")
    week.say("market", "g1", market="total", status="suspended", why="injury")
    week.say("market", "g1", market="total", status="open")
    week.status("g1", "suspended")
    week.status("g1", "postponed")
    week.status("g1", "postponed", starts_at=at("Fri 20:15"))
    week.status("g1", "in_progress", started_at=at("Fri 20:15"))
    week.result("g1", 35, 34, certainty="provisional")
    week.result("g1", 35, 34)
    week.status("g1", "abandoned")
    week.react()
    before, said = week.head(), list(week.said)
    assert {week.hear(body) for body in said} == {Taken.REPEATED}
    week.ingest = week.new_ingest()
    assert {week.hear(body) for body in reversed(said)} == {Taken.REPEATED}
    week.react()
    assert (week.head(), week.dead()) == (before, [])


def test_messages_that_cannot_be_read_are_dead_letters_once(week: SmallWeek) -> None:
    """Broken, ambiguous, of another version or out of bounds: each is kept with its reason, and moves nothing."""
    game = json.loads(week.message("game", "g1", league="NFL", home="BAL", away="CIN", starts_at=KICK_OFF))
    bad: list[bytes] = [
        b"",
        b"\xff\x00",
        b"null",
        b'{"v":1,"v":1}',
        json.dumps(game)[:-1].encode(),
        json.dumps(game | {"v": 2}).encode(),
        json.dumps(game | {"type": "prop"}).encode(),
        json.dumps(game | {"at": "yesterday"}).encode(),
        json.dumps(game | {"starts_at": "2026-11-20T01:15:00"}).encode(),
        json.dumps(game | {"home": "CIN"}).encode(),
        json.dumps(game | {"game_id": "a\x00b"}).encode(),
        json.dumps({key: value for key, value in game.items() if key != "league"}).encode(),
        week.message("quote", "g1", market="spread", line="-6.25", prices={"home": -110, "away": -110}),
        week.message("result", "g1", revision=1, certainty="official", home_score=-1, away_score=0),
        b'{"v":1,"pad":"' + b"x" * 70_000 + b'"}',
    ]
    before = week.head()
    for _ in range(2):
        assert [week.hear(body) for body in bad] == [Taken.DEAD] * len(bad)
    letters = week.inbox.dead_letters()
    assert [letter.body for letter in letters] == bad
    assert all(letter.reason and letter.received_at == week.clock() for letter in letters)
    assert (week.head(), week.ingest.counts[Taken.DEAD]) == (before, 2 * len(bad))


def test_what_is_said_of_an_unknown_game_is_applied_when_the_game_appears(week: SmallWeek) -> None:
    """Dead letters until then, in any order; afterwards they are resolved, and a redelivery is a repeat."""
    week.listed("known")
    week.live_until(KICK_OFF)
    said = [
        week.message("result", "g1", revision=2, certainty="official", home_score=26, away_score=20),
        week.message("result", "g1", revision=1, certainty="official", home_score=27, away_score=20),
        week.message("quote", "g1", market="spread", **MARKETS["spread"]),
        week.message("status", "g1", status="in_progress", started_at=KICK_OFF),
    ]
    assert [week.hear(body) for body in said] == [Taken.DEAD] * 4
    assert "g1" in week.dead()[0]
    assert week.game("g1") is Taken.APPLIED
    assert week.dead() == []
    assert [event.home_score for event in week.events(ResultRecorded)] == [26]
    assert week.on_board("g1").started_at == KICK_OFF
    assert [week.hear(body) for body in said] == [Taken.REPEATED] * 4
    assert week.dead() == []


def test_only_newer_quotes_that_say_something_new_are_events(week: SmallWeek) -> None:
    """The same line and prices are none, an older quote is none, and the latest time counts though it said nothing."""
    week.game("g1")
    lines = []
    for minutes, line in ((5, "-6.0"), (6, "-6.0"), (4, "-3.0"), (5, "-7.0"), (7, "-6.5")):
        week.quote("g1", line=line, at=week.clock() + minutes * MINUTE)
        lines.append(week.on_offer("g1", "spread").line)
    assert lines == ["-6.0", "-6.0", "-6.0", "-6.0", "-6.5"]
    assert len(week.events(MarketQuoted)) == 2


def test_what_is_said_of_times_to_come_outdates_nothing_until_then(week: SmallWeek) -> None:
    """A source whose clock is wrong once freezes no price and no start; it can be tried again when it is time."""
    week.listed("g1")
    later = week.clock() + timedelta(days=7, minutes=1)
    assert week.quote("g1", line="9.5", at=later) is Taken.DEAD
    assert week.game("g1", KICK_OFF + MINUTE, at=later.replace(year=2099)) is Taken.DEAD
    assert week.quote("g1", line="-5.0") is Taken.APPLIED
    assert week.game("g1", KICK_OFF + 2 * MINUTE) is Taken.APPLIED
    assert week.on_offer("g1", "spread").line == "-5.0"
    assert len(week.dead()) == 2
    week.clock.set(later)
    assert week.ingest.retry(week.inbox.dead_letters()[0].body).taken is Taken.APPLIED


def test_an_old_quote_never_reaches_a_new_listing(make_week: MakeWeek) -> None:
    """A fresh listing under the same id begins without quotes, and takes none that was meant for the old one."""
    week = make_week(opens_weeks=True)
    week.begin("ann")
    week.listed("g1")
    said = list(week.said)
    week.game("g1", at("Thu 20:15", week=NEXT_WEEK))
    assert {week.hear(body) for body in said} == {Taken.REPEATED}
    assert week.on_board("g1").markets == {}
    assert week.quote("g1") is Taken.APPLIED
    assert len(week.events(MarketQuoted, NEXT_WEEK)) == 1


def test_a_quote_on_a_suspended_market_is_shown_and_taken_when_it_reopens(week: SmallWeek) -> None:
    """No bet in between; the other markets go on."""
    week.listed("g1")
    assert week.say("market", "g1", market="spread", status="suspended", why="injury") is Taken.APPLIED
    assert week.quote("g1", line="-3.5") is Taken.APPLIED
    assert week.on_offer("g1", "spread").line == "-3.5"
    with pytest.raises(MarketClosed, match="injury"):
        week.bet("ann", "g1", "spread", "home", 10)
    week.bet("ann", "g1", "total", "over", 10)
    assert week.say("market", "g1", market="spread", status="open") is Taken.APPLIED
    week.bet("ann", "g1", "spread", "home", 10)


@pytest.mark.parametrize("fault", [{"home": "CIN", "away": "BAL"}, {"home": "PIT"}, {"league": "CFL"}])
def test_other_teams_or_sides_under_a_known_id_suspend_and_never_reschedule(
    week: SmallWeek, fault: dict[str, str]
) -> None:
    """The game is flagged by the reason of its suspension; its bets stand and are settled as they were taken."""
    week.listed("g1")
    bet = week.bet("ann", "g1", "spread", "home", 110)
    assert week.game("g1", at("Sat 13:00"), **fault) is Taken.APPLIED
    assert week.game("g1", at("Thu 13:00", week=NEXT_WEEK), **fault) is Taken.REPEATED
    [suspended] = week.events(MarketSuspended)
    assert "the feed now says" in suspended.why
    assert (week.on_board("g1").starts_at, week.events(GameRescheduled)) == (KICK_OFF, [])
    with pytest.raises(MarketClosed, match="the feed now says"):
        week.bet("bob", "g1", "spread", "home", 110)
    week.live_until(KICK_OFF)
    week.result("g1", 27, 20)
    week.react()
    assert week.outcome(bet) == ("won", None, 210)


def test_the_start_follows_the_latest_word_on_it(week: SmallWeek) -> None:
    """Whether a listing or a status said it: what was said earlier comes too late."""
    week.listed("g1")
    first, second = (week.clock() + minutes * MINUTE for minutes in (1, 2))
    week.status("g1", "postponed", starts_at=at("Sat 13:00"), at=second)
    assert week.game("g1", at("Fri 13:00"), at=first) is Taken.REPEATED
    assert week.on_board("g1").starts_at == at("Sat 13:00")
    week.game("g1", at("Sun 13:00"), at=second + MINUTE)
    assert week.status("g1", "postponed", at=second + MINUTE / 2) is Taken.REPEATED
    assert week.on_board("g1").starts_at == at("Sun 13:00")
    week.bet("ann", "g1", "spread", "home", 10)


def test_a_start_learnt_before_the_scheduled_one_stops_stakes_at_once(week: SmallWeek) -> None:
    """The feed's word locks the game; one that comes late still tells when it really began."""
    week.listed("g1")
    week.listed("g2")
    week.live_until(KICK_OFF - 5 * MINUTE)
    week.status("g1", "in_progress", started_at=week.clock())
    with pytest.raises(MarketClosed, match="in progress"):
        week.bet("ann", "g1", "spread", "home", 10)
    week.status("g2", "suspended", at=week.clock() + MINUTE)
    assert week.status("g2", "in_progress", started_at=week.clock()) is Taken.APPLIED
    assert [locked.started_at for locked in week.events(GameLocked)] == [week.clock()] * 2


def test_a_source_that_is_not_the_primary_of_its_league_is_ignored(make_week: MakeWeek) -> None:
    """Its games are not listed and what it says of them is no dead letter; other leagues go by any source."""
    week = make_week(primary={"NFL": SOURCE})
    week.begin("ann")
    week.listed("g1")
    before = week.head()
    assert week.hear(week.message("quote", "g1", source="other", market="spread", **MARKETS["spread"])) is Taken.DEAD
    assert week.game("g1", source="other") is Taken.REPEATED
    assert week.quote("g1", source="other") is Taken.REPEATED
    assert week.result("g1", 1, 0, source="other") is Taken.REPEATED
    assert (week.head(), week.dead()) == (before, [])
    assert week.game("g9", league="EPL", source="other") is Taken.APPLIED


def test_only_the_latest_of_each_topic_waits_and_a_restart_loses_none(make_week: MakeWeek) -> None:
    """In order of time, games first, whoever opened the week; each message is applied once."""
    week = make_week()
    week.begin("ann")
    start = at("Thu 20:15", week=NEXT_WEEK)
    said = [
        week.message("game", "g1", league="NFL", home="BAL", away="CIN", starts_at=start, at=week.clock() + 9 * MINUTE),
        week.message("quote", "g1", market="spread", **MARKETS["spread"] | {"line": "-1.0"}),
        week.message("quote", "g1", market="spread", **MARKETS["spread"], at=week.clock() + MINUTE),
        week.message("market", "g1", market="total", status="suspended"),
        week.message("status", "g1", status="suspended"),
    ]
    assert [week.hear(body) for body in said] == [Taken.WAITING] * 5
    assert week.hear(said[2]) is Taken.REPEATED
    week.ingest = week.new_ingest()
    assert week.ingest.take_waiting() == 0
    week.open(NEXT_WEEK)
    assert [week.ingest.take_waiting(), week.ingest.take_waiting()] == [1, 0]
    assert [quoted.line for quoted in week.events(MarketQuoted, NEXT_WEEK)] == ["-6.0"]
    assert len(week.events(MarketSuspended, NEXT_WEEK)) == 2
    assert {week.hear(body) for body in said} == {Taken.REPEATED}


def test_what_waits_of_a_game_follows_it_into_an_open_week(make_week: MakeWeek) -> None:
    """The game turns out to be played in a week that is open: nothing of it waits for the other any longer."""
    week = make_week()
    week.begin("ann")
    week.game("g1", at("Thu 20:15", week=NEXT_WEEK))
    assert week.quote("g1") is Taken.WAITING
    assert week.game("g1") is Taken.APPLIED
    assert week.on_offer("g1", "spread").line == "-6.0"
    week.bet("ann", "g1", "spread", "home", 10)


def test_what_waited_for_a_week_that_takes_no_games_is_a_dead_letter_and_waits_no_longer(make_week: MakeWeek) -> None:
    """Opened only after it was over, the week lists nothing; the result is kept where an operator sees it."""
    week = make_week()
    week.begin()
    week.game("g1", at("Thu 20:15", week=NEXT_WEEK))
    week.result("g1", 27, 20)
    week.live_until(at("next Mon 12:00", week=NEXT_WEEK))
    week.open(NEXT_WEEK)
    while week.deadlines.tick():
        pass
    assert week.state(NEXT_WEEK) != "grouped"
    assert [week.ingest.take_waiting(), week.ingest.take_waiting()] == [1, 0]
    assert (week.events(GameScheduled, NEXT_WEEK), len(week.dead())) == ([], 1)


def test_what_came_before_its_game_is_taken_after_an_outage_in_between(make_week: MakeWeek) -> None:
    """Whether its week was not open yet or the game was not listed: it is not left behind, and applied once."""
    week = make_week()
    week.begin("ann")
    cut_off = Ingest(week.ledger, CutOff(week.datastore), clock=week.clock)
    early = week.quote("g1"), week.game("g2", at("Thu 20:15", week=NEXT_WEEK)), week.quote("g2")
    assert early == (Taken.DEAD, Taken.WAITING, Taken.WAITING)
    week.open(NEXT_WEEK)
    game = week.message("game", "g1", league="NFL", home="BAL", away="CIN", starts_at=KICK_OFF)
    with pytest.raises(psycopg.OperationalError):
        cut_off.take(game, subject="s")
    with pytest.raises(psycopg.OperationalError):
        cut_off.take_waiting()
    assert week.hear(game) is Taken.REPEATED
    assert [week.ingest.take_waiting(), week.ingest.take_waiting()] == [1, 0]
    assert (week.dead(), len(week.events(MarketQuoted)), len(week.events(MarketQuoted, NEXT_WEEK))) == ([], 1, 1)


def test_a_fault_in_what_waited_keeps_neither_its_game_nor_others_from_being_listed(make_week: MakeWeek) -> None:
    """It is a dead letter that says what went wrong, and can be tried again."""
    week = make_week()
    week.begin("ann")
    ingest = Ingest(week.ledger, Faulty(week.datastore), clock=week.clock)
    week.game("g1", at("Thu 20:15", week=NEXT_WEEK))
    week.quote("g1")
    week.open(NEXT_WEEK)
    assert [ingest.take_waiting(), ingest.take_waiting()] == [1, 0]
    assert week.dead() == ["ZeroDivisionError: a fault of ours"]
    later = at("Thu 21:15", week=NEXT_WEEK)
    again = week.message("game", "g1", league="NFL", home="BAL", away="CIN", starts_at=later)
    assert [ingest.take(again, subject="s"), ingest.take(again, subject="s")] == [Taken.APPLIED, Taken.REPEATED]


def test_results_of_a_game_that_was_played_pass_by_the_next_one_that_waits(make_week: MakeWeek) -> None:
    """One id, a week that is open and one that is not: a result is of the game that had started by then."""
    week = make_week()
    week.begin("ann")
    week.listed("g1")
    week.live_until(KICK_OFF)
    week.result("g1", 27, 20)
    next_start = at("Thu 20:15", week=NEXT_WEEK)
    assert week.game("g1", next_start) is Taken.WAITING
    assert week.result("g1", 26, 20, 2) is Taken.APPLIED
    week.live_until(next_start + MINUTE)
    assert week.result("g1", 3, 0, 3) is Taken.WAITING
    assert [event.home_score for event in week.events(ResultRecorded)] == [27, 26]
    week.open(NEXT_WEEK)
    week.ingest.take_waiting()
    assert [event.home_score for event in week.events(ResultRecorded, NEXT_WEEK)] == [3]


def test_what_moves_a_game_into_a_week_that_is_not_open_returns_its_stakes_at_once(make_week: MakeWeek) -> None:
    """The message is applied to the week that the game leaves, and waits for the one that it enters."""
    week = make_week()
    week.begin("ann")
    week.listed("g1")
    bet = week.bet("ann", "g1", "spread", "home", 110)
    assert week.game("g1", at("Thu 20:15", week=NEXT_WEEK)) is Taken.APPLIED
    week.react()
    assert week.outcome(bet) == ("void", "postponed", 110)
    assert week.quote("g1") is Taken.WAITING
    week.open(NEXT_WEEK)
    assert week.ingest.take_waiting() == 1
    assert week.on_offer("g1", "spread").line == "-6.0"


def test_a_closed_week_lists_no_game(week: SmallWeek) -> None:
    """It comes too late, and so does all that is said of it."""
    week.live_until(ENDS_AT)
    assert week.game("g1") is Taken.REPEATED
    assert week.result("g1", 27, 20) is Taken.DEAD
    assert week.events(GameScheduled) == []


def test_threads_that_hear_the_same_messages_apply_each_once(week: SmallWeek) -> None:
    """The consumer takes messages while waiting ones are applied: they take turns."""
    said = [
        week.message("game", "g1", league="NFL", home="BAL", away="CIN", starts_at=KICK_OFF),
        *(week.message("quote", "g1", market=market, **fields) for market, fields in MARKETS.items()),
    ]
    start = threading.Barrier(3)

    def hear() -> None:
        start.wait()
        for body in said:
            week.ingest.take(body, subject="sports.test")
            week.ingest.take_waiting()

    threads = [threading.Thread(target=hear) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(week.events(GameScheduled)), len(week.events(MarketQuoted))) == (1, len(MARKETS))
    assert (week.ingest.counts[Taken.APPLIED], week.dead()) == (len(said), [])
    for starts in (at("Thu 20:15", week=NEXT_WEEK), KICK_OFF):
        week.game("g1", starts)
    assert week.listing("g1").number == 2


def test_every_message_is_counted_by_what_became_of_it(week: SmallWeek) -> None:
    """Also those that were repeated, that wait, and that are dead."""
    week.game("g1")
    week.hear(week.said[0])
    week.game("g2", at("Thu 20:15", week=NEXT_WEEK))
    week.quote("g3")
    assert week.ingest.counts == {Taken.APPLIED: 1, Taken.REPEATED: 1, Taken.WAITING: 1, Taken.DEAD: 1}
