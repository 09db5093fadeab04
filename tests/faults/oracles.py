"""What must hold over all faults, by witnesses that do not trust the service.

They are the clients' journal, the provider's books, the stream that was published, sums over the exported log, and two
programs that share no line with the service.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fairpool.strangers import verify_alone
from tests.faults.journal import Told, Wish
from tests.faults.service import ROOT

Json = dict[str, Any]
STAKE: Final = "account.stake_placed"
PRIZE: Final = "account.prize_awarded"
_TERMS: Final = ("stake", "price", "line", "outcome", "potential_payout", "market_id", "odds_id")


@dataclass(slots=True)
class Findings:
    """What a witness says: what it looked at, and everything that is not as it must be."""

    witness: str
    looked_at: str
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of each wish, by key: whether it is `lost`, `made` or `doubled`, and none of these as a rule."""

    lost: frozenset[str]
    made: frozenset[str]
    doubled: frozenset[str]


def judge(told: Told, events: Iterable[Json]) -> Verdicts:
    """Hold the journal against the log.

    `lost`: acknowledged, and not in the log exactly on the terms that were acknowledged, or acknowledged in two ways.
    `made`: in the log, though it was refused, never asked for, or not answered. `doubled`: more than once in the log.
    """
    placed: dict[str, list[Json]] = defaultdict(list)
    for event in events:
        if event["type"] == STAKE:
            placed[event["request"]].append(event)
    acknowledged = {key: wish for key, wish in told.wishes.items() if wish.standing == "acknowledged"}
    return Verdicts(
        lost=frozenset(key for key, wish in acknowledged.items() if not _stands(wish, placed.get(key, []))),
        made=frozenset(placed.keys() - acknowledged.keys()),
        doubled=frozenset(key for key, found in placed.items() if len(found) > 1),
    )


def _stands(wish: Wish, found: list[Json]) -> bool:
    """Say whether every answer to a wish is what the log says of it."""
    if not found:
        return False
    event = found[0]
    is_theirs = event["stream"] == wish.entry and event["data"]["stake"] == wish.body["stake"]
    # Of two that are sent at once one may be refused, by a process whose clock is past the start, say.
    is_one_word = not wish.refusals or len(wish.refusals) < wish.at_once
    return is_theirs and is_one_word and all(_agrees(bet, event) for bet in wish.bets)


def _agrees(bet: Json, event: Json) -> bool:
    data = event["data"]
    terms = [name for name in _TERMS if name in bet]
    is_there = bet["bet_id"] == data["bet_id"] and bet["position"] == f"{event['log']}:{event['position']}"
    return is_there and all(bet[name] == data[name] for name in terms)


def read_log(path: Path) -> list[Json]:
    """Read an export's events."""
    with path.open() as file:
        return [json.loads(line) for line in file]


def gapless(events: list[Json]) -> Findings:
    """Positions are 1 to n, versions of each stream 1 to m, and no time is before an earlier one."""
    found = Findings("positions", f"{len(events)} events")
    if [event["position"] for event in events] != list(range(1, len(events) + 1)):
        found.wrong.append("positions are not 1 to n")
    versions: Counter[str] = Counter()
    for event in events:
        versions[event["stream"]] += 1
        if event["version"] != versions[event["stream"]]:
            found.wrong.append(
                f"stream {event['stream']} has version {event['version']} for {versions[event['stream']]}"
            )
    times = [event["recorded_at"] for event in events]
    if times != sorted(times):
        found.wrong.append("times go back")
    return found


def conserved(events: list[Json]) -> Findings:
    """The balance that each event states is the sum of what moved; each bet is resolved at most once."""
    sums: Counter[str] = Counter()
    stakes: dict[str, Json] = {}
    resolved: Counter[str] = Counter()
    found = Findings("sums", "")
    for event in events:
        data, entry = event["data"], event["stream"]
        match event["type"]:
            case "account.credits_granted" | "account.bought_back":
                sums[entry] += data["amount"]
            case "account.stake_placed":
                sums[entry] -= data["stake"]
                stakes[data["bet_id"]] = data
            case "account.bet_won":
                sums[entry] += data["payout"]
                resolved[data["bet_id"]] += 1
            case "account.stake_returned":
                sums[entry] += data["amount"]
                resolved[data["bet_id"]] += 1
            case "account.bet_lost":
                resolved[data["bet_id"]] += 1
            case "account.payout_corrected":
                sums[entry] += data["to_payout"] - data["from_payout"]
            case _:
                continue
        if data["available"] != sums[entry]:
            found.wrong.append(
                f"position {event['position']}: {data['available']} available, {sums[entry]} by the sums"
            )
    found.wrong += [f"bet {bet} is resolved {count} times" for bet, count in resolved.items() if count > 1]
    found.wrong += [f"bet {bet} is resolved and was never placed" for bet in resolved.keys() - stakes.keys()]
    found.looked_at = f"{len(sums)} accounts, {len(stakes)} bets, {len(resolved)} resolved"
    return found


def published(log: str, stream: Mapping[int, bytes], lines: list[bytes]) -> Findings:
    """The stream has every event of the log once, as it was exported."""
    found = Findings("the stream LEDGER", f"{len(stream)} events of {log}")
    differing = [position for position, line in enumerate(lines, start=1) if stream.get(position) != line]
    found.wrong += [f"position {position} is missing or differs" for position in differing]
    found.wrong += [
        f"position {position} is there without cause, or twice"
        for position in sorted(stream.keys() - set(range(1, len(lines) + 1)))
    ]
    return found


def paid_once(payments: Iterable[Json], refunds: Iterable[Json], events: Iterable[Json]) -> Findings:
    """Every payment that the provider took is credited or refunded, one of both, once; nothing else is credited."""
    taken = {payment["payment_id"]: payment for payment in payments}
    accepted: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for event in events:
        if event["type"] in ("payment.accepted", "payment.refused"):
            (accepted if event["type"].endswith("accepted") else refused)[event["data"]["payment_id"]] += 1
    given_back: Counter[str] = Counter()
    for refund in refunds:
        given_back[refund["payment_id"]] += refund["amount"]
    found = Findings("the provider's books", f"{len(taken)} payments, {len(given_back)} refunded")
    for ref, payment in taken.items():
        back = 0 if accepted[ref] else payment["amount"]
        if accepted[ref] + refused[ref] != 1 or given_back[ref] != back:
            found.wrong.append(
                f"payment {ref}: accepted {accepted[ref]}, refused {refused[ref]}, {given_back[ref]} given back"
            )
    found.wrong += [f"payment {ref} is decided and was never made" for ref in {*accepted, *refused} - taken.keys()]
    return found


def prizes_once(transfers: Iterable[Json], events: Iterable[Json]) -> Findings:
    """The provider was asked once for each prize that was awarded and claimed, for what was awarded."""
    awarded = {event["stream"]: event["data"]["amount_cents"] for event in events if event["type"] == PRIZE}
    paid: dict[str, list[int]] = defaultdict(list)
    for transfer in transfers:
        paid[transfer["entry"]].append(transfer["amount"])
    found = Findings("the provider's transfers", f"{len(awarded)} prizes, {len(paid)} paid")
    for entry in awarded.keys() | paid.keys():
        if paid[entry] != [awarded.get(entry)]:
            found.wrong.append(f"entry {entry}: {awarded.get(entry)} cents awarded, {paid[entry]} paid")
    return found


def settled_again(export: Path, feed: Path) -> Findings:
    """The auditor's own program settles the week again from the feed, and comes to what the log says."""
    program = [sys.executable, "-I", str(ROOT / "tests" / "oracle.py"), str(export), str(feed)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    found = Findings("tests/oracle.py", "the log and the feed")
    if done.returncode:
        found.wrong.append((done.stdout + done.stderr).strip()[-2_000:])
    return found


def verified(week: Path, office: Path) -> Findings:
    """`docs/verify_week.py` checks the export, in an interpreter that has none of our packages."""
    keys = tuple(json.loads((week / "manifest.json").read_text()).get("keys", ()))
    verdict = verify_alone(week, office=office, keys=keys)
    assert verdict is not None
    found = Findings("docs/verify_week.py", verdict.said if verdict.is_ok else "the export")
    if not verdict.is_ok:
        found.wrong.append(verdict.said[-2_000:])
    return found
