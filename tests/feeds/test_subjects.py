"""Subjects: one token for each name, whatever stands in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from feeds.messages import GameMessage, MarketMessage, QuoteMessage, ResultMessage
from feeds.subjects import Leagues, subject

AT = datetime(2024, 11, 4, 5, tzinfo=UTC)


def game(source: str, league: str) -> GameMessage:
    return GameMessage(at=AT, source=source, game_id="g1", league=league, home="A", away="B", starts_at=AT)


def result(source: str, game_id: str = "g1") -> ResultMessage:
    return ResultMessage(
        at=AT, source=source, game_id=game_id, revision=1, certainty="official", home_score=1, away_score=0
    )


def test_a_subject_names_league_game_type_and_market() -> None:
    """A quote's and a market's subject end with the market; the others end with the type."""
    quote = QuoteMessage(at=AT, source="s", game_id="g1", market="moneyline", prices={"home": 100, "away": -120})
    market = MarketMessage(at=AT, source="s", game_id="g1", market="total", status="open")
    assert subject(quote, "NFL") == "sports.NFL.g1.quote.moneyline"
    assert subject(market, "NFL") == "sports.NFL.g1.market.total"
    assert subject(result("s"), "NFL") == "sports.NFL.g1.result"


def test_what_a_token_may_not_hold_is_percent_encoded() -> None:
    """Separators, wildcards, spaces, percent signs and letters beyond ASCII are their UTF-8 bytes."""
    assert subject(result("s", "a.b *>%"), "Süd") == "sports.S%C3%BCd.a%2Eb%20%2A%3E%25.result"


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1).filter(str.strip))
def test_any_league_is_one_token_of_allowed_characters(league: str) -> None:
    """No league changes the number of tokens of a subject, and two leagues never share a token."""
    prefix, token, *rest = subject(result("s"), league).split(".")
    assert (prefix, rest) == ("sports", ["g1", "result"])
    assert re.fullmatch(r"([A-Za-z0-9_-]|%[0-9A-F]{2})+", token)
    assert re.sub(rb"%(..)", lambda hexed: bytes.fromhex(hexed[1].decode()), token.encode()).decode() == league


def test_a_game_message_tells_the_league_of_its_game_and_source() -> None:
    """After its game message a game is in the league named there; another source's of that id is not."""
    leagues = Leagues()
    assert leagues.subject(result("one")) == "sports.unknown.g1.result"
    assert leagues.subject(game("one", "NFL")) == "sports.NFL.g1.game"
    assert leagues.subject(result("one")) == "sports.NFL.g1.result"
    assert leagues.subject(result("two")) == "sports.unknown.g1.result"
