"""A slip's name, and the names of its bets."""

from __future__ import annotations

import hashlib
from uuid import UUID

import pytest

from ledger.ids import bet_id
from ledger.slip import Slip, Stake, slip_key
from tests.examples import ENTRY

STAKE = Stake(UUID(int=1), UUID(int=2), "home", 50)
SLIP = Slip("k1", (STAKE, STAKE._replace(stake=60)))


def test_a_request_names_key_and_slip_readably() -> None:
    """The key first, then a digest: an auditor sees which bets were asked for together."""
    terms = '"00000000-0000-0000-0000-000000000001","00000000-0000-0000-0000-000000000002","home"'
    digest = hashlib.sha256(f"[false,[[{terms},50],[{terms},60]]]".encode()).hexdigest()
    assert SLIP.request == f"k1 slip {digest[:16]}"
    assert slip_key(SLIP.request) == "k1"
    assert slip_key(Slip("odd slip key", (STAKE,)).request) == "odd slip key"
    assert slip_key("k1") is None


@pytest.mark.parametrize(
    "other",
    [
        Slip("k1", SLIP.stakes[:1]),
        Slip("k1", SLIP.stakes[::-1]),
        Slip("k1", (*SLIP.stakes, STAKE)),
        Slip("k1", SLIP.stakes, all_or_nothing=True),
        Slip("k1", (STAKE, STAKE._replace(stake=61))),
        Slip("k1", (STAKE, SLIP.stakes[1]._replace(outcome="away"))),
    ],
)
def test_another_slip_under_the_same_key_is_another_request(other: Slip) -> None:
    """Fewer, more, in another order, on other terms, or all or nothing."""
    assert other.request != SLIP.request


def test_bets_of_a_slip_are_named_by_key_and_number() -> None:
    """A key without spaces names none of them alone, so a slip and a single bet never share an id."""
    ids = [SLIP.bet_id(ENTRY, number) for number in (1, 2)]
    assert ids == [bet_id(ENTRY, "k1 1"), bet_id(ENTRY, "k1 2")]
    assert bet_id(ENTRY, "k1") not in ids
