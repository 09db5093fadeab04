"""Ways to break one rule in the lines of a log, and how the difference is to be told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ledger.auditing.findings import Finding
from ledger.auditing.lines import Block, Leaf, leaves
from ledger.auditing.office import WeekInOffice
from ledger.auditing.tree import TreeCheck
from ledger.auditing.verifying import checks_of, verify
from ledger.facts import canonical
from tests.examples import WEEK

Event: TypeAlias = dict[str, Any]
Break: TypeAlias = Callable[[list[Event]], int]


@dataclass(frozen=True)
class Lines:
    """A log as lines that were made up."""

    lines: Sequence[bytes]
    log: str = WEEK

    @property
    def size(self) -> int:
        return len(self.lines)

    def blocks(self) -> Iterator[Block]:
        yield Block(self.lines)

    def leaves(self) -> Iterator[Leaf]:
        return leaves(self.blocks())


def broken(lines: Sequence[bytes], breaking: Break, *, log: str = WEEK) -> tuple[Lines, int]:
    """A log in which a rule is broken, and the position at which it is."""
    events = [json.loads(line) for line in lines]
    position = breaking(events)
    return Lines([canonical(event) for event in events], log), position


def findings(source: Lines, *, office: WeekInOffice | None = None) -> list[Finding]:
    """All that is wrong with a log."""
    tree = TreeCheck(source.log, notes=(), verifiers=())
    return list(verify(source, tree, checks_of(source.log), progress=lambda done, total: None, office=office))


def nth(events: list[Event], kind: str, number: int = 0, **data: Any) -> Event:
    """The so manieth event of a type whose data holds this."""
    return [
        event
        for event in events
        if event["type"] == kind and all(event["data"].get(name) == value for name, value in data.items())
    ][number]


def change(kind: str, number: int = 0, **new: Any) -> Break:
    """Change data of the so manieth event of a type."""

    def breaking(events: list[Event]) -> int:
        event = nth(events, kind, number)
        event["data"].update(new)
        return int(event["position"])

    return breaking


def add(kind: str, number: int = 0, **more: int) -> Break:
    """Add to numbers of the so manieth event of a type."""

    def breaking(events: list[Event]) -> int:
        event = nth(events, kind, number)
        for name, amount in more.items():
            event["data"][name] += amount
        return int(event["position"])

    return breaking


def say(kind: str, number: int = 0, **new: Any) -> Break:
    """Change the envelope of the so manieth event of a type."""

    def breaking(events: list[Event]) -> int:
        event = nth(events, kind, number)
        event.update(new)
        return int(event["position"])

    return breaking


def without(kind: str, number: int = 0, *, shows: int = 0) -> Break:
    """Leave the so manieth event of a type out. It shows with the event before it, or so many further on."""

    def breaking(events: list[Event]) -> int:
        place = events.index(nth(events, kind, number))
        gone = events.pop(place)
        for event in events[place:]:
            event["position"] -= 1
            event["version"] -= event["stream"] == gone["stream"]
        return place + shows

    return breaking


def again(kind: str, number: int = 0) -> Break:
    """Let the so manieth event of a type happen a second time, right behind itself."""

    def breaking(events: list[Event]) -> int:
        place = events.index(nth(events, kind, number))
        twin = json.loads(json.dumps(events[place]))
        for event in events[place + 1 :]:
            event["version"] += event["stream"] == twin["stream"]
        events.insert(place + 1, twin)
        twin["version"] += 1
        for position, event in enumerate(events, start=1):
            event["position"] = position
        return place + 2

    return breaking


def open_other_rules(events: list[Event]) -> int:
    """The rules that the week opened with are not those of which it has the hash."""
    opened = nth(events, "week.opened")
    opened["data"]["rules"]["stake_min"] = 2
    return int(opened["position"])


NOBODY = "00000000-0000-0000-0000-000000000000"
BROKEN: dict[str, tuple[Break, str, str]] = {
    "time goes back": (say("week.closed", recorded_at="2026-11-16T05:00:00.000000Z"), "time", "before the event"),
    "other log": (say("week.closed", log="2026-W48"), "position", "is an event of log 2026-W48"),
    "other dates": (change("week.opened", ends_at="2026-11-23T05:00:01.000000Z"), "week", "by the calendar"),
    "other rules": (open_other_rules, "week", "the hash"),
    "other rules accepted": (change("entry.enrolled", rules_hash="0"), "week", "accepts the rules 0"),
    "other state": (add("week.settled", 1, n=1), "week", "week.settled cannot come here"),
    "opened twice": (again("week.opened"), "week", "a second time"),
    "closed twice": (again("week.closed"), "week", "week.closed cannot come here"),
    "finalised early": (
        say("week.finalised", recorded_at="2026-11-24T18:00:00.000000Z"),
        "week",
        "week.finalised cannot come here",
    ),
    "other pool": (change("account.opened", pool_id=NOBODY), "week", "pool W2026-47-"),
    "other game": (say("game.scheduled", stream=NOBODY), "week", "game feed/nfl"),
    "other quote": (change("game.market_quoted", odds_id=NOBODY), "week", "the quote on"),
    "other market": (change("game.market_suspended", market_id=NOBODY), "week", "a market of game"),
    "other registration": (change("entry.enrolled", entry=NOBODY), "week", "the registration of entry"),
    "other settlement": (say("settlement.result_recorded", stream=NOBODY), "week", "the settlement of game"),
    "other payment": (change("payment.accepted", payment_id="x"), "week", "the purchase by payment x"),
    "other seed": (change("week.pools_drawn", seed="00" * 32), "draw", ""),
    "larger grant": (add("account.credits_granted", amount=1, available=1), "books", "the rules give 1000"),
    "granted twice": (again("account.credits_granted"), "books", "a second time"),
    "bought back twice": (again("account.bought_back"), "books", "buy back a second time"),
    "nothing paid": (change("account.bought_back", payment_id=NOBODY), "books", "is not accepted"),
    "nothing given": (without("account.bought_back"), "books", "gives nothing"),
    "staked twice": (again("account.stake_placed"), "books", "places bet"),
    "paid twice": (again("account.bet_won"), "books", "which is won"),
    "corrected from what was not": (change("account.payout_corrected", from_outcome="push"), "books", "it is "),
    "other balance": (add("account.stake_placed", available=1), "books", "the log comes to"),
    "overdraft": (add("account.stake_placed", stake=1000), "books", "were available"),
    "other price": (change("account.stake_placed", price=500), "gate", "on offer was"),
    "other promise": (add("account.stake_placed", potential_payout=1), "gate", "promises"),
    "no stake": (change("account.stake_placed", stake=0), "gate", "the rules do not take"),
    "other outcome": (change("account.stake_placed", outcome="draw"), "gate", "offers away, home"),
    "other resolution": (add("settlement.result_recorded", resolution=1), "settlement", "by precedence"),
    "provisional settles": (change("settlement.result_recorded", 1, applied=True), "settlement", "by precedence"),
    "said twice": (again("settlement.result_recorded"), "settlement", "had said before"),
    "contradiction": (change("settlement.result_recorded", 4, home_score=9), "settlement", "twice"),
    "no lock": (without("game.locked", shows=1), "settlement", "and takes stakes"),
    "other chunk": (add("settlement.chunk_settled", 4, paid=1), "settlement", "the log has"),
    "gap between chunks": (add("settlement.chunk_settled", 4, **{"from": 1}), "settlement", "is not what comes next"),
    "other end": (add("settlement.completed", staked=1), "settlement", "the log has"),
    "other cut": (add("settlement.completed", cut=1), "settlement", "the game stands at"),
    "bet left open": (without("account.bet_won"), "settlement", "open"),
    "bet left as it was": (without("account.payout_corrected"), "settlement", "under resolution 2"),
    "other reason": (change("account.stake_returned", reason="late"), "settlement", "by its terms and the result"),
    "other standings": (change("week.settled", standings_hash="0"), "standings", "claims standings 0"),
    "other final standings": (change("week.finalised", standings_hash="0"), "standings", "claims standings 0"),
    "larger prize": (add("account.prize_awarded", amount_cents=1), "prizes", "not 5000 cents usd at rank 1"),
    "prize given twice": (again("account.prize_awarded"), "prizes", "not nothing"),
    "huge number": (change("account.stake_placed", stake=2**63), "line", ""),
    "no such event": (say("week.closed", type="week.shut"), "line", "week.shut"),
    "newer event": (say("week.closed", schema=9), "line", "newer than this release"),
}
"""By name: what is done, the kind of the difference at that place, and a part of how it is told."""

BROKEN_OFFICE: dict[str, tuple[Break, str]] = {
    "other rules": (change("office.rule_set_published", rules_hash="0"), "the hash 0"),
    "other key": (change("office.key_added", key_id="00000000"), "adds key 00000000"),
    "no key": (change("office.key_added", public_key="x"), "no Ed25519 verifier key"),
    "other stream": (say("office.key_added", stream=NOBODY), "not the office's"),
    "week listed twice": (again("office.week_finalised"), "a second time"),
    "event of a week": (say("office.key_added", type="week.closed", data={}), "belongs into a week's log"),
}
"""What is wrong with the office's own log, by name: what is done, and a part of how it is told."""

BROKEN_PROMISES: dict[str, tuple[Break, str]] = {
    "rules that nobody published": (change("office.rule_set_published", rules_hash="0"), "were never published"),
    "chain that nobody anchored": (change("office.seed_chain_anchored", anchor="00" * 32), "leads to no anchor"),
    "other root": (change("office.week_finalised", root="00" * 32), "the office lists 00"),
    "other size": (add("office.week_finalised", size=1), "the log ends before"),
    "other week": (change("office.week_finalised", week="2026-W46"), "does not list it"),
}
"""What the office says of the week and is not so, by name: what is done, and a part of how it is told."""
