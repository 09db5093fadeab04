"""What a dispute is about: the games, markets and bets that operators name, each held against the week it is in."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import msgspec

from feeds.receipts import UnknownBet
from ledger.case import UnknownSubject
from ledger.events import GameScheduled
from ledger.facts import fact_of
from ledger.game import UnknownGame, UnknownMarket
from ledger.ledger import Ledger
from ledger.proposal import Change
from projections.bets import Bet, Bets
from projections.board import Board, Game, Market


class Named(NamedTuple):
    """A game that somebody named, and the week that it is listed in."""

    week: str
    game_id: UUID


class Disputed:
    """Finds what operators name, in the log and on the projections `board` and `bets`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._board = Board(ledger.datastore)
        self._bets = Bets(ledger.datastore)

    def require_subject(self, week: str, subject: str) -> None:
        """Refuse a case on a game, a market or a bet that is not in the week; the text is judged by the case itself.

        Raises UnknownGame, UnknownMarket or UnknownBet, which name the week that has it; UnknownSubject where the
        subject is another week.
        """
        kind, _, name = subject.partition(":")
        if kind == "week" and name != week:
            raise UnknownSubject(f"{subject!r} is another week than {week}: open the case there")
        find = {"game": self.game, "market": self.game_of_market, "bet": self.game_of_bet}.get(kind)
        if find is not None and _is_id(name):
            find(week, UUID(name))

    def require_change(self, week: str, change: Change) -> Change:
        """Refuse a change of what is not in the week, or not on the game that it names; return it else."""
        self.game(week, change.game_id)
        if change.bet_id is not None and self.game_of_bet(week, change.bet_id) != change.game_id:
            raise UnknownBet(f"bet {change.bet_id} is not on game {change.game_id}")
        if change.market_id is not None and self.game_of_market(week, change.market_id) != change.game_id:
            raise UnknownMarket(f"market {change.market_id} is not one of game {change.game_id}")
        return change

    def game(self, week: str, game_id: UUID) -> UUID:
        """Return the id of a game that is listed in a week; raises UnknownGame."""
        found = self._board.game(game_id)
        if found is None or found.log != week:
            raise UnknownGame(f"game {game_id} is not listed in week {week}{_but_in(found)}")
        return game_id

    def game_of_market(self, week: str, market_id: UUID) -> UUID:
        """Return the game of a market of a week; raises UnknownMarket."""
        market = self._board.market(market_id)
        if market is None or market.log != week:
            raise UnknownMarket(f"market {market_id} is not listed in week {week}{_but_in(market)}")
        return market.game_id

    def game_of_bet(self, week: str, bet_id: UUID) -> UUID:
        """Return the game of a bet of a week; raises UnknownBet."""
        bet = self._bets.bet(bet_id)
        if bet is None or bet.log != week:
            raise UnknownBet(f"bet {bet_id} was not placed in week {week}{_but_in(bet)}")
        return bet.game_id

    def named(self, name: str, *, week: str | None = None) -> Named:
        """Return the game that a text names: its id here or, of the week or of all, its id at the feed.

        Raises UnknownGame where there is none, or several.
        """
        found = [
            Named(log, record.stream)
            for log in ([week] if week is not None else self._ledger.weeks())
            for record in self._ledger.recorder(log).read_topics(GameScheduled.TOPIC)
            if name in (str(record.stream), _external_id(fact_of(record).event))
        ]
        if len(found) == 1:
            return found[0]
        where = f"in week {week}" if week is not None else "in any week"
        if not found:
            raise UnknownGame(f"no game {name} is listed {where}: see `GET /api/games`, or the feed's own id")
        several = ", ".join(f"{game_id} in {log}" for log, game_id in found)
        raise UnknownGame(f"{name} names several games, {several}: name one by its id")


def _external_id(event: msgspec.Struct) -> str:
    assert isinstance(event, GameScheduled)
    return event.external_id


def _but_in(found: Game | Market | Bet | None) -> str:
    return "" if found is None else f", but in {found.log}: name that week"


def _is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False
