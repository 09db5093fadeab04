"""The book of one log in memory: cached aggregates and the board, kept exact by the news of each append.

A command sees the book through a `Decision`, which notes every stream that was looked at. Those are the command's
gates: it is appended only if none of them has moved.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from ledger.account import Account
from ledger.aggregate import Aggregate, Context
from ledger.board import BOARD_TOPICS, ON_BOARD
from ledger.case import Case, UnknownCase
from ledger.entry import Registration
from ledger.events import AccountOpened, StakePlaced
from ledger.facts import Fact, Record, fact_of
from ledger.game import Game, UnknownGame, UnknownMarket
from ledger.ids import (
    OFFICE,
    case_id,
    market_id,
    office_stream,
    prize_id,
    purchase_stream,
    registration_stream,
    settlement_stream,
    week_stream,
)
from ledger.instants import Instant
from ledger.office import Office
from ledger.payment import Payment, Purchase
from ledger.prize_payment import PrizePayment
from ledger.recorder import LogRecorder, Row
from ledger.settlement import Settlement
from ledger.week import Week

_MARKETS = ("moneyline", "spread", "total")
ACCOUNTS_KEPT = 200_000
# A bet in memory takes about a kilobyte, the print of one eight bytes.
EVENTS_KEPT = 20_000
ACCOUNTS_A_STEP = 512

A = TypeVar("A", bound=Aggregate)


class Book:
    """What a desk knows of its log, up to position `known`."""

    def __init__(self, recorder: LogRecorder, *, events_kept: int = EVENTS_KEPT) -> None:
        self.recorder = recorder
        self.log = recorder.log
        self._events_kept = events_kept
        self.forget()

    def forget(self) -> None:
        """Drop everything; the next use reads the log again."""
        self.known = 0
        self.recorded_at: Instant | None = None
        self.aggregates: dict[UUID, Aggregate] = {}
        self.games: dict[UUID, Game] = {}
        self.games_by_market: dict[UUID, Game] = {}
        self.cases: dict[UUID, Case] = {}
        self.is_loaded = False
        # How many events may have brought a bet since the last round of forgetting, and the accounts left of that.
        self._came = self._counted = 0
        self._round: list[Account] = []
        # By pool, one event for all that were dealt into it, rather than one each.
        self._opened: dict[str, AccountOpened] = {}

    def load(self) -> None:
        """Read the week, the board and the cases; accounts are read when they are first asked for."""
        head = self.recorder.head()
        self.apply(self.recorder.read_topics(*BOARD_TOPICS), loading=True)
        self.known = head.position
        self.recorded_at = head.recorded_at
        self.is_loaded = True

    def week(self) -> Week | None:
        """Return the log's week; the office has none."""
        return None if self.log == OFFICE else self.get(Week, week_stream(self.log))

    def catch_up(self, until: int) -> None:
        """Apply what others appended behind `known`, up to position `until`."""
        if until > self.known:
            for record in self.recorder.read_all(after=self.known, until=until):
                self.apply([record])
                self.recorded_at = record.recorded_at
            self.known = until

    def apply(self, records: Iterable[Record], *, loading: bool = False) -> None:
        """Fold news into what is cached. A stream that would not continue is dropped and read again when asked for."""
        for record in records:
            aggregate = self.aggregates.get(record.stream)
            if aggregate is None:
                if not loading and record.topic not in ON_BOARD:
                    continue
                aggregate = self._keep(_BORN[record.topic.partition(".")[0]].blank(record.stream))
            if record.version == aggregate.version + 1:
                aggregate.fold(fact_of(record, keeps_record=False))
            elif record.version > aggregate.version:
                self.drop([record.stream])

    def drop(self, streams: Iterable[UUID]) -> None:
        """Forget some streams. Games and cases are read again at once: they must all be here."""
        dropped = [stream for stream in streams if self.aggregates.pop(stream, None) is not None]
        games = [stream for stream in dropped if self.games.pop(stream, None) is not None]
        cases = [stream for stream in dropped if self.cases.pop(stream, None) is not None]
        for market in (market_id(game, market) for game in games for market in _MARKETS):
            self.games_by_market.pop(market, None)
        if games or cases:
            self.apply(self.recorder.read_streams([*games, *cases]), loading=True)

    def get(self, kind: type[A], stream: UUID) -> A:
        """Return the aggregate of a stream, blank where it has no events."""
        aggregate = self.aggregates.get(stream)
        if aggregate is None:
            self.fetch(kind, [stream])
            aggregate = self.aggregates[stream]
        assert isinstance(aggregate, kind)
        return aggregate

    def fetch(self, kind: type[A], streams: Sequence[UUID]) -> None:
        """Read all that is not cached of some streams, in one query."""
        missing = [stream for stream in streams if stream not in self.aggregates]
        if not missing:
            return
        for stream in missing:
            self._keep(kind.blank(stream))
        for record in self.recorder.read_streams(missing):
            self.aggregates[record.stream].fold(fact_of(record, keeps_record=False))
            self._came += 1

    def fetch_accounts(self, entries: Sequence[UUID]) -> None:
        """Read all accounts that are not cached, in one query. They have forgotten their bets: few are ever named."""
        missing = {entry for entry in entries if entry not in self.aggregates}
        if not missing:
            return
        read = {entry: self._keep(Account.blank(entry)) for entry in missing}
        for record in self.recorder.read_streams(list(read)):
            read[record.stream].fold_print(record)
        for account in read.values():
            account.forget_bets()
            self._share_opening(account)

    def expect_accounts(self, entries: Iterable[UUID]) -> None:
        """Have accounts at hand most of which are not open yet, and so blank: none of those is looked for."""
        opened = {record.stream for record in self.recorder.read_topics(AccountOpened.TOPIC)}
        for entry in entries:
            if entry not in opened and entry not in self.aggregates:
                # If somebody else opens it from here on, that is news.
                self._keep(Account.blank(entry))

    def accounts(self, entries: Sequence[UUID]) -> list[Account]:
        """Return many accounts; those that were not cached have forgotten their bets."""
        self.fetch_accounts(entries)
        return [account for entry in entries if isinstance(account := self.aggregates[entry], Account)]

    def recall(self, accounts: Iterable[Account]) -> None:
        """Read again all that some accounts have forgotten, in one query."""
        lacking = {account.id: account for account in accounts}
        if not lacking:
            return
        read = {stream: Account.blank(stream) for stream in lacking}
        for record in self.recorder.read_streams(list(lacking)):
            # What the account does not know yet comes as news.
            if record.version <= lacking[record.stream].version:
                read[record.stream].fold(fact_of(record, keeps_record=False))
                self._came += 1
        for stream, account in lacking.items():
            account.recall(read[stream])

    def stakes(self, bets: Sequence[tuple[Account, UUID, int]]) -> list[Fact]:
        """Return the StakePlaced of some bets, given by account, id and position.

        Of a bet that is open and forgotten one event is read, and not kept; of another that was forgotten, or where the
        position is wrong, the whole account is recalled.
        """
        lacking = [bet for bet in bets if bet[1] not in bet[0].bets]
        read = self._read_open(
            [position for account, bet_id, position in lacking if account.has_forgotten_open(bet_id)]
        )
        self.recall(account for account, bet_id, position in lacking if not _is_stake(read.get(position), bet_id))
        return [
            account.bets[bet_id].placed if bet_id in account.bets else read[position]
            for account, bet_id, position in bets
        ]

    def _read_open(self, positions: Sequence[int]) -> dict[int, Fact]:
        read = self.recorder.read_positions(positions) if positions else []
        return {record.position: fact_of(record, keeps_record=False) for record in read}

    def trim(self, *, keeping: Callable[[], AbstractSet[UUID]] = frozenset) -> None:
        """Keep memory bounded: accounts forget their bets, a few accounts at a time, as soon as many may have come.

        Beyond a number of streams, those kept longest are read again when asked for. `keeping` names streams that are
        ahead of the log, which would be read as they were; it is only asked for where there is something to forget.
        """
        self._forget_bets(keeping)
        surplus = len(self.aggregates) - ACCOUNTS_KEPT
        if surplus > 0:
            lasting = {week_stream(self.log), *self.games, *self.cases, *keeping()}
            for stream in [stream for stream in self.aggregates if stream not in lasting][:surplus]:
                del self.aggregates[stream]

    def _forget_bets(self, keeping: Callable[[], AbstractSet[UUID]]) -> None:
        self._came, self._counted = self._came + self.known - self._counted, self.known
        if not self._round and self._came > self._events_kept:
            self._round = [
                each for each in self.aggregates.values() if isinstance(each, Account) and each.remembers_bets
            ]
            self._came = 0
        if not self._round:
            return
        kept = keeping()
        for account in self._round[-ACCOUNTS_A_STEP:]:
            if account.id not in kept:
                account.forget_bets()
                self._share_opening(account)
        del self._round[-ACCOUNTS_A_STEP:]

    def _share_opening(self, account: Account) -> None:
        if account.opened is not None:
            account.opened = self._opened.setdefault(account.opened.pool_name, account.opened)

    def _keep(self, aggregate: A) -> A:
        self.aggregates[aggregate.id] = aggregate
        if isinstance(aggregate, Game):
            self.games[aggregate.id] = aggregate
            for market in _MARKETS:
                self.games_by_market[market_id(aggregate.id, market)] = aggregate
        elif isinstance(aggregate, Case):
            self.cases[aggregate.id] = aggregate
        return aggregate


def _is_stake(fact: Fact | None, bet_id: UUID) -> bool:
    return fact is not None and isinstance(fact.event, StakePlaced) and fact.event.bet_id == bet_id


_BORN: dict[str, type[Aggregate]] = {"week": Week, "game": Game, "case": Case}


class Decision:
    """One command's look at the book: what it reads becomes its gates, what it triggers becomes its events."""

    __slots__ = ("_book", "_context", "_touched", "_week", "before", "now", "on_whole_log", "row", "written")

    def __init__(self, book: Book, context: Context, now: datetime) -> None:
        self._book = book
        self._context = context
        self.now = now
        # By identity, as a UUID takes Python code to be hashed and compared.
        self._touched: dict[int, Aggregate] = {}
        self.written: list[Aggregate] = []
        self._week: Week | None = None
        self.before: datetime | None = None
        self.row: Row | None = None
        self.on_whole_log = False

    @property
    def log(self) -> str:
        """The log that is decided on."""
        return self._book.log

    @property
    def known(self) -> int:
        """The position up to which the log is known."""
        return self._book.known

    def _look(self, aggregate: A) -> A:
        self._touched[id(aggregate)] = aggregate
        aggregate.context = self._context
        return aggregate

    @property
    def touched(self) -> Collection[Aggregate]:
        """What was looked at, in order."""
        return self._touched.values()

    def week(self) -> Week:
        """Return the log's week."""
        if self._week is None:
            self._week = self._look(self._book.get(Week, week_stream(self.log)))
        return self._week

    def account(self, entry: UUID, *, naming: Collection[UUID] = ()) -> Account:
        """Return an entry's account; the bets that are named, and slips under the same keys, are in memory."""
        account = self._look(self._book.get(Account, entry))
        if naming and account.has_forgotten(naming):
            self._book.recall([account])
        return account

    def accounts(self, entries: Sequence[UUID]) -> list[Account]:
        """Return many accounts, reading those that are not cached in one query; their bets may be forgotten."""
        return [self._look(account) for account in self._book.accounts(entries)]

    def expect_accounts(self, entries: Iterable[UUID]) -> None:
        """Have accounts at hand most of which are not open yet."""
        self._book.expect_accounts(entries)

    def stakes(self, bets: Sequence[tuple[Account, UUID, int]]) -> list[Fact]:
        """Return the StakePlaced of some bets, given by account, id and position."""
        return self._book.stakes(bets)

    def registration(self, entry: UUID) -> Registration:
        """Return an entry's registration."""
        return self._look(self._book.get(Registration, registration_stream(entry)))

    def purchase(self, payment: UUID) -> Purchase:
        """Return what became of a payment in this week."""
        return self._look(self._book.get(Purchase, purchase_stream(payment)))

    def payment(self, payment: UUID) -> Payment:
        """Return a payment; it is one of the office's."""
        return self._look(self._book.get(Payment, payment))

    def prize(self, entry: UUID) -> PrizePayment:
        """Return how the payment of an entry's prize stands; it is one of the office's."""
        return self._look(self._book.get(PrizePayment, prize_id(entry)))

    def office(self) -> Office:
        """Return what the office has published."""
        return self._look(self._book.get(Office, office_stream()))

    def game(self, game_id: UUID) -> Game:
        """Return a game, blank where it is not listed."""
        return self._look(self._book.get(Game, game_id))

    def listed_game(self, game_id: UUID) -> Game:
        """Return a game that is on the board; raises UnknownGame, so that any id may be asked for."""
        game = self._book.games.get(game_id)
        if game is None or not game.version:
            self.on_whole_log = True
            raise UnknownGame(f"game {game_id} is not listed in week {self.log}")
        return self._look(game)

    def games(self) -> list[Game]:
        """Return all games listed in the week, in order of listing."""
        self.on_whole_log = True
        return [self._look(game) for game in list(self._book.games.values()) if game.version]

    def game_of_market(self, market: UUID) -> Game:
        """Return the game that a market belongs to; raises UnknownMarket."""
        game = self._book.games_by_market.get(market)
        if game is None or not game.version:
            # It may have been listed since; only the whole log can tell that it was not.
            self.on_whole_log = True
            raise UnknownMarket(f"market {market} is not listed in week {self.log}")
        return self._look(game)

    def case(self, case_id: UUID) -> Case:
        """Return a case of the log; raises UnknownCase, so that any id may be asked for."""
        case = self._book.cases.get(case_id)
        if case is None or not case.version:
            self.on_whole_log = True
            raise UnknownCase(f"there is no case {case_id} in {self.log}: `case_id` is in the answer that opened it")
        return self._look(case)

    def cases(self) -> list[Case]:
        """Return all cases of the log."""
        self.on_whole_log = True
        return [self._look(case) for case in list(self._book.cases.values()) if case.version]

    def case_to_open(self) -> Case:
        """Return the case that the request under way opens, blank where it has not."""
        return self._look(self._book.get(Case, case_id(self.log, self._context.request)))

    def settlement(self, game_id: UUID) -> Settlement:
        """Return a game's settlement."""
        return self._look(self._book.get(Settlement, settlement_stream(game_id)))

    def settlements(self, games: Sequence[Game]) -> list[Settlement]:
        """Return the settlements of some games, reading those that are not cached in one query."""
        self._book.fetch(Settlement, [settlement_stream(game.id) for game in games])
        return [self.settlement(game.id) for game in games]

    def must_be_recorded_before(self, instant: datetime) -> None:
        """Add a time limit: the store leaves the command out when its clock has reached `instant`."""
        self.before = instant if self.before is None else min(self.before, instant)

    def write(self, row: Row) -> None:
        """Write one row in the command's transaction; a second one is refused with ValueError."""
        if self.row is not None:
            raise ValueError(f"a command brings one row, and {self.row.table} is there already")
        self.row = row

    def collect(self) -> list[Fact]:
        """Return the facts triggered, in order, and clear them from their aggregates.

        Streams follow each other as they were first looked at, but cases come last: behind the act that they explain.
        """
        self.written = [aggregate for aggregate in self.touched if aggregate.pending]
        if len(self.written) > 1:
            self.written.sort(key=lambda aggregate: isinstance(aggregate, Case))
        return [fact for aggregate in self.written for fact in aggregate.collect_events()]  # type: ignore[misc]
