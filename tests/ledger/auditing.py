"""What must hold of every log, whatever happened: written here from the design, beside the service's own replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from ledger.events import (
    AccountOpened,
    BetLost,
    BetWon,
    BoughtBack,
    CreditsGranted,
    EntryEnrolled,
    EntryWithdrawn,
    PaymentAccepted,
    PaymentRefused,
    PayoutCorrected,
    PrizeAwarded,
    StakePlaced,
    StakeReturned,
)
from ledger.facts import Fact
from ledger.game import Game
from ledger.replay import Replay
from ledger.week import Week


def audit(log: str, facts: Sequence[Fact]) -> None:
    """The log is gapless, its credits are conserved, its prizes are right, and no stake stands behind a gate."""
    replay = Replay(log).fold(facts)
    assert replay.faults == []
    assert replay.unbalanced() == []
    assert replay.unawarded() == []
    conserves_credits(facts)
    keeps_its_gates(facts)
    decides_payments_once(facts)


def conserves_credits(facts: Iterable[Fact]) -> None:
    """By double entry, from the movements alone: every pool adds up to zero, and no resolved market holds a stake."""
    books: Counter[str] = Counter()
    pool_of: dict[UUID, str] = {}
    bets: dict[UUID, StakePlaced] = {}
    open_markets: Counter[str] = Counter()
    for fact in facts:
        if isinstance(fact.event, AccountOpened):
            pool_of[fact.stream] = fact.event.pool_name
        elif (pool := pool_of.get(fact.stream)) is not None and not isinstance(fact.event, PrizeAwarded):
            entries = list(_entries(fact, pool, bets, open_markets))
            assert sum(amount for _, amount in entries) == 0, fact.token
            for account, amount in entries:
                books[account] += amount
            assert books[f"entry:{pool}:{fact.stream}"] == getattr(fact.event, "available", None), fact.token
    escrow = {account: amount for account, amount in books.items() if account.startswith("escrow:")}
    assert all((amount == 0) == (open_markets[account] == 0) for account, amount in escrow.items())


def _entries(
    fact: Fact, pool: str, bets: dict[UUID, StakePlaced], open_markets: Counter[str]
) -> Iterator[tuple[str, int]]:
    """The two entries of a movement, by design §4."""
    entry, house = f"entry:{pool}:{fact.stream}", f"house:{pool}"
    match fact.event:
        case CreditsGranted(amount=amount) | BoughtBack(amount=amount):
            yield from ((f"issuance:{pool}", -amount), (entry, amount))
        case StakePlaced(bet_id=bet_id, stake=stake, market_id=market) as placed:
            bets[bet_id] = placed
            open_markets[f"escrow:{pool}:{market}"] += 1
            yield from ((entry, -stake), (f"escrow:{pool}:{market}", stake))
        case BetWon(bet_id=bet_id) | BetLost(bet_id=bet_id) | StakeReturned(bet_id=bet_id):
            stake, escrow = bets[bet_id].stake, f"escrow:{pool}:{bets[bet_id].market_id}"
            open_markets[escrow] -= 1
            paid = getattr(fact.event, "payout", getattr(fact.event, "amount", 0))
            yield from ((escrow, -stake), (entry, paid), (house, stake - paid))
        case PayoutCorrected(from_payout=before, to_payout=after):
            yield from ((entry, after - before), (house, before - after))


def keeps_its_gates(facts: Iterable[Fact]) -> None:
    """Each stake was on offer at its place in the log: the week open, the game neither stopped nor started."""
    games: dict[UUID, Game] = {}
    week: Week | None = None
    for fact in facts:
        family = fact.event.TOPIC.partition(".")[0]
        if family == "week":
            week = week or Week.blank(fact.stream)
            week.fold(fact)
        elif family == "game":
            games.setdefault(fact.stream, Game.blank(fact.stream)).fold(fact)
        elif isinstance(fact.event, StakePlaced):
            assert week is not None
            week.require_betting()
            stake = fact.event
            offer = games[stake.game_id].offer(
                market_id=stake.market_id, odds_id=stake.odds_id, outcome=stake.outcome, at=fact.at
            )
            assert (offer.line, offer.price) == (stake.line, stake.price)


def decides_payments_once(facts: Iterable[Fact]) -> None:
    """A payment is accepted once, beside what it buys, or refused once; both only where a pass was withdrawn first."""
    accepted: dict[str | None, int] = {}
    bought: dict[str | None, int] = {}
    refused: set[str] = set()
    in_use: dict[UUID, str | None] = {}
    for fact in facts:
        match fact.event:
            case PaymentAccepted(payment_id=payment):
                assert payment not in accepted.keys() | refused, fact.token
                accepted[payment] = fact.position
            case PaymentRefused(payment_id=payment):
                assert payment not in refused.union(in_use.values()), fact.token
                refused.add(payment)
            case BoughtBack(payment_id=payment) | EntryEnrolled(payment_id=payment):
                assert payment not in bought, fact.token
                assert isinstance(fact.event, EntryEnrolled) or fact.stream not in in_use, fact.token
                in_use[fact.stream] = payment
                if payment is not None:
                    bought[payment] = fact.position
            case EntryWithdrawn():
                del in_use[fact.stream]
    assert bought.keys() == accepted.keys()
    assert all(abs(accepted[payment] - position) == 1 for payment, position in bought.items())


def balances(facts: Iterable[Fact]) -> dict[UUID, int]:
    """What each entry has at the end of the log."""
    return {fact.stream: fact.event.available for fact in facts if hasattr(fact.event, "available")}
