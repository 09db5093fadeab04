"""Previews of changes to one small week, in which nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest
from msgspec.structs import replace

from ledger.datastore import Datastore
from ledger.game import UnknownGame
from ledger.ids import OFFICE, market_id
from ledger.proposal import Change, Effect
from ledger.recorder import LogNotOpen
from ledger.rulings import UnsoundChange
from ledger.settlement import NothingToLift
from projections.effects import BetChange, EntryChange, preview_hash
from projections.previews import PreviewNotReady, Previews
from tests.database import Database
from tests.feeds.disputing import RULES, begin, state
from tests.feeds.small_week import NEXT_WEEK, WEEK, SmallWeek, at

NOBODY = UUID(int=9)


class Impatient:
    """Somebody for whom the projections never come."""

    def wait_for(self, log: str, position: int, *, timeout: float, names: Sequence[str] | None = None) -> bool:
        return False


@pytest.fixture(scope="module")
def week(database: Database) -> Iterator[SmallWeek]:
    """Kim and Max won on the first game, and Kim staked all that she had on the second; Lou lost.

    All are in one pool: Nia and Oli have their 1000 credits, Max 977, Lou 900 and Kim none.
    """
    database.empty()
    datastore = Datastore(database.dsn)
    week = SmallWeek(datastore)
    begin(week, rules=replace(RULES, pool_max=100))
    week.listed("first", at("Thu 20:15"))
    week.listed("second", at("Sat 20:15"))
    week.bet("kim", "first", "spread", "home", 200)
    week.bet("lou", "first", "spread", "away", 100)
    week.bet("max", "first", "spread", "home", 30)
    week.live_until(at("Thu 23:00"))
    week.result("first", 27, 20)
    week.react()
    week.bet("kim", "second", "total", "over", week.available("kim"))
    week.bet("max", "second", "moneyline", "home", 50)
    yield week
    week.close()
    datastore.close()


@pytest.fixture
def previews(week: SmallWeek) -> Previews:
    return Previews(week.ledger, projections=week.runner)


def by_entry(changes: Sequence[EntryChange]) -> dict[UUID, tuple[int, int]]:
    """Before and after."""
    return {each.entry: (each.before, each.after) for each in changes}


def result(game: UUID, home: int, away: int) -> Change:
    return Change(kind="result", game_id=game, status="final", home_score=home, away_score=away)


def test_a_preview_shows_what_a_corrected_result_moves(week: SmallWeek, previews: Previews) -> None:
    """Kim's win is taken from her, though she has staked it, and Lou is paid; who did not bet keeps what they have."""
    preview = previews.preview(WEEK, result(week.listing("first").game_id, 20, 27))
    kim, lou, max_ = (week.entry(name) for name in ("kim", "lou", "max"))
    assert {bet.entry: bet[2:] for bet in preview.bets} == {
        kim: ("won", 381, "lost", 0, "result"),
        lou: ("lost", 0, "won", 190, "result"),
        max_: ("won", 57, "lost", 0, "result"),
    }
    assert by_entry(preview.credits) == {kim: (0, -381), lou: (900, 1090), max_: (977, 920)}
    assert [each.entry for each in preview.below_zero] == [kim]
    assert preview.effect == Effect(bets=3, moved=628, paid_before=438, paid_after=190, below_zero=1, ranks=4, prizes=2)
    assert (preview.resolution, preview.position, preview.is_final) == (1, week.head(), False)


def test_a_preview_shows_ranks_and_prizes_by_the_standings(week: SmallWeek, previews: Previews) -> None:
    """Lou comes first; of those who have played, and so may win, she takes the place of Max."""
    preview = previews.preview(WEEK, result(week.listing("first").game_id, 20, 27))
    lou, max_, nia, oli = (week.entry(name) for name in ("lou", "max", "nia", "oli"))
    assert by_entry(preview.ranks) == {lou: (4, 1), max_: (3, 4), nia: (1, 2), oli: (1, 2)}
    assert by_entry(preview.prizes) == {lou: (3_000, 5_000), max_: (5_000, 3_000)}
    now = state(week)
    assert {each.entry: each.before for each in preview.ranks}.items() <= now.ranks.items()
    assert {each.entry: each.before for each in preview.prizes} == now.prizes


def test_a_preview_of_a_void_before_any_result_shows_which_stakes_come_back(
    week: SmallWeek, previews: Previews
) -> None:
    """Those on the market, and the other bets on the game stay as they are."""
    game = week.listing("second").game_id
    preview = previews.preview(WEEK, Change(kind="void", game_id=game, market_id=market_id(game, "moneyline")))
    [bet] = preview.bets
    assert bet[1:] == (week.entry("max"), "placed", 0, "void", 50, "operator")
    assert [(each.before, each.after) for each in preview.credits] == [(977, 1027)]
    assert preview.resolution == 0


def test_a_change_that_moves_nothing_is_shown_as_such(week: SmallWeek, previews: Previews) -> None:
    """The result that stands, and a void of what nobody bet on."""
    first = week.listing("first").game_id
    same = previews.preview(WEEK, result(first, 27, 20))
    empty = previews.preview(WEEK, Change(kind="void", game_id=first, market_id=market_id(first, "total")))
    for preview in (same, empty):
        assert (preview.bets, preview.credits, preview.ranks, preview.prizes) == ([], [], [], [])
        assert preview.effect.moved == 0


def test_a_preview_made_again_is_the_same_and_nothing_is_written(week: SmallWeek, previews: Previews) -> None:
    """Neither to the week's log nor to the office's; and another change has another hash."""
    heads = [week.head(WEEK), week.head(OFFICE)]
    first = week.listing("first").game_id
    preview = previews.preview(WEEK, result(first, 20, 27))
    assert previews.preview(WEEK, result(first, 20, 27)) == preview
    assert previews.preview(WEEK, result(first, 20, 28)).preview_hash != preview.preview_hash
    assert [week.head(WEEK), week.head(OFFICE)] == heads


def test_what_cannot_be_carried_out_is_refused_before_anybody_proposes_it(week: SmallWeek, previews: Previews) -> None:
    """A game or a week that is not there, a result without a score, and a release of what no operator said."""
    first, second = (week.listing(name).game_id for name in ("first", "second"))
    with pytest.raises(UnknownGame, match=str(NOBODY)):
        previews.preview(WEEK, result(NOBODY, 1, 0))
    with pytest.raises(LogNotOpen):
        previews.preview(NEXT_WEEK, result(first, 1, 0))
    with pytest.raises(UnsoundChange):
        previews.preview(WEEK, Change(kind="result", game_id=second, status="final"))
    with pytest.raises(UnsoundChange):
        previews.preview(WEEK, Change(kind="void", game_id=second, placed_until=at("Sun 00:00")))
    with pytest.raises(NothingToLift):
        previews.preview(WEEK, Change(kind="lift", game_id=second))


def test_a_preview_is_refused_while_its_projections_are_behind(week: SmallWeek) -> None:
    """It says where they should be: what it cannot see it does not show as unchanged."""
    behind = Previews(week.ledger, projections=Impatient(), patience_seconds=0)
    with pytest.raises(PreviewNotReady, match=f"position {week.head()}: see `fairpool projections status`"):
        behind.preview(WEEK, result(week.listing("first").game_id, 20, 27))


def test_the_hash_of_a_preview_is_that_of_its_change_and_bets() -> None:
    """Each bet counts, and all that is said of it."""
    change = result(NOBODY, 1, 0)
    bet = BetChange(UUID(int=1), UUID(int=2), "won", 190, "lost", 0, "result")
    hashes = [preview_hash(change, bets) for bets in ([], [bet], [bet, bet], [bet._replace(to_payout=1)])]
    hashes.append(preview_hash(result(NOBODY, 2, 0), [bet]))
    assert len(set(hashes)) == len(hashes)
