"""An API process whose players have all been there: many accounts of the current week are live in it.

The week is drawn and granted in the log, and the accounts have placed bets. Then each player visits the API, with a
token of their own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self
from uuid import UUID, uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from api.identity.tokens import Tokens
from fairpool.clocks import HandClock, system_clock
from fairpool.core import Core, core
from fairpool.secrets_file import token_keys
from fairpool.settings import Settings
from ledger import ids, listing
from ledger.weeks import ends_at, week_at
from tests.benchmarks.figures import Ground
from tests.benchmarks.filled_log import FilledLog, fill_log, prepare
from tests.benchmarks.running import environment, port_of, resident_mb, running
from tests.benchmarks.visits import visit
from tests.examples import MARKETS, SOURCE

BETS: Final = 3
"""So many bets of each account stand in the log before its player's first visit."""
READS: Final = 20
"""One visitor in so many looks at balance and bets as well: reading leaves nothing behind, and takes long."""
WARM_UP: Final = 500
_GAME: Final = "last game"
_PLAYERS: Final = """
INSERT INTO players (id, email, name, password_hash, role, created_at)
SELECT player_id, player_id || '@example.org', 'Player', 'none', 'player', now() FROM entries"""


@dataclass(frozen=True, slots=True)
class LiveWeek:
    """The current week: its log, and a bet that each of its players may place until the week's last minute."""

    log: FilledLog
    bet: dict[str, Any]


class LiveAccounts:
    """An API process in which so many accounts are live, more with each visit."""

    def __init__(self, api: subprocess.Popen[str], week: LiveWeek, tokens: Sequence[str]) -> None:
        self._pid, self._port = api.pid, port_of(api)
        self._week = week
        self._tokens = tokens
        self._times = 0
        self._visit(tokens[:WARM_UP])
        self._warm_mb = resident_mb(self._pid)
        self._visit(tokens[WARM_UP:])

    @classmethod
    @contextmanager
    def visited(cls, ground: Ground, *, visitors: int) -> Iterator[Self]:
        """Let so many players visit an API, beside which projections run, as long as the block runs."""
        with psycopg.connect(ground.postgres.dsn, autocommit=True) as connection:
            connection.execute("CREATE DATABASE live")
        dsn, data = make_conninfo(ground.postgres.dsn, dbname="live"), ground.folder / "live"
        week = live_week(Settings(data=data), dsn, accounts=visitors, bets=BETS)
        tokens = tokens_of(Settings(data=data), week.log.players, hours=12)
        on = environment(data, dsn)
        with running("project", on=on), running("api", on=on) as api:
            yield cls(api, week, tokens)

    def memory_mb(self, accounts: int) -> float:
        """Return the resident set after some players came again; of more accounts than there are, what it would be."""
        self._visit(self._tokens[:: max(1, len(self._tokens) // WARM_UP)])
        now = resident_mb(self._pid)
        if accounts <= len(self._tokens):
            return now
        return self._warm_mb + (now - self._warm_mb) * (accounts - WARM_UP) / (len(self._tokens) - WARM_UP)

    def _visit(self, tokens: Sequence[str]) -> None:
        self._times += 1
        visit(self._port, tokens=tokens, bet=self._week.bet, key=f"visit-{self._times}", reads=READS)


def live_week(settings: Settings, dsn: str, *, accounts: int, bets: int) -> LiveWeek:
    """Fill the current week with accounts that have placed so many bets each, and bring the projections to its end."""
    prepare(dsn)
    now = system_clock()
    log = fill_log(dsn, accounts=accounts, bets=bets, week=week_at(now))
    with psycopg.connect(dsn) as connection:
        connection.execute(_PLAYERS)
    with _at_work(settings, dsn, HandClock(max(now, log.until))) as built:
        bet = _listed(built, log.week)
        while built.projections.step():
            pass
    return LiveWeek(log, bet)


def tokens_of(settings: Settings, players: Sequence[UUID], *, hours: float) -> list[str]:
    """Return an access token for each of some players, as the service's own key signs them."""
    issuing = Tokens(token_keys(settings).signing, lifetime=timedelta(hours=hours))
    return [issuing.issue(player_id=player, role="player", session=uuid4()).text for player in players]


@contextmanager
def _at_work(settings: Settings, dsn: str, clock: HandClock) -> Iterator[Core]:
    # Nobody relies on these commits: a machine that fails meanwhile starts over.
    with core(settings, make_conninfo(dsn, options="-c synchronous_commit=off"), clock=clock) as built:
        yield built


def _listed(built: Core, week: str) -> dict[str, Any]:
    """List a game in the week's last minute, and return a bet on it."""
    origin: dict[str, Any] = {"source": SOURCE, "actor": f"feed:{SOURCE}", "request": _GAME, "week": week}
    game, now = ids.game_id(week, SOURCE, _GAME), built.clock()
    listing.schedule(
        built.ledger,
        game_id=game,
        external_id=_GAME,
        league="NFL",
        home="BAL",
        away="CIN",
        starts_at=ends_at(week) - timedelta(minutes=1),
        **origin,
    ).result()
    listing.quote(built.ledger, game_id=game, market="moneyline", at=now, **MARKETS["moneyline"], **origin).result()
    market = ids.market_id(game, "moneyline")
    return {
        "market_id": str(market),
        "odds_id": str(ids.odds_id(market, SOURCE, now)),
        "outcome": "home",
        "stake": 5,
    }
