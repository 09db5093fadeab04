"""The nflverse table becomes feed messages: signs, times, what is left out, and ten real seasons."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from feeds.feedfile import read_feed
from feeds.messages import GameMessage, Message, QuoteMessage, ResultMessage, encode
from feeds.nflverse import NflverseError, convert, convert_file
from ledger.weeks import ends_at, starts_at, week_at

TABLE = Path(__file__).parents[2].parent / "shared" / "data" / "nfl_games_2010_2019.csv"
needs_table = pytest.mark.skipif(not TABLE.exists(), reason=f"needs the real games in {TABLE.name}")

SUNDAY_NIGHT = {
    "game_id": "2030_02_AAA_BBB",
    "season": "2030",
    "week": "2",
    "gameday": "2030-09-15",
    "gametime": "20:20",
    "away_team": "AAA",
    "away_score": "20",
    "home_team": "BBB",
    "home_score": "23",
    "away_moneyline": "130",
    "home_moneyline": "-150",
    "spread_line": "2.5",
    "away_spread_odds": "-105",
    "home_spread_odds": "-115",
    "total_line": "44",
    "under_odds": "-108",
    "over_odds": "-112",
}


def converted(*changes: dict[str, str]) -> list[Message]:
    rows = [SUNDAY_NIGHT | change for change in changes or ({},)]
    return convert(rows, season=2030, week=2)


def lines(messages: list[Message]) -> list[str]:
    return [f"{m.market} {m.line} {m.prices}" for m in messages if isinstance(m, QuoteMessage)]


def refusal(**changes: str) -> str:
    with pytest.raises(NflverseError) as caught:
        converted(changes)
    return str(caught.value)


def test_a_row_becomes_a_game_three_quotes_and_a_result() -> None:
    """Wall time becomes UTC, the home favourite's spread turns negative, and the score is official."""
    game, *quotes, result = converted()
    assert isinstance(game, GameMessage)
    assert (game.at, game.starts_at) == (
        datetime(2030, 9, 9, 4, tzinfo=UTC),
        datetime(2030, 9, 16, 0, 20, tzinfo=UTC),
    )
    assert (game.source, game.league, game.game_id) == ("nflverse", "NFL", "2030_02_AAA_BBB")
    assert (game.home, game.away) == ("BBB", "AAA")
    assert lines(list(quotes)) == [
        "moneyline None {'home': -150, 'away': 130}",
        "spread -2.5 {'home': -115, 'away': -105}",
        "total 44.0 {'over': -112, 'under': -108}",
    ]
    assert {quote.at for quote in quotes} == {game.at}
    assert isinstance(result, ResultMessage)
    assert (result.home_score, result.away_score, result.revision, result.certainty) == (
        23,
        20,
        1,
        "official",
    )
    assert result.at == game.starts_at + timedelta(hours=3, minutes=30)


def test_the_monday_game_is_listed_with_its_nfl_week_and_starts_in_the_next_pool_week() -> None:
    """All games of an NFL week are listed at the start of the pool week of the first kick-off."""
    monday = {"game_id": "2030_02_CCC_DDD", "gameday": "2030-09-16", "home_team": "DDD", "away_team": "CCC"}
    thursday = {"game_id": "2030_02_EEE_FFF", "gameday": "2030-09-12", "home_team": "FFF", "away_team": "EEE"}
    games = [m for m in converted(monday, {}, thursday) if isinstance(m, GameMessage)]
    assert {game.at for game in games} == {starts_at("2030-W37")}
    assert [week_at(game.starts_at) for game in games] == ["2030-W38", "2030-W37", "2030-W37"]


def test_sunday_night_ends_at_the_weeks_last_instant_or_after_it() -> None:
    """A 20:30 start is of the old week, and its result comes when the new one begins."""
    game, *_, result = converted({"gametime": "20:30"})
    assert isinstance(game, GameMessage)
    assert week_at(game.starts_at) == "2030-W37"
    assert result.at == ends_at("2030-W37") == starts_at("2030-W38")


def test_winter_time_has_another_offset() -> None:
    """The same wall time is an hour later in UTC once daylight saving time is over."""
    game = converted({"gameday": "2030-11-10", "gametime": "13:00"})[0]
    assert isinstance(game, GameMessage)
    assert (game.at, game.starts_at) == (
        datetime(2030, 11, 4, 5, tzinfo=UTC),
        datetime(2030, 11, 10, 18, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"home_moneyline": ""}, {"spread", "total"}),
        ({"home_moneyline": "NA"}, {"spread", "total"}),
        ({"away_moneyline": "10001"}, {"spread", "total"}),
        ({"spread_line": ""}, {"moneyline", "total"}),
        ({"spread_line": "2.25"}, {"moneyline", "total"}),
        ({"away_spread_odds": "-99"}, {"moneyline", "total"}),
        ({"total_line": "", "under_odds": ""}, {"moneyline", "spread"}),
        ({"over_odds": "", "home_spread_odds": "", "home_moneyline": ""}, set()),
    ],
)
def test_a_market_without_a_usable_line_and_prices_is_left_out(changes: dict[str, str], left: set[str]) -> None:
    """The other markets of the game, the game and its result stay."""
    game, *quotes, result = converted(changes)
    assert {quote.market for quote in quotes if isinstance(quote, QuoteMessage)} == left
    assert len(quotes) == len(left)
    assert (game.type, result.type) == ("game", "result")


def test_a_game_without_a_score_has_no_result() -> None:
    """A game yet to be played is listed and quoted only."""
    assert Counter(m.type for m in converted({"home_score": "", "away_score": "NA"})) == {
        "game": 1,
        "quote": 3,
    }


def test_a_pick_em_has_a_line_of_zero_and_whole_decimals_are_whole() -> None:
    """No line is a negative zero, and a price that a spreadsheet wrote with a point is read."""
    messages = converted({"spread_line": "0", "home_spread_odds": "-115.0", "home_score": "23.0"})
    assert "spread 0.0 {'home': -115, 'away': -105}" in lines(messages)
    assert lines(converted({"spread_line": "-0.0"}))[1].startswith("spread 0.0")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("home_score", "many"),
        ("home_score", "23.5"),
        ("home_score", "-3"),
        ("home_moneyline", "-150x"),
        ("over_odds", "NaN"),
        ("total_line", "1e2"),
        ("gametime", ""),
        ("gametime", "8pm"),
        ("gameday", "15.09.2030"),
        ("gameday", "0030-09-15"),
        ("home_team", ""),
        ("away_team", "NA"),
        ("week", ""),
        ("season", "this"),
    ],
)
def test_a_bad_cell_is_refused_with_its_game_and_column(column: str, value: str) -> None:
    """The message says where to look in the table."""
    said = refusal(**{column: value})
    assert said.startswith("2030_02_AAA_BBB: ")
    assert column in said


def test_a_missing_column_is_named() -> None:
    """A table of another shape is refused, not read as a table of missing prices."""
    row = {column: cell for column, cell in SUNDAY_NIGHT.items() if column != "over_odds"}
    with pytest.raises(NflverseError, match="2030_02_AAA_BBB: the table has no column over_odds"):
        convert([row], season=2030, week=2)


def test_two_teams_of_one_name_are_refused() -> None:
    """A row that the wire format cannot hold is an error of the table."""
    assert refusal(home_team="AAA") == "2030_02_AAA_BBB: home and away must be two teams"


def test_a_week_that_is_not_there_is_refused_with_those_that_are() -> None:
    """The message lists the weeks of the season, or the seasons of the table."""
    rows = [SUNDAY_NIGHT, SUNDAY_NIGHT | {"week": "1"}]
    with pytest.raises(NflverseError, match=r"season 2030 has no week 3: its weeks are 1, 2$"):
        convert(rows, season=2030, week=3)
    with pytest.raises(NflverseError, match=r"no season 2031: its seasons are 2030$"):
        convert(rows, season=2031, week=1)
    with pytest.raises(NflverseError, match=r"no season 2031: its seasons are none$"):
        convert([], season=2031, week=1)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A file of another kind is named in the error."""
    path = tmp_path / "games.xlsx"
    path.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(NflverseError, match=r"games\.xlsx is no CSV file in UTF-8"):
        convert_file(path, season=2014, week=5)


def table_rows() -> list[dict[str, str]]:
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


@needs_table
def test_every_week_of_ten_real_seasons_converts(tmp_path: Path) -> None:
    """Each of the 210 NFL weeks is a feed file that reads back, and together they hold the whole table."""
    rows = table_rows()
    weeks = sorted({(int(row["season"]), int(row["week"])) for row in rows})
    assert len(weeks) == 210
    types: Counter[str] = Counter()
    for season, week in weeks:
        messages = convert(rows, season=season, week=week)
        path = tmp_path / f"{season}-{week}.jsonl"
        path.write_bytes(b"".join(encode(message) + b"\n" for message in messages))
        assert read_feed(path) == messages
        types.update(message.type for message in messages)
    # One game of the table has no prices at all.
    assert types == {"game": 2670, "quote": 3 * 2669, "result": 2670}


@needs_table
def test_a_real_week_has_the_signs_of_its_prices() -> None:
    """In 2014 week 5 moneyline and spread favour the same team, and scores and weeks are the real ones."""
    messages = convert_file(TABLE, season=2014, week=5)
    assert Counter(message.type for message in messages) == {"game": 15, "quote": 45, "result": 15}
    quotes = {(m.game_id, m.market): m for m in messages if isinstance(m, QuoteMessage)}
    for (game_id, market), moneyline in quotes.items():
        if market == "moneyline":
            handicap = Decimal(quotes[game_id, "spread"].line or "nan")
            assert (handicap < 0) == (moneyline.prices["home"] < moneyline.prices["away"])
    scores = {m.game_id: (m.home_score, m.away_score) for m in messages if isinstance(m, ResultMessage)}
    assert scores["2014_05_CIN_NE"] == (43, 17)
    listed = {m.at for m in messages if not isinstance(m, ResultMessage)}
    assert listed == {starts_at("2014-W40")}
    weeks = Counter(week_at(m.starts_at) for m in messages if isinstance(m, GameMessage))
    assert weeks == {"2014-W40": 14, "2014-W41": 1}


@needs_table
def test_home_covers_as_often_as_the_table_says() -> None:
    """Settled by hand, the converted spreads and the table's own columns agree on every game of a season."""
    rows = [row for row in table_rows() if row["season"] == "2012"]
    by_table = Counter(
        (margin > 0) - (margin < 0) for row in rows for margin in [float(row["result"]) - float(row["spread_line"])]
    )
    by_feed: Counter[int] = Counter()
    for week in {int(row["week"]) for row in rows}:
        messages = convert(rows, season=2012, week=week)
        spreads = {m.game_id: m.line for m in messages if isinstance(m, QuoteMessage) and m.market == "spread"}
        for result in (m for m in messages if isinstance(m, ResultMessage)):
            margin = Decimal(spreads[result.game_id] or "nan") + result.home_score - result.away_score
            by_feed[(margin > 0) - (margin < 0)] += 1
    assert by_feed == by_table
    assert sum(by_feed.values()) == 267
