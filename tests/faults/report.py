"""The report of a run: a row a fault, and what each witness said."""

from __future__ import annotations

import statistics
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from typing import Final

from tests.faults.journal import Told, Wish
from tests.faults.oracles import Findings, Verdicts
from tests.faults.rounds import Round

WRONG_SHOWN: Final = 5
_HEADINGS: Final = (
    "fault",
    "rounds",
    "faults",
    "acknowledged",
    "refused",
    "in doubt",
    "stood",
    "placed then",
    "refused then",
    "lost",
    "made",
    "doubled",
    "silent s",
    "whole after s",
)


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one fault. In doubt were bets whose first word was none: they `stood` already, were `placed` by a
    retry, or were refused then. `silent` is for how long, in each round, no bet was acknowledged to anybody.
    """

    fault: str
    rounds: int
    faults: int
    acknowledged: int
    refused: int
    in_doubt: int
    stood: int
    placed: int
    refused_then: int
    lost: int
    made: int
    doubled: int
    silent: tuple[float, ...]
    whole_after: tuple[float, ...]

    @property
    def is_sound(self) -> bool:
        """Say whether nothing was lost, made or doubled."""
        return not (self.lost or self.made or self.doubled)

    def cells(self) -> list[str]:
        """Return the row as text."""
        name, *numbers = astuple(self)[:-2]
        return [name, *(f"{number:,}" for number in numbers), _spread(self.silent), _spread(self.whole_after)]


def rows(rounds: Sequence[Round], told: Told, verdicts: Verdicts) -> list[Row]:
    """Return a row a fault, and one for all the time in between; a bet counts where it was asked for."""
    names = list(dict.fromkeys(each.fault for each in rounds))
    by_fault: dict[str | None, list[Wish]] = {name: [] for name in (*names, None)}
    for wish in told.wishes.values():
        by_fault[_during(wish, rounds)].append(wish)
    found = [
        _row(name, [each for each in rounds if each.fault == name], by_fault[name], told, verdicts) for name in names
    ]
    return [*found, _row("nothing, in between", [], by_fault[None], told, verdicts)]


def total(found: Sequence[Row]) -> Row:
    """Return the sum of all rows."""
    counted = [each.name for each in fields(Row) if each.type == "int"]
    sums = {name: sum(getattr(row, name) for row in found) for name in counted}
    return Row(fault="all", silent=(), whole_after=(), **sums)


def table(found: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the table."""
    lines = [list(_HEADINGS), *(row.cells() for row in found)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *rest in lines:
        yield "  ".join(
            [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
        )


def said(findings: Sequence[Findings]) -> Iterator[str]:
    """Yield what each witness says."""
    for each in findings:
        yield f"{'ok   ' if not each.wrong else 'WRONG'}  {each.witness}: {each.looked_at}"
        yield from (f"       {wrong}" for wrong in each.wrong[:WRONG_SHOWN])
        if len(each.wrong) > WRONG_SHOWN:
            yield f"       and {len(each.wrong) - WRONG_SHOWN} more"


def _row(fault: str, rounds: Sequence[Round], wishes: Sequence[Wish], told: Told, verdicts: Verdicts) -> Row:
    doubted = [wish for wish in wishes if wish.doubts]
    acknowledged = [wish for wish in doubted if wish.standing == "acknowledged"]
    keys = {wish.key for wish in wishes}
    return Row(
        fault=fault,
        rounds=len(rounds),
        faults=sum(each.faults for each in rounds),
        acknowledged=sum(wish.standing == "acknowledged" for wish in wishes),
        refused=sum(wish.standing == "refused" for wish in wishes),
        in_doubt=len(doubted),
        stood=sum(wish.first_is_replay for wish in acknowledged),
        placed=sum(not wish.first_is_replay for wish in acknowledged),
        refused_then=sum(wish.standing == "refused" for wish in doubted),
        lost=len(keys & verdicts.lost),
        made=len(keys & verdicts.made),
        doubled=len(keys & verdicts.doubled),
        silent=tuple(_silence(each, told.acknowledged_at) for each in rounds),
        whole_after=tuple(each.whole_after for each in rounds),
    )


def _during(wish: Wish, rounds: Sequence[Round]) -> str | None:
    """Return the fault that there was when a bet was asked for, or was still without an answer."""
    until = wish.asked_at if wish.answered_at is None else wish.answered_at
    return next((each.fault for each in rounds if each.began <= until and wish.asked_at < each.ended), None)


def _silence(each: Round, acknowledged_at: Sequence[float]) -> float:
    """Return the longest time in a round in which nobody was acknowledged anything."""
    since, until = (bisect_left(acknowledged_at, at) for at in (each.began, each.ended))
    times = [each.began, *acknowledged_at[since:until], each.ended]
    return max(later - earlier for earlier, later in pairwise(times))


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return ""
    return f"{statistics.median(seconds):.1f} ({max(seconds):.1f})"
