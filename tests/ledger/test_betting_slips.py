"""A slip places its bets each on its own, or all or none; a rehearsal says what it would come to."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any
from uuid import UUID, uuid4

import pytest

from ledger import betting, ids, listing
from ledger.account import InsufficientCredits, KeyReused, StakeOutOfRange
from ledger.aggregate import LedgerError
from ledger.events import StakePlaced
from ledger.facts import Fact
from ledger.game import MarketClosed, QuoteChanged, UnknownMarket, UnknownOutcome
from ledger.slip import Slip, SlipRefused, Stake
from tests.examples import KICK_OFF, WEEK
from tests.ledger.desks import gathered, watched
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
    ("terms", "error"),
    [
        ({"stake": 1001}, InsufficientCredits),
        ({"stake": 0}, StakeOutOfRange),
        ({"outcome": "over"}, UnknownOutcome),
        ({"odds_id": uuid4()}, QuoteChanged),
    ],
)
def test_slip_refuses_a_bet_as_it_is_refused_alone(
    house: House, entry: UUID, game: Listed, terms: dict[str, Any], error: type[LedgerError]
) -> None:
    """The others are placed, and each has its answer."""
    answers = place(house, entry, Slip("k", (stake(game), stake(game, **terms), stake(game, market="total"))))
    assert isinstance(answers[2], error)
    assert [placed(answers[number]).available for number in (1, 3)] == [900, 800]
    assert house.events(StakePlaced) == [placed(answers[1]), placed(answers[3])]
    house.audit()


def test_bets_of_a_slip_are_one_append_under_one_request(house: House, entry: UUID, game: Listed) -> None:
    """Their places follow one another, and their envelopes say that they were asked for together."""
    slip = Slip("k", tuple(stake(game, stake=number) for number in range(1, 21)))
    appends = watched(house.ledger.desk(WEEK))
    answers = place(house, entry, slip)
    assert [count for count, _ in appends] == [20]
    facts = house.facts()[-20:]
    assert [fact.event for fact in facts] == [placed(answers[number]) for number in range(1, 21)]
    assert {(fact.request, fact.actor) for fact in facts} == {(slip.request, "player")}
    assert [placed(answers[number]).bet_id for number in (1, 20)] == [ids.bet_id(entry, f"k {n}") for n in (1, 20)]


def test_stakes_of_a_slip_are_taken_one_after_another(house: House, entry: UUID, game: Listed) -> None:
    """What the first leaves is what the next may stake; one that is refused takes nothing."""
    answers = place(house, entry, Slip("k", (stake(game, stake=600), stake(game, stake=500), stake(game, stake=400))))
    assert isinstance(answers[2], InsufficientCredits)
    assert "400 are available" in str(answers[2])
    assert (placed(answers[1]).available, placed(answers[3]).available) == (400, 0)


def test_slip_of_all_or_nothing_is_placed_as_a_whole_or_not_at_all(house: House, entry: UUID, game: Listed) -> None:
    """Every refusal is named by the number of its bet, nothing is stored, and the key stays free."""
    head = house.recorder().head()
    asked = (stake(game), stake(game, stake=0), stake(game), stake(game, odds_id=uuid4()))
    with pytest.raises(SlipRefused) as refused:
        place(house, entry, Slip("k", asked, all_or_nothing=True))
    assert {number: type(error) for number, error in refused.value.refusals.items()} == {
        2: StakeOutOfRange,
        4: QuoteChanged,
    }
    assert house.recorder().head() == head
    answers = place(house, entry, Slip("k", (stake(game), stake(game)), all_or_nothing=True))
    assert house.events(StakePlaced) == [placed(answers[1]), placed(answers[2])]
    house.audit()


@pytest.mark.parametrize("all_or_nothing", [False, True])
def test_repeated_slip_is_answered_from_the_log_whatever_happened_since(
    house: House, entry: UUID, game: Listed, all_or_nothing: bool
) -> None:
    """By this process and by another, also when the game is over."""
    slip = Slip("k", (stake(game), stake(game, market="total")), all_or_nothing)
    first = place(house, entry, slip)
    house.clock.now = KICK_OFF
    house.result(game)
    house.settle(game)
    for again in (place(house, entry, slip), place(house.another(), entry, slip)):
        assert [fact(again[number]).token for number in (1, 2)] == [fact(first[number]).token for number in (1, 2)]
    assert len(house.events(StakePlaced)) == 2


def test_refused_bet_of_a_slip_is_tried_again_with_the_slip(house: House, entry: UUID, game: Listed) -> None:
    """A refusal stores nothing, so the same request may find it placeable; what was placed stays as it was."""
    house.on_board(listing.suspend, game, market="total", why="injury").result(PATIENCE)
    slip = Slip("k", (stake(game), stake(game, market="total")))
    first = place(house, entry, slip)
    assert isinstance(first[2], MarketClosed)
    house.on_board(listing.reopen, game, market="total", why="fit").result(PATIENCE)
    again = place(house, entry, slip)
    assert fact(again[1]).token == fact(first[1]).token
    assert placed(again[2]).available == 800


@pytest.mark.parametrize("again", [(1,), (1, 2, 3), (2, 1), (1, 4), (3,)])
def test_key_with_another_slip_is_refused(house: House, entry: UUID, game: Listed, again: tuple[int, ...]) -> None:
    """Fewer or more bets, another order, other terms: also where the bets placed are not among them."""
    stakes = {number: stake(game, stake=number) for number in range(1, 5)}
    place(house, entry, Slip("k", (stakes[1], stakes[2])))
    place(house, entry, Slip("other", (stake(game, stake=0), stakes[2])))
    head = house.recorder().head()
    for key in ("k", "other"):
        for using in (house, house.another()):
            with pytest.raises(KeyReused):
                place(using, entry, Slip(key, tuple(stakes[number] for number in again)))
    with pytest.raises(KeyReused):
        place(house, entry, Slip("k", (stakes[1], stakes[2]), all_or_nothing=True))
    assert house.recorder().head() == head


def test_key_names_a_bet_or_a_slip(house: House, entry: UUID, game: Listed) -> None:
    """Never both, whichever came first."""
    house.must_bet(entry, game, key="bet")
    place(house, entry, Slip("slip", (stake(game),)))
    with pytest.raises(KeyReused, match="single bet"):
        place(house, entry, Slip("bet", (stake(game),)))
    for using in (house, house.another()):
        with pytest.raises(KeyReused, match="bet slip"):
            using.bet(entry, game, key="slip").result(PATIENCE)


@pytest.mark.parametrize("all_or_nothing", [False, True])
def test_slip_asked_many_times_at_once_is_placed_once(
    house: House, entry: UUID, game: Listed, all_or_nothing: bool
) -> None:
    """In one process and in two."""
    slip = Slip("k", (stake(game), stake(game, stake=1000), stake(game)))
    if all_or_nothing:
        slip = Slip("k", (stake(game), stake(game)), all_or_nothing)
    other = house.another()
    asked = [ask(using, entry, slip) for _ in range(20) for using in (house, other)]
    tokens = {fact(each.result(PATIENCE)[1]).token for each in asked}
    assert len(tokens) == 1
    assert len(house.events(StakePlaced)) == 2
    house.audit()


def test_slip_learns_of_a_market_that_was_listed_elsewhere(house: House, entry: UUID, game: Listed) -> None:
    """It is decided again with the news, rather than placed in part."""
    newer = house.another().list_game("g2")
    answers = place(house, entry, Slip("k", (stake(game), stake(newer))))
    assert [placed(answers[number]).game_id for number in (1, 2)] == [game.game_id, newer.game_id]
    with pytest.raises(UnknownMarket):
        place(house, entry, Slip("k2", (stake(game), stake(Listed(uuid4(), "stranger")))))


def test_slip_takes_the_bets_of_its_week_only(house: House, entry: UUID, game: Listed) -> None:
    """Its numbers say which; the request is that of the whole slip."""
    slip = Slip("k", (stake(game), stake(game, stake=7)))
    answers = place(house, entry, slip, numbers=[2])
    assert {number: placed(answer).stake for number, answer in answers.items()} == {2: 7}
    assert house.facts()[-1].request == slip.request


def test_rehearsal_says_what_a_slip_comes_to_and_stores_nothing(house: House, entry: UUID, game: Listed) -> None:
    """Terms, credits and refusals are those of the slip that is placed then; account and log stay as they were."""
    slip = Slip("k", (stake(game, stake=600), stake(game, stake=500), stake(game, outcome="draw"), stake(game)))
    head = house.recorder().head()
    said = rehearse(house, entry, slip)
    assert house.recorder().head() == head
    assert house.available(entry) == 1000
    done = place(house, entry, slip)
    for number, answer in said.items():
        if isinstance(answer, LedgerError):
            assert (type(answer), str(answer)) == (type(done[number]), str(done[number]))
        else:
            event = placed(done[number])
            assert (answer.available, answer.potential_payout) == (event.available, event.potential_payout)
            assert (answer.offer.line, answer.offer.price, answer.stake) == (event.line, event.price, event.stake)
    assert [isinstance(answer, LedgerError) for answer in said.values()] == [False, True, True, False]


def test_rehearsals_and_refused_slips_hold_nobody_up(house: House, entry: UUID, game: Listed) -> None:
    """In a batch with them, everybody else's bets are placed by one append, on credits that nobody has touched."""
    desk = house.ledger.desk(WEEK)
    house.available(entry)
    appends = watched(desk)
    whole = Slip("all", (stake(game, stake=900), stake(game, stake=900)), all_or_nothing=True)
    with gathered(desk):
        bets = []
        for number in range(5):
            rehearsed = betting.rehearse_bets(
                house.ledger, week=WEEK, entry=entry, slip=Slip("", (stake(game, stake=1),)), numbers=[1]
            )
            refused = ask(house, entry, whole)
            bets.append(house.bet(entry, game, key=f"k{number}"))
    assert [placed(bet.result(PATIENCE)).available for bet in bets] == [900, 800, 700, 600, 500]
    assert [count for count, _ in appends] == [5]
    assert isinstance(rehearsed.result(PATIENCE)[1], betting.Accepted)
    assert isinstance(refused.exception(PATIENCE), SlipRefused)


def stake(game: Listed, *, market: str = "spread", outcome: str | None = None, **terms: Any) -> Stake:
    """A stake at the quote on the board."""
    side = outcome or ("over" if market == "total" else "home")
    asked: dict[str, Any] = {"odds_id": game.odds(market), "stake": 100} | terms
    return Stake(market_id=game.market(market), outcome=side, **asked)


def ask(house: House, entry: UUID, slip: Slip) -> Future[Mapping[int, Fact | LedgerError]]:
    numbers = range(1, len(slip.stakes) + 1)
    return betting.place_bets(house.ledger, week=WEEK, entry=entry, slip=slip, numbers=numbers)


def place(house: House, entry: UUID, slip: Slip, **only: Any) -> Mapping[int, Fact | LedgerError]:
    asked: dict[str, Any] = {"numbers": range(1, len(slip.stakes) + 1)} | only
    return betting.place_bets(house.ledger, week=WEEK, entry=entry, slip=slip, **asked).result(PATIENCE)


def rehearse(house: House, entry: UUID, slip: Slip) -> Mapping[int, betting.Accepted | LedgerError]:
    numbers = range(1, len(slip.stakes) + 1)
    return betting.rehearse_bets(house.ledger, week=WEEK, entry=entry, slip=slip, numbers=numbers).result(PATIENCE)


def fact(answer: Fact | LedgerError) -> Fact:
    assert isinstance(answer, Fact), answer
    return answer


def placed(answer: Fact | LedgerError) -> StakePlaced:
    event = fact(answer).event
    assert isinstance(event, StakePlaced)
    return event
