"""One small whole week, played once for many tests: real ledger, feed, settler and deadlines, in process.

Thirteen players enrol and one withdraws. Twelve are dealt into three pools and bet on games of several leagues, of
which one is cancelled, one starts early (and earlier still, as is learnt later), one never starts, one gets no
official result and one is corrected after the week was settled, which takes a balance below zero. One player buys
back. The log is the same bytes each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Final
from uuid import UUID, uuid5

from ledger import paying
from ledger.datastore import Datastore
from ledger.enrolment import withdraw
from ledger.facts import export_line
from ledger.proofs.merkle import Frontier, leaf_hash
from ledger.proofs.notes import Checkpoint, Signer
from ledger.recorder import LogRecorder
from ledger.rules import Prize, Rules
from tests.examples import WEEK, at
from tests.feeds.small_week import PLAYERS, THREE_WAY, SmallWeek

ORIGIN: Final = "fairpool.test"
SIGNER: Final = Signer(ORIGIN, bytes(range(32)))
NAMES: Final = ("ann", "ben", "cat", "dan", "eve", "fay", "gus", "hal", "ida", "jim", "kay", "leo")
RULES: Final = Rules(
    pool_max=5,
    prizes=(Prize(rank=1, amount_cents=5_000), Prize(rank=2, amount_cents=3_000), Prize(rank=3, amount_cents=2_000)),
)
PAYMENT: Final = UUID(int=0xB0B)


@contextmanager
def played_week(dsn: str) -> Iterator[SmallWeek]:
    """Give the week as it stands when it is final, in a database that was empty before."""
    datastore = Datastore(dsn)
    week = SmallWeek(datastore, bets_a_chunk=3)
    numbers = count(1)
    week.ledger.new_id = lambda: uuid5(PLAYERS, f"entry {next(numbers)}")
    try:
        play(week)
        yield week
    finally:
        week.close()
        datastore.close()


def play(week: SmallWeek) -> None:
    """Play the week from its opening until it is final."""
    week.open(week.week, *NAMES, "mia", rules=RULES)
    withdraw(week.ledger, player_id=uuid5(PLAYERS, "mia"), week=week.week, request="withdraw")
    week.clock.set(at("Mon 00:00"))
    week.react()
    _list_games(week)
    _bet_early(week)
    _live(week)
    _end(week)


def _list_games(week: SmallWeek) -> None:
    week.clock.set(at("Mon 12:00"))
    week.listed("nfl", at("Thu 20:15"))
    week.listed("sunday", at("Sun 13:00"), home="GB", away="CHI")
    week.listed("nba", at("Wed 19:00"), league="NBA", home="BOS", away="NYK")
    week.listed("nhl", at("Fri 19:00"), league="NHL", home="TOR", away="MTL")
    week.listed("mlb", at("Sat 16:00"), league="MLB", home="NYY", away="BOS")
    week.listed("cfl", at("Sun 16:00"), league="CFL", home="TOR", away="WPG")
    week.game("epl", at("Sat 10:00"), league="EPL", home="ARS", away="CHE")
    week.quote("epl", "moneyline", **THREE_WAY)
    week.react()


def _bet_early(week: SmallWeek) -> None:
    """Bets of Tuesday, some on quotes that change later."""
    week.clock.set(at("Tue 09:00"))
    for number, player in enumerate(NAMES[:10]):
        week.bet(player, "nfl", ("spread", "moneyline")[number % 2], ("home", "away")[number // 2 % 2], 100 + number)
        week.bet(player, "nba", "spread", "home", 50)
        week.bet(player, "epl", "moneyline", ("home", "draw", "away")[number % 3], 40 + number)
    week.bet("kay", "nfl", "total", "over", 333)
    week.bet("leo", "nfl", "spread", "away", 1000)
    week.say("market", "sunday", market="spread", status="suspended", why="injury")
    week.quote("sunday", "spread", line="-3.5", prices={"home": -105, "away": -115})
    week.say("market", "sunday", market="spread", status="open")
    week.bet("kay", "sunday", "spread", "away", 100)
    week.react()


def _live(week: SmallWeek) -> None:
    """Wednesday to Sunday: what happens to the games, and a buy-back on Friday."""
    week.live_until(at("Wed 18:00"))
    week.status("nba", "cancelled")
    week.live_until(at("Thu 23:00"))
    week.result("nfl", 30, 20, certainty="provisional")
    week.result("nfl", 30, 23, revision=2)
    week.live_until(at("Fri 18:50"))
    paying.buy_back(
        week.ledger,
        entry=week.entry("leo"),
        week=week.week,
        payment_id=PAYMENT,
        paid_at=at("Fri 12:00"),
        request="buy back",
    )
    for player in ("leo", "gus", "hal"):
        week.bet(player, "nhl", "total", "under", 200)
    week.clock.set(at("Fri 18:55"))
    week.bet("ida", "nhl", "total", "over", 150)
    week.status("nhl", "in_progress", started_at=at("Fri 18:52"))
    week.live_until(at("Fri 22:00"))
    week.result("nhl", 4, 2)
    week.react()
    week.status("nhl", "in_progress", started_at=at("Fri 18:49"))
    week.live_until(at("Sat 09:00"))
    week.bet("jim", "mlb", "moneyline", "home", 75)
    week.bet("cat", "cfl", "moneyline", "home", 60)
    week.bet("eve", "cfl", "spread", "away", 60)
    week.status("mlb", "postponed")
    week.live_until(at("Sat 12:30"))
    week.result("epl", 2, 1, regulation={"home": 1, "away": 1})
    week.live_until(at("Sun 12:00"))
    week.bet("ann", "sunday", "moneyline", "home", week.available("ann"))
    week.bet("dan", "sunday", "spread", "home", 120)


def _end(week: SmallWeek) -> None:
    """The end of the week, the corrections after it, and the prizes."""
    week.live_until(at("Sun 17:00"))
    week.result("sunday", 10, 24)
    week.live_until(at("next Mon 12:00"))
    week.result("cfl", 21, 21, certainty="provisional")
    # Ann's bet of Tuesday had won, and all that it brought is lost on Sunday: the correction leaves her below zero.
    week.live_until(at("next Tue 13:00"))
    assert week.state() == "settled"
    week.result("nfl", 23, 30, revision=3)
    week.react()
    assert week.available("ann") < 0
    week.live_until(at("next Tue 13:00") + timedelta(hours=60))
    assert week.state() == "final"


def export_lines(datastore: Datastore, log: str = WEEK) -> list[bytes]:
    """Return the lines of a log's export, without LF."""
    return [export_line(record) for record in LogRecorder(datastore, log).read_all()]


def checkpoints(lines: Iterable[bytes], sizes: Iterable[int], *, log: str = WEEK, signer: Signer = SIGNER) -> list[str]:
    """Return signed checkpoints of a log at some sizes, in order of size."""
    tree, wanted, notes = Frontier(), set(sizes), []
    for line in lines:
        tree.append(leaf_hash(line))
        if tree.size in wanted:
            notes.append(Checkpoint(f"{signer.verifier.name}/{log}", tree.size, tree.root()).signed(signer))
    return notes
