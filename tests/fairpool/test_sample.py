"""The sample week: a feed file in canonical form, with the facts of 2024's NFL week 10."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from fairpool.crowd import entry_ids, next_id
from fairpool.sample import nfl_week
from feeds.feedfile import read_feed
from feeds.messages import (
    GameMessage,
    MarketMessage,
    Message,
    QuoteMessage,
    ResultMessage,
    StatusMessage,
    encode,
)
from ledger.weeks import NEW_YORK, starts_at, week_at

# Kick-off on the clocks of New York, away and home team, final score.
FACTS = """
Thu 20:15 CIN 34 BAL 35
Sun 09:30 NYG 17 CAR 20
Sun 13:00 ATL 17 NO 20
Sun 13:00 BUF 30 IND 20
Sun 13:00 DEN 14 KC 16
Sun 13:00 MIN 12 JAX 7
Sun 13:00 NE 19 CHI 3
Sun 13:00 PIT 28 WAS 27
Sun 13:00 SF 23 TB 20
Sun 16:05 TEN 17 LAC 27
Sun 16:25 NYJ 6 ARI 31
Sun 16:25 PHI 34 DAL 6
Sun 20:20 DET 26 HOU 23
Mon 20:15 MIA 23 LA 15
"""


def games(messages: list[Message]) -> dict[str, GameMessage]:
    return {m.game_id: m for m in messages if isinstance(m, GameMessage)}


def results(messages: list[Message]) -> dict[str, list[ResultMessage]]:
    by_game: defaultdict[str, list[ResultMessage]] = defaultdict(list)
    for message in messages:
        if isinstance(message, ResultMessage):
            by_game[message.game_id].append(message)
    return by_game


def test_the_file_is_canonical_and_free_of_repeats() -> None:
    """Every line is a message, written as this program would write it, and none stands twice."""
    written = nfl_week().read_bytes().splitlines()
    messages = read_feed(nfl_week())
    assert [encode(message) for message in messages] == written
    assert len({message.msg_id for message in messages}) == len(messages)


def test_teams_kick_offs_and_final_scores_are_the_real_ones() -> None:
    """Fourteen games, each ending in an official result that says what happened."""
    messages = read_feed(nfl_week())
    finals = {game_id: revisions[-1] for game_id, revisions in results(messages).items()}
    assert {final.certainty for final in finals.values()} == {"official"}
    told = [
        f"{game.starts_at.astimezone(NEW_YORK):%a %H:%M} {game.away} {finals[game_id].away_score} "
        f"{game.home} {finals[game_id].home_score}"
        for game_id, game in games(messages).items()
    ]
    assert told == FACTS.strip().splitlines()


def test_thirteen_games_are_of_the_pool_week_and_monday_waits_for_the_next() -> None:
    """All are listed and quoted in three markets when the week begins."""
    messages = read_feed(nfl_week())
    weeks = [week_at(game.starts_at) for game in games(messages).values()]
    assert weeks == ["2024-W45"] * 13 + ["2024-W46"]
    opening = [m for m in messages if m.at == starts_at("2024-W45")]
    assert {m.game_id for m in opening if isinstance(m, GameMessage)} == set(games(messages))
    quoted = {(m.game_id, m.market) for m in opening if isinstance(m, QuoteMessage)}
    assert len(quoted) == len(opening) - 14 == 3 * 14


def test_offers_stand_before_the_start_and_results_after_it() -> None:
    """No quote or suspension after kick-off, no result or status before it; real starts are not early."""
    messages = read_feed(nfl_week())
    start_of = {game_id: game.starts_at for game_id, game in games(messages).items()}
    for message in messages:
        match message:
            case QuoteMessage() | MarketMessage():
                assert message.at < start_of[message.game_id]
            case ResultMessage():
                assert message.at > start_of[message.game_id]
            case StatusMessage():
                assert message.started_at is not None
                assert start_of[message.game_id] <= message.started_at <= message.at


def test_every_moneyline_favours_whom_its_spread_favours() -> None:
    """No line of the sample has its sign the wrong way round, at any time of the week."""
    handicap: dict[str, Decimal] = {}
    home_edge: dict[str, int] = {}
    messages = read_feed(nfl_week())
    for message in messages:
        if isinstance(message, QuoteMessage) and message.market == "spread":
            handicap[message.game_id] = Decimal(message.line or "nan")
        elif isinstance(message, QuoteMessage) and message.market == "moneyline":
            home_edge[message.game_id] = message.prices["away"] - message.prices["home"]
        for game_id in handicap.keys() & home_edge.keys():
            assert (handicap[game_id] < 0) == (home_edge[game_id] > 0), game_id
    assert len(handicap) == len(home_edge) == 14


def test_the_week_has_what_a_demo_should_show() -> None:
    """Lines move, a game is suspended and reopened, a provisional score is corrected, and a line is hit."""
    messages = read_feed(nfl_week())
    quotes = [m for m in messages if isinstance(m, QuoteMessage)]
    assert len(quotes) > 14 * 3 + 20
    halted = [(m.market, m.status) for m in messages if isinstance(m, MarketMessage)]
    assert halted[:3] == [(market, "suspended") for market in ("moneyline", "spread", "total")]
    assert halted[3:] == [(market, "open") for market in ("moneyline", "spread", "total")]
    baltimore = results(messages)["2024_10_CIN_BAL"]
    assert [(m.certainty, m.home_score, m.away_score) for m in baltimore] == [
        ("provisional", 35, 28),
        ("provisional", 35, 34),
        ("official", 35, 34),
    ]
    final = results(messages)["2024_10_DET_HOU"][-1]
    spreads = {m.line for m in quotes if (m.game_id, m.market) == ("2024_10_DET_HOU", "spread")}
    assert f"{final.away_score - final.home_score}.0" in spreads


def test_revisions_grow_and_overtime_has_its_regulation_score() -> None:
    """Each game's revisions count from 1; the game in Munich was level after regulation time."""
    revisions = results(read_feed(nfl_week()))
    for of_game in revisions.values():
        assert [m.revision for m in of_game] == list(range(1, len(of_game) + 1))
    regulation = revisions["2024_10_NYG_CAR"][-1].regulation
    assert regulation is not None
    assert (regulation.home, regulation.away) == (17, 17)


def test_another_seed_brings_other_entries() -> None:
    """Whose week a demo is follows from its seed: the same ids come from the same one, others from another."""
    first, again, other = entry_ids(1), entry_ids(1), entry_ids(2)
    ids = [next_id(first) for _ in range(3)]
    assert ids == [next_id(again) for _ in range(3)]
    assert not set(ids) & {next_id(other) for _ in range(3)}
