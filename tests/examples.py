"""Canonical examples for tests: one week, one game, its quotes and a bet; every builder takes keyword overrides."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ledger import events, ids, weeks
from ledger.beacon import Reading
from ledger.game import Offer
from ledger.instants import Instant
from ledger.proposal import Change, ChangeKind, Effect, Proposal
from ledger.rules import Rules, rules_hash
from ledger.settlement import Word

WEEK = "2026-W47"
NEXT_WEEK = "2026-W48"
SOURCE = "feed"
RULES = Rules()
MASTER = bytes(range(32))
# Two rounds that drand's quicknet really had, as they were published.
ROUND = 657_413
ROUND_657413 = Reading(
    randomness="fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587",
    signature="b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b",
)
ROUND_1000 = Reading(
    randomness="fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd",
    signature="b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39",
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "next Mon", "next Tue", "next Wed", "next Thu")


def at(wall: str, *, week: str = WEEK) -> Instant:
    """An instant of the week by New York's clocks: `Thu 20:15`, or `next Mon 12:00` after its end."""
    day, _, time_of_day = wall.rpartition(" ")
    monday = weeks.starts_at(week).astimezone(weeks.NEW_YORK).date()
    date = monday + timedelta(days=_DAYS.index(day))
    return Instant.of(datetime.fromisoformat(f"{date}T{time_of_day}").replace(tzinfo=weeks.NEW_YORK))


STARTS_AT = at("Mon 00:00")
ENDS_AT = at("next Mon 00:00")
KICK_OFF = at("Thu 20:15")

ENTRY = UUID(int=0xE)
GAME = ids.game_id(WEEK, SOURCE, "g1")
SPREAD = ids.market_id(GAME, "spread")
MONEYLINE = ids.market_id(GAME, "moneyline")
TOTAL = ids.market_id(GAME, "total")
BET = ids.bet_id(ENTRY, "k1")
POOL = ids.pool_id(WEEK, "W2026-47-A")
MARKETS: dict[str, dict[str, Any]] = {
    "moneyline": {"line": None, "prices": {"home": -250, "away": 205}},
    "spread": {"line": "-6.0", "prices": {"home": -110, "away": -110}},
    "total": {"line": "53.0", "prices": {"over": -105, "under": -115}},
}


def week_opened(*, rules: Rules = RULES, **changes: Any) -> events.WeekOpened:
    """The week opens for enrolments."""
    fields: dict[str, Any] = {
        "ends_at": ENDS_AT,
        "rules": rules,
        "rules_hash": rules_hash(rules),
        "seed_commitment": "c0",
        "starts_at": STARTS_AT,
        "week": WEEK,
    }
    return events.WeekOpened(**fields | changes)


def game_scheduled(**changes: Any) -> events.GameScheduled:
    """Cincinnati at Baltimore, Thursday night."""
    fields: dict[str, Any] = {
        "away": "CIN",
        "external_id": "g1",
        "home": "BAL",
        "league": "NFL",
        "source": SOURCE,
        "starts_at": KICK_OFF,
    }
    return events.GameScheduled(**fields | changes)


def quoted(market: str = "spread", *, when: Instant | None = None, **changes: Any) -> events.MarketQuoted:
    """A market of the game is quoted, on Tuesday at ten unless told otherwise."""
    when = when or at("Tue 10:00")
    market_id = ids.market_id(GAME, market)
    fields: dict[str, Any] = {
        "at": when,
        "market": market,
        "market_id": market_id,
        "odds_id": ids.odds_id(market_id, changes.get("source", SOURCE), when),
        "source": SOURCE,
        **MARKETS[market],
    }
    return events.MarketQuoted(**fields | changes)


def offer(market: str = "spread", outcome: str = "home", **changes: Any) -> Offer:
    """What a stake would freeze at the quote above."""
    quote = quoted(market)
    fields: dict[str, Any] = {
        "game_id": GAME,
        "market_id": quote.market_id,
        "odds_id": quote.odds_id,
        "market": market,
        "outcome": outcome,
        "line": quote.line,
        "price": quote.prices.get(outcome, 100),
    }
    return Offer(**fields | changes)


def opened(grant: int = 1000) -> tuple[events.AccountOpened, events.CreditsGranted]:
    """An account was opened in pool A and granted its credits."""
    account = events.AccountOpened(pool_id=POOL, pool_name="W2026-47-A")
    return account, events.CreditsGranted(amount=grant, available=grant)


def stake_placed(**changes: Any) -> events.StakePlaced:
    """110 credits on the home side of the spread at -110, out of 1000."""
    fields: dict[str, Any] = {
        "available": 890,
        "bet_id": BET,
        "game_id": GAME,
        "line": "-6.0",
        "market": "spread",
        "market_id": SPREAD,
        "odds_id": quoted().odds_id,
        "outcome": "home",
        "potential_payout": 210,
        "price": -110,
        "stake": 110,
    }
    return events.StakePlaced(**fields | changes)


def corrected(**changes: Any) -> events.PayoutCorrected:
    """The bet above won, and then lost."""
    fields: dict[str, Any] = {
        "available": 890,
        "bet_id": BET,
        "from_outcome": "won",
        "from_payout": 210,
        "reason": "result",
        "resolution": 2,
        "to_outcome": "lost",
        "to_payout": 0,
    }
    return events.PayoutCorrected(**fields | changes)


def word(home: int | None = 35, away: int | None = 34, **changes: Any) -> Word:
    """The source says that the game ended 35 to 34, officially."""
    fields: dict[str, Any] = {
        "game_id": GAME,
        "source": SOURCE,
        "status": "final",
        "certainty": "official",
        "revision": 1,
        "home_score": home,
        "away_score": away,
    }
    return Word(**fields | changes)


def recorded(home: int | None = 35, away: int | None = 34, **changes: Any) -> events.ResultRecorded:
    """The record of that word, which brings the first resolution."""
    fields: dict[str, Any] = {
        "applied": True,
        "away_score": away,
        "certainty": "official",
        "game_id": GAME,
        "home_score": home,
        "regulation": None,
        "resolution": 1,
        "revision": 1,
        "source": SOURCE,
        "status": "final",
    }
    return events.ResultRecorded(**fields | changes)


def change(kind: ChangeKind = "result", **fields: Any) -> Change:
    """A change of the game; of kind `result` the operator's word that it ended 20 to 17."""
    if kind == "result":
        fields = {"status": "final", "home_score": 20, "away_score": 17} | fields
    return Change(kind=kind, **{"game_id": GAME} | fields)


def proposal(what: Change | None = None, **changes: Any) -> Proposal:
    """That change, previewed on the first resolution: one bet of 110 would lose what it won."""
    effect = Effect(bets=1, moved=210, paid_before=210, paid_after=0, below_zero=0, ranks=0, prizes=0)
    fields: dict[str, Any] = {"change": what or change(), "effect": effect, "needs_approval": False, "resolution": 1}
    return Proposal(**fields | changes)
