"""The ids that can be computed are those that come out (`ledger.ids`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import ClassVar
from uuid import UUID

from ledger import ids
from ledger.auditing.findings import Check, Finding
from ledger.events import (
    AccountOpened,
    BetsVoided,
    EntryEnrolled,
    Event,
    GameScheduled,
    MarketQuoted,
    MarketReopened,
    MarketSuspended,
    PaymentAccepted,
    PaymentRefused,
    PoolsDrawn,
    ResultRecorded,
    RulingLifted,
)
from ledger.facts import Fact

_MARKETS = ("moneyline", "spread", "total")


class Ids(Check):
    """Computes the ids of pools, games, markets and quotes, and of the streams that belong to something."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (
        EntryEnrolled,
        PoolsDrawn,
        AccountOpened,
        GameScheduled,
        MarketQuoted,
        MarketSuspended,
        MarketReopened,
        ResultRecorded,
        BetsVoided,
        RulingLifted,
        PaymentAccepted,
        PaymentRefused,
    )

    def __init__(self, log: str) -> None:
        self.log = log
        self._listings: Counter[tuple[str, str]] = Counter()
        self._pool_id = lru_cache(maxsize=1024)(ids.pool_id)

    def take(self, fact: Fact) -> Iterator[Finding]:
        """Take the next event."""
        for what, found, expected in self._pairs(fact, fact.event):
            if found != expected:
                yield Finding("week", fact.token, f"{what} is {found}, not {expected}")

    def _pairs(self, fact: Fact, event: Event) -> Iterable[tuple[str, UUID | None, UUID | None]]:
        """Yield what an event has as an id, and what that comes to."""
        match event:
            case AccountOpened(pool_id=found, pool_name=name):
                yield f"pool {name}", found, self._pool_id(self.log, name)
            case EntryEnrolled(entry=entry):
                yield f"the registration of entry {entry}", fact.stream, ids.registration_stream(entry)
            case PoolsDrawn(pools=pools):
                for pool in pools:
                    yield f"pool {pool.name}", pool.pool_id, self._pool_id(self.log, pool.name)
            case GameScheduled(source=source, external_id=name):
                self._listings[source, name] += 1
                number = self._listings[source, name]
                yield f"game {source}/{name}", fact.stream, ids.game_id(self.log, source, name, number)
            case MarketQuoted(market=market, market_id=found, source=source, at=at, odds_id=odds):
                yield f"the market {market}", found, ids.market_id(fact.stream, market)
                yield f"the quote on {market}", odds, ids.odds_id(found, source, at)
            case MarketSuspended(market_id=UUID() as found) | MarketReopened(market_id=UUID() as found):
                of_game = [ids.market_id(fact.stream, market) for market in _MARKETS]
                yield f"a market of game {fact.stream}", found, found if found in of_game else None
            case ResultRecorded(game_id=game) | BetsVoided(game_id=game) | RulingLifted(game_id=game):
                yield f"the settlement of game {game}", fact.stream, ids.settlement_stream(game)
            case PaymentAccepted(payment_id=payment) | PaymentRefused(payment_id=payment):
                yield f"the purchase by payment {payment}", fact.stream, _purchase(payment)


def _purchase(payment: str) -> UUID | None:
    try:
        return ids.purchase_stream(UUID(payment))
    except ValueError:
        return None
