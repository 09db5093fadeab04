"""Bets are settled under what counts, a chunk at a time, once; and corrected when something else counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from ledger import settling
from ledger.account import InsufficientCredits
from ledger.events import (
    BetLost,
    BetWon,
    ChunkSettled,
    GameLocked,
    PayoutCorrected,
    ResultRecorded,
    SettlementCompleted,
    StakeReturned,
)
from ledger.facts import Fact
from ledger.settlement import CLOCK, OPERATOR, ConflictingResult, StaleChunk
from ledger.settling import PlacedBet
from tests.examples import ENDS_AT, KICK_OFF, WEEK, word
from tests.ledger.desks import gathered
from tests.ledger.playing import PATIENCE, House, Listed

MOVEMENTS = (BetWon, BetLost, StakeReturned, PayoutCorrected)
DEADLINE = ENDS_AT + timedelta(hours=36)


@pytest.fixture
def entries(house: House) -> list[UUID]:
    """Three entries of a week that is drawn."""
    return house.grouped(3)


@pytest.fixture
def game(house: House, entries: list[UUID]) -> Listed:
    """A game on the board."""
    return house.list_game()


def settled_at(house: House, game: Listed, home: int | None, away: int | None, **said: Any) -> None:
    house.result(game, home, away, **said)
    house.settle(game)


@pytest.mark.parametrize(
    ("market", "outcome", "score", "available", "kind"),
    [
        ("spread", "home", (27, 20), 1090, BetWon),
        ("spread", "home", (26, 20), 1000, StakeReturned),
        ("spread", "home", (25, 20), 900, BetLost),
        ("spread", "away", (25, 20), 1090, BetWon),
        ("total", "over", (30, 24), 1095, BetWon),
        ("total", "over", (30, 23), 1000, StakeReturned),
        ("total", "under", (30, 24), 900, BetLost),
        ("moneyline", "home", (21, 20), 1040, BetWon),
        ("moneyline", "away", (20, 21), 1205, BetWon),
        ("moneyline", "away", (20, 20), 1000, StakeReturned),
    ],
)
def test_bet_is_won_lost_or_pushed(
    house: House,
    entries: list[UUID],
    game: Listed,
    market: str,
    outcome: str,
    score: tuple[int, int],
    available: int,
    kind: type,
) -> None:
    """Spread -6, total 53 and both sides at real prices; a tie pushes a two-way moneyline."""
    house.must_bet(entries[0], game, market=market, outcome=outcome)
    settled_at(house, game, *score)
    assert (house.available(entries[0]), [type(event) for event in house.events(*MOVEMENTS)]) == (available, [kind])
    house.audit()


def test_result_locks_the_game_and_is_recorded_with_its_resolution(
    house: House, entries: list[UUID], game: Listed
) -> None:
    """Both in one commit; a repeat adds nothing, and a game that nobody listed has no result."""
    assert [fact.event.TOPIC for fact in house.result(game)] == ["game.locked", "settlement.result_recorded"]
    assert house.result(game) == []
    assert house.result(Listed(UUID(int=1), "stranger")) == []
    with pytest.raises(ConflictingResult):
        house.result(game, 35, 33)
    assert [event.why for event in house.events(GameLocked)] == ["result"]
    assert len(house.events(ResultRecorded)) == 1


@pytest.mark.parametrize("status", ["cancelled", "abandoned"])
def test_game_that_is_called_off_returns_its_stakes(
    house: House, entries: list[UUID], game: Listed, status: str
) -> None:
    """Its status needs no revision, and locks it."""
    for market, outcome in (("spread", "home"), ("moneyline", "away"), ("total", "over")):
        house.must_bet(entries[0], game, market=market, outcome=outcome, key=market)
    settled_at(house, game, None, None, status=status, revision=None)
    assert [event.reason for event in house.events(StakeReturned)] == ["cancelled"] * 3
    assert [event.why for event in house.events(GameLocked)] == ["cancelled"]
    assert house.available(entries[0]) == 1000
    house.audit()


def test_chunks_carry_payouts_and_progress_in_one_commit(house: House, entries: list[UUID], game: Listed) -> None:
    """Each covers the positions up to its last bet, the last one goes to the cut, and the completion adds them up."""
    for number in range(5):
        house.must_bet(entries[number % 3], game, stake=100, key=f"k{number}", outcome=("home", "away")[number % 2])
    house.result(game, 35, 20)
    house.settle(game, chunk=2)
    chunks = house.events(ChunkSettled)
    positions = [fact.position for fact in house.bets_on(game)]
    cut = next(fact.position for fact in house.facts() if isinstance(fact.event, ResultRecorded))
    assert [(chunk.from_, chunk.to, chunk.bets, chunk.paid) for chunk in chunks] == [
        (1, positions[1], 2, 190),
        (positions[1] + 1, positions[3], 2, 190),
        (positions[3] + 1, cut, 1, 190),
    ]
    done = SettlementCompleted(bets=5, cut=cut, paid=570, resolution=1, staked=500)
    assert house.events(SettlementCompleted) == [done]
    causes = {fact.cause for fact in house.facts() if isinstance(fact.event, (*MOVEMENTS, ChunkSettled))}
    assert causes == {f"{WEEK}:{cut}"}
    house.audit()


def test_repeated_chunk_is_refused_and_changes_nothing(house: House, entries: list[UUID], game: Listed) -> None:
    """A settler that did not hear the answer, or a second one, finds out what is settled."""
    for number in range(3):
        house.must_bet(entries[0], game, key=f"k{number}")
    house.result(game, 35, 20)
    progress = settling.progress(house.ledger, week=WEEK, game_id=game.game_id).result(PATIENCE)
    chunk = {"cut": progress.cut, "resolution": 1, "chunk": 2}
    to = house.settle_chunk(game, after=0, **chunk)
    head = house.recorder().head()
    for elsewhere in (house, house.another()):
        with pytest.raises(StaleChunk):
            elsewhere.settle_chunk(game, after=0, **chunk)
    assert house.recorder().head() == head
    progress = settling.progress(house.ledger, week=WEEK, game_id=game.game_id).result(PATIENCE)
    assert (progress.resolution, progress.settled_to, progress.is_done) == (1, to, False)
    house.settle(game)
    house.settle(game)
    assert len(house.events(BetWon)) == 3
    house.audit()


def test_bets_of_a_chunk_are_settled_once_even_where_they_are_named_twice(
    house: House, entries: list[UUID], game: Listed
) -> None:
    """The account decides, whatever a projection that was rebuilt says."""
    placed = house.must_bet(entries[0], game)
    (cut,) = (fact.position for fact in house.result(game, 35, 20) if isinstance(fact.event, ResultRecorded))
    twice: Sequence[PlacedBet] = [PlacedBet(placed.bet_id, entries[0], 1)] * 2
    settling.settle_chunk(
        house.ledger, week=WEEK, game_id=game.game_id, resolution=1, bets=twice, from_=1, to=cut, cut=cut
    ).result(PATIENCE)
    assert len(house.events(BetWon)) == 1
    assert house.available(entries[0]) == 1090


def test_newer_result_abandons_the_settlement_under_way(house: House, entries: list[UUID], game: Listed) -> None:
    """The settler of the older one is fenced off, and all bets are settled again from the first on."""
    for number in range(4):
        house.must_bet(entries[0], game, key=f"k{number}")
    house.result(game, 35, 20)
    first = settling.progress(house.ledger, week=WEEK, game_id=game.game_id).result(PATIENCE)
    to = house.settle_chunk(game, after=0, cut=first.cut, resolution=1, chunk=2)
    house.result(game, 20, 35, revision=2)
    with pytest.raises(StaleChunk):
        house.settle_chunk(game, after=to, cut=first.cut, resolution=1, chunk=2)
    house.settle(game, chunk=3)
    assert [type(event).__name__ for event in house.events(*MOVEMENTS)] == [
        "BetWon",
        "BetWon",
        "PayoutCorrected",
        "PayoutCorrected",
        "BetLost",
        "BetLost",
    ]
    assert house.available(entries[0]) == 600
    house.audit()


def test_provisional_result_waits_for_the_official_one(house: House, entries: list[UUID], game: Listed) -> None:
    """Equal or not, only the official one settles."""
    house.must_bet(entries[0], game)
    settled_at(house, game, 35, 20, certainty="provisional")
    assert house.events(*MOVEMENTS) == []
    settled_at(house, game, 20, 35)
    assert house.available(entries[0]) == 900
    assert [event.applied for event in house.events(ResultRecorded)] == [False, True]
    house.audit()


def test_corrections_after_the_settlement_move_the_difference(house: House, entries: list[UUID], game: Listed) -> None:
    """Twice, then out of order, then repeated: each revision counts once, the newest last."""
    house.must_bet(entries[0], game)
    balances = []
    for revision, score in ((1, (35, 20)), (3, (26, 20)), (2, (35, 20)), (5, (20, 26)), (5, (20, 26)), (3, (26, 20))):
        settled_at(house, game, *score, revision=revision)
        balances.append(house.available(entries[0]))
    assert balances == [1090, 1000, 1000, 900, 900, 900]
    corrections = [(event.from_outcome, event.to_outcome, event.resolution) for event in house.events(PayoutCorrected)]
    assert corrections == [("won", "push", 2), ("push", "lost", 3)]
    house.audit()


def test_stake_of_one_credit_that_won_nothing_is_corrected_to_a_push(
    house: House, entries: list[UUID], game: Listed
) -> None:
    """The payout is the same one credit, the outcome is not."""
    house.must_bet(entries[0], game, stake=1)
    settled_at(house, game, 35, 20)
    settled_at(house, game, 26, 20, revision=2)
    (corrected,) = house.events(PayoutCorrected)
    assert (corrected.from_outcome, corrected.from_payout) == ("won", 1)
    assert (corrected.to_outcome, corrected.to_payout, corrected.available) == ("push", 1, 1000)
    house.audit()


def test_correction_may_drive_a_balance_below_zero(house: House, entries: list[UUID], game: Listed) -> None:
    """Such an account places no stakes until a payout brings it back."""
    other = house.list_game("g2")
    house.must_bet(entries[0], game, stake=1000)
    settled_at(house, game, 35, 20)
    house.must_bet(entries[0], other, stake=1900, key="k2")
    settled_at(house, game, 20, 35, revision=2)
    assert house.available(entries[0]) == -1900
    third = house.list_game("g3")
    with pytest.raises(InsufficientCredits):
        house.bet(entries[0], third, stake=1, key="k3").result(PATIENCE)
    settled_at(house, other, 35, 20)
    assert house.available(entries[0]) == -1900 + 3627
    house.must_bet(entries[0], third, stake=1727, key="k3")
    house.audit()


def meeting_the_deadline(house: House, game: Listed) -> list[Fact]:
    return settling.meet_deadline(house.ledger, week=WEEK, game_id=game.game_id, request="due").result(PATIENCE)


def test_game_without_a_result_is_void_at_the_deadline(house: House, entries: list[UUID], game: Listed) -> None:
    """36 hours after the week's end, once; an official result that comes after it still counts."""
    house.must_bet(entries[0], game)
    house.close_week(DEADLINE - timedelta(microseconds=1))
    assert meeting_the_deadline(house, game) == []
    house.clock.now = DEADLINE
    assert [fact.event.TOPIC for fact in meeting_the_deadline(house, game)][-1] == "settlement.result_recorded"
    assert meeting_the_deadline(house, game) == []
    house.settle(game)
    assert [event.reason for event in house.events(StakeReturned)] == ["no_result"]
    settled_at(house, game, 35, 20)
    assert house.available(entries[0]) == 1090
    assert [event.source for event in house.events(ResultRecorded)] == [CLOCK, "feed"]
    house.audit()


def test_provisional_result_stands_at_the_deadline(house: House, entries: list[UUID], game: Listed) -> None:
    """Its official one never comes; if it comes after all and says the same, nothing moves."""
    house.must_bet(entries[0], game)
    settled_at(house, game, 35, 20, certainty="provisional")
    house.close_week(DEADLINE)
    assert meeting_the_deadline(house, game)[-1].event.source == CLOCK  # type: ignore[attr-defined]
    house.settle(game)
    assert house.available(entries[0]) == 1090
    settled_at(house, game, 35, 20)
    assert [event.resolution for event in house.events(ResultRecorded)] == [None, 1, None]
    assert house.events(PayoutCorrected) == []
    house.audit()


def test_game_with_a_result_has_no_deadline(house: House, entries: list[UUID], game: Listed) -> None:
    """And one that nobody listed has none either."""
    house.result(game)
    house.close_week(DEADLINE)
    head = house.recorder().head()
    assert meeting_the_deadline(house, game) == []
    assert meeting_the_deadline(house, Listed(UUID(int=1), "stranger")) == []
    assert house.recorder().head() == head


def test_operator_has_the_last_word(house: House, entries: list[UUID], game: Listed) -> None:
    """What the feed says afterwards is kept, and moves nothing."""
    house.must_bet(entries[0], game)
    settled_at(house, game, 35, 20)
    settled_at(house, game, None, None, source=OPERATOR, status="operator", revision=None)
    assert house.available(entries[0]) == 1000
    settled_at(house, game, 20, 35, revision=9)
    assert house.available(entries[0]) == 1000
    assert [event.applied for event in house.events(ResultRecorded)] == [True, True, False]
    house.audit()


def test_game_without_bets_is_settled_too(house: House, entries: list[UUID], game: Listed) -> None:
    """One empty chunk, and the completion."""
    settled_at(house, game, 35, 20)
    (chunk,) = house.events(ChunkSettled)
    assert (chunk.bets, chunk.paid) == (0, 0)
    assert house.events(SettlementCompleted)[0].bets == 0


def test_betting_on_other_games_goes_on_meanwhile(house: House, entries: list[UUID], game: Listed) -> None:
    """Stakes between the chunks of a settlement stand, on the same accounts."""
    other = house.list_game("g2", starts_at=KICK_OFF + timedelta(days=1))
    for number in range(4):
        house.must_bet(entries[0], game, key=f"k{number}")
    house.result(game, 35, 20)
    progress = settling.progress(house.ledger, week=WEEK, game_id=game.game_id).result(PATIENCE)
    after = 0
    for number in range(2):
        house.must_bet(entries[0], other, key=f"other {number}")
        after = house.settle_chunk(game, after=after, cut=progress.cut, resolution=1, chunk=2)
    house.settle(game)
    assert house.available(entries[0]) == 1000 - 600 + 4 * 190
    house.audit()


def test_progress_asked_with_the_result_knows_its_cut(house: House, entries: list[UUID], game: Listed) -> None:
    """Also where both queued at the same moment: the settler is never told to settle up to nowhere."""
    house.must_bet(entries[0], game)
    with gathered(house.ledger.desk(WEEK)):
        recording = settling.record_result(
            house.ledger, week=WEEK, word=word(game_id=game.game_id), actor="feed:feed", request="result"
        )
        asking = settling.progress(house.ledger, week=WEEK, game_id=game.game_id)
    recorded = recording.result(PATIENCE)[-1]
    assert asking.result(PATIENCE) == (1, 0, recorded.position, False, recorded.position)
