"""Logs of any size, filled in a minute: what is rare is done by the real ledger, stakes and payouts come by COPY.

The events are those that the ledger would have written: `fairpool audit replay` finds nothing in such a week. Every
account has the same number of bets, placed in rounds, so that its events lie scattered over the log.
"""

from __future__ import annotations

import random
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4, uuid5

import psycopg
from psycopg import Connection, sql

from fairpool.clocks import HandClock
from fairpool.schema import all_migrations
from ledger import drawing, ids, listing, settling
from ledger.datastore import Datastore
from ledger.events import BetLost, BetWon, ChunkSettled, EntryEnrolled, SettlementCompleted, StakePlaced, StakeReturned
from ledger.facts import canonical
from ledger.game import Offer, Quote
from ledger.grading import Outcome, Terms, grade
from ledger.instants import Instant
from ledger.ledger import Ledger
from ledger.migrate import migrate
from ledger.odds import payout
from ledger.rules import Rules, rules_hash
from ledger.seeds import SeedChain
from ledger.settlement import Word
from tests.examples import MARKETS, SOURCE, WEEK, at

RULES: Final = Rules(grant=1_000_000)
STAKES: Final = range(1, 51)
BETS_A_CHUNK: Final = 500
# So many events share an instant, as those of one append do.
EVENTS_AN_INSTANT: Final = 128
PLAYERS: Final = UUID(int=0xF177ED)
_NULL: Final = "\\N"
_COPY: Final = (
    "COPY {} (originator_id, originator_version, topic, state, notification_id, log, schema, recorded_at,"
    " actor, request, cause) FROM STDIN"
)


@dataclass(frozen=True, slots=True)
class FilledLog:
    """A week under way, each of whose accounts has `bets` bets; `until` is when its last event was recorded.

    `players` are in the order of their `entries`, `offers` is the whole board. The log ends at `position`.
    """

    week: str
    players: tuple[UUID, ...]
    entries: tuple[UUID, ...]
    offers: tuple[Offer, ...]
    bets: int
    position: int
    until: datetime


def prepare(dsn: str) -> None:
    """Make the tables, as `fairpool migrate` does."""
    migrate(dsn, all_migrations())


def open_ledger(dsn: str, *, since: datetime, pool_size: int = 4) -> Ledger:
    """Return a ledger whose clock goes on from `since`, in step with the machine's; a desk that dies ends it loudly."""
    began = time.monotonic()

    def clock() -> datetime:
        return since + timedelta(seconds=time.monotonic() - began)

    return _ledger(dsn, clock, pool_size=pool_size)


def fill_log(
    dsn: str,
    *,
    accounts: int,
    bets: int,
    week: str = WEEK,
    games: int = 16,
    resolved: bool = False,
    rules: Rules = RULES,
    seed: int = 1,
) -> FilledLog:
    """Open a week of so many granted accounts, and place `bets` bets on each; about accounts x (3 + bets) events.

    `dsn` is the database's owner's. Weeks are filled in their order. `resolved`: all games are over and all bets
    settled, which doubles the events; the projections are not needed for it, nor brought up to date.
    """
    clock = HandClock(at("Mon 00:00", week=week) - timedelta(hours=1))
    ledger = _ledger(dsn, clock)
    try:
        filling = _Filling(dsn, ledger, clock, week, rules, random.Random(seed))
        filling.enrol(accounts)
        filling.list_games(games)
        filling.place(bets)
        if resolved:
            filling.resolve()
        return filling.done(bets)
    finally:
        ledger.close()


def _ledger(dsn: str, clock: Callable[[], datetime], *, pool_size: int = 1) -> Ledger:
    def died(error: BaseException) -> None:
        raise error

    datastore = Datastore(dsn, pool_size=pool_size)
    return Ledger(datastore, clock=clock, new_id=uuid4, seeds=SeedChain(bytes(32)), on_death=died)


class _Filling:
    """The filling of one log. Of its bets only numbers are kept, so that ten million fit into memory."""

    def __init__(
        self, dsn: str, ledger: Ledger, clock: HandClock, week: str, rules: Rules, chance: random.Random
    ) -> None:
        self.dsn, self.ledger, self.clock, self.week, self.rules = dsn, ledger, clock, week, rules
        self.chance = chance
        self.table = f"events_{week.lower().replace('-', '_')}"
        self.players: list[UUID] = []
        self.entries: list[UUID] = []
        self.offers: list[Offer] = []
        self.games: list[UUID] = []
        self.position = 0
        # By number of bet: the offer and the stake; the bet of account a in round r is number r x accounts + a.
        self.chosen, self.stakes = array("H"), array("H")
        self.first_bet = 0
        self.available: array[int] = array("q")
        self.versions: array[int] = array("q")

    def enrol(self, accounts: int) -> None:
        """Open the week, enrol players, and draw it at its start."""
        drawing.open_week(self.ledger, week=self.week, rules=self.rules, actor="operator:1", request="open")
        self.players = [uuid5(PLAYERS, f"player {number}") for number in range(accounts)]
        self.entries = [uuid5(player, self.week) for player in self.players]
        rules = rules_hash(self.rules)
        with psycopg.connect(self.dsn) as connection:
            with connection.cursor().copy("COPY entries (player_id, week, entry) FROM STDIN") as copy:
                for player, entry in zip(self.players, self.entries, strict=True):
                    copy.write(f"{player}\t{self.week}\t{entry}\n")
            self._write(connection, (_enrolment(entry, rules) for entry in self.entries))
        self.clock.set(at("Mon 00:00", week=self.week))
        drawing.draw(self.ledger, week=self.week, actor="clock", request="draw")
        self.available = array("q", [self.rules.grant]) * accounts
        self.versions = array("q", [2]) * accounts

    def list_games(self, games: int) -> None:
        """Put games of three markets on the board, all of which start on Sunday."""
        self.clock.set(at("Tue 10:00", week=self.week))
        for number in range(games):
            name = f"g{number:02}"
            game = ids.game_id(self.week, SOURCE, name)
            self.games.append(game)
            listing.schedule(
                self.ledger,
                week=self.week,
                game_id=game,
                external_id=name,
                league="NFL",
                home="BAL",
                away="CIN",
                starts_at=at("Sun 13:00", week=self.week),
                source=SOURCE,
                actor="feed",
                request=name,
            ).result()
            for market, quote in MARKETS.items():
                self._quote(game, market, **quote)

    def _quote(self, game: UUID, market: str, *, line: str | None, prices: dict[str, int]) -> None:
        listing.quote(
            self.ledger,
            week=self.week,
            game_id=game,
            market=market,
            line=line,
            prices=prices,
            source=SOURCE,
            at=self.clock(),
            actor="feed",
            request=f"{game}/{market}",
        ).result()
        market_id = ids.market_id(game, market)
        odds_id = ids.odds_id(market_id, SOURCE, self.clock())
        quote = Quote(odds_id, line, prices, SOURCE, Instant.of(self.clock()))
        for outcome, price in quote.prices.items():
            self.offers.append(Offer(game, market_id, odds_id, market, outcome, line, price))

    def place(self, bets: int) -> None:
        """Place bets in rounds, one of each account a round."""
        count = bets * len(self.entries)
        self.chosen = array("H", self.chance.choices(range(len(self.offers)), k=count))
        self.stakes = array("H", self.chance.choices(STAKES, k=count))
        self._write_apart(self._placements())

    def _placements(self) -> Iterator[_Row]:
        accounts = len(self.entries)
        self.first_bet = self.position + 1
        texts = [_stake_text(offer) for offer in self.offers]
        streams = [str(entry) for entry in self.entries]
        for number, (chosen, stake) in enumerate(zip(self.chosen, self.stakes, strict=True)):
            key, account = divmod(number, accounts)
            entry = self.entries[account]
            self.available[account] -= stake
            self.versions[account] += 1
            won = payout(stake, self.offers[chosen].price)
            state = texts[chosen] % (self.available[account], ids.bet_id(entry, f"k{key}"), won, stake)
            yield streams[account], self.versions[account], StakePlaced.TOPIC, state, "player", f"k{key}", None

    def resolve(self) -> None:
        """End all games, and settle all bets."""
        self.clock.set(at("Sun 16:30", week=self.week))
        cuts = []
        for number, game in enumerate(self.games):
            word = Word(game, SOURCE, "final", revision=1, home_score=20 + number, away_score=27)
            facts = settling.record_result(
                self.ledger, week=self.week, word=word, actor="feed", request=f"{game}/1"
            ).result()
            cuts.append(facts[-1].position)
        self._write_apart(self._settlements(cuts))

    def _settlements(self, cuts: Sequence[int]) -> Iterator[_Row]:
        of_game = [array("L") for _ in self.games]
        by_offer = [of_game[self.games.index(offer.game_id)] for offer in self.offers]
        for number, chosen in enumerate(self.chosen):
            by_offer[chosen].append(number)
        for game, bets, cut in zip(self.games, of_game, cuts, strict=True):
            yield from self._settlement(game, bets, cut)

    def _settlement(self, game: UUID, bets: array[int], cut: int) -> Iterator[_Row]:
        desk = self.ledger.desk(self.week)
        outcomes = desk.ask(lambda on: self._outcomes(on, game), actor="settler", request="read").result()
        stream, cause = ids.settlement_stream(game), ids.position_token(self.week, cut)
        version, settled_to, paid_in_all = 1, 0, 0
        for start in range(0, len(bets) or 1, BETS_A_CHUNK):
            chunk = bets[start : start + BETS_A_CHUNK]
            request = f"{game}/1/{settled_to + 1}"
            to = cut if start + BETS_A_CHUNK >= len(bets) else self.first_bet + chunk[-1]
            payouts, paid = self._payouts(chunk, outcomes)
            version += 1
            done = ChunkSettled(bets=len(chunk), from_=settled_to + 1, paid=paid, resolution=1, to=to)
            yield stream, version, done.TOPIC, canonical(done).decode(), "settler", request, cause
            for entry, at_version, topic, state in payouts:
                yield entry, at_version, topic, state, "settler", request, cause
            settled_to, paid_in_all = to, paid_in_all + paid
        staked = sum(self.stakes[number] for number in bets)
        over = SettlementCompleted(bets=len(bets), cut=cut, paid=paid_in_all, resolution=1, staked=staked)
        yield stream, version + 1, over.TOPIC, canonical(over).decode(), "settler", f"{game}/1/complete", None

    def _outcomes(self, on: Any, game: UUID) -> dict[tuple[int, int], Outcome]:
        """Return what each bet on a game comes to, by offer and stake."""
        result = on.settlement(game).result(on.game(game), self.rules)
        return {
            (chosen, stake): grade(
                Terms(offer.market, offer.outcome, offer.line, offer.price, stake, self.clock()),
                result,
                three_way=False,
            )
            for chosen, offer in enumerate(self.offers)
            if offer.game_id == game
            for stake in STAKES
        }

    def _payouts(
        self, bets: Sequence[int], outcomes: dict[tuple[int, int], Outcome]
    ) -> tuple[list[tuple[UUID, int, str, str]], int]:
        """Return the payouts of a chunk, stream after stream as the account is first met, and what they come to."""
        by_account: dict[int, list[tuple[UUID, int, str, str]]] = {}
        paid = 0
        for number in bets:
            key, account = divmod(number, len(self.entries))
            entry = self.entries[account]
            outcome = outcomes[self.chosen[number], self.stakes[number]]
            paid += outcome.payout
            self.available[account] += outcome.payout
            self.versions[account] += 1
            topic, state = _payout(outcome, ids.bet_id(entry, f"k{key}"), self.available[account])
            by_account.setdefault(account, []).append((entry, self.versions[account], topic, state))
        return [row for rows in by_account.values() for row in rows], paid

    def done(self, bets: int) -> FilledLog:
        """Have the table as the server's own care would leave it."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(self.table)))
            connection.execute("CHECKPOINT")
        head = self.ledger.recorder(self.week).head()
        assert head.recorded_at is not None
        return FilledLog(
            self.week,
            tuple(self.players),
            tuple(self.entries),
            tuple(self.offers),
            bets,
            head.position,
            head.recorded_at,
        )

    def _write_apart(self, rows: Iterator[_Row]) -> None:
        """Write rows while the log's table stands apart and without indexes, which are made when it comes back."""
        table, log = sql.Identifier(self.table), sql.Literal(self.week)
        with psycopg.connect(self.dsn) as connection:
            connection.execute("SET LOCAL maintenance_work_mem = '512MB'")
            connection.execute(sql.SQL("ALTER TABLE events DETACH PARTITION {}").format(table))
            for kind, name in connection.execute(
                "SELECT contype::text, conname FROM pg_constraint WHERE conrelid = %s::regclass", (self.table,)
            ).fetchall():
                if kind in "pu":
                    drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
                    connection.execute(drop.format(table, sql.Identifier(name)))
            for (name,) in connection.execute(
                "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass", (self.table,)
            ).fetchall():
                connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
            self._write(connection, rows)
            attach = sql.SQL("ALTER TABLE events ATTACH PARTITION {} FOR VALUES IN ({})")
            connection.execute(attach.format(table, log))
            connection.execute(sql.SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER append_only").format(table))

    def _write(self, connection: Connection[Any], rows: Iterator[_Row]) -> None:
        """Write rows behind the log's end, and move the head."""
        [(position,)] = connection.execute("SELECT position FROM heads WHERE log = %s FOR UPDATE", (self.week,))
        first, since, moment, text = position, self.clock(), Instant.of(self.clock()), ""
        self.position = position
        with connection.cursor().copy(sql.SQL(_COPY).format(sql.Identifier(self.table))) as copy:
            for stream, version, topic, state, actor, request, cause in rows:
                if (position - first) % EVENTS_AN_INSTANT == 0:
                    moment = Instant.of(since + timedelta(milliseconds=(position - first) // EVENTS_AN_INSTANT))
                    text = str(moment)
                position += 1
                copy.write(
                    f"{stream}\t{version}\t{topic}\t{state}\t{position}\t{self.week}\t1\t{text}"
                    f"\t{actor}\t{request}\t{cause or _NULL}\n"
                )
        self.position = position
        connection.execute(
            "UPDATE heads SET position = %s, recorded_at = %s WHERE log = %s", (position, moment, self.week)
        )
        self.clock.set(moment)


_Row = tuple[UUID | str, int, str, str, str, str, str | None]
"""Stream, version, topic, state, actor, request and cause."""


def _enrolment(entry: UUID, rules: str) -> _Row:
    event = EntryEnrolled(entry=entry, payment_id=None, rules_hash=rules, via="free")
    return ids.registration_stream(entry), 1, event.TOPIC, canonical(event).decode(), "player", "enrol", None


def _stake_text(offer: Offer) -> str:
    """The state of a stake on an offer, in which balance, id, payout and stake are still to be filled in."""
    line = "null" if offer.line is None else f'"{offer.line}"'
    return (
        f'{{"available":%d,"bet_id":"%s","game_id":"{offer.game_id}","line":{line},"market":"{offer.market}",'
        f'"market_id":"{offer.market_id}","odds_id":"{offer.odds_id}","outcome":"{offer.outcome}",'
        f'"potential_payout":%d,"price":{offer.price},"stake":%d}}'
    )


def _payout(outcome: Outcome, bet: UUID, available: int) -> tuple[str, str]:
    """The topic and the state of what settles a bet, written out: building events would take most of the time."""
    rest = f'"bet_id":"{bet}"'
    match outcome.verdict:
        case "won":
            return BetWon.TOPIC, f'{{"available":{available},{rest},"payout":{outcome.payout},"resolution":1}}'
        case "lost":
            return BetLost.TOPIC, f'{{"available":{available},{rest},"resolution":1}}'
        case _:
            text = f'{{"amount":{outcome.payout},"available":{available},{rest},"reason":"push","resolution":1}}'
            return StakeReturned.TOPIC, text
