"""An auditor's own program: it settles a final week again, and trusts nothing that it can compute.

    python tests/oracle.py EXPORT.jsonl FEED.jsonl

It reads the export of the week's log (who staked what, on which terms) and the feed file (how the games ended), and
nothing else. It is written from the published rules on the standard library alone and shares no line with the service.
What an operator decided stands in no feed: a week that holds such acts shows them as differences.
It prints one JSON object, and exits with 1 where the log says anything else than what comes out here.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]
SETTLED = frozenset({"account.bet_won", "account.bet_lost", "account.stake_returned", "account.payout_corrected"})
SIDES = {"moneyline": ("home", "away"), "spread": ("home", "away"), "total": ("over", "under")}


class Word(NamedTuple):
    """What the feed said of a game's end: the score that settles it, or None where the game does not count."""

    official: bool
    revision: int
    score: tuple[int, int] | None


@dataclass
class Game:
    """One listing of a game in the week, and what the feed said of it."""

    listed: Json
    left_the_week: bool = False
    started_at: datetime | None = None
    words: list[Word] = field(default_factory=list)

    def score(self) -> tuple[int, int] | None:
        """Return the score that stands: official before provisional, then the highest revision, then the first."""
        if self.left_the_week or not self.words:
            return None
        return max(self.words, key=lambda word: (word.official, word.revision, word.score is None)).score


def instant(text: str) -> datetime:
    """Read a time with its offset."""
    return datetime.fromisoformat(text)


def listing_of(data: Json) -> tuple[datetime, str, str, str]:
    """Return what makes a listing, of a feed's `game` message or of the log's `game.scheduled`."""
    return instant(data["starts_at"]), data["league"], data["home"], data["away"]


def follow(game: Game, feed: Sequence[Json], *, week: Json, final_at: datetime, begin: int) -> int:
    """Fold what the feed says of the listing that message `begin` made; return the index of the one that ended it."""
    listing = listing_of(game.listed)
    listed_before = any(message["type"] == "game" for message in feed[:begin])
    starts_at, next_start, called_off, end = listing[0], None, False, len(feed)
    for index, message in enumerate(feed[begin + 1 :], begin + 1):
        kind, at, move = message["type"], instant(message["at"]), message.get("starts_at")
        if at > final_at or (at > instant(week["ends_at"]) and called_off and not game.words):
            break
        if kind == "result":
            # Where an id was listed several times, a result means the last listing that had started by then.
            if (next_start is None or at < next_start) and (at >= starts_at or not listed_before):
                game.words.append(word_of(message, league=listing[1], week=week))
        elif next_start is not None:
            continue
        elif move is not None:
            stays = instant(week["starts_at"]) <= instant(move) < instant(week["ends_at"])
            is_same = kind == "status" or listing_of(message)[1:] == listing[1:]
            if stays and is_same:
                starts_at, called_off = instant(move), False
            elif not stays and (is_same or game.words):
                # The id of a game that is over may return in another week; one that is not over has gone there.
                game.left_the_week, next_start, end = not game.words, instant(move), index
        elif kind == "status" and message["status"] in ("cancelled", "abandoned"):
            # A status has no revision: it speaks at the latest one, and after its result.
            game.words.append(Word(True, max((word.revision for word in game.words), default=0), None))
        elif kind == "status" and message["status"] in ("in_progress", "postponed"):
            called_off = message["status"] == "postponed"
            game.started_at = instant(message["started_at"]) if message.get("started_at") else game.started_at
    game.left_the_week |= called_off and not game.words
    return end


def word_of(result: Json, *, league: str, week: Json) -> Word:
    """Return what a result says, on the score at the end of regulation where the league settles on that."""
    score = result
    if result.get("regulation") and league not in week["rules"]["overtime_leagues"]:
        score = {f"{side}_score": goals for side, goals in result["regulation"].items()}
    return Word(result["certainty"] == "official", result["revision"], (score["home_score"], score["away_score"]))


def payout(stake: int, price: int) -> int:
    """Return stake and profit at an American price, floored to a whole credit."""
    return stake + (stake * price // 100 if price >= 0 else stake * 100 // -price)


def settle(bet: Json, *, at: datetime, prices: Json, game: Game) -> tuple[str, int]:
    """Return the outcome of a bet recorded `at`: won, lost, push or void; and what it pays.

    A bet stands if it was recorded before the game started, so the instant of the start is late.
    """
    score, line = game.score(), Decimal(bet["line"] or 0)
    if score is None or (game.started_at is not None and at >= game.started_at):
        return "void", bet["stake"]
    margin = sum(score) - line if bet["market"] == "total" else score[0] - score[1] + line
    winner = SIDES[bet["market"]][margin < 0] if margin else "draw"
    if winner not in prices:
        return "push", bet["stake"]
    return ("won", payout(bet["stake"], bet["price"])) if bet["outcome"] == winner else ("lost", 0)


def standings_hash(week: str, pools: dict[str, dict[str, int]]) -> str:
    """Hash the table of a week: the credits of each entry, by pool."""
    text = f"fairpool/standings/v1\n{week}\n{sum(map(len, pools.values()))}\n"
    for pool in sorted(pools, key=lambda name: (len(name), name)):
        table = pools[pool]
        ranks = sorted((1 + sum(other > mine for other in table.values()), entry) for entry, mine in table.items())
        text += "".join(f"{pool} {rank} {entry} {table[entry]}\n" for rank, entry in ranks)
    return hashlib.sha256(text.encode()).hexdigest()


def prizes_of(pool: dict[str, int], *, played: set[str], rules: Json) -> dict[str, list[Json]]:
    """Return what each entry of a pool wins: one prize, where it wins any.

    Only who played and has credits wins, and only such entries take places. Tied ones share what their places bring,
    in whole cents; what cannot be shared goes cent by cent to the lowest ids.
    """
    if len(pool) < rules["prize_min_entries"]:
        return {}
    won, table = {}, {prize["rank"]: prize["amount_cents"] for prize in rules["prizes"]}
    winners = {entry: credits for entry, credits in pool.items() if credits > 0 and entry in played}
    for entry, mine in winners.items():
        above = sum(other > mine for other in winners.values())
        tied = sorted(other for other, credits in winners.items() if credits == mine)
        pot = sum(table.get(above + place, 0) for place in range(1, len(tied) + 1))
        cents = (pot + len(tied) - 1 - tied.index(entry)) // len(tied)
        rank = 1 + sum(other > mine for other in pool.values())
        if cents:
            won[entry] = [{"rank": rank, "amount_cents": cents, "currency": rules["prize_currency"]}]
    return won


@dataclass
class Audit:
    """The week settled again: balances by entry, who had a bet resolved, and what the log says otherwise."""

    week: Json
    bets: Counter[str] = field(default_factory=lambda: Counter(placed=0, won=0, lost=0, returned=0))
    credits: Counter[str] = field(default_factory=lambda: Counter(issued=0, available=0, escrow=0, house=0))
    balances: Counter[str] = field(default_factory=Counter)
    played: set[str] = field(default_factory=set)
    differences: list[str] = field(default_factory=list)

    def check(self, what: str, *, here: object, log: object) -> None:
        """Note a difference between what came out here and what the log says."""
        if here != log:
            self.differences.append(f"{what}: {here} here, {log} in the log")

    def grant(self, event: Json) -> None:
        """Give the credits that the week, or a buy-back, gives an entry."""
        self.credits["issued"] += event["data"]["amount"]
        self.balances[event["stream"]] += event["data"]["amount"]

    def play(self, event: Json, *, quote: Json | None, game: Game | None, log: object) -> None:
        """Take a stake, settle it, and compare terms, outcome and payout with the log's."""
        bet, name = event["data"], f"bet {event['data']['bet_id']}"
        self.bets["placed"] += 1
        self.balances[event["stream"]] -= bet["stake"]
        if quote is None or game is None:
            self.credits["escrow"] += bet["stake"]
            self.differences.append(f"{name}: its quote is not in the log, or its game is not in the feed")
            return
        offered = [quote["market_id"], quote["market"], quote["line"], quote["prices"].get(bet["outcome"])]
        self.check(f"{name}, terms", here=offered, log=[bet[key] for key in ("market_id", "market", "line", "price")])
        self.check(f"{name}, win", here=payout(bet["stake"], bet["price"]), log=bet["potential_payout"])
        outcome, paid = settle(bet, at=instant(event["recorded_at"]), prices=quote["prices"], game=game)
        self.bets[outcome if outcome in ("won", "lost") else "returned"] += 1
        self.balances[event["stream"]] += paid
        self.played.add(event["stream"])
        self.credits["house"] += bet["stake"] - paid
        self.check(name, here=(outcome, paid), log=log)

    def award(self, pools: dict[str, dict[str, int]], *, log: Sequence[Json]) -> None:
        """Compare the prizes that each entry wins with those that the log awards it."""
        awarded: dict[str, list[Json]] = defaultdict(list)
        for event in log:
            awarded[event["stream"]].append(event["data"])
        for name, pool in pools.items():
            prizes = prizes_of(pool, played=self.played, rules=self.week["rules"])
            for entry in pool:
                what = f"prizes of entry {entry} in pool {name}"
                self.check(what, here=prizes.get(entry, []), log=awarded.pop(entry, []))
        for stranger, given in awarded.items():
            self.check(f"prizes of {stranger}, which is in no pool", here=[], log=given)


def games_of(scheduled: Sequence[Json], feed: Sequence[Json], *, week: Json, final_at: datetime) -> dict[str, Game]:
    """Return the week's games by id; one that no message of the feed lists is left out."""
    messages: dict[tuple[str, str], list[Json]] = defaultdict(list)
    for message in feed:
        messages[message["source"], message["game_id"]].append(message)
    ends: Counter[tuple[str, str]] = Counter()
    games = {}
    for event in scheduled:
        game, name = Game(event["data"]), (event["data"]["source"], event["data"]["external_id"])
        for index, message in enumerate(messages[name]):
            if index >= ends[name] and message["type"] == "game" and listing_of(message) == listing_of(game.listed):
                ends[name] = follow(game, messages[name], week=week, final_at=final_at, begin=index)
                games[event["stream"]] = game
                break
    return games


def said(event: Json) -> tuple[str, int]:
    """Return the outcome and payout that an event of the log gives its bet."""
    data = event["data"]
    match event["type"]:
        case "account.stake_returned":
            return ("push" if data["reason"] == "push" else "void"), data["amount"]
        case "account.payout_corrected":
            return data["to_outcome"], data["to_payout"]
        case kind:
            return kind.removeprefix("account.bet_"), data.get("payout", 0)


def audit(export: Sequence[Json], feed: Sequence[Json]) -> Json:
    """Settle the week of an export again; raises ValueError unless the export holds all of a final week."""
    of: dict[str, list[Json]] = defaultdict(list)
    for event in export:
        of[event["type"]].append(event)
    if not of["week.opened"] or not of["week.finalised"]:
        raise ValueError("the export must hold a week from its opening until it is final")
    week, final = of["week.opened"][0]["data"], of["week.finalised"][-1]
    audited = Audit(week)
    for position, event in enumerate(export, 1):
        audited.check("position", here=position, log=event["position"])
    games = games_of(of["game.scheduled"], feed, week=week, final_at=instant(final["recorded_at"]))
    quotes = {event["data"]["odds_id"]: event["data"] for event in of["game.market_quoted"]}
    settled = {event["data"]["bet_id"]: said(event) for event in export if event["type"] in SETTLED}
    for event in of["account.credits_granted"] + of["account.bought_back"]:
        audited.grant(event)
    for event in of["account.stake_placed"]:
        bet = event["data"]
        quote, game, log = quotes.get(bet["odds_id"]), games.get(bet["game_id"]), settled.get(bet["bet_id"])
        audited.play(event, quote=quote, game=game, log=log)
    pools: dict[str, dict[str, int]] = defaultdict(dict)
    for event in of["account.opened"]:
        pools[event["data"]["pool_name"]][event["stream"]] = audited.balances[event["stream"]]
    running = {event["stream"]: event["data"]["available"] for event in export if "available" in event["data"]}
    for entry, available in audited.balances.items():
        audited.check(f"entry {entry}", here=available, log=running.get(entry))
    table = standings_hash(week["week"], pools)
    audited.check("standings", here=table, log=final["data"]["standings_hash"])
    audited.award(pools, log=of["account.prize_awarded"])
    audited.credits["available"] = audited.balances.total()
    return {
        "week": week["week"],
        "bets": audited.bets,
        "credits": audited.credits,
        "standings_hash": table,
        "differences": audited.differences,
    }


def read(path: str) -> list[Json]:
    """Return the JSON objects of a file of lines."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]


def is_readable(message: Json) -> bool:
    """Say whether a line of the feed tells something of a game; a result must be in whole numbers."""
    if message.get("v") != 1 or message.get("type") not in ("game", "status", "result"):
        return False
    numbers = ("revision", "home_score", "away_score") if message["type"] == "result" else ()
    return all(type(message.get(number)) is int for number in numbers)


def main(export: str, feed: str) -> int:
    """Audit two files, print the answer, and return the exit code."""
    answer = audit(read(export), list(filter(is_readable, read(feed))))
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    return 1 if answer["differences"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
