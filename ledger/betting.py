"""Use cases: a player stakes credits, on one bet or on a slip of several, or asks what a slip would come to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from typing import NamedTuple
from uuid import UUID

from ledger import ids
from ledger.account import Account
from ledger.aggregate import LedgerError
from ledger.book import Decision
from ledger.facts import Fact
from ledger.game import Offer
from ledger.ledger import Ledger
from ledger.odds import payout
from ledger.slip import Slip, SlipRefused, Stake


class Accepted(NamedTuple):
    """A stake that can be placed: the terms that it would freeze, and the credits that it would leave."""

    offer: Offer
    stake: int
    available: int
    potential_payout: int


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
    barred: Exception | None = None,
) -> Future[Fact]:
    """Place a bet at the quote named; the same `key` again is answered with the first answer.

    `barred`, which keeps the player from betting, is raised for a new bet only. The future's fact is a StakePlaced.
    It raises, of `ledger.account`, KeyReused, AccountNotOpen, InsufficientCredits and StakeOutOfRange; of
    `ledger.game`, UnknownMarket, MarketClosed, QuoteChanged and UnknownOutcome; of `ledger.week`, BettingClosed.
    """
    bet_id = ids.bet_id(entry, key)

    def decide(on: Decision) -> Fact:
        account = on.account(entry, naming=(bet_id,))
        first = account.placed(bet_id=bet_id, market_id=market_id, odds_id=odds_id, outcome=outcome, stake=stake)
        if first is not None:
            return first
        if barred is not None:
            raise barred
        account.require_key(key)
        offer = _offer(on, market_id=market_id, odds_id=odds_id, outcome=outcome)
        return account.place_stake(bet_id=bet_id, offer=offer, stake=stake, rules=on.week().rules)

    return ledger.desk(week).ask(decide, actor="player", request=key, account=entry)


def place_bets(
    ledger: Ledger,
    *,
    week: str,
    entry: UUID,
    slip: Slip,
    numbers: Collection[int],
    barred: Exception | None = None,
) -> Future[Mapping[int, Fact | LedgerError]]:
    """Place those bets of a slip, by number, whose markets belong to a week: what can be placed, in one append.

    The future's mapping has, for each number, the StakePlaced or the error that `place_bet` would have raised. The
    same slip again is answered with the bets that it placed; those refused are tried again, as nothing is kept of a
    refusal, unless `barred`, which is then raised, keeps the player from betting. It raises UnknownMarket where the
    week has not all markets, KeyReused where the key named something else, and SlipRefused where bets that are placed
    all or none cannot all be.
    """
    request = slip.request
    bet_ids = {number: slip.bet_id(entry, number) for number in numbers}
    names = (ids.bet_id(entry, slip.key), *bet_ids.values())

    def decide(on: Decision) -> Mapping[int, Fact | LedgerError]:
        account = on.account(entry, naming=names)
        account.require_key(slip.key, slip=request)
        answers: dict[int, Fact | LedgerError] = {
            number: account.bets[bet_id].placed for number, bet_id in bet_ids.items() if bet_id in account.bets
        }
        wanted = [number for number in numbers if number not in answers]
        if wanted and barred is not None:
            raise barred
        for number, said in _rehearse(on, account, slip, wanted).items():
            if isinstance(said, Accepted):
                answers[number] = account.place_stake(
                    bet_id=bet_ids[number], offer=said.offer, stake=said.stake, rules=on.week().rules
                )
            else:
                answers[number] = said
        return answers

    return ledger.desk(week).ask(decide, actor="player", request=request, account=entry)


def rehearse_bets(
    ledger: Ledger, *, week: str, entry: UUID, slip: Slip, numbers: Collection[int]
) -> Future[Mapping[int, Accepted | LedgerError]]:
    """Say what `place_bets` would come to for a slip that comes for the first time. Nothing is appended."""

    def decide(on: Decision) -> Mapping[int, Accepted | LedgerError]:
        return _rehearse(on, on.account(entry), slip, numbers)

    return ledger.desk(week).ask(decide, actor="player", request=slip.request, account=entry)


def _rehearse(
    on: Decision, account: Account, slip: Slip, numbers: Collection[int]
) -> dict[int, Accepted | LedgerError]:
    """Say which bets of a slip can be placed one after another; nothing is triggered, so a refusal costs nobody."""
    answers: dict[int, Accepted | LedgerError] = {}
    for number in numbers:
        # A market that is not on the board refuses the slip before it triggers anything: only such a command is
        # decided again when the market turns out to have been listed since.
        on.game_of_market(slip.stakes[number - 1].market_id)
    available = account.available
    for number in numbers:
        try:
            answers[number] = accepted = _accept(on, account, slip.stakes[number - 1], available=available)
            available = accepted.available
        except LedgerError as refusal:
            answers[number] = refusal
    refusals = {number: answer for number, answer in answers.items() if isinstance(answer, LedgerError)}
    if slip.all_or_nothing and refusals:
        raise SlipRefused(refusals)
    return answers


def _accept(on: Decision, account: Account, asked: Stake, *, available: int) -> Accepted:
    offer = _offer(on, market_id=asked.market_id, odds_id=asked.odds_id, outcome=asked.outcome)
    account.require_stake(stake=asked.stake, price=offer.price, available=available, rules=on.week().rules)
    return Accepted(offer, asked.stake, available - asked.stake, payout(asked.stake, offer.price))


def _offer(on: Decision, *, market_id: UUID, odds_id: UUID, outcome: str) -> Offer:
    """Return what a stake that is recorded before the game's start would freeze."""
    on.week().require_betting()
    game = on.game_of_market(market_id)
    offer = game.offer(market_id=market_id, odds_id=odds_id, outcome=outcome, at=on.now)
    on.must_be_recorded_before(game.starts_at)
    return offer
