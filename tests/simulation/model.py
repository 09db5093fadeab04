"""A plain model of a week: sums and dictionaries, which takes each event as it is committed and believes none of it.

It shares no line with the service: it reads the stored bytes, and knows the rules from the design.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from ledger.facts import Record

Data = dict[str, Any]


class Broken(AssertionError):
    """An event stands in the log that must not: `rule` says why."""

    def __init__(self, record: Record, rule: str) -> None:
        super().__init__(f"{record.token} {record.topic} {record.state.decode()}: {rule}")
        self.rule = rule


@dataclass
class Account:
    """An entry's credits, and what it did once."""

    available: int = 0
    is_granted: bool = False
    bought_back: int = 0


@dataclass
class Bet:
    """A bet: its terms, where it stands in the log, and what came of it, by resolution."""

    data: Data
    entry: str
    position: int
    paid: int | None = None
    resolution: int = 0


@dataclass
class Game:
    """A game: when it starts, what is on offer by market, what stops stakes, and what settles it."""

    starts_at: datetime
    quotes: dict[str, Data] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    is_locked: bool = False
    resolution: int = 0
    cut: int = 0
    settled_to: int = 0


class Model:
    """The state of one log, event by event."""

    def __init__(self) -> None:
        self.position = 0
        self.recorded_at: datetime | None = None
        self.entries: set[str] = set()
        self.versions: Counter[str] = Counter()
        self.accounts: dict[str, Account] = {}
        self.bets: dict[str, Bet] = {}
        self.games: dict[str, Game] = {}
        self._game_of: dict[str, str] = {}
        self._chunks: list[tuple[Record, str, Data]] = []
        self.state = "unknown"
        self.settling = 0
        self.issued = 0
        self.house = 0
        self.escrow = 0

    def take(self, record: Record) -> None:
        """Take the next event; raises Broken."""
        self._require(record, record.position == self.position + 1, "positions are 1, 2, 3, …")
        stream = str(record.stream)
        self.versions[stream] += 1
        self._require(record, record.version == self.versions[stream], "versions of a stream are 1, 2, 3, …")
        self._require(record, self.recorded_at is None or record.recorded_at >= self.recorded_at, "time goes on")
        self.position, self.recorded_at = record.position, record.recorded_at
        handle = getattr(self, f"_{record.topic.replace('.', '_')}", None)
        if handle is not None:
            handle(record, stream, msgspec.json.decode(record.state))
        available = sum(account.available for account in self.accounts.values())
        self._require(record, self.issued == available + self.escrow + self.house, "credits are neither made nor lost")

    def _require(self, record: Record, holds: bool, rule: str) -> None:
        if not holds:
            raise Broken(record, rule)

    def is_bust(self, entry: str) -> bool:
        """Say whether an entry has no credits, and no bet that may bring any."""
        is_open = any(bet.entry == entry and bet.paid is None for bet in self.bets.values())
        return entry in self.accounts and self.accounts[entry].available <= 0 and not is_open

    def conclude(self) -> None:
        """Look at what was committed as a whole: what a chunk says was paid, its bets have, and nobody else's."""
        while self._chunks:
            record, game_id, said = self._chunks.pop()
            covered = [bet for bet in self._bets_of(game_id) if said["from"] <= bet.position <= said["to"]]
            paid = sum(bet.paid or 0 for bet in covered)
            self._require(record, paid == said["paid"], f"the bets of the chunk have {paid}")

    # The week, its entries and accounts.

    def _week_opened(self, record: Record, stream: str, data: Data) -> None:
        self._require(record, self.state == "unknown", "a week is opened once")
        self.state = "registering"

    def _week_grouped(self, record: Record, stream: str, data: Data) -> None:
        self._require(record, self.state == "registering", "a week is grouped once")
        granted = all(account.is_granted for account in self.accounts.values())
        self._require(record, granted, "every account is granted before the first stake")
        self._require(record, self.accounts.keys() == self.entries, "who enrolled takes part, and nobody else")
        self.state = "grouped"

    def _week_closed(self, record: Record, stream: str, data: Data) -> None:
        self._require(record, self.state == "grouped", "a week is closed once")
        self.state = "closed"

    def _week_settled(self, record: Record, stream: str, data: Data) -> None:
        self._require(record, self.state in ("closed", "settled"), "a week is settled once it is closed")
        self._require(record, self.escrow == 0, "a settled week has nothing in escrow")
        self.state = "settled"

    def _week_finalised(self, record: Record, stream: str, data: Data) -> None:
        self._require(record, self.state == "settled", "a week is final once it is settled")
        self.state = "final"

    def _entry_enrolled(self, record: Record, stream: str, data: Data) -> None:
        self._require(record, self.state == "registering", "entries enrol before the draw")
        self.entries.add(data["entry"])

    def _account_opened(self, record: Record, stream: str, data: Data) -> None:
        self._require(record, stream not in self.accounts, "an account is opened once")
        self.accounts[stream] = Account()

    def _account_credits_granted(self, record: Record, stream: str, data: Data) -> None:
        account = self.accounts[stream]
        self._require(record, not account.is_granted, "credits are granted once")
        account.is_granted = True
        self.issued += data["amount"]
        self._move(record, stream, data["amount"], data)

    def _account_bought_back(self, record: Record, stream: str, data: Data) -> None:
        account = self.accounts[stream]
        self._require(record, self.is_bust(stream) and not account.bought_back, "who is bust buys back, once")
        account.bought_back += 1
        self.issued += data["amount"]
        self._move(record, stream, data["amount"], data)

    def _account_stake_placed(self, record: Record, stream: str, data: Data) -> None:
        game = self.games[data["game_id"]]
        quote = game.quotes.get(data["market_id"], {})
        self._require(record, data["bet_id"] not in self.bets, "a bet is placed once")
        self._require(record, self.state == "grouped", "stakes are taken in a grouped week")
        self._require(record, record.recorded_at < game.starts_at and not game.is_locked, "stakes end at the start")
        self._require(record, not game.stopped & {"game", data["market_id"]}, "a suspended market takes no stakes")
        offered = (quote.get("odds_id"), quote.get("line"), quote.get("prices", {}).get(data["outcome"]))
        self._require(record, offered == (data["odds_id"], data["line"], data["price"]), "a bet has the terms on offer")
        stake, price = data["stake"], data["price"]
        profit = stake * price // 100 if price > 0 else stake * 100 // -price
        self._require(record, data["potential_payout"] == stake + profit, "a payout follows from stake and price")
        self._require(record, 0 < stake <= self.accounts[stream].available, "a stake is there to be staked")
        self.bets[data["bet_id"]] = Bet(data, stream, record.position)
        self.escrow += stake
        self._move(record, stream, -stake, data)

    def _account_bet_won(self, record: Record, stream: str, data: Data) -> None:
        self._resolve(record, stream, data, data["payout"], {"potential_payout"})

    def _account_bet_lost(self, record: Record, stream: str, data: Data) -> None:
        self._resolve(record, stream, data, 0, set())

    def _account_stake_returned(self, record: Record, stream: str, data: Data) -> None:
        self._resolve(record, stream, data, data["amount"], {"stake"})

    def _account_payout_corrected(self, record: Record, stream: str, data: Data) -> None:
        bet = self.bets[data["bet_id"]]
        self._require(record, bet.paid == data["from_payout"], "a correction begins with what was paid")
        self._require(record, data["resolution"] > bet.resolution, "a resolution corrects a bet once")
        self.house += bet.paid - data["to_payout"]
        self._move(record, stream, data["to_payout"] - bet.paid, data)
        bet.paid, bet.resolution = data["to_payout"], data["resolution"]

    def _resolve(self, record: Record, stream: str, data: Data, paid: int, amounts: set[str]) -> None:
        bet = self.bets[data["bet_id"]]
        game = self.games[bet.data["game_id"]]
        self._require(record, bet.paid is None, "a bet is resolved once")
        self._require(record, bet.entry == stream, "a bet is paid to who placed it")
        self._require(record, data["resolution"] == game.resolution, "a bet is resolved by what settles its game now")
        self._require(record, paid in {bet.data[name] for name in amounts} or not amounts, "a payout was agreed on")
        bet.paid, bet.resolution = paid, data["resolution"]
        self.escrow -= bet.data["stake"]
        self.house += bet.data["stake"] - paid
        self._move(record, stream, paid, data)

    def _move(self, record: Record, stream: str, amount: int, data: Data) -> None:
        account = self.accounts[stream]
        account.available += amount
        self._require(record, data["available"] == account.available, f"the account has {account.available}")

    # Games, and what settles them.

    def _game_scheduled(self, record: Record, stream: str, data: Data) -> None:
        self._require(record, stream not in self.games, "a game is listed once")
        self.games[stream] = Game(datetime.fromisoformat(data["starts_at"]))

    def _game_rescheduled(self, record: Record, stream: str, data: Data) -> None:
        self.games[stream].starts_at = datetime.fromisoformat(data["starts_at"])

    def _game_moved_out(self, record: Record, stream: str, data: Data) -> None:
        self.games[stream].is_locked = True

    def _game_market_quoted(self, record: Record, stream: str, data: Data) -> None:
        self.games[stream].quotes[data["market_id"]] = data

    def _game_market_suspended(self, record: Record, stream: str, data: Data) -> None:
        self.games[stream].stopped.add(data["market_id"] or "game")

    def _game_market_reopened(self, record: Record, stream: str, data: Data) -> None:
        if data["market_id"] is None:
            self.games[stream].stopped.clear()
        self.games[stream].stopped.discard(data["market_id"])

    def _game_locked(self, record: Record, stream: str, data: Data) -> None:
        self.games[stream].is_locked = True

    def _game_unlocked(self, record: Record, stream: str, data: Data) -> None:
        self.games[stream].is_locked = False

    def _settlement_result_recorded(self, record: Record, stream: str, data: Data) -> None:
        self._game_of[stream] = data["game_id"]
        if data["resolution"] is not None:
            game = self.games[data["game_id"]]
            self._require(record, data["resolution"] == game.resolution + 1, "resolutions are 1, 2, 3, …")
            game.resolution, game.cut, game.settled_to = data["resolution"], record.position, 0
            self.settling += 1

    def _settlement_chunk_settled(self, record: Record, stream: str, data: Data) -> None:
        game = self.games[self._game_of[stream]]
        self._require(record, data["resolution"] == game.resolution, "a chunk settles by what settles its game now")
        self._require(record, data["from"] == game.settled_to + 1, "chunks follow one another")
        game.settled_to = data["to"]
        self.settling += 1
        self._chunks.append((record, self._game_of[stream], data))

    def _settlement_completed(self, record: Record, stream: str, data: Data) -> None:
        game = self.games[self._game_of[stream]]
        bets = self._bets_of(self._game_of[stream])
        self._require(record, (data["cut"], data["resolution"]) == (game.cut, game.resolution), "it is the latest cut")
        self._require(record, all(bet.position <= game.cut for bet in bets), "no stake stands behind the cut")
        self._require(record, all(bet.paid is not None for bet in bets), "every bet up to the cut is resolved")
        self._require(record, data["staked"] == sum(bet.data["stake"] for bet in bets), "all that was staked counts")
        self._require(record, data["paid"] == sum(bet.paid or 0 for bet in bets), "all that was paid counts")

    def _bets_of(self, game_id: str) -> Sequence[Bet]:
        return [bet for bet in self.bets.values() if bet.data["game_id"] == game_id]
