"""What is answered is on the standby, where there has to be one: also what was only read."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from ledger.datastore import CommitUnconfirmed, Datastore
from ledger.events import StakePlaced
from ledger.recorder import LogRecorder
from tests.examples import WEEK
from tests.ledger.appending import A, append, fact
from tests.ledger.desks import at_once
from tests.ledger.playing import PATIENCE, House, Listed
from tests.ledger.standbys import await_wait, cancel_wait, standby_away


@pytest.fixture
def entry(house: House) -> UUID:
    """An entry of a week that is drawn."""
    [entry] = house.grouped(1)
    return entry


@pytest.fixture
def game(house: House, entry: UUID) -> Listed:
    """A game on the board."""
    return house.list_game()


def test_a_commit_whose_wait_is_cancelled_is_in_doubt(dsn: str, recorder: LogRecorder) -> None:
    """PostgreSQL answers it as it answers any other; nobody may take that for an acknowledgement."""
    with standby_away(dsn) as operator:

        def add() -> None:
            with pytest.raises(CommitUnconfirmed):
                append(recorder, fact(A, 1), known=0)

        at_once([add, lambda: cancel_wait(operator)])
    assert recorder.head().position == 1


def test_a_bet_is_answered_when_the_standby_has_it(dsn: str, house: House, entry: UUID, game: Listed) -> None:
    """However often somebody cancels the wait: it is placed once, and told once the standby is there."""
    with standby_away(dsn) as operator:
        bet = house.bet(entry, game, stake=7)
        for _ in range(3):
            cancel_wait(operator)
        await_wait(operator)
        assert not bet.done()
    answer = bet.result(PATIENCE)
    placed = [fact for fact in house.facts() if isinstance(fact.event, StakePlaced)]
    assert [fact.token for fact in placed] == [answer.token]


def test_a_repeated_request_is_answered_when_the_standby_has_the_first(
    dsn: str, house: House, entry: UUID, game: Listed
) -> None:
    """Another process finds the bet in the log, where it may be on this server alone."""
    other = house.another()
    with standby_away(dsn) as operator:
        first = house.bet(entry, game, stake=7, key="one")
        cancel_wait(operator)
        again = other.bet(entry, game, stake=7, key="one")
        await_wait(operator)
        assert not again.done()
    assert again.result(PATIENCE).token == first.result(PATIENCE).token


def test_reading_waits_for_nobody(dsn: str, recorder: LogRecorder) -> None:
    """A standby that is away keeps nobody from looking."""
    append(recorder, fact(A, 1))
    with standby_away(dsn):
        assert recorder.head().position == 1
        assert len(recorder.read()) == 1


def test_a_connection_is_used_again_after_the_warning(dsn: str, datastore: Datastore) -> None:
    """It is told once, of the commit that it was about."""
    with standby_away(dsn) as operator:

        def mark() -> None:
            with pytest.raises(CommitUnconfirmed):
                LogRecorder(datastore, WEEK).confirm()

        at_once([mark, lambda: cancel_wait(operator)])
    with datastore.connection() as connection:
        assert connection.execute("SELECT 1").fetchone() is not None
    assert psycopg.OperationalError in CommitUnconfirmed.__mro__
