"""The feed's wire format, version 1: what a message may say, read strictly and written in one canonical way.

A message is one JSON object of at most 64 KiB. Fields that this version does not know are ignored; whatever
it knows is checked, so that a message which was read can be applied without looking at it again.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NoReturn, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, model_validator

from ledger.settlement import CLOCK, OPERATOR

MESSAGE_BYTES_MAX = 64 * 1024
TEXT_BYTES_MAX = 200
SCORE_MAX = 1_000_000
# The largest integer that canonical JSON (RFC 8785) writes exactly; milliseconds since 1970 are far below it.
REVISION_MAX = 2**53 - 1
PRICE_MIN, PRICE_MAX = 100, 10_000
YEAR_MIN, YEAR_MAX = 1900, 2199

OUTCOMES = ("home", "draw", "away", "over", "under")
OUTCOMES_OF_MARKET = {
    "moneyline": (("home", "away"), ("home", "draw", "away")),
    "spread": (("home", "away"),),
    "total": (("over", "under"),),
}

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,4}(\.\d{1,4})?", re.ASCII)
# Controls, halves of surrogate pairs and line separators: a database, a subject or a log would choke on them.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Whose word has another weight in the ledger than a feed's.
_NO_FEEDS = frozenset({CLOCK, OPERATOR})


class UnreadableMessage(ValueError):
    """Bytes that are no message of version 1; `reason` is one sentence that names the field."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def instant(value: object) -> datetime:
    """Return a time in UTC, from an aware datetime or an RFC 3339 text (cut to whole microseconds).

    Raises ValueError for a time without an offset, in another format, or outside the years 1900 to 2199.
    """
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("must be a time with its offset from UTC, like 2024-11-08T01:15:00Z")
    if not YEAR_MIN <= value.year <= YEAR_MAX:
        raise ValueError(f"must be in the years {YEAR_MIN} to {YEAR_MAX}")
    return value.astimezone(UTC)


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    if any(unicodedata.category(character) in _UNPRINTABLE for character in value):
        raise ValueError("must not hold control characters, line separators or lone surrogates")
    if len(value.encode()) > TEXT_BYTES_MAX:
        raise ValueError(f"must not be longer than {TEXT_BYTES_MAX} bytes")
    return value


def _source(value: str) -> str:
    if value in _NO_FEEDS:
        raise ValueError(f"must not be {' or '.join(sorted(_NO_FEEDS))}: theirs is not a feed's word")
    return value


def _market(value: object) -> object:
    if value == "prop":
        raise ValueError("prop is reserved and not read in version 1")
    return value


def _line(value: str) -> str:
    """Return the canonical text of a line: `+3` becomes `3.0`, and `-0.0` becomes `0.0`."""
    if not _DECIMAL.fullmatch(value):
        raise ValueError("must be a decimal string, like -6.5")
    line = Decimal(value)
    if line % Decimal("0.5"):
        raise ValueError("must be a multiple of 0.5")
    return f"{line or Decimal(0):.1f}"


def _price(value: int) -> int:
    if not PRICE_MIN <= abs(value) <= PRICE_MAX:
        raise ValueError(f"must be an American price, {PRICE_MIN} to {PRICE_MAX} above or below zero")
    return value


def _in_order(prices: object) -> dict[str, object]:
    """Put the outcomes in their one order, so that equal quotes have equal bytes."""
    if not isinstance(prices, dict) or not prices.keys() <= set(OUTCOMES):
        raise ValueError(f"must be an object that names no outcomes but {', '.join(OUTCOMES)}")
    return {outcome: prices[outcome] for outcome in OUTCOMES if outcome in prices}


Instant = Annotated[datetime, BeforeValidator(instant)]
Text = Annotated[str, AfterValidator(_text)]
Source = Annotated[Text, AfterValidator(_source)]
Market = Annotated[Literal["moneyline", "spread", "total"], BeforeValidator(_market)]
Line = Annotated[str, AfterValidator(_line)]
Prices = Annotated[dict[str, Annotated[int, AfterValidator(_price)]], BeforeValidator(_in_order)]
Score = Annotated[int, Field(ge=0, le=SCORE_MAX)]


class _Message(BaseModel, frozen=True, strict=True, extra="ignore"):
    """What every message says: at which instant (UTC) which source speaks of which of its games."""

    v: Literal[1] = 1
    type: str
    at: Instant
    source: Source
    game_id: Text

    @property
    def msg_id(self) -> str:
        """The `Nats-Msg-Id`: equal messages, and only they, have equal ids."""
        return f"{self.type}-{hashlib.sha256(self.model_dump_json().encode()).hexdigest()}"


class GameMessage(_Message, frozen=True):
    """A game is scheduled, or scheduled anew, to start at `starts_at`."""

    type: Literal["game"] = "game"
    league: Text
    home: Text
    away: Text
    starts_at: Instant

    @model_validator(mode="after")
    def _two_teams_play(self) -> Self:
        if self.home == self.away:
            raise ValueError("home and away must be two teams")
        return self


class QuoteMessage(_Message, frozen=True):
    """A line and American prices are on offer from `at` on.

    `line` is the home handicap of a spread or the sum of a total, as a decimal string; a moneyline has none.
    `prices` are by outcome: home and away, on a moneyline perhaps draw, or over and under.
    """

    type: Literal["quote"] = "quote"
    market: Market
    line: Line | None = None
    prices: Prices

    @model_validator(mode="after")
    def _line_and_outcomes_suit_the_market(self) -> Self:
        if (self.line is None) != (self.market == "moneyline"):
            raise ValueError(f"line must be {'null' if self.line else 'given'} on a {self.market}")
        if self.market == "total" and Decimal(self.line or 0) < 0:
            raise ValueError("line must not be below zero on a total")
        offered = OUTCOMES_OF_MARKET[self.market]
        if tuple(self.prices) not in offered:
            expected = " or ".join(", ".join(outcomes) for outcomes in offered)
            raise ValueError(f"prices must be exactly {expected} on a {self.market}")
        return self


class MarketMessage(_Message, frozen=True):
    """A market is suspended, or open again."""

    type: Literal["market"] = "market"
    market: Market
    status: Literal["open", "suspended"]
    why: Text | None = None


class StatusMessage(_Message, frozen=True):
    """What became of a game: `starts_at` is the new start of a postponed one, `started_at` the real one."""

    type: Literal["status"] = "status"
    status: Literal["in_progress", "suspended", "postponed", "cancelled", "abandoned"]
    starts_at: Instant | None = None
    started_at: Instant | None = None


class Regulation(BaseModel, frozen=True, strict=True, extra="ignore"):
    """The score at the end of regulation time."""

    home: Score
    away: Score


class ResultMessage(_Message, frozen=True):
    """A final score as the source has it at `revision`, which grows by (source, game), gaps allowed."""

    type: Literal["result"] = "result"
    revision: Annotated[int, Field(ge=0, le=REVISION_MAX)]
    certainty: Literal["provisional", "official"]
    home_score: Score
    away_score: Score
    regulation: Regulation | None = None


Message = GameMessage | QuoteMessage | MarketMessage | StatusMessage | ResultMessage

_MODELS: dict[str, type[Message]] = {
    "game": GameMessage,
    "quote": QuoteMessage,
    "market": MarketMessage,
    "status": StatusMessage,
    "result": ResultMessage,
}


def parse(body: bytes) -> Message:
    """Read one message; raises UnreadableMessage for anything that is not one of version 1."""
    if len(body) > MESSAGE_BYTES_MAX:
        raise UnreadableMessage(f"the message has {len(body)} bytes, more than {MESSAGE_BYTES_MAX}")
    fields = json_object(body)
    version, kind = fields.get("v"), fields.get("type")
    # True and 1.0 equal 1 in Python, but they are not the version's number.
    if type(version) is not int or version != 1:
        raise UnreadableMessage("v must be 1")
    if not isinstance(kind, str) or kind not in _MODELS:
        raise UnreadableMessage(f"type must be one of {', '.join(_MODELS)}")
    try:
        return _MODELS[kind].model_validate(fields)
    except ValidationError as error:
        raise UnreadableMessage(first_reason(error)) from error


def encode(message: Message) -> bytes:
    """Write a message as compact JSON with its fields in a fixed order: `parse(encode(m)) == m`."""
    return message.model_dump_json().encode()


def json_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object as RFC 8259 has it: UTF-8, no NaN, no name twice; raises UnreadableMessage."""
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant, object_pairs_hook=_unique_names)
    except RecursionError as error:
        raise UnreadableMessage("the message is nested too deeply") from error
    except ValueError as error:
        raise UnreadableMessage(f"the message is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise UnreadableMessage("the message must be a JSON object")
    return value


def first_reason(error: ValidationError) -> str:
    """Return the first thing that is wrong as one sentence that begins with the field's name."""
    first = error.errors(include_url=False, include_input=False)[0]
    said = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    field = ".".join(str(step) for step in first["loc"])
    if first["type"] == "missing":
        return f"{field} is missing"
    return f"{field} {said}".strip()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return fields
