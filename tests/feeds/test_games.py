"""Where games stand, stopping one by hand, and the one list of what waits for a person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feeds.attention import Attention, lines
from feeds.games import Games
from feeds.silence import Silence
from ledger import listing
from ledger.disputing import open_case
from ledger.events import CaseClosed
from ledger.game import BY_OPERATOR, GameMoved, MarketClosed, UnknownGame
from ledger.recorder import LogNotOpen
from tests.feeds.small_week import ENDS_AT, NEXT_WEEK, SOURCE, SmallWeek, at

KICK_OFF = at("Thu 20:15")
HOUR = timedelta(hours=1)
WHO = "operator:ann"


def by_hand(week: SmallWeek, *, stop: bool, market: str | None = None, request: str, seen: int | None = None) -> int:
    """Stop or let go on as an operator does, and return how many facts came of it."""
    act = listing.suspend if stop else listing.reopen
    done = act(
        week.ledger,
        week=week.week,
        game_id=week.listing("g1").game_id,
        market=market,
        why=BY_OPERATOR,
        actor=WHO,
        request=request,
        reason="a rumour",
        seen=seen,
    )
    return len(done.result())


def test_what_an_operator_stops_goes_on_when_an_operator_says_so(week: SmallWeek) -> None:
    """Whatever the feed says meanwhile; with its reason in the same append, once for a request."""
    week.listed("g1")
    version = week.on_board("g1").version
    week.say("market", "g1", market="spread", status="suspended", why="injury")
    with pytest.raises(GameMoved):
        by_hand(week, stop=True, market="spread", request="s1", seen=version)
    assert by_hand(week, stop=True, market="spread", request="s1", seen=version + 1) == 2
    week.say("market", "g1", market="spread", status="open")
    assert week.on_board("g1").stopped_for("spread") == BY_OPERATOR
    assert by_hand(week, stop=False, market="spread", request="r1") == 2
    assert by_hand(week, stop=True, market="spread", request="s1", seen=version) == 1
    assert week.on_board("g1").stopped_for("spread") is None
    assert by_hand(week, stop=True, request="s2") == 2
    week.status("g1", "suspended")
    assert week.on_board("g1").suspended == BY_OPERATOR
    with pytest.raises(MarketClosed, match="operator"):
        week.bet("ann", "g1", "total", "over", 10)
    assert (by_hand(week, stop=True, request="s3"), by_hand(week, stop=False, request="r2")) == (0, 2)
    assert [event.outcome for event in week.events(CaseClosed)] == [
        "game.market_suspended",
        "game.market_reopened",
        "game.market_suspended",
        "game.market_reopened",
    ]
    assert {fact.actor for fact in week.facts(CaseClosed)} == {WHO}
    week.audit()


def test_what_an_operator_stops_stays_stopped_over_a_new_start(week: SmallWeek) -> None:
    """A game that was called off opens again with its new start, but for what an operator stopped."""
    week.listed("g1")
    by_hand(week, stop=True, market="spread", request="s1")
    for stops in (True, False):
        if stops:
            by_hand(week, stop=True, request="s2")
        week.status("g1", "postponed")
        week.status("g1", "postponed", starts_at=KICK_OFF + HOUR)
        board = week.on_board("g1")
        assert (board.suspended, board.stopped_for("spread")) == (BY_OPERATOR if stops else None, BY_OPERATOR)
        assert (board.stopped_for("total"), board.is_postponed) == (None, False)
        if stops:
            by_hand(week, stop=False, request="r1")
            by_hand(week, stop=True, market="spread", request="s3")
    week.bet("ann", "g1", "total", "over", 10)
    week.audit()


def test_a_game_is_stuck_from_hours_after_its_start_until_its_bets_are_settled(week: SmallWeek) -> None:
    """It says what it waits for, and when it is void without it."""
    games = Games(week.ledger, stuck_after=6 * HOUR)
    for name in ("g1", "g2", "g3"):
        week.listed(name)
    week.game("later", KICK_OFF + HOUR)
    week.status("g3", "postponed")
    week.live_until(KICK_OFF + 6 * HOUR)
    week.result("g1", 20, 10)
    week.result("g2", 20, 10, certainty="provisional")
    stuck = {game.external_id: game.waits_for for game in games.games(week.week, stuck_only=True)}
    assert stuck == {
        "g1": "its bets to be settled: see `fairpool projections status`",
        "g2": "an official result, or its confirmation",
        "g3": "a new start, or the week's close",
    }
    week.react()
    game = games.game(week.week, week.listing("g1").game_id)
    assert (game.is_resolved, game.waits_for, game.void_at) == (True, None, None)
    assert game.said == [f"{SOURCE}: 20:10, official, revision 1"]
    (held,) = [each for each in games.games(week.week) if each.external_id == "g2"]
    assert (held.void_at, held.said) == (ENDS_AT + 36 * HOUR, [f"{SOURCE}: 20:10, provisional, revision 1"])
    assert [market.market for market in held.markets] == ["moneyline", "spread", "total"]
    with pytest.raises(UnknownGame):
        games.game(week.week, held.markets[0].market_id)
    with pytest.raises(LogNotOpen):
        games.games(NEXT_WEEK)


def test_all_that_waits_for_a_person_is_in_one_list(week: SmallWeek) -> None:
    """Each with what to do about it; what the service does by itself is not in it."""
    attention = Attention(
        week.ledger,
        runner=week.runner,
        inbox=week.inbox,
        flags=week.flags,
        silence=Silence(week.ledger, seconds=60),
        games=Games(week.ledger, stuck_after=6 * HOUR),
    )
    week.react()
    assert attention.matters() == []
    week.listed("g1")
    week.quote("g2")
    week.game("g1", KICK_OFF + HOUR)
    week.react()
    week.watch.tick()
    subject = f"game:{week.listing('g1').game_id}"
    case = open_case(week.ledger, week=week.week, subject=subject, reason="odd", actor=WHO, request="c").result()
    week.clock.set(ENDS_AT)
    week.runner.catch_up()
    matters = attention.matters()
    assert [(each.kind, each.subject, each.week) for each in matters] == [
        ("silent_source", f"source:{SOURCE}", None),
        ("game", subject, week.week),
        ("week", f"week:{week.week}", week.week),
        ("case", subject, week.week),
        ("flag", subject, week.week),
        ("dead_letter", f"dead-letter:{week.inbox.dead_letters()[0].id}", None),
    ]
    assert f"fairpool dispute show {case.stream}" in matters[3].todo
    assert f"fairpool week close {week.week}" in matters[2].todo
    assert matters[1].due_at == ENDS_AT + 36 * HOUR
    assert len(list(lines(matters))) == 2 * len(matters)
    with week.datastore.connection() as connection:
        connection.execute("UPDATE projection_positions SET error = 'poison' WHERE name = 'bets' AND log <> 'office'")
    assert [each.subject for each in attention.matters() if each.kind == "projection"] == ["projection:bets"]
