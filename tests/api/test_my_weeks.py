"""The weeks that a player took part in."""

from __future__ import annotations

from ledger.datastore import Datastore
from ledger.events import WeekFinalised
from ledger.recorder import LogRecorder
from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.world import WEEK, World
from tests.projections.book import Book


def test_a_week_shows_its_enrolment_and_then_its_standing(world: World) -> None:
    """The rules accepted from the first moment on, pool and rank from the draw on."""
    world.open_week()
    ann, bob = world.enrolled("Ann", "Bob")
    bob.request("DELETE", f"/api/weeks/{WEEK}/entry")
    world.project()
    [enrolled] = ann.get("/api/me/weeks").json()["data"]
    assert (enrolled["week"], enrolled["state"], enrolled["via"]) == (WEEK, "registering", "free")
    assert enrolled["rules_hash"] == world.client.get(f"/api/weeks/{WEEK}/rules").json()["rules_hash"]
    assert (enrolled["pool"], enrolled["standing"], enrolled["is_final"]) == (None, None, False)
    assert (enrolled["enrolled_at"], enrolled["withdrawn_at"]) == ("2026-11-15T05:00:00.000000Z", None)
    [withdrawn] = bob.get("/api/me/weeks").json()["data"]
    assert withdrawn["withdrawn_at"] == "2026-11-15T05:00:00.000000Z"
    world.draw()
    ann.bet(world.market().bet(stake=100))
    world.project()
    [playing] = ann.get("/api/me/weeks").json()["data"]
    assert playing["entry"] == enrolled["entry"] == ann.get("/api/me").json()["entry"]
    assert (playing["pool"]["name"], playing["pool"]["size"]) == ("W2026-47-A", 1)
    assert playing["standing"] == {
        "rank": 1,
        "credits": 900,
        "at_stake": 100,
        "open_bets": 1,
        "won": 0,
        "lost": 0,
        "returned": 0,
    }


def test_ones_own_weeks_are_paged_newest_first(world: World) -> None:
    """There and back, without those of others."""
    ann, bob = world.signup("Ann"), world.signup("Bob")
    weeks = [f"2026-W{number}" for number in range(40, 45)]
    for week in weeks:
        book = Book(week)
        book.open_week()
        for number, user in enumerate((ann, bob)):
            book.enrol(number)
            link(world.ledger.datastore, book, number, user.id)
        low, _ = book.draw({"A": 2})
        book.lose(book.stake(low, book.list_game("one"), 10))
        book.week_event(WeekFinalised(standings_hash="s"))
        book.append_to(LogRecorder(world.ledger.datastore, week))
    world.project()
    found = there_and_back(ann.get, "/api/me/weeks", limit=2)
    assert [each["week"] for each in found] == weeks[::-1]
    assert {each["standing"]["rank"] for each in found} == {2}
    assert all(each["is_final"] for each in found)
    assert {each["standing"]["rank"] for each in bob.get("/api/me/weeks").json()["data"]} == {1}
    refuses_what_is_no_page(ann.get, "/api/me/weeks")


def link(datastore: Datastore, book: Book, number: int, player_id: object) -> None:
    """Make an entry of a book a player's."""
    with datastore.connection() as connection:
        connection.execute(
            "INSERT INTO entries (player_id, week, entry) VALUES (%s, %s, %s)",
            (player_id, book.week, book.entry(number)),
        )
