"""Use case: a player stakes credits."""

from __future__ import annotations

from concurrent.futures import Future
from uuid import UUID

from ledger import ids
from ledger.book import Decision
from ledger.facts import Fact
from ledger.ledger import Ledger


def place_bet(
    ledger: Ledger,
    *,
    week: str,
    entry: UUID,
    market_id: UUID,
    odds_id: UUID,
    outcome: str,
    stake: int,
    key: str,
) -> Future[Fact]:
    """Place a bet at the quote named; the same `key` again is answered with the first answer.

    The future's fact is a StakePlaced. It raises, of `ledger.account`, KeyReused, AccountNotOpen,
    InsufficientCredits and StakeOutOfRange; of `ledger.game`, UnknownMarket, MarketClosed, QuoteChanged and
    UnknownOutcome; of `ledger.week`, BettingClosed.
    """
    bet_id = ids.bet_id(entry, key)

    def decide(on: Decision) -> Fact:
        account = on.account(entry)
        first = account.placed(bet_id=bet_id, market_id=market_id, odds_id=odds_id, outcome=outcome, stake=stake)
        if first is not None:
            return first
        on.week().require_betting()
        game = on.game_of_market(market_id)
        offer = game.offer(market_id=market_id, odds_id=odds_id, outcome=outcome, at=on.now)
        on.must_be_recorded_before(game.starts_at)
        return account.place_stake(bet_id=bet_id, offer=offer, stake=stake, rules=on.week().rules)

    return ledger.desk(week).ask(decide, actor="player", request=key, account=entry)
