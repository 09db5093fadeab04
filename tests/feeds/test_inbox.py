"""The inbox orders what the ledger cannot, keeps what waits, and never loses a dead letter."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from feeds.inbox import Inbox
from feeds.messages import GameMessage, Message, parse
from ledger.datastore import Datastore, cursor_on

NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
FIELDS: dict[str, dict[str, Any]] = {
    "game": {"league": "NFL", "home": "BAL", "away": "CIN", "starts_at": "2026-11-20T01:15:00Z"},
    "quote": {"market": "spread", "line": "-6.0", "prices": {"home": -110, "away": -110}},
    "market": {"market": "spread", "status": "suspended"},
    "result": {"revision": 1, "certainty": "official", "home_score": 35, "away_score": 34},
}


@pytest.fixture
def inbox(datastore: Datastore) -> Inbox:
    """An empty inbox."""
    return Inbox(datastore)


def said(what: str, minute: int = 0, *, game: str = "g1", **fields: Any) -> tuple[Message, bytes]:
    """A message as it is read and as it came; `what` is a type, or the status that a status message tells."""
    kind = what if what in FIELDS else "status"
    content = FIELDS.get(what, {"status": what})
    at = (NOON + timedelta(minutes=minute)).isoformat()
    head = {"v": 1, "type": kind, "at": at, "source": "feed", "game_id": game}
    body = json.dumps(head | content | fields).encode()
    return parse(body), body


def remember(inbox: Inbox, what: str, minute: int = 0, *, waits_for: str | None = None, **fields: Any) -> bytes:
    message, body = said(what, minute, **fields)
    inbox.remember(message, body=body, waits_for=waits_for)
    return body


def is_outdated(inbox: Inbox, what: str, minute: int = 0, **fields: Any) -> bool:
    message, body = said(what, minute, **fields)
    return inbox.is_outdated(message, body=body)


def test_older_and_repeated_messages_are_outdated(inbox: Inbox) -> None:
    """A later one is not, nor one of another source or game."""
    for what in ("game", "quote", "market", "in_progress", "suspended", "postponed", "cancelled"):
        remember(inbox, what, 5, game=what)
        assert [is_outdated(inbox, what, minute, game=what) for minute in (4, 5, 6)] == [True, True, False]
        assert not is_outdated(inbox, what, 5, game=what, source="other")
        assert not is_outdated(inbox, what, 4, game="g2")


def test_markets_are_topics_of_their_own(inbox: Inbox) -> None:
    """What is said of the spread outdates nothing that is said of the total, nor a quote a suspension."""
    remember(inbox, "market", 5, market="spread")
    assert not is_outdated(inbox, "market", 4, market="total")
    assert not is_outdated(inbox, "quote", 4)
    assert is_outdated(inbox, "market", 4, market="spread", status="open")


OUTDATES = {
    "game": {"game", "postponed"},
    "postponed": {"game", "postponed"},
    "in_progress": {"in_progress"},
    "suspended": {"suspended"},
    "cancelled": {"cancelled", "abandoned", "result"},
    "abandoned": {"cancelled", "abandoned", "result"},
    "result": {"cancelled", "abandoned"},
}


def test_a_later_message_outdates_only_those_that_speak_of_the_same(inbox: Inbox) -> None:
    """When it is played, that it started, that it was stopped, how it ended; results have their revisions instead."""
    for known, outdated in OUTDATES.items():
        remember(inbox, known, 5, game=known)
        assert {what for what in OUTDATES if is_outdated(inbox, what, 4, game=known)} == outdated
        assert not any(is_outdated(inbox, what, 6, game=known) for what in OUTDATES)


def test_the_announcement_of_a_game_is_its_latest_listing(inbox: Inbox) -> None:
    """An older message that comes later does not replace it; none is None."""
    message, _ = said("quote")
    assert inbox.announced(message) is None
    remember(inbox, "game", 5, home="later", waits_for="2026-W48")
    remember(inbox, "game", 4, home="earlier")
    announced = inbox.announced(message)
    assert announced is not None
    assert (announced.game.home, announced.waits_for) == ("later", "2026-W48")


def test_waiting_games_come_by_time_and_bring_what_waits_with_them(inbox: Inbox) -> None:
    """Of the weeks asked for only; what is remembered again as applied waits no longer."""
    second = remember(inbox, "game", 2, game="g2", waits_for="2026-W48")
    first = remember(inbox, "game", 1, game="g1", waits_for="2026-W48")
    remember(inbox, "game", 0, game="g3", waits_for="2026-W49")
    remember(inbox, "game", 0, game="g4")
    quote = remember(inbox, "quote", 4, waits_for="2026-W48")
    status = remember(inbox, "in_progress", 3, waits_for="2026-W47")
    remember(inbox, "result", 9)
    assert inbox.waiting_games(["2026-W47", "2026-W48"]) == [first, second]
    game, _ = said("game")
    assert isinstance(game, GameMessage)
    assert inbox.waiting_of_game(game) == [status, quote]
    remember(inbox, "game", 1, game="g1")
    remember(inbox, "quote", 4)
    assert (inbox.waiting_games(["2026-W48"]), inbox.waiting_of_game(game)) == ([second], [status])
    inbox.forget(parse(status))
    assert inbox.waiting_of_game(game) == []
    assert not inbox.is_outdated(parse(status), body=status)


def test_a_dead_letter_is_kept_once_and_found_until_something_became_of_it(inbox: Inbox) -> None:
    """Buried again it stays one letter; resolved it is gone from the lists and does not come back."""
    message, body = said("result")
    for reason in ("first", "again"):
        inbox.bury(msg_id="m1", subject="s", reason=reason, body=body, message=message, at=NOON)
    inbox.bury(msg_id="m2", subject="s", reason="unreadable", body=b"\xff", message=None, at=NOON)
    letters = inbox.dead_letters()
    assert [(each.msg_id, each.reason, each.body) for each in letters] == [
        ("m1", "first", body),
        ("m2", "unreadable", b"\xff"),
    ]
    assert (letters[0].source, letters[0].game_id, letters[0].received_at) == ("feed", "g1", NOON)
    assert (letters[1].source, letters[1].game_id) == (None, None)
    game, _ = said("game")
    assert isinstance(game, GameMessage)
    assert inbox.unresolved_of_game(game) == [(letters[0].id, body)]
    inbox.resolve(letters[0].id, "applied", by="feed", why="its game was listed", at=NOON)
    inbox.bury(msg_id="m1", subject="s", reason="once more", body=body, message=message, at=NOON)
    assert [each.msg_id for each in inbox.dead_letters()] == ["m2"]
    assert inbox.unresolved_of_game(game) == []


def test_a_game_is_let_go_of_soon_after_its_keepers_machine_is_gone(datastore: Datastore) -> None:
    """The server asks after a silent client, and does not keep its locks for two hours."""
    with datastore.connection() as connection:
        names = [f"tcp_keepalives_{name}" for name in ("idle", "interval", "count")]
        asks = [cursor_on(connection).execute(f"SHOW {name}").fetchall() for name in names]
    assert asks == [[("15",)], [("5",)], [("3",)]]
