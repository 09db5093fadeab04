"""The replay works the prizes out again, and names each that the log has otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
import pytest

from ledger.events import AccountOpened, BetLost, BetWon, CreditsGranted, Event, PrizeAwarded, WeekFinalised
from ledger.facts import Fact
from ledger.ids import bet_id, registration_stream, week_stream
from ledger.replay import Replay
from ledger.rules import Prize, Rules
from ledger.standings import standings_hash
from tests.examples import POOL, WEEK, stake_placed, week_opened
from tests.given import recorded_at

POOL_NAME = "W2026-47-A"
ANN, BEN, CAT = (UUID(int=number) for number in (1, 2, 3))
RULES = Rules(prizes=(Prize(rank=1, amount_cents=500), Prize(rank=2, amount_cents=300)))
FIRST = PrizeAwarded(amount_cents=500, currency="usd", rank=1)
SECOND = PrizeAwarded(amount_cents=300, currency="usd", rank=3)


def log_of(*events: tuple[UUID, Event]) -> list[Fact]:
    """Facts of some events, each given with its stream."""
    facts: list[Fact] = []
    for position, (stream, event) in enumerate(events, start=1):
        version = 1 + sum(fact.stream == stream for fact in facts)
        facts.append(
            Fact(
                log=WEEK,
                stream=stream,
                version=version,
                event=event,
                actor="tester",
                request="replay",
                position=position,
                recorded_at=recorded_at(position),
            )
        )
    return facts


def played() -> list[tuple[UUID, Event]]:
    """Ann's bet wins, Ben's loses, Cat has none: Ann has 1100, Cat 1000, Ben 890."""
    events: list[tuple[UUID, Event]] = [(week_stream(WEEK), week_opened(rules=RULES))]
    for entry in (ANN, BEN, CAT):
        events.append((entry, AccountOpened(pool_id=POOL, pool_name=POOL_NAME)))
        events.append((entry, CreditsGranted(amount=1000, available=1000)))
    for entry in (ANN, BEN):
        events.append((entry, stake_placed(bet_id=bet_id(entry, "k1"))))
    events.append((ANN, BetWon(available=1100, bet_id=bet_id(ANN, "k1"), payout=210, resolution=1)))
    events.append((BEN, BetLost(available=890, bet_id=bet_id(BEN, "k1"), resolution=1)))
    return events


def final(*prizes: tuple[UUID, PrizeAwarded], early: Sequence[tuple[UUID, PrizeAwarded]] = ()) -> list[Fact]:
    """The log of that week, made final, with prizes behind that, and those that came too early."""
    standings = standings_hash(WEEK, {POOL_NAME: {ANN: 1100, BEN: 890, CAT: 1000}})
    return log_of(*played(), *early, (week_stream(WEEK), WeekFinalised(standings_hash=standings)), *prizes)


def complaints(facts: Sequence[Fact]) -> list[str]:
    replay = Replay(WEEK).fold(facts)
    return replay.faults + replay.unawarded()


def test_prizes_of_the_standings_are_right() -> None:
    """Second prize goes to the third of the standings: the second did not play."""
    assert complaints(final((ANN, FIRST), (BEN, SECOND))) == []


def test_week_that_is_not_final_owes_nothing() -> None:
    """Prizes are those of the final standings."""
    assert complaints(log_of(*played())) == []


def test_missing_prize_is_named() -> None:
    """At the end of the log, with entry and pool."""
    assert complaints(final((ANN, FIRST))) == [f"entry {BEN} of pool {POOL_NAME} is owed 300 cents usd at rank 3"]


@pytest.mark.parametrize("change", [{"amount_cents": 501}, {"currency": "eur"}, {"rank": 2}], ids=str)
def test_wrong_prize_is_named(change: dict[str, object]) -> None:
    """Whatever of it was changed."""
    (complaint,) = complaints(final((ANN, msgspec.structs.replace(FIRST, **change)), (BEN, SECOND)))
    assert f"awards entry {ANN} of pool {POOL_NAME}" in complaint
    assert complaint.endswith(", not 500 cents usd at rank 1")


@pytest.mark.parametrize(("again", "prize"), [(CAT, SECOND), (ANN, FIRST)], ids=["won nothing", "won once"])
def test_prize_too_many_is_named(again: UUID, prize: PrizeAwarded) -> None:
    """Whether the entry won nothing, or has its prize already."""
    (complaint,) = complaints(final((ANN, FIRST), (BEN, SECOND), (again, prize)))
    assert f"awards entry {again} of pool {POOL_NAME}" in complaint
    assert complaint.endswith(", not nothing")


def test_prize_before_the_end_is_named() -> None:
    """An award that stands before the week is final is none that the final standings make, and they still owe it."""
    awarded, owed = complaints(final((BEN, SECOND), early=[(ANN, FIRST)]))
    assert f"awards entry {ANN} of pool {POOL_NAME}" in awarded
    assert awarded.endswith(", not nothing")
    assert owed == f"entry {ANN} of pool {POOL_NAME} is owed 500 cents usd at rank 1"


def test_prize_of_a_stranger_is_named() -> None:
    """A stream that is no account of the week wins nothing in it."""
    stranger = registration_stream(ANN)
    (complaint,) = complaints(final((ANN, FIRST), (BEN, SECOND), (stranger, FIRST)))
    assert f"awards entry {stranger} of pool None" in complaint
