"""The ids that can be computed: the same names give the same id in every process and in an auditor's program."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from hashlib import sha1
from uuid import NAMESPACE_DNS, UUID, uuid5

import msgspec

from ledger.instants import instant_text

FAIRPOOL = uuid5(NAMESPACE_DNS, "fairpool")
OFFICE = "office"


@lru_cache(maxsize=1024)
def week_stream(week: str) -> UUID:
    """Return the stream of a week such as `2026-W47`, in whose namespace its pools and games are named."""
    return uuid5(FAIRPOOL, week)


def registration_stream(entry: UUID) -> UUID:
    """Return the stream of an entry's enrolment, which ends before the account's begins."""
    return uuid5(entry, "registration")


def pool_id(week: str, name: str) -> UUID:
    """Return the id of the pool called `name`, for instance `W2026-47-A`."""
    return uuid5(week_stream(week), name)


def game_id(week: str, source: str, external_id: str, listing: int = 1) -> UUID:
    """Return the id of a game; `listing` counts how often its source listed it anew in the same week."""
    name = f"{source}/{external_id}" if listing == 1 else f"{source}/{external_id}#{listing}"
    return uuid5(week_stream(week), name)


def market_id(game: UUID, market: str) -> UUID:
    """Return the id of `moneyline`, `spread` or `total` on a game."""
    return uuid5(game, market)


def odds_id(market: UUID, source: str, at: datetime) -> UUID:
    """Return the id of the quote that `source` gave on a market at an instant."""
    return uuid5(market, f"{source}/{instant_text(at)}")


def settlement_stream(game: UUID) -> UUID:
    """Return the stream in which a game's results and its settlement are kept."""
    return uuid5(game, "settlement")


def case_id(log: str, request: str) -> UUID:
    """Return the id, and the stream, of the case that a request opens in a log."""
    return uuid5(week_stream(log), f"case/{request}")


def purchase_stream(payment: UUID) -> UUID:
    """Return the stream, in a week's log, in which it is kept what became of a paid payment."""
    return uuid5(payment, "purchase")


def office_stream() -> UUID:
    """Return the stream, in the office's log, of rule sets, seed chains, keys and final weeks."""
    return uuid5(FAIRPOOL, OFFICE)


def prize_id(entry: UUID) -> UUID:
    """Return the id of an entry's prize, which is also its stream in the office: an entry wins one at most."""
    return uuid5(entry, "prize")


def bet_id(entry: UUID, idempotency_key: str) -> UUID:
    """Return the id of the bet that a request names by its key: a repeated request names the same bet."""
    # What uuid5 returns. Its constructor took a tenth of the time of a stake, which msgspec does without.
    digest = bytearray(sha1(entry.bytes + idempotency_key.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return msgspec.convert(bytes(digest), UUID)


def position_token(log: str, position: int) -> str:
    """Return the opaque token of a position on the wire, `2026-W47:5123`."""
    return f"{log}:{position}"
