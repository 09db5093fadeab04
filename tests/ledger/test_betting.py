"""A bet is placed at the quote that it names, before the start, once for each key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from ledger import ids
from ledger.account import AccountNotOpen, InsufficientCredits, KeyReused, StakeOutOfRange
from ledger.aggregate import LedgerError
from ledger.events import StakePlaced
from ledger.game import MarketClosed, QuoteChanged, UnknownMarket, UnknownOutcome
from ledger.recorder import LogNotOpen
from ledger.rules import Rules
from ledger.week import BettingClosed
from tests.examples import KICK_OFF, NEXT_WEEK, RULES, STARTS_AT, WEEK, at
from tests.ledger.playing import PATIENCE, House, Listed


@pytest.fixture
def entry(house: House) -> UUID:
    """The one entry of a week that is drawn."""
    return house.grouped(1)[0]


@pytest.fixture
def game(house: House, entry: UUID) -> Listed:
    """A game on the board."""
    return house.list_game()


@pytest.mark.parametrize(
    ("market", "outcome", "line", "price", "payout"),
    [
        ("moneyline", "home", None, -250, 140),
        ("moneyline", "away", None, 205, 305),
        ("spread", "home", "-6.0", -110, 190),
        ("spread", "away", "-6.0", -110, 190),
        ("total", "over", "53.0", -105, 195),
        ("total", "under", "53.0", -115, 186),
    ],
)
def test_bet_freezes_its_terms(
    house: House, entry: UUID, game: Listed, market: str, outcome: str, line: str | None, price: int, payout: int
) -> None:
    """Line and price on offer, with the payout that follows from them, and the home handicap on either side."""
    fact = house.bet(entry, game, market=market, outcome=outcome).result(PATIENCE)
    assert fact.event == StakePlaced(
        available=900,
        bet_id=ids.bet_id(entry, "k1"),
        game_id=game.game_id,
        line=line,
        market=market,
        market_id=game.market(market),
        odds_id=game.odds(market),
        outcome=outcome,
        potential_payout=payout,
        price=price,
        stake=100,
    )
    assert (fact.actor, fact.request, fact.cause) == ("player", "k1", None)
    assert house.facts()[-1] == fact


def test_bets_are_taken_until_the_last_moment_before_the_start(house: House, entry: UUID, game: Listed) -> None:
    """A microsecond before it is in time; at it, and after it, is not."""
    house.clock.now = KICK_OFF - timedelta(microseconds=1)
    house.must_bet(entry, game)
    for number, late in enumerate((timedelta(0), timedelta(microseconds=1), timedelta(hours=1))):
        house.clock.now = KICK_OFF + late
        with pytest.raises(MarketClosed, match="scheduled start"):
            house.bet(entry, game, key=f"late {number}").result(PATIENCE)
    assert len(house.events(StakePlaced)) == 1
    house.audit()


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        ({"stake": 1001}, InsufficientCredits),
        ({"stake": 0}, StakeOutOfRange),
        ({"stake": -1}, StakeOutOfRange),
        ({"outcome": "over"}, UnknownOutcome),
        ({"outcome": "draw"}, UnknownOutcome),
        ({"odds_id": uuid4()}, QuoteChanged),
    ],
)
def test_refused_bet_stores_nothing_and_leaves_its_key_free(
    house: House, entry: UUID, game: Listed, terms: dict[str, Any], error: type[LedgerError]
) -> None:
    """The same key with terms that can be taken is then a bet."""
    head = house.recorder().head()
    with pytest.raises(error):
        house.bet(entry, game, **terms).result(PATIENCE)
    assert house.recorder().head() == head
    assert house.must_bet(entry, game).available == 900


def test_bet_on_no_market_account_or_week_is_refused(house: House, entry: UUID, game: Listed) -> None:
    """Each by its own error."""
    with pytest.raises(UnknownMarket):
        house.bet(entry, Listed(uuid4(), "stranger")).result(PATIENCE)
    with pytest.raises(AccountNotOpen):
        house.bet(uuid4(), game).result(PATIENCE)
    with pytest.raises(LogNotOpen):
        house.bet(entry, game, week=NEXT_WEEK).result(PATIENCE)


def test_week_takes_bets_from_the_draw_to_its_close(house: House) -> None:
    """Neither while it registers nor after it closed."""
    house.open_week()
    entry = house.enrol(UUID(int=1))
    game = house.list_game(starts_at=at("Sun 20:00"))
    with pytest.raises(BettingClosed, match="registering"):
        house.bet(entry, game).result(PATIENCE)
    house.clock.now = STARTS_AT
    house.draw()
    house.must_bet(entry, game)
    house.close_week()
    with pytest.raises(BettingClosed, match="closed"):
        house.bet(entry, game, key="k2").result(PATIENCE)
    house.audit()


def test_quote_that_changed_comes_with_the_refusal(house: House, entry: UUID, game: Listed) -> None:
    """The client can offer the new one at once."""
    (newer,) = house.quote(game, line="-6.5", at=STARTS_AT).result(PATIENCE)
    with pytest.raises(QuoteChanged) as refused:
        house.bet(entry, game).result(PATIENCE)
    quote = refused.value.quote
    assert (quote.odds_id, quote.line) == (newer.event.odds_id, "-6.5")  # type: ignore[attr-defined]
    assert house.must_bet(entry, game, odds_id=quote.odds_id).line == "-6.5"


def test_repeated_bet_is_answered_from_the_log_whatever_happened_since(house: House, entry: UUID, game: Listed) -> None:
    """The quote changed, the game started and was settled, the week closed and became final: the first answer."""
    first = house.bet(entry, game).result(PATIENCE)

    def is_answered() -> bool:
        again = house.bet(entry, game).result(PATIENCE)
        elsewhere = house.another().bet(entry, game).result(PATIENCE)
        return (again.token, again.event) == (elsewhere.token, elsewhere.event) == (first.token, first.event)

    house.quote(game, line="-6.5", at=STARTS_AT).result(PATIENCE)
    assert is_answered()
    house.clock.now = KICK_OFF
    house.result(game)
    assert is_answered()
    house.settle(game)
    house.close_week()
    assert is_answered()
    house.settle_week()
    house.finalise_week(override=True)
    assert is_answered()
    assert len(house.events(StakePlaced)) == 1
    house.audit()


@pytest.mark.parametrize(
    "other", [{"stake": 99}, {"outcome": "away"}, {"market": "total", "outcome": "over"}, {"odds_id": UUID(int=1)}]
)
def test_key_with_other_terms_is_refused(house: House, entry: UUID, game: Listed, other: dict[str, Any]) -> None:
    """It named a bet already."""
    house.must_bet(entry, game)
    with pytest.raises(KeyReused):
        house.bet(entry, game, **other).result(PATIENCE)
    assert house.available(entry) == 900


def test_player_may_bet_as_often_as_there_are_credits(house: House, entry: UUID, game: Listed) -> None:
    """Many times on one market, and on both of its sides."""
    for number in range(10):
        house.must_bet(entry, game, outcome=("home", "away")[number % 2], key=f"k{number}")
    with pytest.raises(InsufficientCredits):
        house.bet(entry, game, stake=1, key="one more").result(PATIENCE)
    assert house.available(entry) == 0
    house.audit()


def test_week_plays_by_the_rules_that_it_was_opened_with(house: House) -> None:
    """Its grant, its stakes, its prices."""
    (entry,) = house.grouped(1, rules=Rules(grant=50, stake_min=5, stake_max=20, price_max=200))
    game = house.list_game()
    for stake in (4, 21):
        with pytest.raises(StakeOutOfRange):
            house.bet(entry, game, stake=stake).result(PATIENCE)
    with pytest.raises(StakeOutOfRange, match="prices beyond 200"):
        house.bet(entry, game, market="moneyline", outcome="away", stake=5).result(PATIENCE)
    assert house.must_bet(entry, game, stake=20).available == 30


def test_same_key_is_another_bet_in_the_next_week(house: House, entry: UUID, game: Listed) -> None:
    """The player's entry is another one there, and so is the bet, although the feed calls the game the same."""
    house.must_bet(entry, game)
    house.open_week(NEXT_WEEK, rules=RULES)
    later = house.enrol(UUID(int=1), NEXT_WEEK)
    house.clock.now = at("Mon 00:00", week=NEXT_WEEK)
    house.draw(NEXT_WEEK)
    rematch = house.list_game(starts_at=at("Thu 20:15", week=NEXT_WEEK), week=NEXT_WEEK)
    placed = house.must_bet(later, rematch, week=NEXT_WEEK)
    assert later != entry
    assert rematch.game_id != game.game_id
    assert placed.bet_id != ids.bet_id(entry, "k1")
    assert [len(house.events(StakePlaced, week=week)) for week in (WEEK, NEXT_WEEK)] == [1, 1]
    house.audit()
    house.audit(NEXT_WEEK)


def test_three_way_moneyline_takes_bets_on_a_draw(house: House, entry: UUID) -> None:
    """Each of its three outcomes has a price."""
    game = house.list_game(league="EPL")
    prices = {"home": 120, "draw": 240, "away": 210}
    (three_way,) = house.quote(game, "moneyline", prices=prices, at=STARTS_AT).result(PATIENCE)
    odds_id = three_way.event.odds_id  # type: ignore[attr-defined]
    for outcome in prices:
        house.must_bet(entry, game, market="moneyline", outcome=outcome, key=outcome, odds_id=odds_id)
    house.result(game, 1, 1)
    house.settle(game)
    assert house.available(entry) == 1000 - 300 + 340
    house.audit()
