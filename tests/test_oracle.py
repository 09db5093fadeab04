"""The auditor's program, on weeks small enough to settle by hand."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import Game, Json, Word, audit, follow, instant, payout, settle, standings_hash

WEEK: Json = {
    "week": "2026-W47",
    "starts_at": "2026-11-16T05:00:00.000000Z",
    "ends_at": "2026-11-23T05:00:00.000000Z",
    "rules": {"overtime_leagues": ["NFL"], "prizes": [], "prize_min_entries": 2, "prize_currency": "usd"},
}
FINAL_AT = "2026-11-24T17:00:00.000000Z"
ANN, BOB = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
SUNDAY = "2026-11-22T18:00:00Z"
LATER_ON_SUNDAY = "2026-11-22T21:30:00Z"
NEXT_WEEK = "2026-11-24T01:15:00Z"
PRICES = {"home": -140, "away": 120}


def at(day: int, hour: int = 12) -> str:
    """An instant in November 2026."""
    return f"2026-11-{day}T{hour:02}:00:00Z"


def message(kind: str, when: str, **fields: Any) -> Json:
    """A feed message about the game `g`."""
    return {"v": 1, "type": kind, "at": when, "source": "wire", "game_id": "g", **fields}


def listed(when: str = "2026-11-15T12:00:00Z", starts_at: str = SUNDAY, home: str = "BAL", away: str = "CIN") -> Json:
    """The message that lists the game."""
    return message("game", when, league="NFL", home=home, away=away, starts_at=starts_at)


def result(when: str, home: int, away: int, *, revision: int = 1, certainty: str = "official") -> Json:
    """The message that gives a score."""
    return message("result", when, revision=revision, certainty=certainty, home_score=home, away_score=away)


def status(when: str, what: str, **fields: Any) -> Json:
    """The message that says what became of the game."""
    return message("status", when, status=what, **fields)


def export_of(*events: tuple[str, str, Json], finalised: str) -> list[Json]:
    """A week's export around some events, given as type, stream and data; Wednesday noon is when they happened."""
    around = [
        ("week.opened", "week", WEEK),
        ("game.scheduled", "g1", scheduled()),
        ("game.market_quoted", "g1", quoted(PRICES)),
        *events,
        ("week.finalised", "week", {"standings_hash": finalised}),
    ]
    return [
        {
            "log": "2026-W47",
            "position": position,
            "stream": stream,
            "type": kind,
            "recorded_at": FINAL_AT if kind == "week.finalised" else at(18),
            "data": data,
        }
        for position, (kind, stream, data) in enumerate(around, 1)
    ]


def scheduled(starts_at: str = SUNDAY) -> Json:
    """The data of the listing in the log."""
    return {
        "league": "NFL",
        "home": "BAL",
        "away": "CIN",
        "source": "wire",
        "external_id": "g",
        "starts_at": starts_at,
    }


def quoted(prices: Json) -> Json:
    """The data of a moneyline quote."""
    return {"odds_id": "o", "market_id": "m", "market": "moneyline", "line": None, "prices": prices}


def account(entry: str) -> list[tuple[str, str, Json]]:
    """The events with which an account begins."""
    return [
        ("account.opened", entry, {"pool_name": "W2026-47-A"}),
        ("account.credits_granted", entry, {"amount": 1000, "available": 1000}),
    ]


def stake(entry: str, bet_id: str, outcome: str, price: int, potential_payout: int) -> tuple[str, str, Json]:
    """Fifty credits on the moneyline of the game."""
    terms = {"market": "moneyline", "market_id": "m", "odds_id": "o", "game_id": "g1", "line": None}
    data = {"bet_id": bet_id, "outcome": outcome, "price": price, "stake": 50, "potential_payout": potential_payout}
    return "account.stake_placed", entry, {**terms, **data, "available": 950}


def table(first: tuple[str, int], second: tuple[str, int]) -> str:
    """The standings hash of two entries in one pool, spelt out."""
    text = "fairpool/standings/v1\n2026-W47\n2\n"
    text += "".join(
        f"W2026-47-A {rank} {entry} {credits}\n" for rank, (entry, credits) in enumerate((first, second), 1)
    )
    return hashlib.sha256(text.encode()).hexdigest()


def small_week() -> list[Json]:
    """Ann takes the away side at +120 and wins; Bob takes the home side at -140 and loses."""
    return export_of(
        *account(ANN),
        *account(BOB),
        stake(ANN, "a", "away", 120, 110),
        stake(BOB, "b", "home", -140, 85),
        ("account.bet_won", ANN, {"bet_id": "a", "payout": 110, "resolution": 1, "available": 1060}),
        ("account.bet_lost", BOB, {"bet_id": "b", "resolution": 1, "available": 950}),
        finalised=table((ANN, 1060), (BOB, 950)),
    )


FEED = [listed(), result(at(22, 22), 17, 20)]


def test_a_week_that_was_settled_right_shows_no_difference() -> None:
    """Outcomes, credits and standings come out as the log has them."""
    answer = audit(small_week(), FEED)
    assert answer["differences"] == []
    assert answer["bets"] == {"placed": 2, "won": 1, "lost": 1, "returned": 0}
    assert answer["credits"] == {"issued": 2000, "available": 2010, "escrow": 0, "house": -10}
    assert answer["standings_hash"] == table((ANN, 1060), (BOB, 950))


def test_a_correction_replaces_what_the_log_said_first() -> None:
    """The last word of the log on a bet is the one that is compared."""
    export = export_of(
        *account(ANN),
        *account(BOB),
        stake(ANN, "a", "away", 120, 110),
        ("account.bet_lost", ANN, {"bet_id": "a", "resolution": 1, "available": 950}),
        ("account.payout_corrected", ANN, {"bet_id": "a", "to_outcome": "won", "to_payout": 110, "available": 1060}),
        finalised=table((ANN, 1060), (BOB, 1000)),
    )
    corrected = [listed(), result(at(22, 22), 20, 17), result(at(22, 23), 17, 20, revision=2)]
    assert audit(export, corrected)["differences"] == []


@pytest.mark.parametrize(
    ("kind", "change", "named"),
    [
        ("account.bet_won", {"payout": 111}, "bet a:"),
        ("account.bet_won", {"available": 1061}, f"entry {ANN}:"),
        ("account.stake_placed", {"price": 130}, "bet a, terms:"),
        ("account.stake_placed", {"potential_payout": 120}, "bet a, win:"),
        ("account.stake_placed", {"odds_id": "other"}, "bet a: its quote"),
        ("week.finalised", {"standings_hash": "0" * 64}, "standings:"),
    ],
)
def test_what_was_changed_in_the_log_is_named(kind: str, change: Json, named: str) -> None:
    """One changed field is enough for a difference that says where it is."""
    export = small_week()
    next(event for event in export if event["type"] == kind)["data"].update(change)
    assert any(difference.startswith(named) for difference in audit(export, FEED)["differences"])


def test_an_event_taken_out_is_missed() -> None:
    """A gap in the positions is a difference of its own."""
    export = small_week()
    del export[-2]
    assert any(difference.startswith("position:") for difference in audit(export, FEED)["differences"])


def test_another_result_in_the_feed_settles_otherwise() -> None:
    """The feed decides, not the log: with the score turned round both bets differ."""
    answer = audit(small_week(), [listed(), result(at(22, 22), 20, 17)])
    assert {difference.split(":")[0] for difference in answer["differences"]} >= {"bet a", "bet b", "standings"}


def test_a_game_that_the_feed_does_not_know_leaves_its_stakes_in_escrow() -> None:
    """Nothing is settled on a game that only the log knows."""
    answer = audit(small_week(), [])
    assert answer["credits"]["escrow"] == 100
    assert any("is not in the feed" in difference for difference in answer["differences"])


def test_an_export_that_does_not_reach_the_end_is_refused() -> None:
    """A week that is not final has no outcome to compare."""
    with pytest.raises(ValueError, match="until it is final"):
        audit(small_week()[:-1], FEED)


@pytest.mark.parametrize(
    ("stake", "price", "paid"),
    [(50, 120, 110), (50, -140, 85), (1, -110, 1), (2, -110, 3), (7, 100, 14), (7, -100, 14), (3, 105, 6)],
)
def test_a_win_pays_stake_and_profit_floored_to_a_whole_credit(stake: int, price: int, paid: int) -> None:
    """American prices, in whole numbers."""
    assert payout(stake, price) == paid


TWO_WAY, THREE_WAY = PRICES, {"home": 150, "draw": 220, "away": 180}
SIDES, SUMS = {"home": -110, "away": -110}, {"over": -110, "under": -110}


@pytest.mark.parametrize(
    ("market", "outcome", "line", "prices", "score", "expected"),
    [
        ("moneyline", "home", None, TWO_WAY, (20, 17), "won"),
        ("moneyline", "away", None, TWO_WAY, (20, 17), "lost"),
        ("moneyline", "home", None, TWO_WAY, (17, 17), "push"),
        ("moneyline", "home", None, THREE_WAY, (1, 1), "lost"),
        ("moneyline", "draw", None, THREE_WAY, (1, 1), "won"),
        ("moneyline", "draw", None, THREE_WAY, (2, 1), "lost"),
        ("spread", "home", "-6.5", SIDES, (27, 20), "won"),
        ("spread", "away", "-6.5", SIDES, (27, 20), "lost"),
        ("spread", "away", "-7.0", SIDES, (27, 20), "push"),
        ("spread", "home", "3.0", SIDES, (17, 19), "won"),
        ("total", "over", "53.0", SUMS, (35, 34), "won"),
        ("total", "under", "53.0", SUMS, (20, 17), "won"),
        ("total", "over", "37.0", SUMS, (20, 17), "push"),
        ("total", "under", "53.0", SUMS, None, "void"),
    ],
)
def test_a_bet_is_settled_by_its_market(
    market: str, outcome: str, line: str | None, prices: Json, score: tuple[int, int] | None, expected: str
) -> None:
    """Spread: home and line against away; total: sum against line; an exact hit or a two-way tie pushes."""
    bet = {"market": market, "outcome": outcome, "line": line, "price": 100, "stake": 10}
    game = Game({}, words=[Word(True, 1, score)])
    pays = {"won": 20, "lost": 0, "push": 10, "void": 10}
    assert settle(bet, at=instant(at(18)), prices=prices, game=game) == (expected, pays[expected])


@pytest.mark.parametrize(("started_at", "expected"), [(at(18, 11), "void"), (at(18, 12), "void"), (at(18, 13), "won")])
def test_a_bet_recorded_once_the_game_had_started_is_void(started_at: str, expected: str) -> None:
    """The real start decides, and its own instant is late."""
    bet = {"market": "moneyline", "outcome": "home", "line": None, "price": 100, "stake": 10}
    game = Game({}, started_at=instant(started_at), words=[Word(True, 1, (20, 17))])
    assert settle(bet, at=instant(at(18, 12)), prices=TWO_WAY, game=game)[0] == expected


SCORES = {
    "an official result": ([result(at(22, 22), 20, 17)], (20, 17)),
    "no result": ([], None),
    "a provisional result whose official one never comes": (
        [result(at(22, 22), 20, 17, certainty="provisional")],
        (20, 17),
    ),
    "official before a higher provisional": (
        [result(at(22, 22), 20, 17), result(at(22, 23), 0, 1, revision=9, certainty="provisional")],
        (20, 17),
    ),
    "the highest revision, whatever comes last": (
        [result(at(22, 22), 20, 17, revision=3), result(at(22, 23), 0, 1, revision=2)],
        (20, 17),
    ),
    "the first of two that contradict each other": (
        [result(at(22, 22), 20, 17), result(at(22, 23), 0, 1)],
        (20, 17),
    ),
    "cancelled": ([status(at(21), "cancelled")], None),
    "abandoned after a provisional result": (
        [result(at(22, 22), 20, 17, certainty="provisional"), status(at(22, 23), "abandoned")],
        None,
    ),
    "cancelled after its result": ([result(at(22, 22), 20, 17), status(at(22, 23), "cancelled")], None),
    "played after all": ([status(at(21), "cancelled"), result(at(22, 22), 20, 17)], (20, 17)),
    "a result after the week is final": ([result(at(25), 20, 17)], None),
    "postponed within the week": (
        [status(at(20), "postponed", starts_at=LATER_ON_SUNDAY), result(at(22, 23), 20, 17)],
        (20, 17),
    ),
    "postponed out of the week": (
        [status(at(20), "postponed", starts_at=NEXT_WEEK), result(at(24, 5), 20, 17)],
        None,
    ),
    "listed anew in the next week": ([listed(at(20), NEXT_WEEK), result(at(24, 5), 20, 17)], None),
    "called off and not started by the week's end": (
        [status(at(20), "postponed"), result(at(23, 22), 20, 17)],
        None,
    ),
    "called off and started after all": (
        [status(at(20), "postponed"), status(at(22, 21), "in_progress"), result(at(23, 6), 20, 17)],
        (20, 17),
    ),
    "started in the week and ended after it": ([result(at(23, 6), 20, 17)], (20, 17)),
    "sides swapped under a known id": (
        [listed(at(20), NEXT_WEEK, home="CIN", away="BAL"), result(at(22, 22), 20, 17)],
        (20, 17),
    ),
    "its id returns for another game next week": (
        [result(at(22, 22), 20, 17), listed(at(23, 6), NEXT_WEEK, home="KC"), result(at(24, 5), 0, 1, revision=2)],
        (20, 17),
    ),
}


@pytest.mark.parametrize(("said", "expected"), SCORES.values(), ids=SCORES)
def test_the_score_that_stands_follows_from_the_feed(said: Sequence[Json], expected: tuple[int, int] | None) -> None:
    """Each story of a game ends with the score that settles it, or with none."""
    game = Game(scheduled())
    follow(game, [listed(), *said], week=WEEK, final_at=instant(FINAL_AT), begin=0)
    assert game.score() == expected


def test_a_late_word_on_last_weeks_game_of_the_same_id_settles_nothing_here() -> None:
    """A result means the last listing of its id that had started by then."""
    last_week = listed("2026-11-10T12:00:00Z", "2026-11-15T18:00:00Z")
    feed = [last_week, listed(at(16)), result(at(17), 0, 1, revision=8), result(at(22, 22), 20, 17, revision=9)]
    game = Game(scheduled())
    follow(game, feed, week=WEEK, final_at=instant(FINAL_AT), begin=1)
    assert game.words == [Word(True, 9, (20, 17))]


def test_a_game_that_moved_out_and_came_back_is_two_listings() -> None:
    """The stakes on the first listing are returned, those on the second are settled."""
    back = "2026-11-22T19:00:00Z"
    feed = [listed(), listed(at(18), NEXT_WEEK), listed(at(19), back), result(at(22, 23), 17, 20)]
    export = export_of(
        ("game.scheduled", "g2", scheduled(back)),
        *account(ANN),
        *account(BOB),
        stake(ANN, "a", "away", 120, 110),
        ("account.stake_returned", ANN, {"bet_id": "a", "amount": 50, "reason": "postponed", "available": 1000}),
        ("account.stake_placed", BOB, stake(BOB, "b", "away", 120, 110)[2] | {"game_id": "g2"}),
        ("account.bet_won", BOB, {"bet_id": "b", "payout": 110, "available": 1060}),
        finalised=table((BOB, 1060), (ANN, 1000)),
    )
    assert audit(export, feed)["differences"] == []


def test_regulation_time_settles_the_leagues_in_which_overtime_does_not_count() -> None:
    """With both scores given, the league says which one counts."""
    told = {**result(at(22, 22), 2, 1), "regulation": {"home": 1, "away": 1}}
    for league, expected in (("NFL", (2, 1)), ("EPL", (1, 1))):
        game = Game({**scheduled(), "league": league})
        follow(game, [{**listed(), "league": league}, told], week=WEEK, final_at=instant(FINAL_AT), begin=0)
        assert game.score() == expected


def test_equal_credits_share_a_rank_and_short_pool_names_come_first() -> None:
    """1, 2, 2, 4 within a pool; pool Z before pool AA; entries of one rank in order of id."""
    text = (
        "fairpool/standings/v1\n2026-W47\n5\n"
        "W2026-47-Z 1 d 1200\nW2026-47-Z 2 b 1000\nW2026-47-Z 2 c 1000\nW2026-47-Z 4 a 10\nW2026-47-AA 1 e 5\n"
    )
    pools = {"W2026-47-AA": {"e": 5}, "W2026-47-Z": {"a": 10, "b": 1000, "c": 1000, "d": 1200}}
    assert standings_hash("2026-W47", pools) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(("score", "exit_code"), [((17, 20), 0), ((20, 17), 1)])
def test_the_program_reads_two_files_and_exits_with_one_on_a_difference(
    tmp_path: Path, score: tuple[int, int], exit_code: int
) -> None:
    """It runs alone, from two files, and prints one JSON object; lines that tell of no game are passed over."""
    export, feed = tmp_path / "export.jsonl", tmp_path / "feed.jsonl"
    unreadable = [{"v": 2, "type": "game"}, {**result(at(22, 21), 0, 1, revision=7), "home_score": "0"}]
    export.write_text("".join(json.dumps(event) + "\n" for event in small_week()), encoding="utf-8")
    told = [listed(), *unreadable, result(at(22, 22), *score)]
    feed.write_text("".join(json.dumps(each) + "\n" for each in told), encoding="utf-8")
    program = Path(__file__).with_name("oracle.py")
    ran = subprocess.run(
        [sys.executable, "-I", str(program), str(export), str(feed)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == exit_code, ran.stderr
    assert bool(json.loads(ran.stdout)["differences"]) == bool(exit_code)


def test_the_program_shares_no_line_with_the_service() -> None:
    """It imports the standard library and nothing else."""
    tree = ast.parse(Path(__file__).with_name("oracle.py").read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {str(name).split(".")[0] for name in imported} <= sys.stdlib_module_names
