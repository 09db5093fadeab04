"""Ids follow from names by RFC 9562 version 5, so that an auditor's own program computes the same ones."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from ledger import ids

WEEK = "2026-W47"
GAME = ids.game_id(WEEK, "nflverse", "2026_11_CIN_BAL")
AT = datetime(2026, 11, 17, 15, tzinfo=UTC)
ENTRY = UUID("7f6c1f3e-3a9b-4d8e-9d5a-1c2b3a4d5e6f")


def name_based(namespace: UUID, name: str) -> UUID:
    """A version 5 UUID written out: 16 bytes of SHA-1, with version and variant put in."""
    digest = bytearray(hashlib.sha1(namespace.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))


def test_every_id_is_named_in_its_parent() -> None:
    """Week in fairpool, pool and game in their week, market in its game, quote in its market, bet in its entry."""
    week = name_based(ids.FAIRPOOL, WEEK)
    market = name_based(GAME, "spread")
    assert ids.week_stream(WEEK) == week
    assert ids.pool_id(WEEK, "W2026-47-A") == name_based(week, "W2026-47-A")
    assert name_based(week, "nflverse/2026_11_CIN_BAL") == GAME
    assert ids.market_id(GAME, "spread") == market
    assert ids.odds_id(market, "nflverse", AT) == name_based(market, "nflverse/2026-11-17T15:00:00.000000Z")
    assert ids.settlement_stream(GAME) == name_based(GAME, "settlement")
    assert ids.bet_id(ENTRY, "key 1") == name_based(ENTRY, "key 1")
    assert ids.registration_stream(ENTRY) == name_based(ENTRY, "registration")


def test_ids_are_what_they_were_when_they_were_first_published() -> None:
    """Written once, these never change: logs and exports hold them."""
    assert str(ids.FAIRPOOL) == "977eaac6-37af-5d5a-8f7c-036a357b4fc3"
    assert str(ids.week_stream(WEEK)) == "8c05aa99-d346-580e-8538-c077abd25b34"
    assert str(GAME) == "bc4d812b-5940-587b-9043-8fb0581023cf"


def test_game_listed_anew_in_its_week_has_another_id() -> None:
    """The first listing has no number; the second and third have."""
    listings = [ids.game_id(WEEK, "nflverse", "2026_11_CIN_BAL", number) for number in (1, 2, 3)]
    assert listings[0] == GAME
    assert listings[1] == name_based(ids.week_stream(WEEK), "nflverse/2026_11_CIN_BAL#2")
    assert len(set(listings)) == 3


def test_one_feed_id_in_two_weeks_is_two_games() -> None:
    """A game is named in the week that holds it."""
    assert ids.game_id("2026-W48", "nflverse", "2026_11_CIN_BAL") != GAME


def test_quote_is_named_by_its_instant_not_by_how_it_is_written() -> None:
    """The same moment in another zone is the same quote; a microsecond later is another."""
    market = ids.market_id(GAME, "spread")
    elsewhere = AT.astimezone(timezone(timedelta(hours=-5)))
    assert ids.odds_id(market, "nflverse", elsewhere) == ids.odds_id(market, "nflverse", AT)
    assert ids.odds_id(market, "nflverse", AT + timedelta(microseconds=1)) != ids.odds_id(market, "nflverse", AT)


def test_token_names_log_and_position() -> None:
    """Positions of two logs cannot be confused on the wire."""
    assert ids.position_token(WEEK, 5123) == "2026-W47:5123"


@given(st.uuids(), st.text(max_size=40))
def test_bet_is_named_as_every_program_names_it(entry: UUID, key: str) -> None:
    """However it is computed here."""
    assert ids.bet_id(entry, key) == name_based(entry, key)
