"""The nflverse games table, one row a game, turned into feed messages of one NFL week.

The table says nothing of when a line was on offer or a score became known, so the instants are fixed by rule:
games and quotes at the start of the pool week that holds the NFL week's first kick-off, results three and a
half hours after kick-off. An NFL week runs from Thursday to Monday, a pool week from Monday to Sunday: the
Monday game is listed with the others and belongs to the next pool week.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from feeds.messages import (
    GameMessage,
    Market,
    Message,
    QuoteMessage,
    ResultMessage,
    first_reason,
    instant,
)
from ledger.mendable import Mendable
from ledger.weeks import NEW_YORK, starts_at, week_at

SOURCE = "nflverse"
LEAGUE = "NFL"
RESULT_AFTER_KICK_OFF = timedelta(hours=3, minutes=30)

_MISSING = ("", "NA")
_DECIMAL = re.compile(r"[+-]?\d{1,9}(\.\d{1,9})?", re.ASCII)


class NflverseError(Mendable, ValueError):
    """A table that cannot be converted; the message names the game and the column, or the weeks there are."""


def convert_file(path: Path, season: int, week: int) -> list[Message]:
    """Convert one NFL week of a CSV file; raises NflverseError, and OSError if the file cannot be read."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            return convert(csv.DictReader(file), season=season, week=week)
        except (csv.Error, UnicodeDecodeError) as error:
            raise NflverseError(f"{path} is no CSV file in UTF-8: {error}") from error


def convert(rows: Iterable[Mapping[str, str]], *, season: int, week: int) -> list[Message]:
    """Return the messages of one NFL week, ordered by `at`: its games, then their quotes, then the results.

    A market is quoted if its line and all its prices are there and the wire format has room for them; a game
    has a result, revision 1 and official, if it has a score. Raises NflverseError.
    """
    kick_offs = [(row, _kick_off(row)) for row in _rows_of_week(rows, season, week)]
    listed_at = starts_at(week_at(min(kick_off for _, kick_off in kick_offs)))
    games = [_game(row, kick_off, listed_at) for row, kick_off in kick_offs]
    quotes = [quote for row, _ in kick_offs for quote in _quotes(row, listed_at)]
    results = [_result(row, kick_off) for row, kick_off in kick_offs if _has_score(row)]
    return [*games, *quotes, *sorted(results, key=lambda result: result.at)]


def _rows_of_week(rows: Iterable[Mapping[str, str]], season: int, week: int) -> list[Mapping[str, str]]:
    weeks: defaultdict[int, set[int]] = defaultdict(set)
    wanted = []
    for row in rows:
        row_season, row_week = _required_whole(row, "season"), _required_whole(row, "week")
        weeks[row_season].add(row_week)
        if (row_season, row_week) == (season, week):
            wanted.append(row)
    if wanted:
        return wanted
    if season in weeks:
        raise NflverseError(f"season {season} has no week {week}: its weeks are {_listing(weeks[season])}")
    raise NflverseError(f"the table has no season {season}: its seasons are {_listing(weeks) or 'none'}")


def _listing(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _game(row: Mapping[str, str], kick_off: datetime, at: datetime) -> GameMessage:
    try:
        return GameMessage(
            at=at,
            source=SOURCE,
            game_id=_required(row, "game_id"),
            league=LEAGUE,
            home=_required(row, "home_team"),
            away=_required(row, "away_team"),
            starts_at=kick_off,
        )
    except ValidationError as error:
        raise NflverseError(f"{_name(row)}: {first_reason(error)}") from error


def _quotes(row: Mapping[str, str], at: datetime) -> Iterator[QuoteMessage]:
    total, favoured_by = _number(row, "total_line"), _number(row, "spread_line")
    # The table has the points by which the home team is favoured, the wire format the home team's handicap.
    spread = None if favoured_by is None else -favoured_by
    offers = (
        _quote(row, at, "moneyline", None, {"home": "home_moneyline", "away": "away_moneyline"}),
        _quote(row, at, "spread", spread, {"home": "home_spread_odds", "away": "away_spread_odds"}),
        _quote(row, at, "total", total, {"over": "over_odds", "under": "under_odds"}),
    )
    yield from (offer for offer in offers if offer)


def _quote(
    row: Mapping[str, str], at: datetime, market: Market, line: Decimal | None, columns: Mapping[str, str]
) -> QuoteMessage | None:
    prices = {outcome: _whole(row, column) for outcome, column in columns.items()}
    try:
        return QuoteMessage(
            at=at,
            source=SOURCE,
            game_id=_required(row, "game_id"),
            market=market,
            line=None if line is None else f"{line:f}",
            prices={outcome: price for outcome, price in prices.items() if price is not None},
        )
    except ValidationError:
        # What the wire format refuses cannot be offered: a line or price missing or out of its bounds.
        return None


def _has_score(row: Mapping[str, str]) -> bool:
    return _cell(row, "home_score") is not None and _cell(row, "away_score") is not None


def _result(row: Mapping[str, str], kick_off: datetime) -> ResultMessage:
    try:
        return ResultMessage(
            at=kick_off + RESULT_AFTER_KICK_OFF,
            source=SOURCE,
            game_id=_required(row, "game_id"),
            revision=1,
            certainty="official",
            home_score=_required_whole(row, "home_score"),
            away_score=_required_whole(row, "away_score"),
        )
    except ValidationError as error:
        raise NflverseError(f"{_name(row)}: {first_reason(error)}") from error


def _kick_off(row: Mapping[str, str]) -> datetime:
    """Return the start in UTC; the table has it as wall time of the US East Coast."""
    day, time = _required(row, "gameday"), _required(row, "gametime")
    try:
        return instant(datetime.strptime(f"{day} {time}", "%Y-%m-%d %H:%M").replace(tzinfo=NEW_YORK))
    except ValueError as error:
        raise NflverseError(
            f"{_name(row)}: gameday {day!r} and gametime {time!r} are no time like 2014-10-05 13:00"
        ) from error


def _required_whole(row: Mapping[str, str], column: str) -> int:
    number = _whole(row, column)
    if number is None:
        raise NflverseError(f"{_name(row)}: {column} is empty")
    return number


def _whole(row: Mapping[str, str], column: str) -> int | None:
    number = _number(row, column)
    if number is not None and number % 1:
        raise NflverseError(f"{_name(row)}: {column} is {row[column]!r}, not a whole number")
    return None if number is None else int(number)


def _number(row: Mapping[str, str], column: str) -> Decimal | None:
    cell = _cell(row, column)
    if cell is not None and not _DECIMAL.fullmatch(cell):
        raise NflverseError(f"{_name(row)}: {column} is {cell!r}, not a number")
    return None if cell is None else Decimal(cell)


def _required(row: Mapping[str, str], column: str) -> str:
    cell = _cell(row, column)
    if cell is None:
        raise NflverseError(f"{_name(row)}: {column} is empty")
    return cell


def _cell(row: Mapping[str, str], column: str) -> str | None:
    """Return what stands in a column, or None if nothing does."""
    if column not in row:
        raise NflverseError(f"{_name(row)}: the table has no column {column}")
    cell = (row[column] or "").strip()
    return None if cell in _MISSING else cell


def _name(row: Mapping[str, str]) -> str:
    return row.get("game_id") or "a row without game_id"
