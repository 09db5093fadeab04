"""The auditor's program works out the prizes of a week by itself, and names each that the log has otherwise."""

from __future__ import annotations

import pytest

from tests.oracle import Json, audit, prizes_of
from tests.test_oracle import ANN, BOB, FEED, WEEK, small_week


def prized_week(*awards: tuple[str, int, int], min_entries: int = 2) -> list[Json]:
    """The small week with 500 and 300 cents for the first places, and awards of (entry, rank, cents) behind its end."""
    table = [{"rank": 1, "amount_cents": 500}, {"rank": 2, "amount_cents": 300}]
    export = small_week()
    rules = WEEK["rules"] | {"prizes": table, "prize_min_entries": min_entries}
    export[0] = export[0] | {"data": WEEK | {"rules": rules}}
    for entry, rank, cents in awards:
        data = {"rank": rank, "amount_cents": cents, "currency": "usd"}
        position = len(export) + 1
        export.append(
            export[-1] | {"position": position, "stream": entry, "type": "account.prize_awarded", "data": data}
        )
    return export


RIGHT = [(ANN, 1, 500), (BOB, 2, 300)]


def test_prizes_of_the_standings_show_no_difference() -> None:
    """They stand behind the end of the week, in whatever order; a pool that is too small has none."""
    for export in (prized_week(*RIGHT), prized_week(*reversed(RIGHT)), prized_week(min_entries=3)):
        assert audit(export, FEED)["differences"] == []


@pytest.mark.parametrize(
    ("awards", "named"),
    [
        ([(ANN, 1, 500)], BOB),
        ([*RIGHT, (BOB, 2, 300)], BOB),
        ([*RIGHT, ("nobody", 3, 1)], "nobody"),
        ([(ANN, 1, 501), (BOB, 2, 300)], ANN),
        ([(ANN, 2, 500), (BOB, 2, 300)], ANN),
    ],
    ids=["missing", "twice", "a stranger's", "too much", "another rank"],
)
def test_prize_that_the_log_has_otherwise_is_named(awards: list[tuple[str, int, int]], named: str) -> None:
    """One difference, with whose prize it is."""
    (difference,) = audit(prized_week(*awards), FEED)["differences"]
    assert difference.startswith("prizes of") and named in difference.split(":")[0]


@pytest.mark.parametrize(
    ("pool", "played", "won"),
    [
        ({"a": 9, "b": 9, "c": 9}, "abc", {"a": 267, "b": 267, "c": 266}),
        ({"a": 9, "b": 8, "c": 7}, "bc", {"b": 500, "c": 300}),
        ({"a": 9, "b": 0, "c": -1}, "abc", {"a": 500}),
        ({"a": 9, "b": 9, "c": 9, "d": 1}, "acd", {"a": 400, "c": 400}),
        ({"a": 9}, "a", {}),
    ],
    ids=["a tie", "an idle leader", "nothing left", "an idle one in a tie", "a pool of one"],
)
def test_prizes_go_by_place_to_who_played(pool: dict[str, int], played: str, won: dict[str, int]) -> None:
    """Idle and bust entries take no place; tied ones share in whole cents, the first ids first."""
    rules = prized_week()[0]["data"]["rules"]
    prizes = prizes_of(pool, played=set(played), rules=rules)
    assert {entry: prize["amount_cents"] for entry, (prize,) in prizes.items()} == won
