#!/usr/bin/env python3
"""Verify a week of fairpool from public files alone. Needs Python 3.11 or later, and nothing else.

    python verify_week.py FOLDER --key VERIFIER_KEY [--key …] [--office OFFICE_FOLDER] [--json]
    python verify_week.py --receipt FILE --key VERIFIER_KEY

FOLDER is an export: events.jsonl, checkpoints.txt, manifest.json. Take the verifier key from where it was published,
never from the export: whoever changed the one could change the other.

All that can be recomputed is: the bytes of each event, the Merkle tree, the signatures, the draw, whether each stake
was on offer, what each bet comes to, every balance, the standings, the prizes. The first difference of each kind is
printed as `<kind>: <place>: <what>`. The exit code is 0 where all holds, 1 where something differs, 2 where the
command is wrong. `verification.md`, beside this file, states each rule in words: this file can be written again
from it. Read on in order: bytes, tree, keys, ids and times, the rules, the week, the folder, the receipt.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import sys
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter, call
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

KINDS = (
    *("manifest", "line", "position", "version", "time", "tree", "checkpoint", "week", "draw"),
    *("books", "gate", "settlement", "case", "standings", "prizes", "office", "receipt"),
)
LINE_BYTES_MAX = 1 << 25


class Report:
    """The first difference of each kind, and notes on what could not be looked at, which are no differences."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[str, str]] = {}
        self.notes: list[str] = []

    def differ(self, kind: str, where: str, what: str) -> None:
        self.found.setdefault(kind, (where, what))

    def note(self, what: str) -> None:
        self.notes.append(what)

    def ordered(self) -> list[tuple[str, tuple[str, str]]]:
        return [(kind, self.found[kind]) for kind in KINDS if kind in self.found]

    def lines(self) -> list[str]:
        return [printable(f"{kind}: {where}: {what}") for kind, (where, what) in self.ordered()]


def printable(text: str) -> str:
    """A hostile export must not write to the terminal of whoever reads it."""
    return "".join(character if character.isprintable() else "?" for character in text)


class Unsound(ValueError):
    """Something is not of the form that it must have."""


# 1. Bytes: what a line is, and what each type of event says.


def _refuse(number: str) -> Any:
    raise Unsound(f"{number} is no whole number")


_decode = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse).decode
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def canonical(value: Any) -> bytes:
    """RFC 8785 for values without fractions and with ASCII names: names in order, nothing between tokens."""
    return _encode(value).encode()


def read_canonical(raw: bytes) -> dict[str, Any]:
    """A text is sound if writing again what it says gives the same bytes: then no name stands twice either."""
    try:
        value = _decode(raw.decode())
        if not isinstance(value, dict) or canonical(value) != raw:
            raise Unsound("not the canonical JSON of an object")
    except (ValueError, RecursionError) as error:
        raise Unsound(str(error) if isinstance(error, Unsound) else f"not JSON: {error}") from error
    return value


_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII).fullmatch
_TIME = re.compile(r"[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII).fullmatch
_HEX = re.compile(r"([0-9a-f]{2})*", re.ASCII).fullmatch
_LINE = re.compile(r"-?(0|[1-9][0-9]{0,3})(\.[05])?", re.ASCII).fullmatch
OUTCOMES = {"moneyline": ("away", "draw", "home"), "spread": ("away", "home"), "total": ("over", "under")}


class Form(NamedTuple):
    """The names that an object has, in their order, and what the value of each must be."""

    names: list[str]
    checks: list[Callable[[Any], bool]]


def is_time(value: Any) -> bool:
    """An instant of UTC with microseconds, `2024-11-08T01:15:00.000000Z`: so written, texts sort as times do."""
    try:
        return isinstance(value, str) and _TIME(value) is not None and datetime.fromisoformat(value) is not None
    except ValueError:
        return False


def is_integer(value: Any) -> bool:
    return type(value) is int


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def has_form(value: Any, form: Form) -> bool:
    """An object has the fields of its form, all of them and no others; being canonical, it has them in order."""
    return isinstance(value, dict) and list(value) == form.names and all(map(call, form.checks, value.values()))


def is_rules(value: Any) -> bool:
    return (
        has_form(value, RULES)
        and all(value[name] >= 1 for name in ("grant", "pool_max", "price_max", "prize_min_entries", "stake_min"))
        and all(0 <= value[name] < 100_000 for name in value if name.endswith("_hours"))
    )


def form(fields: str) -> Form:
    """Read `name:type` pairs; a type with `?` may be null, one with `*` is a list."""

    def check(kind: str) -> Callable[[Any], bool]:
        one = TYPES[kind.rstrip("?*")]
        if kind.endswith("?"):
            return lambda value: value is None or one(value)
        return (lambda value: isinstance(value, list) and all(map(one, value))) if kind.endswith("*") else one

    pairs = sorted(pair.split(":") for pair in fields.split())
    return Form([name for name, _ in pairs], [check(kind) for _, kind in pairs])


TYPES: dict[str, Callable[[Any], bool]] = {
    "int": is_integer,
    "text": is_text,
    "bool": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "id": lambda value: isinstance(value, str) and _ID(value) is not None,
    "time": is_time,
    "hex": lambda value: isinstance(value, str) and _HEX(value) is not None,
    "line": lambda value: isinstance(value, str) and _LINE(value) is not None,
    "price": lambda value: is_integer(value) and abs(value) >= 100,
    "prices": lambda value: isinstance(value, dict) and all(map(TYPES["price"], value.values())),
    "score": lambda value: has_form(value, SCORE),
    "beacon": lambda value: has_form(value, BEACON),
    "pool": lambda value: has_form(value, POOL),
    "prize": lambda value: has_form(value, PRIZE),
    "change": lambda value: has_form(value, CHANGE),
    "effect": lambda value: has_form(value, EFFECT),
    "rules": is_rules,
}
SCORE: Form = form("away:int home:int")
BEACON: Form = form("chain:hex round:int")
POOL: Form = form("name:text pool_id:id size:int")
PRIZE: Form = form("amount_cents:int rank:int")
RULES: Form = form(
    "correction_limit_hours:int correction_window_hours:int grant:int late_entry:bool overtime_leagues:text* "
    "pool_max:int price_max:int prize_currency:text prize_min_entries:int prizes:prize* "
    "settlement_deadline_hours:int settles_on_provisional:bool stake_max:int? stake_min:int version:text"
)
CHANGE: Form = form(
    "away_score:int? bet_id:id? game_id:id home_score:int? kind:text lifts:id? market_id:id? placed_from:time? "
    "placed_until:time? regulation:score? started_at:time? status:text?"
)
EFFECT: Form = form("below_zero:int bets:int moved:int paid_after:int paid_before:int prizes:int ranks:int")
PROPOSAL = form("change:change effect:effect needs_approval:bool resolution:int")
ENVELOPE = form(
    "actor:text cause:text? data:object log:text position:int recorded_at:time request:text schema:int stream:id "
    "type:text version:int"
)
MANIFEST = form(
    "checkpoint:text? counts:object files:object first_recorded_at:time? format:text keys:text* "
    "last_recorded_at:time? log:text origin:text root:hex size:int"
)
FILE = form("bytes:int rows:int sha256:hex")
_PAYMENT = "amount_cents:int currency:text entry:id? kind:text paid_at:time? payment_id:text week:text?"
_EVENTS = f"""
week.opened 1: ends_at:time rules:rules rules_hash:hex seed_commitment:hex starts_at:time week:text
week.roster_frozen 1: beacon:beacon? position:int roster_hash:hex size:int
week.pools_drawn 1: algorithm:text pools:pool* randomness:hex seed:hex signature:hex
week.grouped 1:
week.closed 1:
week.settled 1: n:int standings_hash:hex
week.finalised 1: standings_hash:hex
week.sealed 1:
entry.enrolled 1: entry:id payment_id:text? rules_hash:hex via:text
entry.withdrawn 1: reason:text
account.opened 1: pool_id:id pool_name:text
account.credits_granted 1: amount:int available:int
account.stake_placed 1: available:int bet_id:id game_id:id line:line? market:text market_id:id odds_id:id outcome:text \
potential_payout:int price:price stake:int
account.bet_won 1: available:int bet_id:id payout:int resolution:int
account.bet_lost 1: available:int bet_id:id resolution:int
account.stake_returned 1: amount:int available:int bet_id:id reason:text resolution:int
account.payout_corrected 1: available:int bet_id:id from_outcome:text from_payout:int reason:text resolution:int \
to_outcome:text to_payout:int
account.bought_back 1: amount:int available:int payment_id:text
account.prize_awarded 1: amount_cents:int currency:text rank:int
game.scheduled 1: away:text external_id:text home:text league:text source:text starts_at:time
game.rescheduled 1: starts_at:time
game.moved_out 1: starts_at:time
game.market_quoted 1: at:time line:line? market:text market_id:id odds_id:id prices:prices source:text
game.market_suspended 1: market_id:id? why:text
game.market_reopened 1: market_id:id? why:text
game.locked 1: started_at:time? why:text
game.unlocked 1: why:text
settlement.result_recorded 1: applied:bool away_score:int? certainty:text game_id:id home_score:int? regulation:score? \
resolution:int? revision:int source:text status:text
settlement.chunk_settled 1: bets:int from:int paid:int resolution:int to:int
settlement.completed 1: bets:int cut:int paid:int resolution:int staked:int
settlement.bets_voided 1: applied:bool bet_id:id? case_id:id game_id:id market_id:id? placed_from:time? \
placed_until:time? resolution:int?
settlement.ruling_lifted 1: applied:bool case_id:id? game_id:id resolution:int?
case.opened 1: case_id:id reason:text subject:text
case.proposed 1: change:text preview_hash:text
case.approved 1:
case.applied 1:
case.closed 1: outcome:text
payment.checkout_opened 1: {_PAYMENT}
payment.paid 1: {_PAYMENT}
payment.expired 1: {_PAYMENT}
payment.failed 1: {_PAYMENT}
payment.refunded 1: {_PAYMENT}
payment.refund_failed 1: {_PAYMENT}
payment.disputed 1: {_PAYMENT}
payment.dispute_closed 1: {_PAYMENT} outcome:text
payment.accepted 1: entry:id kind:text payment_id:text
payment.refused 1: kind:text payment_id:text reason:text
payment.prize_held 1: {_PAYMENT}
payment.prize_held 2: {_PAYMENT} reason:text why:text
payment.prize_released 1: {_PAYMENT} reason:text why:text
payment.prize_failed 1: {_PAYMENT} reason:text
payment.prize_paid 1: {_PAYMENT}
office.rule_set_published 1: rules:rules rules_hash:hex version:text
office.seed_chain_anchored 1: anchor:hex length:int
office.key_added 1: key_id:hex public_key:text purpose:text
office.key_retired 1: key_id:hex
office.week_finalised 1: root:hex size:int week:text
"""
FORMS = {
    (name, int(schema)): form(fields)
    for name, schema, fields in re.findall(r"^(\S+) (\d+):(.*)$", _EVENTS, re.MULTILINE)
}


class Fact(NamedTuple):
    """An event with its envelope, after its line was found sound."""

    log: str
    position: int
    at: str
    stream: str
    version: int
    type: str
    data: dict[str, Any]
    actor: str
    request: str

    @property
    def token(self) -> str:
        return f"{self.log}:{self.position}"


def read_fact(raw: bytes) -> Fact:
    """A line is the canonical JSON of an envelope, and its data have the form of their type and schema."""
    value = read_canonical(raw)
    if not has_form(value, ENVELOPE):
        raise Unsound("the envelope does not have its fields")
    name, schema, data = value["type"], value["schema"], value["data"]
    if (name, schema) not in FORMS:
        raise Unsound(f"{name!r} schema {schema} is no event that is known")
    if not has_form(data, FORMS[name, schema]):
        raise Unsound(f"the data of {name} do not have their fields")
    place = value["log"], value["position"], value["recorded_at"], value["stream"], value["version"]
    return Fact(*place, name, data, value["actor"], value["request"])


# 2. The Merkle tree of RFC 6962 §2.1: SHA-256, leaves and nodes told apart.


def leaf_hash(line: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows: the roots of its complete subtrees are enough, one for each bit of its size."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        size = self.size
        while size & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            size >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return hashlib.sha256().digest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def proven_root(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root to which a proof leads from a leaf (RFC 9162 §2.1.3.2); None where it is too short or too long."""
    place, last, node = index, size - 1, leaf
    for sibling in proof:
        if last <= 0:
            return None
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    return None if last else node


# 3. Keys and signatures: Ed25519 of RFC 8032 §5.1, C2SP signed notes and checkpoints.

Point = tuple[int, int, int, int]
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
NEUTRAL: Point = (0, 1, 1, 0)


def add(one: Point, other: Point) -> Point:
    """The sum of two points in extended coordinates (RFC 8032 §5.1.4): x = X/Z, y = Y/Z, x·y = T/Z."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def encode_point(point: Point) -> bytes:
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode_point(text: bytes) -> Point:
    """RFC 8032 §5.1.3; raises Unsound for 32 bytes that are no point."""
    number = int.from_bytes(text, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise Unsound("the public key is no point of the curve")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


class Multiples:
    """k·16^i times a point for k in 0…15 and i in 0…63: with them, a multiplication is 64 additions."""

    def __init__(self, point: Point) -> None:
        self._rows: list[list[Point]] = []
        for _ in range(64):
            row = [NEUTRAL]
            for _ in range(16):
                row.append(add(row[-1], point))
            point = row.pop()
            self._rows.append(row)

    def times(self, scalar: int) -> Point:
        total = NEUTRAL
        for row in self._rows:
            total = add(total, row[scalar & 15])
            scalar >>= 4
        return total


BASE = Multiples(decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little")))


class Key:
    """A verifier key, `<name>+<key id in hex>+<base64 of 0x01 and the 32 bytes of the public key>`."""

    def __init__(self, text: str) -> None:
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = unbase64(encoded)
        if not name or len(raw) != 33 or raw[0] != 1:
            raise Unsound(f"{text!r} is no Ed25519 verifier key")
        self.text, self.name, self.public = text.strip(), name, raw[1:]
        self.key_id = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
        if self.key_id.hex() != key_id:
            raise Unsound(f"{text!r} is damaged: its key id would be {self.key_id.hex()}")
        x, y, z, t = decode_point(self.public)
        self._minus = Multiples((P - x, y, z, P - t))

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """R = s·B − h·A, with s below the group's order (RFC 8032 §5.1.7, without the cofactor)."""
        s = int.from_bytes(signature[32:], "little")
        if len(signature) != 64 or s >= ORDER:
            return False
        h = int.from_bytes(hashlib.sha512(signature[:32] + self.public + message).digest(), "little") % ORDER
        return encode_point(add(BASE.times(s), self._minus.times(h))) == signature[:32]


def unbase64(text: str) -> bytes:
    """The bytes of a text in base64; none where it is not, or not the one way to write them."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if base64.b64encode(raw).decode() == text else b""


class Checkpoint(NamedTuple):
    """A signed statement: the log of this origin had this root at this size. `note` is the whole text."""

    origin: str
    size: int
    root: bytes
    key: Key
    note: str


def open_note(text: str, signatures: Sequence[str], keys: Sequence[Key]) -> Checkpoint:
    """Lines of a note's text, each with LF, are signed by at least one of the keys, and by none of them wrongly."""
    signed = None
    for line in signatures:
        dash, _, rest = line.rstrip("\n").partition(" ")
        name, _, encoded = rest.partition(" ")
        raw = unbase64(encoded)
        if dash != "—" or len(raw) < 5:
            raise Unsound(f"{line!r} is no signature")
        for key in keys:
            if (key.name, key.key_id) == (name, raw[:4]):
                if not key.has_signed(text.encode(), raw[4:]):
                    raise Unsound(f"the signature of {name} is wrong")
                signed = key
    lines = text.split("\n")
    if len(lines) < 4 or not all(lines[:-1]) or lines[-1]:
        raise Unsound("no checkpoint: expected origin, size and root, a line each")
    root = unbase64(lines[2])
    if re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]) is None or len(root) != 32:
        raise Unsound(f"no size or no root: {lines[1]!r}, {lines[2]!r}")
    if signed is None:
        raise Unsound("signed by none of the keys given")
    return Checkpoint(lines[0], int(lines[1]), root, signed, text + "\n" + "".join(signatures))


def read_notes(lines: Iterable[str], keys: Sequence[Key]) -> Iterator[Checkpoint | Unsound]:
    """A file of notes: the text, an empty line, the signatures, an empty line. What is no note comes as the error."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if line != "\n":
            parts[-1].append(line)
        elif len(parts) == 1:
            parts.append([])
        else:
            try:
                yield open_note("".join(parts[0]), parts[1], keys)
            except Unsound as error:
                yield error
            parts = [[]]
    if parts != [[]]:
        yield Unsound("the notes are cut off: an empty line stands behind each")


# 4. Ids and times that can be computed.


def uuid5(space: str, name: str) -> str:
    """The id of a name in a namespace (RFC 9562 §5.5)."""
    h = hashlib.sha1(bytes.fromhex(space.replace("-", "")) + name.encode()).hexdigest()
    return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{'89ab'[int(h[16], 16) & 3]}{h[17:20]}-{h[20:32]}"


FAIRPOOL = uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "fairpool")


def instant(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def later(text: str, *, hours: int) -> str:
    return instant(datetime.fromisoformat(text) + timedelta(hours=hours))


def midnight_in_new_york(day: date) -> str:
    """00:00 of a day, in UTC: 4 hours on in daylight time, else 5.

    Daylight time has lasted from the second Sunday of March to the first of November since 2007; from the first of
    April to the last of October before. Clocks change at 02:00, so that the midnight of those Sundays is the old time.
    """

    def sunday(month: int, from_day: int) -> date:
        first = date(day.year, month, from_day)
        return first + timedelta(days=6 - first.weekday())

    begins, ends = (sunday(3, 8), sunday(11, 1)) if day.year >= 2007 else (sunday(4, 1), sunday(10, 25))
    return instant(datetime.fromisoformat(f"{day}") + timedelta(hours=4 if begins < day <= ends else 5))


def monday(week: str) -> date:
    """The first day of a week such as `2026-W47`; raises Unsound."""
    parts = re.fullmatch(r"(\d{4})-W(\d\d)", week, re.ASCII)
    try:
        if parts is not None:
            return date.fromisocalendar(int(parts[1]), int(parts[2]), 1)
    except ValueError:
        pass
    raise Unsound(f"{week!r} names no week")


# 5. The rules: what a bet comes to, who competes with whom, who stands where, who wins what.


def payout(stake: int, price: int) -> int:
    """What a won bet returns: the stake and its profit, floored to a whole credit."""
    return stake + (stake * price // 100 if price > 0 else stake * 100 // -price)


def half_points(line: str) -> int:
    """Twice the value of a line, which is a multiple of 0.5."""
    whole, _, tenth = line.lstrip("-").partition(".")
    value = 2 * int(whole) + (tenth == "5")
    return -value if line.startswith("-") else value


def beaten_by(market: str, outcome: str, line: str | None, home: int, away: int, *, three_way: bool) -> int | None:
    """By how many half points a bet beat its line: above zero it won, at zero it pushed, below it lost.

    On a three-way moneyline the sides give half a point, so that a tie loses. None where no rule grades the bet.
    """
    lead, points, given = 2 * (home - away), 2 * (home + away), 1 if three_way else 0
    if market == "moneyline":
        return {"home": lead - given, "away": -lead - given, "draw": 1 - abs(lead) if three_way else None}.get(outcome)
    if line is None:
        return None
    number = half_points(line)
    if market == "spread":
        return {"home": lead + number, "away": -lead - number}.get(outcome)
    return {"over": points - number, "under": number - points}.get(outcome) if market == "total" else None


VOID_REASONS = {
    "cancelled": "cancelled",
    "abandoned": "cancelled",
    "postponed": "postponed",
    "no_result": "no_result",
    "operator": "operator",
}


def roster_hash(week: str, entries: Iterable[str]) -> str:
    ids = sorted(entries)
    return sha256_text(f"pools/roster/v1\n{week}\n{len(ids)}\n" + "".join(f"{entry}\n" for entry in ids))


def deal(week: str, entries: Iterable[str], *, pool_max: int, seed: bytes, beacon: str) -> dict[str, list[str]]:
    """The draw `hmac-sha256-sort-v1`; `beacon` is its three lines: chain, round and randomness, each with LF."""
    ids = list(entries)
    message = f"pools/shuffle/hmac-sha256-sort-v1\n{week}\n{roster_hash(week, ids)}\n{beacon}"
    key = hmac.digest(seed, message.encode(), "sha256")
    order = sorted(ids, key=lambda entry: (hmac.digest(key, entry.encode(), "sha256"), entry))
    pools, dealt = {}, 0
    count = -(-len(order) // pool_max)
    for index in range(count):
        size = len(order) // count + (index < len(order) % count)
        pools[pool_name(week, index)] = order[dealt : dealt + size]
        dealt += size
    return pools


def pool_name(week: str, index: int) -> str:
    """`W2026-47-A` is the first, `-Z` the 26th, `-AA` the 27th."""
    letters, place = "", index + 1
    while place:
        place, letter = divmod(place - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"W{week.replace('-W', '-')}-{letters}"


def pool_order(name: str) -> tuple[int, str]:
    return len(name), name


class Standing(NamedTuple):
    rank: int
    entry: str
    credits: int


def rank(balances: dict[str, int]) -> list[Standing]:
    """Highest credits first, equal credits share a rank (1, 2, 2, 4), in order of entry id."""
    found: list[Standing] = []
    for place, (entry, credits) in enumerate(sorted(balances.items(), key=lambda each: (-each[1], each[0])), 1):
        shared = found[-1].rank if found and found[-1].credits == credits else place
        found.append(Standing(shared, entry, credits))
    return found


def standings_hash(week: str, pools: dict[str, dict[str, int]]) -> str:
    lines = [
        f"{name} {standing.rank} {standing.entry} {standing.credits}\n"
        for name in sorted(pools, key=pool_order)
        for standing in rank(pools[name])
    ]
    return sha256_text(f"fairpool/standings/v1\n{week}\n{len(lines)}\n" + "".join(lines))


def prizes(balances: dict[str, int], played: set[str], rules: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """What each winner of a pool gets: rank and cents.

    Places are counted among those who played and have credits left. Tied entries share the prizes of the places that
    they take, floored to cents; the cents that remain go one each to the lowest entry ids.
    """
    table = {prize["rank"]: prize["amount_cents"] for prize in rules["prizes"]}
    if len(balances) < rules["prize_min_entries"]:
        return {}
    winners = [each for each in rank(balances) if each.credits > 0 and each.entry in played]
    found, place = {}, 1
    for _, group in groupby(winners, key=attrgetter("rank")):
        tied = list(group)
        total = sum(table.get(place + number, 0) for number in range(len(tied)))
        place += len(tied)
        for number, each in enumerate(tied):
            cents = total // len(tied) + (number < total % len(tied))
            if cents:
                found[each.entry] = (each.rank, cents)
    return found


def sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# 6. The week: its state as far as its events tell it, and for each type of event the rules that it must keep.

REGISTERING, GROUPED, CLOSED, SETTLED, FINAL = "registering", "grouped", "closed", "settled", "final"
# Of drand's chain `quicknet`: its hash, when round 1 came (seconds since 1970), and the seconds between rounds.
QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
GENESIS, PERIOD = 1692803367, 3


class Quote:
    """Line and prices of a market, on offer from `at` on."""

    __slots__ = ("at", "game", "line", "market", "market_id", "odds_id", "prices", "source")

    def __init__(self, game: Game, data: dict[str, Any]) -> None:
        self.game = game
        self.market, self.market_id, self.line = data["market"], data["market_id"], data["line"]
        self.odds_id = data["odds_id"]
        self.prices, self.source, self.at = data["prices"], data["source"], data["at"]


class Account:
    __slots__ = ("available", "bought_back", "entry", "granted", "open_stakes", "pool")

    def __init__(self, entry: str, pool: str) -> None:
        self.entry, self.pool, self.available, self.open_stakes = entry, pool, 0, 0
        self.granted = self.bought_back = False


class Bet:
    """A bet's terms; `verdict` is how it stands (None while open), `due` how it must stand once its game is settled."""

    __slots__ = ("account", "at", "due", "outcome", "position", "quote", "resolution", "stake", "verdict")

    def __init__(self, account: Account, quote: Quote, outcome: str, stake: int, fact: Fact) -> None:
        self.account, self.quote, self.outcome, self.stake = account, quote, outcome, stake
        # Many bets share an instant: interned, it is kept once.
        self.position, self.at, self.resolution = fact.position, sys.intern(fact.at), 0
        self.verdict: str | None = None
        self.due: str | None = None

    def pays(self, verdict: str | None) -> int:
        if verdict == "won":
            return payout(self.stake, self.quote.prices[self.outcome])
        return self.stake if verdict in ("push", "void") else 0


class Word(NamedTuple):
    """What a source says of a game."""

    source: str
    status: str
    certainty: str
    revision: int
    home: int | None
    away: int | None
    regulation: tuple[int, int] | None

    @property
    def content(self) -> tuple[Any, ...]:
        return self.status, self.home, self.away, self.regulation

    @property
    def slot(self) -> str:
        """Of each of these, the latest word counts."""
        if self.source == "operator":
            return "operator"
        if self.status == "postponed":
            return "postponed"
        return "clock" if self.source == "clock" else self.certainty

    @property
    def order(self) -> tuple[int, bool]:
        return self.revision, self.status != "final"


class Void(NamedTuple):
    """Bets placed before it that a ruling makes void: one, those on a market, in an interval; all that is told fits."""

    position: int
    bets: list[Bet] | None
    market_id: str | None
    placed_from: str | None
    placed_until: str | None

    def names(self, bet: Bet) -> bool:
        return (
            bet.position < self.position
            and (self.bets is None or bet in self.bets)
            and (self.market_id is None or self.market_id == bet.quote.market_id)
            and (self.placed_from is None or self.placed_from <= bet.at)
            and (self.placed_until is None or bet.at < self.placed_until)
        )


class Game:
    """A listing of a game: whether it takes stakes, what was said of it, and how far its bets are settled."""

    __slots__ = (
        *("bets", "bets_settled", "completed", "completed_at", "cut", "decided", "id", "league", "locked", "moved_out"),
        *("paid", "quotes", "released", "relocked", "resolution", "settled_to", "source", "started_at", "starts_at"),
        *("ruled", "stopped", "suspended", "voids", "words"),
    )

    def __init__(self, fact: Fact) -> None:
        self.id, self.league, self.source = fact.stream, fact.data["league"], fact.data["source"]
        self.starts_at: str = fact.data["starts_at"]
        self.started_at: str | None = None
        self.locked: str | None = None
        self.suspended: str | None = None
        self.stopped: set[str] = set()  # Markets that are suspended on their own.
        self.moved_out = False
        self.quotes: dict[str, Quote] = {}
        self.words: dict[str, Word] = {}
        self.voids: dict[str, Void] = {}  # By the case that brought them.
        self.decided: Word | None = None
        self.resolution = self.cut = self.settled_to = self.bets_settled = self.paid = 0
        self.completed = self.completed_at = self.relocked = self.released = 0
        self.ruled = 0  # The revision of the operators' last word.
        self.bets: list[Bet] = []

    def settle_anew(self, position: int) -> None:
        """The next resolution begins: all bets up to its position are settled under it."""
        self.resolution, self.cut = self.resolution + 1, position
        self.settled_to = self.bets_settled = self.paid = 0

    def grade(self, bet: Bet, rules: dict[str, Any]) -> tuple[str | None, str]:
        """What a bet comes to, and why: voids count before all, late bets are void whatever the score.

        None where nothing is said of it: it stays as it is, open, or returned by a void that stands no longer.
        """
        if self.voids and any(void.names(bet) for void in self.voids.values()):
            return "void", "operator"
        word = self.decided
        if word is None:
            return None, "there is no result"
        if self.started_at is not None and bet.at >= self.started_at:
            return "void", "late"
        if word.status != "final":
            return "void", VOID_REASONS.get(word.status, "no reason that is known")
        home, away = word.home or 0, word.away or 0
        if word.regulation is not None and self.league not in rules["overtime_leagues"]:
            home, away = word.regulation
        quote = bet.quote
        beaten = beaten_by(quote.market, bet.outcome, quote.line, home, away, three_way="draw" in quote.prices)
        if beaten is None:
            return None, "no rule grades it"
        return ("won", "result") if beaten > 0 else ("lost", "result") if beaten < 0 else ("push", "push")


class Case:
    """An operator's case as far as it was told: `proposal` is the last one, `proposer` who made it."""

    def __init__(self) -> None:
        self.proposal: dict[str, Any] | None = None
        self.proposer = ""
        self.approved = self.applied = self.closed = False


class Due(NamedTuple):
    """What must stand right behind an event, in the same append, and what is said of the event where it does not."""

    behind: Fact
    type: str
    stream: str
    kind: str
    said: str


class Book:
    """What the logs of weeks and of the office have in common: the cases of operators.

    `rulings` are those of the append that is being read, `ruled_on` what its game stood at before them: the number of
    its resolution, and its start if that was known.
    """

    def __init__(self, log: str, report: Report) -> None:
        self.log, self.report, self.state, self.stream = log, report, "", uuid5(FAIRPOOL, log)
        self.cases: dict[str, Case] = {}
        self.rulings: list[Fact] = []
        self.ruled_on: tuple[int, str | None] = 0, None
        self.due: Due | None = None

    def differ(self, kind: str, fact: Fact, what: str) -> None:
        self.report.differ(kind, fact.token, what)

    def must(self, holds: bool, kind: str, fact: Fact, what: str) -> None:
        if not holds:
            self.differ(kind, fact, what)

    def must_be(self, kind: str, fact: Fact, name: str, stated: object, found: object) -> None:
        if stated != found:
            self.differ(kind, fact, f"{name} is {stated!r}, by the log it is {found!r}")

    def next(self, fact: Fact) -> None:
        """What one append brings stands side by side: what is due comes now, and rulings go on until they are applied.

        Nothing is missed at the end of an export, which may be cut anywhere.
        """
        due, self.due = self.due, None
        if due is not None:
            self.must((fact.type, fact.stream) == (due.type, due.stream), due.kind, due.behind, due.said)
        if self.rulings:
            last = self.rulings[-1]
            if (fact.position, fact.request) != (last.position + 1, last.request):
                self.differ("case", self.rulings[0], "an operator's ruling that no case.applied follows")
                self.rulings = []


class Week(Book):
    """A week's log as far as it was read. What `CHECKS` holds for a type of event is asked in turn."""

    def __init__(self, log: str, report: Report) -> None:
        super().__init__(log, report)
        self.rules: dict[str, Any] = {}
        self.starts_at = self.ends_at = self.commitment = self.rules_hash = ""
        self.enrolled: dict[str, tuple[str, str | None]] = {}
        self.roster_changed_at = 0
        self.late: set[str] = set()
        self.frozen: Fact | None = None
        self.drawn: Fact | None = None
        self.seats: dict[str, str] = {}
        self.accounts: dict[str, Account] = {}
        self.pools: dict[str, dict[str, Account]] = {}
        self.games: dict[str, Game] = {}
        self.settlements: dict[str, Game] = {}
        self.listings: Counter[tuple[str, str]] = Counter()
        self.bets: dict[str, Bet] = {}
        self.issued: Counter[str] = Counter()
        self.house: Counter[str] = Counter()
        self.played: set[str] = set()
        self.settled: Fact | None = None
        self.settlements_of_week = 0
        self.owed: dict[str, tuple[int, int]] = {}
        self.accepted: dict[str, tuple[int, str, str]] = {}
        self.given: dict[str, tuple[int, str, str]] = {}
        self.in_use: set[str] = set()
        self.refused: set[str] = set()
        self.sealed = False

    def take(self, fact: Fact) -> None:
        if not self.rules and fact.type != "week.opened":
            self.differ("week", fact, f"{fact.type} stands before the week was opened")
            return
        self.must(not self.sealed, "week", fact, "an event behind week.sealed")
        if self.due or self.rulings:
            self.next(fact)
        for check in CHECKS.get(fact.type, ()):
            check(self, fact)

    def end(self, size: int) -> None:
        """What must hold at the end of the export, wherever that is."""
        payments_buy_what_they_pay_for(self, size)
        books_balance(self, size)

    def balances(self) -> dict[str, dict[str, int]]:
        return {
            name: {entry: account.available for entry, account in pool.items()} for name, pool in self.pools.items()
        }

    def balances_by_account(self) -> Counter[str]:
        """The balances of double entry: issuance, entries, escrow of what is at stake, house."""
        found = Counter({f"entry:{account.entry}": account.available for account in self.accounts.values()})
        for name in self.pools:
            found[f"issuance:{name}"], found[f"house:{name}"] = -self.issued[name], self.house[name]
        for bet in self.bets.values():
            if bet.verdict is None:
                found[f"escrow:{bet.account.pool}:{bet.quote.market_id}"] += bet.stake
        return found

    def unresolved(self) -> list[str]:
        games = self.games.values()
        return [game.id for game in games if game.decided is None or game.resolution != game.completed]

    def account(self, fact: Fact) -> Account | None:
        """An entry's account is the stream of its movements; nothing moves before it is open, or after the end."""
        account = self.accounts.get(fact.stream)
        self.must(account is not None, "books", fact, f"{fact.type} in a stream that is no open account")
        self.must(self.state != FINAL, "week", fact, "credits move after the week is final")
        return account

    def move(self, fact: Fact, account: Account, amount: int) -> None:
        """The balance that an event states is the one before it and what it moves."""
        account.available += amount
        self.must_be("books", fact, "available", fact.data["available"], account.available)


CHECKS: dict[str, list[Callable[[Week, Fact], None]]] = defaultdict(list)
Rule = TypeVar("Rule", bound=Callable[[Week, Fact], None])


def on(*types: str) -> Callable[[Rule], Rule]:
    """Have a rule asked of every event of these types, in the order in which the rules stand here."""

    def register(check: Rule) -> Rule:
        for name in types:
            CHECKS[name].append(check)
        return check

    return register


@on(*(name for name, _ in FORMS if name.startswith("week.")))
def states_follow_in_order(week: Week, fact: Fact) -> None:
    """Registering, grouped, closed, settled (again after a correction), final; frozen and drawn before grouped."""
    allowed = {
        "week.opened": not week.rules,
        "week.roster_frozen": week.state == REGISTERING and week.frozen is None and fact.at >= week.starts_at,
        "week.pools_drawn": week.state == REGISTERING and week.frozen is not None and week.drawn is None,
        "week.grouped": week.state == REGISTERING and week.drawn is not None,
        "week.closed": week.state == GROUPED and fact.at >= week.ends_at,
        "week.settled": week.state in (CLOSED, SETTLED),
        "week.finalised": week.state == SETTLED,
        "week.sealed": week.state == FINAL,
    }
    week.must(allowed[fact.type], "week", fact, f"{fact.type} does not follow on {week.state or 'nothing'}")
    week.must_be("week", fact, "stream", fact.stream, week.stream)


@on("week.opened")
def week_is_the_one_that_it_says(week: Week, fact: Fact) -> None:
    """The log bears the week's name; start and end are midnights in New York; the rules have the hash stated."""
    data = fact.data
    try:
        first = monday(data["week"])
    except Unsound as error:
        week.differ("week", fact, str(error))
        return
    week.must_be("week", fact, "week", data["week"], week.log)
    week.must_be("week", fact, "starts_at", data["starts_at"], midnight_in_new_york(first))
    week.must_be("week", fact, "ends_at", data["ends_at"], midnight_in_new_york(first + timedelta(days=7)))
    week.must_be("week", fact, "rules_hash", data["rules_hash"], hashlib.sha256(canonical(data["rules"])).hexdigest())
    week.must_be("week", fact, "the rule set's version", data["rules"]["version"], "1")
    if not week.rules:
        week.rules, week.rules_hash, week.commitment = data["rules"], data["rules_hash"], data["seed_commitment"]
        week.starts_at, week.ends_at, week.state = data["starts_at"], data["ends_at"], REGISTERING


# 6a. Enrolment and draw.


@on("entry.enrolled")
def entry_may_enrol(week: Week, fact: Fact) -> None:
    """Before the start, or late where the rules allow it; under the week's rules; in a stream made from the entry."""
    entry, payment = fact.data["entry"], fact.data["payment_id"]
    late = week.state == GROUPED and week.rules["late_entry"]
    early = week.state == REGISTERING and week.frozen is None and fact.at < week.starts_at
    week.must(early or late, "draw", fact, f"entry {entry} enrols when no entries are taken")
    week.must(fact.stream not in week.enrolled, "draw", fact, f"entry {entry} enrols twice")
    week.must_be("week", fact, "stream", fact.stream, uuid5(entry, "registration"))
    week.must_be("week", fact, "rules_hash", fact.data["rules_hash"], week.rules_hash)
    week.enrolled[fact.stream] = entry, payment
    if late:
        week.late.add(entry)
    else:
        week.roster_changed_at = fact.position
    if payment is not None:
        week.must(payment not in week.given, "books", fact, f"payment {payment} buys twice")
        week.given[payment] = fact.position, "weekly_pass", entry
        week.in_use.add(payment)


@on("entry.withdrawn")
def entry_may_withdraw(week: Week, fact: Fact) -> None:
    """Who is enrolled may withdraw until the start."""
    early = week.state == REGISTERING and week.frozen is None and fact.at < week.starts_at
    entry, payment = week.enrolled.pop(fact.stream, ("", None))
    week.must(early and bool(entry), "draw", fact, "withdraws who is not enrolled, or after the start")
    week.roster_changed_at = fact.position
    week.in_use.discard(payment or "")


@on("week.roster_frozen")
def roster_is_who_is_enrolled(week: Week, fact: Fact) -> None:
    """The roster is all who are enrolled at the position named; a beacon's round is still to come when it is frozen."""
    entries, data = [entry for entry, _ in week.enrolled.values()], fact.data
    stands = week.roster_changed_at <= data["position"] < fact.position
    week.must(stands, "draw", fact, f"the roster changed behind position {data['position']}")
    week.must_be("draw", fact, "size", data["size"], len(entries))
    week.must_be("draw", fact, "roster_hash", data["roster_hash"], roster_hash(week.log, entries))
    if data["beacon"] is not None:
        comes_at = round_at(data["beacon"])
        week.must(comes_at > fact.at, "draw", fact, f"the beacon's round came at {comes_at or 'no time that is known'}")
    week.frozen = fact


def round_at(beacon: dict[str, Any]) -> str:
    """When a round of the beacon comes; nothing where the chain is another than quicknet."""
    if beacon["chain"] != QUICKNET or not 0 < beacon["round"] < 10**10:
        return ""
    seconds = GENESIS + (beacon["round"] - 1) * PERIOD
    return instant(datetime.fromisoformat("1970-01-01") + timedelta(seconds=seconds))


@on("week.pools_drawn")
def pools_follow_from_the_seed(week: Week, fact: Fact) -> None:
    """The seed opens the commitment, and seed, roster and beacon give the pools that are stated."""
    data, frozen = fact.data, week.frozen
    beacon = frozen.data["beacon"] if frozen is not None else None
    seed, signature = bytes.fromhex(data["seed"]), bytes.fromhex(data["signature"])
    week.must_be("draw", fact, "the hash of the seed", hashlib.sha256(seed).hexdigest(), week.commitment)
    week.must_be("draw", fact, "algorithm", data["algorithm"], "hmac-sha256-sort-v1")
    randomness, lines = "", "\n0\n\n"
    if beacon is not None:
        randomness = hashlib.sha256(signature).hexdigest()
        lines = f"{beacon['chain']}\n{beacon['round']}\n{randomness}\n"
        week.must(round_at(beacon) <= fact.at, "draw", fact, "drawn before the beacon's round had come")
        said = f"round {beacon['round']} of chain {beacon['chain']} has the signature {data['signature']}"
        week.report.note(f"ask a relay of drand, or a program that checks BLS, whether {said}")
    week.must_be("draw", fact, "randomness", data["randomness"], randomness)
    week.must(
        bool(signature) == (beacon is not None), "draw", fact, "a signature goes with a beacon, and with none else"
    )
    entries = [entry for entry, _ in week.enrolled.values()]
    pools = deal(week.log, entries, pool_max=week.rules["pool_max"], seed=seed, beacon=lines)
    stated = [(pool["name"], pool["pool_id"], pool["size"]) for pool in data["pools"]]
    found = [(name, uuid5(week.stream, name), len(pool)) for name, pool in pools.items()]
    week.must_be("draw", fact, "pools", stated, found)
    week.drawn = fact
    week.seats = {entry: name for name, pool in pools.items() for entry in pool}
    week.pools = {name: {} for name in pools}


@on("account.opened")
def account_is_where_it_was_dealt(week: Week, fact: Fact) -> None:
    """A drawn entry's account is in its pool; a late one's in the pool with fewest entries, or in a new one."""
    name, entry = fact.data["pool_name"], fact.stream
    week.must(entry not in week.accounts, "draw", fact, f"entry {entry} has an account already")
    week.must_be("week", fact, "pool_id", fact.data["pool_id"], uuid5(week.stream, name))
    if week.state == REGISTERING and week.drawn is not None:
        due = week.seats.get(entry)
    elif week.state == GROUPED and entry in week.late:
        sizes = [(len(pool), pool_order(each)) for each, pool in week.pools.items()]
        size, (_, smallest) = min(sizes, default=(week.rules["pool_max"], (0, "")))
        due = smallest if size < week.rules["pool_max"] else pool_name(week.log, len(week.pools))
    else:
        due = None
    week.must_be("draw", fact, f"the pool of entry {entry}", name, due)
    account = week.accounts[entry] = Account(entry, name)
    week.pools.setdefault(name, {})[entry] = account


@on("account.credits_granted")
def grant_is_given_once(week: Week, fact: Fact) -> None:
    """Every account is granted what the rules say, once."""
    account = week.account(fact)
    if account is not None:
        week.must(not account.granted, "books", fact, f"entry {account.entry} is granted credits twice")
        week.must_be("books", fact, "amount", fact.data["amount"], week.rules["grant"])
        account.granted = True
        week.issued[account.pool] += fact.data["amount"]
        week.move(fact, account, fact.data["amount"])


@on("week.grouped", "week.closed")
def nobody_is_left_out(week: Week, fact: Fact) -> None:
    """Bets open, and close, with an account of every entry in the draw, and its grant."""
    missing = (week.seats.keys() | week.late) - week.accounts.keys()
    week.must(not missing, "draw", fact, f"entry {min(missing, default='')} was drawn and has no account")
    poor = [account.entry for account in week.accounts.values() if not account.granted]
    week.must(not poor, "books", fact, f"entry {min(poor, default='')} was not granted its credits")
    week.state = GROUPED if fact.type == "week.grouped" else CLOSED


# 6b. Cases: what operators rule was proposed, approved by another where that was asked for, and is what was proposed.


@on(*(name for name, _ in FORMS if name.startswith("case.")))
def case_goes_its_way(book: Book, fact: Fact) -> None:
    """Opened, proposed, approved, applied, closed, in a stream that is made from the request that opened it."""
    case = book.cases.get(fact.stream)
    if fact.type == "case.opened":
        book.must(case is None, "case", fact, "the case is opened twice")
        book.must_be("case", fact, "case_id", fact.data["case_id"], fact.stream)
        book.must_be("case", fact, "stream", fact.stream, uuid5(book.stream, f"case/{fact.request}"))
        book.cases[fact.stream] = Case()
    elif case is None or case.closed:
        book.differ("case", fact, f"{fact.type} of a case that is not open")
    else:
        by_operator = fact.actor.startswith("operator:") or fact.type == "case.closed"
        book.must(by_operator, "case", fact, f"{fact.type} by {fact.actor}, who is no operator")
        CASE_STEPS[fact.type](book, fact, case)


def change_is_proposed(book: Book, fact: Fact, case: Case) -> None:
    """A proposal takes the place of the one before, and needs an approval of its own."""
    book.must(not case.applied, "case", fact, "a proposal of a case that was applied")
    case.proposal, case.proposer, case.approved = None, fact.actor, False
    try:
        proposal = read_canonical(fact.data["change"].encode())
        if not has_form(proposal, PROPOSAL) or proposal["change"]["kind"] not in RULINGS:
            raise Unsound("the change does not have the form of a proposal")
        case.proposal = proposal
    except Unsound as error:
        book.differ("case", fact, str(error))


def change_is_approved(book: Book, fact: Fact, case: Case) -> None:
    """Once, by another operator than the one who proposed it."""
    due = case.proposal is not None and not case.approved
    book.must(due, "case", fact, "approves nothing that is proposed, or once more")
    book.must(fact.actor != case.proposer, "case", fact, f"{fact.actor} approves what {case.proposer} proposed")
    case.approved = True


def change_is_applied(book: Book, fact: Fact, case: Case) -> None:
    """The rulings of the append are what was proposed last, on the resolution that it was proposed on.

    When the week is final there may be none: what would change nothing is not recorded.
    """
    rulings, book.rulings = book.rulings, []
    proposal, case.proposal, case.applied = case.proposal, None, True
    said = f"case {fact.stream} is not closed in the append that applies it"
    book.due = Due(fact, "case.closed", fact.stream, "case", said)
    if proposal is None:
        book.differ("case", fact, "applies nothing that is proposed")
        return
    change, types = proposal["change"], [ruling.type for ruling in rulings]
    book.must(case.approved or not proposal["needs_approval"], "case", fact, "applied without the approval it needs")
    book.must_be("case", fact, "request", fact.request, f"case/{fact.stream}")
    if not types and book.state == FINAL:
        return
    if types not in RULINGS[change["kind"]]:
        said = ", ".join(types) or "nothing"
        book.differ("case", fact, f"a change of kind {change['kind']!r} is carried out by {said}")
        return
    resolution, started_at = book.ruled_on
    book.must_be("case", fact, "the resolution that was proposed on", proposal["resolution"], resolution)
    main, due = rulings[-1 if change["kind"] == "result" else 0], ruling_due(change, fact.stream)
    stated = main.data | {"stream": main.stream}
    for name, value in due.items():
        book.must(stated[name] == value, "case", main, f"{name} is {stated[name]!r}, what was proposed is {value!r}")
    if main is not rulings[0]:
        lock = rulings[0].stream, rulings[0].data["started_at"]
        book.must_be("case", rulings[0], "what is locked", lock, (change["game_id"], started_at))


def ruling_due(change: dict[str, Any], case_id: str) -> dict[str, Any]:
    """What the event must say that carries a change out."""
    names: tuple[str, ...] = {
        "result": ("game_id", "status", "home_score", "away_score", "regulation"),
        "start": ("started_at",),
        "void": ("game_id", "market_id", "bet_id", "placed_from", "placed_until"),
        "lift": ("game_id",),
    }[change["kind"]]
    more = {
        "result": {"source": "operator", "certainty": "official"},
        "start": {"stream": change["game_id"], "why": "in progress"},
        "void": {"case_id": case_id},
        "lift": {"case_id": change["lifts"]},
    }
    return {name: change[name] for name in names} | more[change["kind"]]


def case_is_closed(book: Book, fact: Fact, case: Case) -> None:
    """Where it was applied, it says whether that moved anything: nothing does when the week is final."""
    if case.applied:
        book.must_be("case", fact, "outcome", fact.data["outcome"], "recorded" if book.state == FINAL else "applied")
    case.closed = True


CASE_STEPS: dict[str, Callable[[Book, Fact, Case], None]] = {
    "case.proposed": change_is_proposed,
    "case.approved": change_is_approved,
    "case.applied": change_is_applied,
    "case.closed": case_is_closed,
}
# The events that carry a change out, by its kind.
RULINGS = {
    "result": (["settlement.result_recorded"], ["game.locked", "settlement.result_recorded"]),
    "start": (["game.locked"], ["game.locked", "settlement.result_recorded"]),
    "void": (["settlement.bets_voided"],),
    "lift": (["settlement.ruling_lifted"], ["settlement.ruling_lifted", "settlement.result_recorded"]),
}


@on("game.locked", "settlement.result_recorded", "settlement.bets_voided", "settlement.ruling_lifted")
def ruling_has_a_case(week: Week, fact: Fact) -> None:
    """What an operator says of a game, or of its start, and what is void, stand in one append with `case.applied`."""
    game = week.games.get(fact.data.get("game_id", fact.stream))
    if game is None:
        return
    by_operator = fact.actor.startswith("operator:")
    if fact.type == "game.locked":
        rules = by_operator and fact.data["started_at"] != game.started_at
    elif fact.type == "settlement.result_recorded":
        again = is_said_again(week, game, word_of(fact.data), fact.position)
        rules = fact.data["source"] == "operator" and not again
    else:
        rules = True
    if rules or (by_operator and fact.request.startswith("case/")):
        week.must(by_operator, "case", fact, f"{fact.actor} rules, who is no operator")
        if not week.rulings:
            week.ruled_on = game.resolution, game.started_at
        week.rulings.append(fact)


# 6c. The board: games, quotes, and what stops stakes.


def game_of(week: Week, fact: Fact) -> Game | None:
    game = week.games.get(fact.stream)
    week.must(game is not None, "week", fact, f"{fact.type} in a stream that is no listed game")
    return game


@on("game.scheduled")
def game_is_listed(week: Week, fact: Fact) -> None:
    """A game is listed before the week's close, with a start in the week; its id counts the listings of its name."""
    data, name = fact.data, (fact.data["source"], fact.data["external_id"])
    week.listings[name] += 1
    number = week.listings[name]
    text = "/".join(name) + (f"#{number}" if number > 1 else "")
    week.must_be("week", fact, "stream", fact.stream, uuid5(week.stream, text))
    week.must(week.state in (REGISTERING, GROUPED), "week", fact, "a game is listed after the close")
    week.must(week.starts_at <= data["starts_at"] < week.ends_at, "week", fact, "a game starts outside the week")
    game = week.games[fact.stream] = Game(fact)
    week.settlements[uuid5(game.id, "settlement")] = game


@on("game.rescheduled", "game.moved_out")
def start_moves(week: Week, fact: Fact) -> None:
    """A start moves within the week, or the listing is over."""
    game, starts_at = game_of(week, fact), fact.data["starts_at"]
    stays = fact.type == "game.rescheduled"
    week.must((week.starts_at <= starts_at < week.ends_at) == stays, "week", fact, f"{fact.type} to {starts_at}")
    if game is not None and stays:
        game.starts_at = starts_at
    elif game is not None:
        game.moved_out = True


@on("game.market_quoted")
def quote_is_newer(week: Week, fact: Fact) -> None:
    """A quote has the ids made from its market, source and time, suits its market, is the game's source's, and news."""
    game, data = game_of(week, fact), fact.data
    if game is None:
        return
    quote, before = Quote(game, data), game.quotes.get(data["market_id"])
    week.must_be("week", fact, "market_id", data["market_id"], uuid5(game.id, quote.market))
    week.must_be("week", fact, "odds_id", quote.odds_id, uuid5(data["market_id"], f"{quote.source}/{quote.at}"))
    offered = OUTCOMES.get(quote.market, ())
    suits = set(offered) - {"draw"} <= set(quote.prices) <= set(offered) and bool(offered)
    week.must(suits and (quote.line is None) == (quote.market == "moneyline"), "gate", fact, "no quote for its market")
    newer = quote.source == game.source and (before is None or quote.at > before.at)
    week.must(newer, "gate", fact, "the quote is not newer than the one on the board, or of another source")
    game.quotes[data["market_id"]] = quote


@on("game.market_suspended", "game.market_reopened", "game.locked", "game.unlocked")
def stakes_stop_and_go_on(week: Week, fact: Fact) -> None:
    """A market or all of a game is suspended and reopened; a lock stops the game, and tells its real start if known."""
    game, data = game_of(week, fact), fact.data
    if game is None:
        return
    market = data.get("market_id")
    known = {uuid5(game.id, name) for name in OUTCOMES} if market is not None else set()
    week.must(market is None or market in known, "week", fact, "the market is not one of the game's")
    if fact.type == "game.market_suspended":
        if market is None:
            game.suspended = data["why"]
        else:
            game.stopped.add(market)
    elif fact.type == "game.market_reopened":
        if market is None:
            game.suspended = None
        game.stopped -= {market} if market is not None else set(game.stopped)
    elif fact.type == "game.unlocked":
        game.locked = game.started_at = None
    else:
        believed, game.started_at, game.locked = game.started_at, data["started_at"], data["why"]
        makes_late = game.started_at is not None and min(game.started_at, believed or game.started_at) < game.starts_at
        if makes_late and game.decided is not None and week.state != FINAL:
            game.relocked = fact.position
            if game.started_at != believed:
                said = f"game {game.id} is not settled anew after its start was learnt"
                week.due = Due(fact, "settlement.result_recorded", uuid5(game.id, "settlement"), "settlement", said)


# 6d. Stakes.


@on("account.stake_placed")
def stake_was_on_offer(week: Week, fact: Fact) -> None:
    """No stake stands behind a gate: week grouped, game not stopped, started or ended, at the quote on the board."""
    data, account = fact.data, week.account(fact)
    game = week.games.get(data["game_id"])
    if game is None or account is None:
        week.differ("gate", fact, f"a stake on game {data['game_id']}, which is not listed, or without an account")
        return
    stop = what_stops(week, game, data["market_id"], fact.at)
    week.must(stop is None, "gate", fact, f"a stake {stop}")
    quote = game.quotes.get(data["market_id"])
    terms = data["market"], data["odds_id"], data["line"], data["price"]
    offer = quote and (quote.market, quote.odds_id, quote.line, quote.prices.get(data["outcome"]))
    week.must_be("gate", fact, "the terms (market, quote, line, price)", terms, offer)
    if quote is None or terms != offer:
        quote = Quote(game, data | {"prices": {data["outcome"]: data["price"]}, "source": "", "at": ""})
    remember(week, fact, Bet(account, quote, sys.intern(data["outcome"]), data["stake"], fact))


def what_stops(week: Week, game: Game, market_id: str, at: str) -> str | None:
    """What keeps a market from taking stakes at an instant, if anything does."""
    if week.state != GROUPED:
        return f"while the week is {week.state}"
    if game.moved_out:
        return "on a game that moved out of the week"
    if game.locked is not None:
        return f"on a game that is locked ({game.locked})"
    if at >= game.starts_at:
        return f"at {at}, not before the scheduled start {game.starts_at}"
    if game.suspended is not None or market_id in game.stopped:
        return f"on a market that is suspended ({game.suspended or 'alone'})"
    return "on a game that has a result" if game.words else None


def remember(week: Week, fact: Fact, bet: Bet) -> None:
    data, bet_id = fact.data, fact.data["bet_id"]
    week.must(bet_id not in week.bets, "books", fact, f"bet {bet_id} is placed twice")
    week.bets[bet_id] = bet
    bet.quote.game.bets.append(bet)
    bet.account.open_stakes += 1
    week.move(fact, bet.account, -data["stake"])


@on("account.stake_placed")
def stake_is_within_the_rules(week: Week, fact: Fact) -> None:
    """A stake is a whole number within the rules' bounds, at a price within them, and covered by the balance."""
    data, rules = fact.data, week.rules
    most = rules["stake_max"] if rules["stake_max"] is not None else data["stake"]
    week.must(max(1, rules["stake_min"]) <= data["stake"] <= most, "gate", fact, f"a stake of {data['stake']} credits")
    week.must(abs(data["price"]) <= rules["price_max"], "gate", fact, f"a stake at the price {data['price']}")
    won = payout(data["stake"], data["price"])
    week.must_be("settlement", fact, "potential_payout", data["potential_payout"], won)
    account = week.accounts.get(fact.stream)
    week.must(account is None or account.available >= 0, "books", fact, "more is staked than was available")


@on("account.stake_placed")
def bet_is_named_by_its_request(week: Week, fact: Fact) -> None:
    """A bet's id is made from its entry and the request's key; on a slip, from the key and the bet's number."""
    key, is_slip, _ = fact.request.rpartition(" slip ")
    names = (f"{key} {number}" for number in range(1, 101)) if is_slip else iter([fact.request])
    named = any(uuid5(fact.stream, name) == fact.data["bet_id"] for name in names)
    week.must(named, "week", fact, f"bet {fact.data['bet_id']} does not bear the id of its request")


# 6e. Results and settlement.


def is_no_news(game: Game, word: Word) -> bool:
    """A source's word is news if its revision is above the last one, or equal and its status says more."""
    known, official = game.words.get(word.slot), game.words.get("official")
    if known is None or known.source != word.source:
        return word.certainty == "provisional" and official is not None and word.order <= official.order
    return word.order <= known.order


def what_counts(words: dict[str, Word], rules: dict[str, Any]) -> Word | None:
    """An operator's word, that the game left the week, the official one, the provisional where it may, the clock's."""
    provisional = ("provisional",) if rules["settles_on_provisional"] or "clock" in words else ()
    return next(
        (words[slot] for slot in ("operator", "postponed", "official", *provisional, "clock") if slot in words), None
    )


def word_of(data: dict[str, Any]) -> Word:
    regulation = data["regulation"] and (data["regulation"]["home"], data["regulation"]["away"])
    said = data["source"], data["status"], data["certainty"], data["revision"], data["home_score"], data["away_score"]
    return Word(*said, regulation)


def is_said_again(week: Week, game: Game, word: Word, position: int) -> bool:
    """A word is no news where it settles anew: the game's real start was learnt, or an operator's word was released."""
    if game.released == position - 1:
        return what_counts(game.words, week.rules) == word
    late = game.relocked == position - 1 and game.decided is not None and word.content == game.decided.content
    return late and word in game.words.values()


@on("settlement.result_recorded")
def result_settles_by_precedence(week: Week, fact: Fact) -> None:
    """Each change of what settles the game is the next resolution; what is recorded after the end settles nothing."""
    data, game = fact.data, week.games.get(fact.data["game_id"])
    if game is None or week.settlements.get(fact.stream) is not game:
        week.differ("settlement", fact, f"a result of game {data['game_id']} in a stream that is not its settlement")
        return
    word = word_of(data)
    has_score = word.status == "final" and word.home is not None and word.away is not None
    sound = (has_score or word.status in VOID_REASONS) and word.certainty in ("official", "provisional")
    week.must(sound, "settlement", fact, f"{word.status!r} ({word.certainty}) without what goes with it")
    known = word.source in (game.source, "clock", "operator")
    week.must(known, "settlement", fact, f"source {word.source!r} is not the one that lists the game")
    applied: bool
    resolution: int | None
    if is_said_again(week, game, word, fact.position):
        applied, resolution = True, game.resolution + 1
    else:
        week.must(not is_no_news(game, word), "settlement", fact, "repeats or contradicts what its source said before")
        clock_speaks_in_time(week, fact, game, word)
        if word.source == "operator":
            week.must_be("case", fact, "the operators' revision", word.revision, game.ruled + 1)
            game.ruled = word.revision
        game.words[word.slot] = word
        counts, before = what_counts(game.words, week.rules), game.decided
        applied = week.state != FINAL and counts is not None and counts.content == word.content
        changes = counts is not None and (before is None or counts.content != before.content)
        resolution = game.resolution + 1 if week.state != FINAL and changes else None
    week.must_be("settlement", fact, "applied", data["applied"], applied)
    week.must_be("settlement", fact, "resolution", data["resolution"], resolution)
    stopped = game.locked is not None or game.moved_out or week.state != GROUPED
    week.must(stopped, "gate", fact, "the game takes stakes when its result is recorded")
    if resolution is not None:
        game.decided = word
        game.settle_anew(fact.position)


def clock_speaks_in_time(week: Week, fact: Fact, game: Game, word: Word) -> None:
    """The clock voids what was called off and did not start by the close, and ends what has no result in time.

    At the deadline a provisional result stands. A source's `postponed` is recorded only of a game that left the week.
    """
    if word.source != "clock":
        left = word.status != "postponed" or game.moved_out or word.source == "operator"
        week.must(left, "settlement", fact, "postponed is recorded of a game that did not leave the week")
    elif word.status == "postponed":
        called_off = game.suspended == "postponed" and game.started_at is None and not game.words
        closed = week.state in (CLOSED, SETTLED)
        week.must(called_off and closed, "settlement", fact, "stakes on a game are returned that was not called off")
    else:
        deadline = later(week.ends_at, hours=week.rules["settlement_deadline_hours"])
        week.must(fact.at >= deadline and not game.decided, "settlement", fact, f"ended before {deadline}")
        stands = game.words["provisional"].content if "provisional" in game.words else ("no_result", None, None, None)
        week.must_be("settlement", fact, "what stands at the deadline", word.content, stands)


@on("settlement.bets_voided")
def void_names_its_bets(week: Week, fact: Fact) -> None:
    """A void is a resolution of its own, with or without a result: which bets it names is fixed where it stands."""
    data, game = fact.data, week.settlements.get(fact.stream)
    if game is None or data["game_id"] != game.id:
        week.differ("settlement", fact, f"a void on game {data['game_id']} in a stream that is not its settlement")
        return
    bet_id, market_id, placed_until = data["bet_id"], data["market_id"], data["placed_until"]
    named = (market_id, bet_id, data["placed_from"], placed_until) != (None, None, None, None)
    of_game = market_id is None or market_id in {uuid5(game.id, name) for name in OUTCOMES}
    week.must(named and of_game, "settlement", fact, "a void that names no bets, or a market of another game")
    week.must(placed_until is None or placed_until <= fact.at, "settlement", fact, f"voids bets up to {placed_until}")
    applied = week.state != FINAL
    week.must_be("settlement", fact, "applied", data["applied"], applied)
    week.must_be("settlement", fact, "resolution", data["resolution"], game.resolution + 1 if applied else None)
    if applied:
        bets = None if bet_id is None else [week.bets[bet_id]] if bet_id in week.bets else []
        game.voids[data["case_id"]] = Void(fact.position, bets, market_id, data["placed_from"], placed_until)
        game.settle_anew(fact.position)


@on("settlement.ruling_lifted")
def lifted_ruling_stood(week: Week, fact: Fact) -> None:
    """Where a void is lifted all is settled anew; where an operator's word is released, what counts is said again."""
    data, game = fact.data, week.settlements.get(fact.stream)
    if game is None or data["game_id"] != game.id:
        week.differ("settlement", fact, f"a ruling on game {data['game_id']} in a stream that is not its settlement")
        return
    applied, case_id = week.state != FINAL, data["case_id"]
    week.must_be("settlement", fact, "applied", data["applied"], applied)
    anew = applied and case_id is not None
    week.must_be("settlement", fact, "resolution", data["resolution"], game.resolution + 1 if anew else None)
    stood = case_id in game.voids if case_id is not None else "operator" in game.words
    week.must(stood, "settlement", fact, "lifts a ruling that does not stand")
    if applied and case_id is not None:
        game.voids.pop(case_id, None)
        game.settle_anew(fact.position)
    elif applied:
        game.words.pop("operator", None)
        counts = what_counts(game.words, week.rules)
        week.must(counts is not None, "settlement", fact, "releases the only word of the game")
        if counts is not None and (game.decided is None or counts.content != game.decided.content):
            game.released = fact.position
            said = f"what settles game {game.id} now is not recorded again"
            week.due = Due(fact, "settlement.result_recorded", fact.stream, "case", said)


@on("settlement.chunk_settled")
def chunk_counts_its_bets(week: Week, fact: Fact) -> None:
    """A chunk is the next of the resolution in force; it counts the bets of which that says anything, and their pay."""
    game, data = week.settlements.get(fact.stream), fact.data
    if game is None or data["resolution"] != game.resolution or game.completed == game.resolution:
        week.differ("settlement", fact, f"resolution {data['resolution']} is not what is settled now")
        return
    week.must_be("settlement", fact, "from", data["from"], game.settled_to + 1)
    week.must(data["from"] <= data["to"] <= game.cut, "settlement", fact, f"to is {data['to']}, the cut {game.cut}")
    first = bisect_left(game.bets, data["from"], key=attrgetter("position"))
    bets = game.bets[first : bisect_right(game.bets, data["to"], key=attrgetter("position"))]
    number = paid = 0
    for bet in bets:
        verdict = game.grade(bet, week.rules)[0]
        bet.due = verdict or bet.verdict
        if verdict is not None:
            number += 1
            paid += bet.pays(verdict)
    week.must_be("settlement", fact, "bets", data["bets"], number)
    week.must_be("settlement", fact, "paid", data["paid"], paid)
    game.settled_to = data["to"]
    game.bets_settled += number
    game.paid += paid


@on("settlement.completed")
def completed_means_every_bet(week: Week, fact: Fact) -> None:
    """A resolution is complete when every bet up to its cut stands as graded; its totals are those of all bets."""
    game, data = week.settlements.get(fact.stream), fact.data
    if game is None or data["resolution"] != game.resolution or game.completed == game.resolution:
        week.differ("settlement", fact, f"resolution {data['resolution']} is not what is settled now")
        return
    week.must(game.settled_to >= game.cut, "settlement", fact, f"settled to {game.settled_to}, the cut is {game.cut}")
    staked = sum(bet.stake for bet in game.bets if bet.position <= game.cut)
    found = game.bets_settled, game.cut, game.paid, staked
    stated = data["bets"], data["cut"], data["paid"], data["staked"]
    week.must_be("settlement", fact, "the total (bets, cut, paid, staked)", stated, found)
    wrong = [bet for bet in game.bets if bet.verdict != bet.due]
    if wrong:
        bet = wrong[0]
        week.differ("settlement", fact, f"the bet of {week.log}:{bet.position} is {bet.verdict}, it comes to {bet.due}")
    game.completed, game.completed_at = game.resolution, fact.position


@on("account.bet_won", "account.bet_lost", "account.stake_returned", "account.payout_corrected")
def bet_is_resolved_as_graded(week: Week, fact: Fact) -> None:
    """An open bet is resolved once, a resolved one corrected once a resolution, both to what the rules come to."""
    data, account = fact.data, week.account(fact)
    bet = week.bets.get(data["bet_id"])
    if bet is None or account is None or bet.account is not account:
        week.differ("books", fact, f"entry {fact.stream} has no bet {data['bet_id']}")
        return
    verdict, reason = bet.quote.game.grade(bet, week.rules)
    week.must_be("settlement", fact, "resolution", data["resolution"], bet.quote.game.resolution)
    week.must(bet.resolution < data["resolution"], "books", fact, f"bet {data['bet_id']} is resolved twice")
    week.must(bet.position <= bet.quote.game.cut, "settlement", fact, "the bet was placed behind its result")
    stated, paid = what_is_stated(fact)
    week.must_be("settlement", fact, f"the outcome of bet {data['bet_id']}", stated, verdict)
    week.must_be("settlement", fact, f"the payout of bet {data['bet_id']}", paid, bet.pays(verdict))
    if "reason" in data:
        week.must_be("settlement", fact, "reason", data["reason"], reason)
    before = bet.pays(bet.verdict) if bet.verdict is not None else 0
    if fact.type == "account.payout_corrected":
        was = data["from_outcome"], data["from_payout"]
        week.must_be("books", fact, "what is corrected", was, (bet.verdict, before))
        week.must(stated != bet.verdict, "books", fact, "the correction changes nothing")
        before = data["from_payout"]
    else:
        week.must(bet.verdict is None, "books", fact, f"bet {data['bet_id']} is {bet.verdict} already")
        bet.account.open_stakes -= bet.verdict is None
        week.house[account.pool] += bet.stake
        week.played.add(account.entry)
    bet.verdict, bet.resolution = sys.intern(stated), data["resolution"]
    week.house[account.pool] -= paid - before
    week.move(fact, account, paid - before)


def what_is_stated(fact: Fact) -> tuple[str, int]:
    """The outcome and payout that an event states."""
    data = fact.data
    if fact.type == "account.bet_won":
        return "won", data["payout"]
    if fact.type == "account.stake_returned":
        return "push" if data["reason"] == "push" else "void", data["amount"]
    return ("lost", 0) if fact.type == "account.bet_lost" else (data["to_outcome"], data["to_payout"])


# 6f. Buy-backs and payments.


@on("account.bought_back")
def buy_back_is_for_the_bust(week: Week, fact: Fact) -> None:
    """Once a week, while it is grouped, for an account with nothing available and nothing at stake: the grant anew."""
    data, account = fact.data, week.account(fact)
    if account is None:
        return
    bust = account.available <= 0 and account.open_stakes == 0
    week.must(bust, "books", fact, f"entry {account.entry} buys back and is not bust")
    week.must(not account.bought_back, "books", fact, f"entry {account.entry} buys back twice")
    week.must(week.state == GROUPED, "books", fact, f"a buy-back while the week is {week.state}")
    week.must_be("books", fact, "amount", data["amount"], week.rules["grant"])
    week.must(data["payment_id"] not in week.given, "books", fact, f"payment {data['payment_id']} buys twice")
    week.given[data["payment_id"]] = fact.position, "buy_back", account.entry
    week.in_use.add(data["payment_id"])
    account.bought_back = True
    week.issued[account.pool] += data["amount"]
    week.move(fact, account, data["amount"])


@on("payment.accepted", "payment.refused")
def payment_is_decided_once(week: Week, fact: Fact) -> None:
    """A payment is accepted once or refused once, in a stream made from it; both only where a pass was withdrawn."""
    data, payment = fact.data, fact.data["payment_id"]
    sound = _ID(payment) is not None and fact.stream == uuid5(payment, "purchase")
    week.must(sound, "week", fact, f"the purchase of payment {payment!r} stands in another stream")
    week.must(payment not in week.refused, "books", fact, f"payment {payment} was refused before")
    if fact.type == "payment.accepted":
        week.must(payment not in week.accepted, "books", fact, f"payment {payment} was accepted before")
        week.accepted[payment] = fact.position, data["kind"], data["entry"]
    else:
        week.must(payment not in week.in_use, "books", fact, f"payment {payment} is refused after it was used")
        week.refused.add(payment)


def payments_buy_what_they_pay_for(week: Week, size: int) -> None:
    """What a payment gives stands right beside its acceptance; a cut between the two is no fault."""
    for payment in sorted(week.accepted.keys() | week.given.keys()):
        accepted, given = week.accepted.get(payment), week.given.get(payment)
        beside = accepted and given and accepted[1:] == given[1:] and abs(accepted[0] - given[0]) == 1
        position = max(accepted[0] if accepted else 0, given[0] if given else 0)
        if not beside and (position < size or (accepted and given)):
            said = f"payment {payment} is accepted as {accepted}, and gives {given}"
            week.report.differ("books", f"{week.log}:{position}", said)


# 6g. Standings, prizes, the end.


@on("week.settled", "week.finalised")
def all_is_resolved(week: Week, fact: Fact) -> None:
    """Every listed game has a resolution that is complete, and no credit is at stake."""
    waiting = week.unresolved()
    week.must(not waiting, "settlement", fact, f"game {min(waiting, default='')} is not resolved")
    staked = [account.entry for account in week.accounts.values() if account.open_stakes]
    week.must(not staked, "books", fact, f"entry {min(staked, default='')} has credits at stake")
    since = max((game.completed_at for game in week.games.values()), default=0)
    if fact.type == "week.finalised" and week.settled is not None:
        week.must(since < week.settled.position, "week", fact, "a correction was not settled before the end")


@on("week.settled", "week.finalised")
def standings_are_those_of_the_balances(week: Week, fact: Fact) -> None:
    """The hash is that of all standings, by the balances that the movements come to."""
    found = standings_hash(week.log, week.balances())
    week.must_be("standings", fact, "standings_hash", fact.data["standings_hash"], found)


@on("week.settled")
def settlements_are_counted(week: Week, fact: Fact) -> None:
    """Each declaration that all is settled has the next number."""
    week.settlements_of_week += 1
    week.must_be("week", fact, "n", fact.data["n"], week.settlements_of_week)
    week.settled, week.state = fact, SETTLED


@on("week.finalised")
def correction_window_is_kept(week: Week, fact: Fact) -> None:
    """The window counts from the last settlement, bounded from the week's end, and no case is open.

    An operator who says why may cut it short, and leave cases open.
    """
    reasoned = fact.actor.startswith("operator:") and fact.request.startswith("override: ")
    if week.settled is not None:
        window = later(week.settled.at, hours=week.rules["correction_window_hours"])
        limit = later(week.ends_at, hours=week.rules["correction_limit_hours"])
        said = f"final at {fact.at}, may be corrected until {min(window, limit)}"
        week.must(fact.at >= min(window, limit) or reasoned, "week", fact, said)
    waiting = [case_id for case_id, case in week.cases.items() if not case.closed]
    week.must(not waiting or reasoned, "case", fact, f"final while case {min(waiting, default='')} is open")
    week.state = FINAL
    for pool in week.balances().values():
        week.owed |= prizes(pool, week.played, week.rules)


@on("account.prize_awarded")
def prize_is_what_is_owed(week: Week, fact: Fact) -> None:
    """The prizes stand behind week.finalised: to whom, how much and at which rank follows from the standings."""
    data, owed = fact.data, week.owed.pop(fact.stream, None)
    stated = data["rank"], data["amount_cents"], data["currency"]
    due = None if owed is None else (*owed, week.rules["prize_currency"])
    week.must_be("prizes", fact, f"the prize of entry {fact.stream} (rank, cents, currency)", stated, due)


@on("week.sealed")
def nothing_follows(week: Week, fact: Fact) -> None:
    """The last event of a log."""
    week.sealed = True


def books_balance(week: Week, size: int) -> None:
    """In every pool, what was issued is available, at stake or the house's; no prize is owed at the end."""
    staked: Counter[str] = Counter()
    for bet in week.bets.values():
        staked[bet.account.pool] += bet.stake if bet.verdict is None else 0
    for name, pool in week.pools.items():
        total = sum(account.available for account in pool.values()) + staked[name] + week.house[name]
        if total != week.issued[name]:
            said = f"pool {name} holds {total} of {week.issued[name]} credits"
            week.report.differ("books", f"{week.log}:{size}", said)
    for entry, (place, cents) in sorted(week.owed.items())[:1]:
        said = f"entry {entry} is owed {cents} cents at rank {place}, which nobody awarded"
        week.report.differ("prizes", f"{week.log}:{size}", said)


# 7. The folder: manifest, lines in order, checkpoints; and the office, whose log binds the week from outside.


class Office(Book):
    """The office's log as far as it binds weeks: keys, anchors of seed chains, rule sets, final weeks, payments."""

    def __init__(self, log: str, report: Report) -> None:
        super().__init__(log, report)
        self.keys: set[str] = set()
        self.anchors: dict[str, int] = {}
        self.rules: set[str] = set()
        self.weeks: dict[str, tuple[int, str]] = {}
        self.paid_at: dict[str, str] = {}

    def take(self, fact: Fact) -> None:
        """What the office publishes stands in one stream, each thing once."""
        data = fact.data
        if self.due:
            self.next(fact)
        if fact.type.startswith("case."):
            case_goes_its_way(self, fact)
        if fact.type.startswith("office.") and fact.stream != self.stream:
            self.report.differ("office", fact.token, f"stands in stream {fact.stream}")
        if fact.type == "office.key_added" and data["purpose"] == "checkpoints":
            self.keys.add(data["public_key"])
        elif fact.type == "office.seed_chain_anchored":
            self.anchors[data["anchor"]] = data["length"]
        elif fact.type == "office.rule_set_published":
            self.rules.add(hashlib.sha256(canonical(data["rules"])).hexdigest())
        elif fact.type == "office.week_finalised":
            if data["week"] in self.weeks:
                self.report.differ("office", fact.token, f"week {data['week']} is listed twice")
            self.weeks[data["week"]] = data["size"], data["root"]
        elif fact.type == "payment.paid":
            self.paid_at[data["payment_id"]] = data["paid_at"] or ""

    def end(self, size: int) -> None:
        """Nothing is owed at the end of the office's log."""


class Signed:
    """The checkpoints of a log in order of size, each held against the tree when it has come to that size."""

    def __init__(self, log: str, notes: Iterator[Checkpoint | Unsound], report: Report, place: str) -> None:
        self.log, self.report, self.place, self._notes = log, report, place, notes
        self.number = self.covered = 0
        self.newest: Checkpoint | None = None
        self.keys: set[Key] = set()
        self._next: Checkpoint | None = None
        self._advance()

    def compare(self, tree: Tree) -> None:
        """A checkpoint's root is that of the tree at its size. So each is consistent with those before it."""
        while self._next is not None and self._next.size <= tree.size:
            if self._next.size == tree.size and self._next.root != tree.root():
                said = f"the checkpoint says root {self._next.root.hex()}, the events come to {tree.root().hex()}"
                self.report.differ("tree", f"{self.log}:{tree.size}", said)
            self._advance()

    def end(self, tree: Tree, *, is_final: bool) -> None:
        """No checkpoint covers more than there is; the end of a final week is covered by one."""
        if self._next is not None:
            said = f"a checkpoint covers {self._next.size} events, the export has {tree.size}"
            self.report.differ("tree", f"{self.log}:{tree.size}", said)
        elif self.covered < tree.size:
            said = f"the checkpoints cover {self.covered} of {tree.size} events"
            if is_final:
                self.report.differ("checkpoint", self.place, said)
            else:
                self.report.note(f"{said}: nobody has signed the rest")

    def _advance(self) -> None:
        """Go on to the next checkpoint that is signed by a key given, of this log, and not smaller than the last."""
        self._next = None
        for note in self._notes:
            self.number += 1
            where = f"{self.place}:{self.number}"
            if isinstance(note, Unsound):
                self.report.differ("checkpoint", where, str(note))
            elif note.origin != f"{note.key.name}/{self.log}":
                self.report.differ("checkpoint", where, f"is of {note.origin!r}, not of {note.key.name}/{self.log}")
            elif note.size < self.covered:
                self.report.differ("checkpoint", where, f"covers {note.size} events, behind one of {self.covered}")
            else:
                self._next = self.newest = note
                self.covered = note.size
                self.keys.add(note.key)
                return


class Export:
    """A folder to be verified. `prefix` tells its files from those of another in what is reported."""

    def __init__(self, folder: Path, keys: Sequence[Key], report: Report, *, prefix: str = "") -> None:
        self.folder, self.keys, self.report, self.prefix = folder, keys, report, prefix
        self.tree, self.counts = Tree(), Counter[str]()
        self.versions: Counter[str] = Counter()
        self.first_at = self.last_at = ""
        self.manifest = self.read_manifest()
        self.log = self.manifest["log"] if self.manifest else self.log_of_first_line()
        self.book = Office(self.log, report) if self.log == "office" else Week(self.log, report)
        self.signed: Signed
        self.listed_root: bytes | None = None

    def differ(self, kind: str, name: str, what: str) -> None:
        self.report.differ(kind, self.prefix + name, what)

    def verify(self, *, listed_size: int | None = None) -> None:
        """Hold all of the folder against itself and the keys; keep the root that it has at `listed_size`."""
        if self.manifest is not None:
            self.files_are_as_listed(self.manifest["files"])
        with self.open("checkpoints.txt") as notes:
            lines = (line.decode(errors="replace") for line in pieces(notes))
            self.signed = Signed(self.log, read_notes(lines, self.keys), self.report, self.prefix + "checkpoints.txt")
            self.signed.compare(self.tree)
            with self.open("events.jsonl") as events:
                for number, line in enumerate(pieces(events), 1):
                    self.take(number, line)
                    if number == listed_size:
                        self.listed_root = self.tree.root()
        self.book.end(self.tree.size)
        self.signed.end(self.tree, is_final=isinstance(self.book, Week) and self.book.state == FINAL)
        if self.manifest is not None:
            self.manifest_is_of_these_events(self.manifest)
            if isinstance(self.book, Week) and "journal.hledger" in self.manifest["files"]:
                self.journal_comes_to_the_balances(self.book)

    def open(self, name: str) -> BinaryIO:
        path = self.folder / name
        if not path.is_file():
            self.differ("manifest", name, "is missing")
        return path.open("rb") if path.is_file() else open(os.devnull, "rb")

    def log_of_first_line(self) -> str:
        with self.open("events.jsonl") as events:
            try:
                return read_fact(events.readline(LINE_BYTES_MAX).rstrip(b"\n")).log
            except Unsound:
                return ""

    def take(self, number: int, line: bytes) -> None:
        """A line is canonical, of this log, at the next position, the next of its stream, not earlier than the last."""
        if not line.endswith(b"\n"):
            self.differ("line", f"events.jsonl:{number}", "does not end with LF")
        self.tree.append(leaf_hash(line.removesuffix(b"\n")))
        self.signed.compare(self.tree)
        try:
            fact = read_fact(line.removesuffix(b"\n"))
        except Unsound as error:
            self.differ("line", f"events.jsonl:{number}", str(error))
            return
        if (fact.log, fact.position) != (self.log, number):
            self.report.differ("position", fact.token, f"stands at position {number} of log {self.log}")
        self.versions[fact.stream] += 1
        if fact.version != self.versions[fact.stream]:
            said = f"is version {fact.version} of stream {fact.stream}, by the log it is {self.versions[fact.stream]}"
            self.report.differ("version", fact.token, said)
            self.versions[fact.stream] = fact.version
        if fact.at < self.last_at:
            self.report.differ("time", fact.token, f"is recorded at {fact.at}, behind an event of {self.last_at}")
        self.first_at, self.last_at = self.first_at or fact.at, fact.at
        self.counts[fact.type] += 1
        self.book.take(fact)

    def read_manifest(self) -> dict[str, Any] | None:
        """The manifest is canonical JSON and LF, in the form of `fairpool-export/1`."""
        with self.open("manifest.json") as file:
            raw = file.read(LINE_BYTES_MAX)
        try:
            manifest = read_canonical(raw.removesuffix(b"\n")) if raw else None
            sound = manifest is None or (has_form(manifest, MANIFEST) and manifest["format"] == "fairpool-export/1")
            if not sound or (raw and not raw.endswith(b"\n")):
                raise Unsound("does not have the form fairpool-export/1")
        except Unsound as error:
            self.differ("manifest", "manifest.json", str(error))
            return None
        return manifest

    def files_are_as_listed(self, files: dict[str, Any]) -> None:
        """Each file that the manifest lists is there, with its number of bytes and its hash; so are the two needed."""
        for name in sorted({"events.jsonl", "checkpoints.txt"} - files.keys()):
            self.differ("manifest", name, "is not listed in the manifest")
        for name, listed in files.items():
            if not has_form(listed, FILE) or Path(name).name != name:
                self.differ("manifest", name, "is not listed as a file of this folder with bytes, rows and sha256")
                continue
            with self.open(name) as file:
                digest, size = hashlib.sha256(), 0
                while block := file.read(1 << 20):
                    digest.update(block)
                    size += len(block)
            if (size, digest.hexdigest()) != (listed["bytes"], listed["sha256"]):
                self.differ(
                    "manifest", name, f"has {size} bytes and sha256 {digest.hexdigest()}, not as the manifest has it"
                )

    def manifest_is_of_these_events(self, manifest: dict[str, Any]) -> None:
        """Size, root, counts and times are those of the events; the checkpoint is the newest one in the folder."""
        newest, files = self.signed.newest, manifest["files"]
        found = {
            "size": self.tree.size,
            "root": self.tree.root().hex(),
            "counts": dict(self.counts),
            "first_recorded_at": self.first_at or None,
            "last_recorded_at": self.last_at or None,
            "checkpoint": newest.note if newest else None,
        }
        for name, value in found.items():
            if manifest[name] != value:
                self.differ("manifest", "manifest.json", f"{name} is {manifest[name]!r}, the folder comes to {value!r}")
        rows = {"events.jsonl": self.tree.size, "checkpoints.txt": self.signed.number}
        for name in rows.keys() & files.keys():
            if has_form(files[name], FILE) and files[name]["rows"] != rows[name]:
                self.differ("manifest", name, f"has {rows[name]} rows, the manifest says {files[name]['rows']}")
        if manifest["origin"].rpartition("/")[2] != self.log or (newest and newest.origin != manifest["origin"]):
            self.differ("manifest", "manifest.json", f"origin is {manifest['origin']!r}, not that of the checkpoints")

    def journal_comes_to_the_balances(self, week: Week) -> None:
        """The postings of the journal for hledger, added up, are the balances that the events come to."""
        sums: Counter[str] = Counter()
        with self.open("journal.hledger") as journal:
            for posting in map(_POSTING, pieces(journal)):
                if posting is not None:
                    sums[posting[1].decode()] += int(posting[2])
        found = week.balances_by_account()
        for account in sorted(sums.keys() | found.keys()):
            if sums[account] != found[account]:
                said = f"{account} has {sums[account]} credits, by the events {found[account]}"
                self.differ("books", "journal.hledger", said)


_POSTING = re.compile(rb"    (\S+)  (-?\d{1,18}) CREDITS").match


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file with their LF. One that is longer than any event comes in pieces, none of which is sound."""
    return iter(lambda: file.readline(LINE_BYTES_MAX), b"")


def office_binds(office: Office, export: Export, report: Report) -> None:
    """The office has the key that signed, the anchor of the seed's chain, and the root of the week that is final."""
    week = export.book
    for key in export.signed.keys:
        if key.text not in office.keys:
            report.differ("office", "office", f"key {key.text} signs checkpoints and was never added")
    if not isinstance(week, Week):
        return
    if week.commitment and not any(leads_to(week.commitment, *anchor) for anchor in office.anchors.items()):
        report.differ("office", week.log, f"the seed commitment {week.commitment} leads to no anchor of a seed chain")
    if week.rules and week.rules_hash not in office.rules:
        report.differ("office", week.log, f"the rules {week.rules_hash} were never published")
    size, root = office.weeks.get(week.log, (0, ""))
    if week.state == FINAL and not size:
        report.differ("office", week.log, "the week is final, and the office does not list it")
    elif size > export.tree.size:
        report.note(f"the office lists {size} events of {week.log}, the export ends before")
    elif size and (export.listed_root is None or export.listed_root.hex() != root):
        report.differ("office", f"{week.log}:{size}", f"the office lists root {root}, the events come to another")
    if week.rules:
        cutoff = midnight_in_new_york(monday(week.log) + timedelta(days=5))
        for payment, (position, kind, _) in week.given.items():
            if kind == "buy_back" and office.paid_at.get(payment, "") >= cutoff:
                report.differ("books", f"{week.log}:{position}", f"payment {payment} was paid at or after {cutoff}")


def leads_to(commitment: str, anchor: str, length: int) -> bool:
    """A commitment is its chain's anchor, or leads to it in fewer steps of SHA-256 than the chain is long."""
    for _ in range(min(length, 100_000)):
        if commitment == anchor:
            return True
        commitment = hashlib.sha256(bytes.fromhex(commitment)).hexdigest()
    return False


# 8. The receipt of a bet: an event and its proof of inclusion, once or several times.

PROOF = "c2sp.org/tlog-proof@v1\n"


def verify_receipt(text: str, keys: Sequence[Key]) -> tuple[Checkpoint, list[Fact]]:
    """A receipt is one `tlog-proof` for each event of a bet, in order, against one checkpoint; raises Unsound."""
    head, *proofs = re.split(f"^{re.escape(PROOF)}", text, flags=re.MULTILINE)
    if head or not proofs:
        raise Unsound(f"no receipt: expected {PROOF.strip()}")
    proven = [verify_proof(proof, keys) for proof in proofs]
    checkpoint, facts = proven[0][0], [fact for _, fact in proven]
    bet_id = facts[0].data.get("bet_id")
    for number, (against, fact) in enumerate(proven):
        due = ("account.stake_placed", "", "account.payout_corrected")[min(number, 2)]
        resolving = ("account.bet_won", "account.bet_lost", "account.stake_returned")
        if fact.type != due if due else fact.type not in resolving:
            raise Unsound(f"{fact.token} is {fact.type}, which cannot be number {number + 1} of a bet's events")
        if (fact.stream, fact.data["bet_id"], against.note) != (facts[0].stream, bet_id, checkpoint.note):
            raise Unsound(f"{fact.token} is of another bet, or proved against another checkpoint")
        if number and fact.position <= facts[number - 1].position:
            raise Unsound(f"{fact.token} does not follow on {facts[number - 1].token}")
    return checkpoint, facts


def verify_proof(text: str, keys: Sequence[Key]) -> tuple[Checkpoint, Fact]:
    """The line in `extra` is sound, names the log and place that are proved, and the hashes lead to the signed root."""
    head, _, note = text.partition("\n\n")
    form = re.fullmatch(r"extra (\S+)\nindex (0|[1-9][0-9]{0,18})((?:\n\S+)*)", head)
    if form is None:
        raise Unsound("no proof: expected extra, index and hashes, a line each")
    line, index, proof = unbase64(form[1]), int(form[2]), [unbase64(each) for each in form[3].split()]
    checkpoint, *more = read_notes((note + "\n").splitlines(keepends=True), keys)
    if isinstance(checkpoint, Unsound):
        raise checkpoint
    if more or any(len(each) != 32 for each in proof):
        raise Unsound("no proof: one of the hashes is none, or there is something behind the checkpoint")
    fact = read_fact(line)
    if checkpoint.origin != f"{checkpoint.key.name}/{fact.log}" or fact.position != index + 1:
        raise Unsound(f"the event calls itself {fact.token}, proved is index {index} of {checkpoint.origin}")
    if proven_root(leaf_hash(line), index, checkpoint.size, proof) != checkpoint.root:
        raise Unsound(f"the proof of {fact.token} does not lead to the root of {checkpoint.size} events")
    return checkpoint, fact


# 9. The command.


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify a week of fairpool from public files alone.")
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="an export of a week, or of the office")
    parser.add_argument(
        "--key", action="append", required=True, help="a verifier key, <name>+<id>+<base64>; repeatable"
    )
    parser.add_argument("--office", type=Path, metavar="FOLDER", help="an export of the office, which binds the week")
    parser.add_argument("--receipt", type=Path, metavar="FILE", help="verify the receipt of a bet instead of a folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    asked = parser.parse_args(arguments)
    if (asked.folder is None) == (asked.receipt is None):
        parser.error("name a FOLDER, or a --receipt FILE")
    for folder in filter(None, (asked.folder, asked.office)):
        if not folder.is_dir():
            parser.error(f"{folder} is no folder")
    try:
        keys = [Key(text) for text in asked.key]
    except Unsound as error:
        parser.error(str(error))
    report = Report()
    try:
        facts = told_of_receipt(asked.receipt, keys, report) if asked.receipt else told_of_folder(asked, keys, report)
    except OSError as error:
        parser.error(str(error))
    if asked.json:
        differences = [
            dict(zip(("kind", "where", "what"), (kind, *found), strict=True)) for kind, found in report.ordered()
        ]
        print(json.dumps({"ok": not differences, **facts, "differences": differences, "notes": report.notes}))
    else:
        print(*report.lines() or [told(facts)], sep="\n")
        for note in report.notes:
            print(printable(f"note: {note}"), file=sys.stderr)
    return 1 if report.found else 0


def told_of_folder(asked: argparse.Namespace, keys: Sequence[Key], report: Report) -> dict[str, Any]:
    """Verify the office first, if it is given, then the folder; return what was verified."""
    office = Export(asked.office, keys, report, prefix=f"{asked.office.name}/") if asked.office else None
    if office is not None:
        office.verify()
        if not isinstance(office.book, Office):
            report.differ("office", asked.office.name, f"is an export of log {office.log!r}, not of the office")
    export = Export(asked.folder, keys, report)
    listed = office.book.weeks.get(export.log) if office is not None and isinstance(office.book, Office) else None
    export.verify(listed_size=listed[0] if listed else None)
    if office is not None and isinstance(office.book, Office):
        office_binds(office.book, export, report)
    book = export.book
    facts = {"log": export.log, "size": export.tree.size, "root": export.tree.root().hex()}
    facts |= {"checkpoints": export.signed.number, "signed": export.signed.covered}
    if isinstance(book, Week):
        facts |= {"state": book.state, "bets": len(book.bets), "issued": sum(book.issued.values())}
    return facts


def told_of_receipt(path: Path, keys: Sequence[Key], report: Report) -> dict[str, Any]:
    """Verify a receipt; return what it proves."""
    try:
        checkpoint, facts = verify_receipt(path.read_bytes().decode(), keys)
    except ValueError as error:
        report.differ("receipt", path.name, str(error))
        return {}
    events = [f"{fact.token} {fact.type}" for fact in facts]
    return {"bet": facts[0].data["bet_id"], "events": events, "origin": checkpoint.origin, "size": checkpoint.size}


def told(facts: dict[str, Any]) -> str:
    """One line of what was verified."""
    if "bet" in facts:
        return printable(
            f"verified bet {facts['bet']}: {', '.join(facts['events'])}; {facts['origin']} at {facts['size']}"
        )
    line = f"verified {facts['log']}: {facts['size']} events, root {facts['root']}, {facts['checkpoints']} checkpoints"
    if "bets" in facts:
        line += f", {facts['state']}, {facts['bets']} bets, {facts['issued']} credits issued"
    return printable(line)


if __name__ == "__main__":
    sys.exit(main())
