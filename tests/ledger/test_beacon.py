"""Rounds of a real chain: when they come, and whether they are what the chain said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import weeks
from ledger.beacon import HEADWAY, QUICKNET, fault, known_chains
from tests.examples import ROUND, ROUND_1000, ROUND_657413

READINGS = {1_000: ROUND_1000, ROUND: ROUND_657413}


@pytest.mark.parametrize("round", READINGS)
def test_published_rounds_of_quicknet_are_sound(round: int) -> None:
    """Two that others have published, with the chain's real key."""
    assert fault(QUICKNET, round, READINGS[round]) is None


@pytest.mark.parametrize(
    ("round", "changes", "wrong"),
    [
        (ROUND + 1, {}, "is not that of round 657414 of quicknet"),
        (ROUND, {"randomness": "00" * 32}, "is not the sha256"),
        (ROUND, {"randomness": ROUND_657413.randomness.upper()}, "is not the sha256"),
        (ROUND, {"signature": "00" * 48}, "is no signature"),
        (ROUND, {"signature": "no hex"}, "is no signature"),
        (ROUND, {"signature": ""}, "is no signature"),
        (ROUND, {"signature": ROUND_657413.signature.upper()}, "is no signature"),
        (ROUND, {"signature": ROUND_657413.signature + " "}, "is no signature"),
        (ROUND, ROUND_1000._asdict(), "is not that of round 657413 of quicknet"),
    ],
)
def test_what_the_chain_did_not_say_is_found_out(round: int, changes: dict[str, str], wrong: str) -> None:
    """Another round's signature, and texts that only look alike."""
    assert wrong in str(fault(QUICKNET, round, ROUND_657413._replace(**changes)))


def test_other_key_finds_a_true_reading_wrong() -> None:
    """Who trusts another chain's key trusts other signatures."""
    # The generator of G2, the key of whoever chose 1 as the secret.
    generator = (
        "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
        "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
    )
    assert fault(QUICKNET._replace(public_key=generator), ROUND, ROUND_657413) is not None


@pytest.mark.parametrize(
    ("frozen_at", "round"),
    [
        (weeks.starts_at("2026-W48"), 34_202_312),
        (weeks.starts_at("2026-W48") + timedelta(microseconds=1), 34_202_313),
        (weeks.starts_at("2026-W48") + timedelta(seconds=3), 34_202_313),
        (datetime(2000, 1, 1, tzinfo=UTC), 1),
    ],
)
def test_round_of_a_draw_follows_from_when_the_roster_is_frozen(frozen_at: datetime, round: int) -> None:
    """The first one is that of the reference notes on the draw."""
    assert QUICKNET.round_after(frozen_at) == round


def test_rounds_come_three_seconds_apart() -> None:
    """Round 1 at the genesis; a later one as another client of drand has it."""
    assert QUICKNET.time_of(1) == datetime(2023, 8, 23, 15, 9, 27, tzinfo=UTC)
    assert QUICKNET.time_of(27_946_612) == datetime(2026, 4, 20, tzinfo=UTC)


@given(st.timedeltas(timedelta(0), timedelta(days=30_000)))
def test_round_is_the_first_that_is_five_minutes_away(since: timedelta) -> None:
    """Nobody knows it for so long, and nobody may wait for a better one."""
    frozen_at = datetime(2024, 1, 1, tzinfo=UTC) + since
    round = QUICKNET.round_after(frozen_at)
    assert QUICKNET.time_of(round - 1) < frozen_at + HEADWAY <= QUICKNET.time_of(round)


def test_chains_are_known_by_their_hash() -> None:
    """A draw names it, and an auditor looks it up."""
    assert known_chains()[QUICKNET.hash] is QUICKNET
