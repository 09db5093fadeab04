"""An auditor's own program: it settles a final week again, and trusts nothing that it can compute.

    python tests/oracle.py EXPORT.jsonl FEED.jsonl

It reads the export of the week's log (who staked what on which terms) and the feed file (how the games ended), and
nothing else; it is written from the published rules, on the standard library alone, and shares no line with the
service. What an operator decided stands in no feed: a week that holds such acts shows them as differences.
It prints one JSON object, and exits with 1 if the log says anything else than what comes out here.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]
SIDES = {"moneyline": ("home", "away"), "spread": ("home", "away"), "total": ("over", "under")}


class Word(NamedTuple):
    """What the feed said of a game's end: the score that settles it, or None where the game counts for nothing."""

    official: bool
    revision: int
    score: tuple[int, int] | None


@dataclass
class Game:
    """One listing of a game in the week."""

    listed: Json
    moved_out: bool = False
    started_at: datetime | None = None
    words: list[Word] = field(default_factory=list)

    def score(self) -> tuple[int, int] | None:
        """Return the score that stands at the end: official before provisional, then the highest revision."""
        if self.moved_out or not self.words:
            return None
        return max(self.words, key=lambda word: (word.official, word.revision)).score


def instant(text: str) -> datetime:
    """Read a time."""
    return datetime.fromisoformat(text)


def follow(game: Game, feed: Sequence[Json], *, week: Json, final_at: datetime, since: int) -> int:
    """Fold what the feed says of a listing that begins at or after index `since`; return the index where it ends.

    Raises LookupError if no message lists the game so.
    """
    teams = tuple(game.listed[key] for key in ("league", "home", "away"))
    starts_at = instant(game.listed["starts_at"])
    listing = ("game", starts_at, teams)
    begin = [_listing(message) == listing for message in feed[since:]].index(True) + since
    listed_before = any(message["type"] == "game" for message in feed[:begin])
    end, next_start = len(feed), None
    for index, message in enumerate(feed[begin + 1 :], begin + 1):
        kind, at = message["type"], instant(message["at"])
        moved_to = instant(message["starts_at"]) if message.get("starts_at") else None
        if at > final_at:
            break
        if kind == "result":
            # An id that was listed several times: a result means the last listing that had started by then.
            if (next_start is None or at < next_start) and not (listed_before and at < starts_at):
                game.words.append(_word(message, game.listed["league"], week))
        elif next_start is not None:
            continue
        elif moved_to is not None:
            same = kind == "status" or _listing(message)[2] == teams
            inside = instant(week["starts_at"]) <= moved_to < instant(week["ends_at"])
            if inside and same:
                starts_at = moved_to
            elif not inside and (same or game.words):
                # A game that is over is not moved by its id's return in another week; any other is gone from here.
                end, next_start, game.moved_out = index, moved_to, not game.words
        elif kind == "status" and message["status"] in ("cancelled", "abandoned"):
            game.words.append(Word(official=True, revision=-1, score=None))
        elif kind == "status" and message.get("started_at"):
            game.started_at = instant(message["started_at"])
    return end


def _listing(message: Json) -> tuple[str, datetime | None, tuple[str, ...]]:
    if message["type"] != "game":
        return message["type"], None, ()
    return "game", instant(message["starts_at"]), (message["league"], message["home"], message["away"])


def _word(message: Json, league: str, week: Json) -> Word:
    home, away = message["home_score"], message["away_score"]
    if message.get("regulation") and league not in week["rules"]["overtime_leagues"]:
        home, away = message["regulation"]["home"], message["regulation"]["away"]
    return Word(message["certainty"] == "official", message["revision"], (home, away))


def settle(stake: Json, quote: Json, game: Game) -> tuple[str, int]:
    """Return the outcome of a bet, `won`, `lost`, `push` or `void`, and what is paid."""
    data, score = stake["data"], game.score()
    late = game.started_at is not None and game.started_at < instant(stake["recorded_at"])
    if score is None or late:
        return "void", data["stake"]
    home, away = score
    line = Decimal(data["line"] or 0)
    margin = home + away - line if data["market"] == "total" else home - away + line
    winner = SIDES[data["market"]][margin < 0] if margin else "draw"
    if winner == "draw" and not (data["market"] == "moneyline" and "draw" in quote["prices"]):
        return "push", data["stake"]
    return ("won", payout(data["stake"], data["price"])) if data["outcome"] == winner else ("lost", 0)


def payout(stake: int, price: int) -> int:
    """Return stake and profit at an American price, floored to a whole credit."""
    return stake + (stake * price // 100 if price >= 0 else stake * 100 // -price)


def standings_hash(week: str, pools: dict[str, dict[str, int]]) -> str:
    """Hash the final table: credits of each entry, by pool."""
    text = f"fairpool/standings/v1\n{week}\n{sum(map(len, pools.values()))}\n"
    for pool in sorted(pools, key=lambda name: (len(name), name)):
        credits = pools[pool]
        ranked = sorted((1 + sum(other > mine for other in credits.values()), entry) for entry, mine in credits.items())
        text += "".join(f"{pool} {rank} {entry} {credits[entry]}\n" for rank, entry in ranked)
    return hashlib.sha256(text.encode()).hexdigest()


def said_of_bet(kind: str, data: Json) -> tuple[str, int]:
    """Return the outcome and payout that an event of the log gives its bet."""
    match kind:
        case "account.bet_won":
            return "won", data["payout"]
        case "account.stake_returned":
            return ("push" if data["reason"] == "push" else "void"), data["amount"]
        case "account.payout_corrected":
            return data["to_outcome"], data["to_payout"]
    return "lost", 0


def audit(export: Sequence[Json], feed: Sequence[Json]) -> Json:
    """Settle the week of an export again and return the answer, with all that the log says otherwise."""
    of = defaultdict(list)
    for event in export:
        of[event["type"]].append(event)
    if not of["week.opened"] or not of["week.finalised"]:
        raise SystemExit("the export must hold a week from its opening until it is final")
    week, final = of["week.opened"][0]["data"], of["week.finalised"][0]
    differences: list[str] = []
    if [event["position"] for event in export] != list(range(1, len(export) + 1)):
        differences.append("the positions are not 1, 2, 3, …")
    games = follow_all(of["game.scheduled"], feed, week=week, final_at=instant(final["recorded_at"]))
    quotes = {event["data"]["odds_id"]: event["data"] for event in of["game.market_quoted"]}

    said = {e["data"]["bet_id"]: said_of_bet(e["type"], e["data"]) for e in export if _settles(e["type"])}
    balance = Counter({event["stream"]: 0 for event in of["account.opened"]})
    bets, escrow, house = Counter(placed=0, won=0, lost=0, returned=0), 0, 0
    issued = 0
    for event in of["account.credits_granted"] + of["account.bought_back"]:
        issued += event["data"]["amount"]
        balance[event["stream"]] += event["data"]["amount"]
    for stake in of["account.stake_placed"]:
        data, quote = stake["data"], quotes.get(stake["data"]["odds_id"])
        bets["placed"] += 1
        balance[stake["stream"]] -= data["stake"]
        game = games.get(data["game_id"])
        if quote is None or game is None:
            escrow += data["stake"]
            differences.append(f"bet {data['bet_id']}: its quote or its game is not in the log and the feed")
            continue
        if (data["market_id"], data["line"], data["price"], data["potential_payout"]) != (
            quote["market_id"],
            quote["line"],
            quote["prices"].get(data["outcome"]),
            payout(data["stake"], data["price"]),
        ):
            differences.append(f"bet {data['bet_id']}: its terms are not those of quote {data['odds_id']}")
        outcome, paid = settle(stake, quote, game)
        bets[outcome if outcome in ("won", "lost") else "returned"] += 1
        balance[stake["stream"]] += paid
        house += data["stake"] - paid
        if said.get(data["bet_id"]) != (outcome, paid):
            differences.append(f"bet {data['bet_id']}: {outcome}, {paid}; the log says {said.get(data['bet_id'])}")
    running = {e["stream"]: e["data"]["available"] for e in export if "available" in e["data"]}
    for entry, available in balance.items():
        if running.get(entry, 0) != available:
            differences.append(f"entry {entry}: {available} available; the log says {running.get(entry)}")
    pools: dict[str, dict[str, int]] = defaultdict(dict)
    for event in of["account.opened"]:
        pools[event["data"]["pool_name"]][event["stream"]] = balance[event["stream"]]
    table = standings_hash(week["week"], pools)
    if final["data"]["standings_hash"] != table:
        differences.append(f"standings {table}; the log says {final['data']['standings_hash']}")
    credits = {"issued": issued, "available": balance.total(), "escrow": escrow, "house": house}
    return {
        "week": week["week"],
        "bets": dict(bets),
        "credits": credits,
        "standings_hash": table,
        "differences": differences,
    }
