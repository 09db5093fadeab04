"""Two operating-system processes on one log: no credit is staked twice, and no acknowledged bet is lost."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from ledger.events import StakePlaced
from tests.ledger.desks import waiting_for_a_lock
from tests.ledger.playing import House
from tests.ledger.processes import bet_until_broke


@pytest.mark.parametrize("prefixes", [("a", "b"), ("k", "k")], ids=["their own bets", "the same bets"])
def test_two_processes_stake_one_account_to_zero(house: House, prefixes: Sequence[str]) -> None:
    """Let go at the same moment, they place exactly as many bets as the credits are good for."""
    (entry,) = house.grouped(1)
    game = house.list_game()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        with house.recorder().held():
            runs = [processes.submit(bet_until_broke, house.dsn, entry, game, 30, prefix) for prefix in prefixes]
            waiting_for_a_lock(house.dsn, 2)
        acknowledged = [run.result(120) for run in runs]
    bets = {fact.request: fact.position for fact in house.facts() if isinstance(fact.event, StakePlaced)}
    assert len(bets) == 1000 // 30
    assert acknowledged[0] | acknowledged[1] == bets
    assert house.available(entry) == 1000 % 30
    house.audit()
