"""Sessions and the line of refresh tokens in each."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from api.http.cursors import Page
from api.http.newest_first import Place
from api.http.places import Cursor, Paging
from api.identity.players import Player, Players
from api.identity.revocations import Revocations
from api.identity.sessions import GRACE, IDLE, LONGEST, Continued, RefreshInvalid, RefreshReused, RefreshToken, Sessions
from ledger.datastore import Datastore, cursor_on

FIRST_PAGE = Paging(limit=50)


@dataclass
class Desk:
    """Sessions of one player, at a time that tests set."""

    sessions: Sessions
    revocations: Revocations
    players: Players
    ann: Player
    now: datetime = datetime(2026, 11, 15, tzinfo=UTC)

    def open(self) -> Continued:
        opened = self.sessions.open(self.ann, user_agent="test")
        assert opened is not None
        return opened

    def wait(self, duration: timedelta) -> None:
        self.now += duration

    def living(self) -> list[UUID]:
        return [session.id for session in self.sessions.sessions_of(self.ann.id, FIRST_PAGE)]


@pytest.fixture
def desk(datastore: Datastore) -> Desk:
    """A player without sessions."""
    clock: list[Callable[[], datetime]] = []
    players = Players(datastore, new_id=uuid4, now=lambda: clock[0]())
    revocations = Revocations(datastore, window=timedelta(minutes=15))
    sessions = Sessions(
        datastore,
        revocations=revocations,
        new_id=uuid4,
        new_secret=secrets.token_bytes,
        now=lambda: clock[0](),
    )
    clock.append(lambda: Desk.now)
    ann = players.create(email="ann@example.org", name="Ann", password_hash="hash")
    made = Desk(sessions, revocations, players, ann)
    clock[0] = lambda: made.now
    return made


def test_each_refresh_token_is_followed_by_another(desk: Desk) -> None:
    """The session stays, its tokens change, and the role is that of the player."""
    opened = desk.open()
    first = desk.sessions.rotate(opened.refresh_token)
    second = desk.sessions.rotate(first.refresh_token)
    assert {first.id, second.id} == {opened.id}
    assert len({opened.refresh_token, first.refresh_token, second.refresh_token}) == 3
    assert (second.player_id, second.role) == (desk.ann.id, "player")


def test_a_refresh_that_broke_off_may_be_repeated(desk: Desk) -> None:
    """Within the grace it gets the successor that it missed, however often it asks."""
    opened = desk.open()
    missed = desk.sessions.rotate(opened.refresh_token)
    desk.wait(GRACE - timedelta(seconds=1))
    assert {desk.sessions.rotate(opened.refresh_token).refresh_token for _ in range(3)} == {missed.refresh_token}
    assert desk.sessions.rotate(missed.refresh_token).id == opened.id


def test_the_grace_does_not_grow_with_each_repetition(desk: Desk) -> None:
    """It is counted from the first use, so that nobody lives on a used token."""
    opened = desk.open()
    desk.sessions.rotate(opened.refresh_token)
    desk.wait(GRACE / 2)
    desk.sessions.rotate(opened.refresh_token)
    desk.wait(GRACE / 2)
    with pytest.raises(RefreshReused):
        desk.sessions.rotate(opened.refresh_token)


def test_a_used_token_that_comes_late_ends_the_session(desk: Desk) -> None:
    """Also for whoever holds its successor."""
    opened = desk.open()
    successor = desk.sessions.rotate(opened.refresh_token)
    desk.wait(GRACE)
    with pytest.raises(RefreshReused):
        desk.sessions.rotate(opened.refresh_token)
    with pytest.raises(RefreshInvalid):
        desk.sessions.rotate(successor.refresh_token)
    assert desk.living() == []
    assert desk.revocations.recent() == {opened.id}


def test_a_used_token_ends_the_session_once_its_successor_was_used(desk: Desk) -> None:
    """The client got the answer, so who repeats the request is somebody else."""
    opened = desk.open()
    desk.sessions.rotate(desk.sessions.rotate(opened.refresh_token).refresh_token)
    with pytest.raises(RefreshReused):
        desk.sessions.rotate(opened.refresh_token)


def test_twenty_refreshes_at_once_give_one_successor(desk: Desk) -> None:
    """The line of tokens does not fork, whatever order the database takes them in."""
    opened = desk.open()
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(desk.sessions.rotate, [opened.refresh_token] * 20))
    assert len({answer.refresh_token for answer in answers}) == 1
    assert desk.sessions.rotate(answers[0].refresh_token).id == opened.id
    assert desk.living() == [opened.id]


def test_a_reuse_ends_one_session_and_no_other(desk: Desk) -> None:
    """The other device of the player stays logged in."""
    phone, laptop = desk.open(), desk.open()
    desk.sessions.rotate(phone.refresh_token)
    desk.wait(GRACE)
    with pytest.raises(RefreshReused):
        desk.sessions.rotate(phone.refresh_token)
    assert desk.living() == [laptop.id]


def test_a_guessed_token_ends_nothing(desk: Desk) -> None:
    """Whoever knows no token of a session cannot end it: its id is not enough."""
    opened = desk.open()
    for series in (opened.id.bytes, bytes(16)):
        with pytest.raises(RefreshInvalid):
            desk.sessions.rotate(str(RefreshToken(series, bytes(32))))
    assert desk.living() == [opened.id]


@pytest.mark.parametrize("text", ["", "fpr_", "fpr_short", "x" * 68, "fpr_" + "A" * 63, "fpr_" + "ä" * 64])
def test_what_is_no_refresh_token_is_refused(text: str) -> None:
    """Before the database hears of it."""
    with pytest.raises(RefreshInvalid):
        RefreshToken.read(text)


def test_a_session_that_nobody_uses_ends(desk: Desk) -> None:
    """Each refresh puts that off."""
    opened = desk.open()
    desk.wait(IDLE - timedelta(seconds=1))
    first = desk.sessions.rotate(opened.refresh_token)
    assert first.expires_in == IDLE.total_seconds()
    desk.wait(IDLE)
    with pytest.raises(RefreshInvalid):
        desk.sessions.rotate(first.refresh_token)
    assert desk.living() == []


def test_no_session_lasts_for_ever(desk: Desk) -> None:
    """However often it is refreshed, there is an end, and the answer says when."""
    last = desk.open()
    while desk.now + IDLE / 2 < Desk.now + LONGEST:
        desk.wait(IDLE / 2)
        last = desk.sessions.rotate(last.refresh_token)
    assert last.expires_in == (IDLE / 2).total_seconds()
    desk.wait(IDLE / 2)
    with pytest.raises(RefreshInvalid):
        desk.sessions.rotate(last.refresh_token)


def test_no_session_begins_with_a_password_that_has_changed(desk: Desk) -> None:
    """A log-in that was checked before a reset does not survive it."""
    desk.players.set_password_hash(player_id=desk.ann.id, password_hash="another")
    assert desk.sessions.open(desk.ann, user_agent="late") is None
    assert desk.sessions.open(replace(desk.ann, password_hash="another"), user_agent="in time") is not None


def test_all_sessions_of_a_player_end_but_the_one_that_is_named(desk: Desk) -> None:
    """How many is told; those of others stay."""
    bob = desk.players.create(email="bob@example.org", name="Bob", password_hash="hash")
    desk.sessions.open(bob, user_agent="test")
    kept, ended = desk.open(), [desk.open(), desk.open()]
    assert desk.sessions.revoke_all(player_id=desk.ann.id, reason="test", but=kept.id) == 2
    assert desk.living() == [kept.id]
    assert desk.revocations.recent() == {session.id for session in ended}
    assert len(desk.sessions.sessions_of(bob.id, FIRST_PAGE)) == 1


def test_nobody_ends_the_session_of_another(desk: Desk) -> None:
    """Its id is worth nothing without its player."""
    bob = desk.players.create(email="bob@example.org", name="Bob", password_hash="hash")
    session = desk.open()
    assert not desk.sessions.revoke(player_id=bob.id, id=session.id)
    assert desk.living() == [session.id]


def test_sessions_come_in_pages_newest_first(desk: Desk) -> None:
    """And back again, also where several began at once."""
    opened = []
    for number in range(5):
        desk.wait(timedelta(seconds=number % 2))
        opened.append(desk.open().id)
    paging, seen = Paging(limit=2), []
    while True:
        found = desk.sessions.sessions_of(desk.ann.id, paging)
        page = Page[UUID].of(found, paging, show=lambda each: each.id, place=lambda each: str(Place.of(each)))
        seen.append(page.data)
        if page.next_cursor is None:
            break
        paging = Paging(2, Cursor.read(page.next_cursor))
    assert [len(page) for page in seen] == [2, 2, 1]
    assert {id for page in seen for id in page} == set(opened)
    assert seen == [desk.living()[start : start + 2] for start in (0, 2, 4)]
    assert page.previous_cursor is not None
    back = Paging(2, Cursor.read(page.previous_cursor))
    assert [each.id for each in desk.sessions.sessions_of(desk.ann.id, back)][:2] == seen[1][::-1]


def test_what_is_kept_of_a_user_agent_is_short_and_printable(desk: Desk) -> None:
    """It is shown to its owner, in whatever an app makes of it."""
    desk.sessions.open(desk.ann, user_agent="Fire\x07fox " + "x" * 500)
    [session] = desk.sessions.sessions_of(desk.ann.id, FIRST_PAGE)
    assert session.user_agent.startswith("Firefox xxx")
    assert len(session.user_agent) <= 120


def test_expired_sessions_are_removed_by_later_log_ins(desk: Desk, datastore: Datastore) -> None:
    """What is kept about a person has an end."""
    desk.open()
    desk.wait(IDLE + timedelta(hours=1))
    kept = desk.open()
    with datastore.connection() as connection:
        assert cursor_on(connection).execute("SELECT id FROM sessions").fetchall() == [(kept.id,)]


def test_the_database_holds_no_token(desk: Desk, datastore: Datastore) -> None:
    """Who reads a backup cannot log in with it."""
    opened = desk.open()
    first = desk.sessions.rotate(opened.refresh_token)
    with datastore.connection() as connection:
        [row] = cursor_on(connection).execute("SELECT series, token, used_token, salt FROM sessions").fetchall()
    for text in (opened.refresh_token, first.refresh_token):
        token = RefreshToken.read(text)
        assert not {token.series, token.secret} & set(row)
