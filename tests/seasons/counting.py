"""What bets came to, game by game and market by market: by the log, and by the program that reads the table."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

from ledger.events import (
    BetLost,
    BetWon,
    GameScheduled,
    PayoutCorrected,
    SettlementCompleted,
    StakePlaced,
    StakeReturned,
)
from ledger.facts import Fact
from ledger.ids import settlement_stream

Totals = Mapping[str, Mapping[str, Mapping[str, int]]]
TOTALS: Final = Path(__file__).with_name("totals.py")


class Counted:
    """The bets of some logs, and what the ledger says that they came to."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.corrections = 0
        self._names: dict[UUID, str] = {}
        self._bets: dict[UUID, StakePlaced] = {}
        self._came_to: dict[UUID, tuple[str, int]] = {}
        self._completed: dict[UUID, SettlementCompleted] = {}
        for fact in facts:
            self._count(fact)

    def _count(self, fact: Fact) -> None:
        match fact.event:
            case GameScheduled(external_id=name):
                self._names[fact.stream] = name
            case StakePlaced() as bet:
                self._bets[bet.bet_id] = bet
            case BetWon(bet_id=bet_id, payout=payout):
                self._came_to[bet_id] = "won", payout
            case BetLost(bet_id=bet_id):
                self._came_to[bet_id] = "lost", 0
            case StakeReturned(bet_id=bet_id, amount=amount, reason=reason):
                self._came_to[bet_id] = "push" if reason == "push" else "void", amount
            case PayoutCorrected(bet_id=bet_id, to_outcome=outcome, to_payout=payout):
                self._came_to[bet_id] = outcome, payout
                self.corrections += 1
            case SettlementCompleted() as completed:
                self._completed[fact.stream] = completed

    @property
    def totals(self) -> dict[str, dict[str, Counter[str]]]:
        """The bets of each game and market added up, by the feed's id of the game."""
        found: dict[str, dict[str, Counter[str]]] = {}
        for bet in self._bets.values():
            outcome, paid = self._came_to.get(bet.bet_id, ("open", 0))
            market = found.setdefault(self._names[bet.game_id], {}).setdefault(bet.market, Counter())
            market.update({"bets": 1, outcome: 1, "staked": bet.stake, "paid": paid})
        return found

    def differences(self) -> Iterator[str]:
        """Hold what each game's last settlement says of its bets against the bets themselves."""
        for game_id, name in self._names.items():
            bets = [bet for bet in self._bets.values() if bet.game_id == game_id]
            paid = sum(self._came_to[bet.bet_id][1] for bet in bets if bet.bet_id in self._came_to)
            here = (len(bets), sum(bet.stake for bet in bets), paid)
            completed = self._completed.get(settlement_stream(game_id))
            said = (0, 0, 0) if completed is None else (completed.bets, completed.staked, completed.paid)
            if here != said:
                yield f"{name}: its bets, staked and paid are {here}, and its settlement says {said}"


def by_the_table(table: Path, played: Sequence[Mapping[str, object]]) -> Totals:
    """Have the program that knows nothing of us add up the bets, in an interpreter without our packages."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in played)
        file.flush()
        program = [sys.executable, "-I", str(TOTALS), str(table), file.name]
        done = subprocess.run(program, capture_output=True, check=True, timeout=120)
    found: Totals = json.loads(done.stdout)
    return found


def compare(ours: Totals, theirs: Totals) -> Iterator[str]:
    """Tell game by game and market by market where two counts differ."""
    for game in sorted(ours.keys() | theirs.keys()):
        markets, others = ours.get(game, {}), theirs.get(game, {})
        for market in sorted(markets.keys() | others.keys()):
            here, there = (_sums(each.get(market, {})) for each in (markets, others))
            if here != there:
                yield f"{game} {market}: {here} by the ledger, {there} by the table"


def _sums(market: Mapping[str, int]) -> dict[str, int]:
    """Return what is there; what was not counted and what came to nothing are the same."""
    return {name: number for name, number in sorted(market.items()) if number}
