"""Second thoughts of the feed: results corrected, contradicted and repeated, and real starts learnt afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feeds.ingest import Taken
from ledger.account import InsufficientCredits
from ledger.events import (
    GameLocked,
    PayoutCorrected,
    ResultRecorded,
    SettlementCompleted,
    WeekFinalised,
    WeekSettled,
)
from tests.feeds.small_week import ENDS_AT, SmallWeek, at

KICK_OFF = at("Thu 20:15")


def corrections(week: SmallWeek) -> list[tuple[str, int, str, int, int]]:
    return [
        (each.from_outcome, each.from_payout, each.to_outcome, each.to_payout, each.resolution)
        for each in week.events(PayoutCorrected)
    ]


def test_each_correction_moves_the_difference_once(week: SmallWeek) -> None:
    """Corrected twice, duplicated and out of order: one event per bet and change, and the last revision stands."""
    week.listed("g1")
    home, away = (week.bet(player, "g1", "spread", side, 110) for player, side in (("ann", "home"), ("bob", "away")))
    week.live_until(KICK_OFF)
    for revision, score in ((1, 27), (2, 26), (4, 25)):
        week.result("g1", score, 20, revision)
        week.react()
    assert corrections(week) == [
        ("won", 210, "push", 110, 2),
        ("lost", 0, "push", 110, 2),
        ("push", 110, "lost", 0, 3),
        ("push", 110, "won", 210, 3),
    ]
    before = week.head()
    assert week.result("g1", 27, 20, 3) is Taken.REPEATED
    assert [week.hear(body) for body in list(week.said[-4:])] == [Taken.REPEATED] * 4
    week.react()
    assert (week.head(), week.outcome(home)[0], week.outcome(away)[0]) == (before, "lost", "won")
    assert (week.available("ann"), week.available("bob")) == (890, 1100)
    week.play_out()


def test_a_new_revision_with_the_same_score_moves_nothing(week: SmallWeek) -> None:
    """It is recorded as what now stands, and brings no resolution."""
    week.listed("g1")
    week.bet("ann", "g1", "spread", "home", 110)
    week.live_until(KICK_OFF)
    week.result("g1", 27, 20)
    week.react()
    assert week.result("g1", 27, 20, revision=5) is Taken.APPLIED
    week.react()
    assert [(each.applied, each.resolution) for each in week.events(ResultRecorded)] == [(True, 1), (True, None)]
    assert len(week.events(SettlementCompleted)) == 1
    week.play_out()


@pytest.mark.parametrize("certainty", ["official", "provisional"])
def test_one_revision_with_two_contents_is_a_dead_letter(week: SmallWeek, certainty: str) -> None:
    """Neither can be trusted more than the other: nothing moves, it is flagged once, and a newer revision decides."""
    week.listed("g1")
    bet = week.bet("ann", "g1", "spread", "home", 110)
    week.live_until(KICK_OFF)
    week.result("g1", 27, 20, certainty=certainty)
    week.react()
    before = week.head()
    assert week.result("g1", 20, 27, certainty=certainty) is Taken.DEAD
    assert week.hear(week.said[-1]) is Taken.DEAD
    assert (week.head(), len(week.dead())) == (before, 1)
    assert "revision 1" in week.dead()[0]
    week.result("g1", 26, 20, revision=2)
    week.react()
    assert week.outcome(bet) == ("push", None, 110)
    week.play_out()


def test_a_correction_may_drive_a_balance_below_zero_and_only_a_correction(week: SmallWeek) -> None:
    """Whoever staked winnings that were none owes them; no stake is taken until the balance is back."""
    week.listed("g1", at("Tue 20:00"))
    week.listed("g2", at("Wed 20:00"))
    week.listed("g3", at("Thu 20:00"))
    week.bet("ann", "g1", "moneyline", "away", 1000)
    week.live_until(at("Tue 20:00"))
    week.result("g1", 20, 27)
    week.react()
    assert week.available("ann") == 3050
    week.bet("ann", "g2", "moneyline", "home", 3050)
    week.result("g1", 27, 20, revision=2)
    week.react()
    assert week.available("ann") == -3050
    with pytest.raises(InsufficientCredits):
        week.bet("ann", "g3", "spread", "home", 1)
    week.live_until(at("Wed 20:00"))
    week.result("g2", 35, 34)
    week.react()
    assert week.available("ann") == 4270 - 3050
    week.bet("ann", "g3", "spread", "home", 1)
    week.play_out()


def test_an_equal_payout_with_another_outcome_is_a_correction(week: SmallWeek) -> None:
    """A stake of 1 at -110 wins nothing: corrected to a push it pays the same, and is no longer won."""
    week.listed("g1")
    bet = week.bet("ann", "g1", "spread", "home", 1)
    week.live_until(KICK_OFF)
    week.result("g1", 27, 20)
    week.react()
    assert week.outcome(bet) == ("won", None, 1)
    week.result("g1", 26, 20, revision=2)
    week.react()
    assert week.outcome(bet) == ("push", None, 1)
    assert corrections(week) == [("won", 1, "push", 1, 2)]
    assert week.available("ann") == 1000
    week.play_out()


def test_a_game_called_off_after_its_result_and_counted_again(week: SmallWeek) -> None:
    """A result annulled gives stakes back; a newer revision brings the score back."""
    week.listed("g1")
    bet = week.bet("ann", "g1", "spread", "home", 110)
    week.live_until(KICK_OFF)
    week.result("g1", 27, 20)
    week.react()
    outcomes = [week.outcome(bet)]
    week.status("g1", "abandoned")
    week.react()
    outcomes.append(week.outcome(bet))
    week.result("g1", 20, 27, revision=2)
    week.react()
    assert [*outcomes, week.outcome(bet)] == [("won", None, 210), ("void", "cancelled", 110), ("lost", None, 0)]
    week.play_out()


def test_bets_after_the_real_start_are_void(week: SmallWeek) -> None:
    """Learnt before the settlement: exactly the bets recorded at or after the start are late, whatever the score."""
    week.listed("g1")
    week.live_until(KICK_OFF - timedelta(minutes=30))
    in_time = week.bet("ann", "g1", "spread", "home", 110)
    week.live_until(KICK_OFF - timedelta(minutes=15))
    started_at = week.clock()
    late = [week.bet("bob", "g1", "spread", side, 110) for side in ("home", "away")]
    week.live_until(KICK_OFF)
    week.status("g1", "in_progress", started_at=started_at)
    week.result("g1", 27, 20)
    week.react()
    assert week.outcome(in_time) == ("won", None, 210)
    assert [week.outcome(bet) for bet in late] == [("void", "late", 110)] * 2
    assert len(week.events(SettlementCompleted)) == 1
    week.play_out()


def test_a_real_start_learnt_after_the_settlement_settles_again(week: SmallWeek) -> None:
    """Late bets are corrected to void; a start that turns out later than believed brings those in between back."""
    week.listed("g1")
    bets = []
    for minutes in (30, 20, 10):
        week.live_until(KICK_OFF - timedelta(minutes=minutes))
        bets.append(week.bet("ann", "g1", "spread", "home", 110))
    week.live_until(KICK_OFF)
    week.result("g1", 27, 20)
    week.react()
    learnt = []
    for minutes in (0, 25, 15, -5):
        week.status("g1", "in_progress", started_at=KICK_OFF - timedelta(minutes=minutes))
        week.react()
        learnt.append([week.outcome(bet)[0] for bet in bets])
    assert learnt == [["won", "won", "won"], ["won", "void", "void"], ["won", "won", "void"], ["won", "won", "won"]]
    assert [each.resolution for each in week.events(ResultRecorded)] == [1, 2, 3, 4]
    assert week.status("g1", "in_progress", started_at=KICK_OFF + timedelta(minutes=5)) is Taken.REPEATED
    week.play_out()


def test_a_start_after_the_scheduled_one_makes_no_bet_late(week: SmallWeek) -> None:
    """Stakes ended at the scheduled start: the real one is noted, and nothing is settled again."""
    week.listed("g1")
    bet = week.bet("ann", "g1", "spread", "home", 110)
    week.live_until(KICK_OFF)
    week.result("g1", 27, 20)
    week.react()
    week.status("g1", "in_progress", started_at=KICK_OFF + timedelta(minutes=4))
    week.react()
    assert week.events(GameLocked)[-1].started_at == KICK_OFF + timedelta(minutes=4)
    assert (week.outcome(bet), len(week.events(ResultRecorded))) == (("won", None, 210), 1)
    week.play_out()


def test_a_correction_in_the_window_settles_the_week_again_and_after_it_moves_nothing(week: SmallWeek) -> None:
    """The window runs anew from each settlement; a result after the final is recorded and not applied."""
    week.listed("g1")
    bet = week.bet("ann", "g1", "spread", "home", 110)
    week.live_until(KICK_OFF)
    week.result("g1", 27, 20)
    week.live_until(ENDS_AT + timedelta(hours=23))
    assert (week.state(), [each.n for each in week.events(WeekSettled)]) == ("settled", [1])
    week.result("g1", 26, 20, revision=2)
    week.live_until(ENDS_AT + timedelta(hours=46))
    assert (week.state(), [each.n for each in week.events(WeekSettled)]) == ("settled", [1, 2])
    week.live_until(ENDS_AT + timedelta(hours=47))
    assert (week.state(), week.outcome(bet)) == ("final", ("push", None, 110))
    standings = week.events(WeekFinalised)[0].standings_hash
    assert week.result("g1", 20, 27, revision=3) is Taken.APPLIED
    assert week.status("g1", "in_progress", started_at=at("Mon 12:00")) is Taken.REPEATED
    week.play_out()
    last = week.events(ResultRecorded)[-1]
    assert (last.revision, last.applied, last.resolution) == (3, False, None)
    assert (week.outcome(bet), week.events(WeekSettled)[-1].standings_hash) == (("push", None, 110), standings)
