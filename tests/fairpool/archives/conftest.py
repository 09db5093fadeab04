"""The played week, ready to be archived, beside a later week that takes bets: played once for all tests here.

No test here may ask for a database of its own, and each leaves the week where it found it: in the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from fairpool.archives.archive import archive
from fairpool.archives.keeping import Keeping
from fairpool.archives.restore import restore
from fairpool.archives.waiting import what_waits
from fairpool.verifying.database import DatabaseVerifier
from feeds.checkpoints import Checkpoints
from feeds.notary import Notary
from ledger import disputing, paying, prize_paying
from ledger.archives import Archive
from ledger.auditing.findings import Finding
from ledger.events import CaseOpened, PrizeAwarded
from ledger.payment import Word
from ledger.prize_payment import PrizeTerms
from ledger.recorder import Row
from ledger.weeks import following, starts_at
from projections.tree import Trees
from tests.database import Database
from tests.examples import NEXT_WEEK, WEEK
from tests.feeds.small_week import SmallWeek
from tests.played_week import ORIGIN, SIGNER, export_lines, played_week

CHECKOUT = UUID(int=0xC4EC)
LATER = following(NEXT_WEEK)
COLUMNS = (
    "SELECT originator_id, originator_version, topic, state, notification_id, log, schema, recorded_at, actor, request,"
    f" cause, tableoid::regclass::text FROM events WHERE log = '{WEEK}' ORDER BY notification_id"
)


def quiet(*_: object) -> None:
    """Take no note of how far something has come."""


@dataclass(frozen=True)
class Town:
    """A service with the played week, `WEEK`, and one that takes Ann's and Bob's bets, `LATER`.

    `waited` is what the week waited for at three times before it could be archived.
    """

    week: SmallWeek
    keeping: Keeping
    folder: Path
    lines: list[bytes]
    waited: list[list[str]]

    def archive(self, folder: Path | None = None, *, week: str = WEEK, **more: Any) -> Archive:
        """Archive the week."""
        options: dict[str, Any] = {"reason": "the season is over", "actor": "operator:test", "progress": quiet}
        return archive(self.keeping, week=week, folder=folder or self.folder, **options | {"tell": quiet} | more)

    def restore(self, folder: Path | None = None, **more: Any) -> Archive:
        """Restore the week."""
        options: dict[str, Any] = {"reason": "a player asks", "actor": "operator:test", "progress": quiet}
        return restore(self.keeping, folder or self.folder, **options | {"tell": quiet} | more)

    @contextmanager
    def away(self) -> Iterator[Archive]:
        """Keep the week archived for as long as the block runs."""
        found = self.archive()
        try:
            yield found
        finally:
            self.restore()

    def has_been_away(self) -> None:
        """See to it that the week has left and come back, at some time before."""
        if self.week.ledger.archives.archive(WEEK) is None:
            with self.away():
                pass

    def findings(self, *logs: str) -> list[Finding]:
        """What an auditor finds in some logs of the database, or in all."""
        verifier = DatabaseVerifier(self.week.ledger, folder=self.keeping.notes)
        if logs:
            return [finding for log in logs for finding in verifier.verify(log, progress=quiet).findings]
        return [finding for each in verifier.verify_all(progress=quiet) for finding in each.findings]

    def stored(self) -> list[tuple[Any, ...]]:
        """All columns of all events of the week, as they are stored."""
        return self.sql(COLUMNS)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database as its owner."""
        with psycopg.connect(self.keeping.dsn, options="-c timezone=UTC") as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="package")
def town(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Played, signed, listed, with all prizes paid; what it waited for until then is kept."""
    database.empty()
    folder = tmp_path_factory.mktemp("town")
    with played_week(database.dsn) as week:
        keeping = keeping_of(week, database.dsn, folder / "checkpoints")
        waited = [what_waits(week.ledger, WEEK)]
        dispute(week)
        week.runner.catch_up()
        waited.append(what_waits(week.ledger, WEEK))
        close_dispute(week)
        pay_prizes(week)
        open_later(week)
        while week.runner.step() or keeping.notary.step(now=0.0, forced=True):
            pass
        waited.append(what_waits(week.ledger, WEEK))
        yield Town(week, keeping, folder / "archive", export_lines(week.datastore), waited)


@pytest.fixture(autouse=True)
def week_is_here(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever becomes of a test, the next one finds the week in the database."""
    yield
    if "town" in request.fixturenames:
        town: Town = request.getfixturevalue("town")
        if WEEK not in town.week.ledger.weeks():
            town.restore()


def keeping_of(week: SmallWeek, dsn: str, notes: Path) -> Keeping:
    """The archives of a small week's service."""
    checkpoints = Checkpoints(week.datastore)
    notary = Notary(
        week.ledger, trees=Trees(week.datastore), checkpoints=checkpoints, signer=lambda: SIGNER, folder=notes
    )
    return Keeping(week.ledger, week.runner, notary, lambda: SIGNER, ORIGIN, notes, dsn)


def dispute(week: SmallWeek) -> None:
    """Open a case in the week, and a checkout for it that may still be paid."""
    disputing.open_case(
        week.ledger, week=WEEK, subject=f"week:{WEEK}", reason="a player asks", actor="operator:test", request="dispute"
    ).result()
    paying.open_payment(
        week.ledger,
        payment_id=CHECKOUT,
        kind="buy_back",
        week=WEEK,
        entry=week.entry("leo"),
        amount_cents=500,
        currency="USD",
        request="checkout",
        row=Row("provider_payments", {"payment_id": CHECKOUT, "ref": "checkout"}),
    ).result()


def close_dispute(week: SmallWeek) -> None:
    """Close the case, and let the checkout expire."""
    case = week.facts(CaseOpened)[-1].stream
    disputing.close_case(
        week.ledger, week=WEEK, case_id=case, outcome="nothing was wrong", actor="operator:test", request="close"
    ).result()
    word = Word(payment_id=CHECKOUT, kind="buy_back", week=WEEK, status="expired", amount_cents=500, currency="USD")
    paying.hear(week.ledger, word, known=1, request="expired").result()


def pay_prizes(week: SmallWeek) -> None:
    """Note every prize as paid."""
    for fact in week.facts(PrizeAwarded):
        prize = fact.event
        assert isinstance(prize, PrizeAwarded)
        terms = PrizeTerms(entry=fact.stream, week=WEEK, amount_cents=prize.amount_cents, currency=prize.currency)
        prize_paying.pay_prize(week.ledger, terms, paid_at=week.clock(), attempt=0, request="paid").result()


def open_later(week: SmallWeek) -> None:
    """Open a later week, draw it and list a game: it takes bets from then on."""
    week.open(LATER, "ann", "bob")
    week.clock.set(starts_at(LATER))
    week.react()
    week.listed("later", starts_at(LATER) + timedelta(days=3))


def bet_later(week: SmallWeek) -> UUID:
    """Bet a credit of Ann's in the later week."""
    return week.bet("ann", "later", "spread", "home", 1, week=LATER)
