"""Weeks over HTTP: reading them, enrolling, withdrawing."""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import timedelta

from ledger.recorder import LogRecorder
from ledger.rules import Rules, rules_hash
from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.world import MONDAY, WEEK, World, serving
from tests.projections.book import Book


def test_weeks_are_found_by_id_and_by_where_the_clock_is(world: World) -> None:
    """`next` becomes `current` when the week starts."""
    world.open_week()
    world.project()
    by_id = world.client.get(f"/api/weeks/{WEEK}").json()
    assert (by_id["week"], by_id["state"], by_id["starts_at"]) == (WEEK, "registering", "2026-11-16T05:00:00.000000Z")
    assert world.client.get("/api/weeks/next").json() == by_id
    assert world.client.get("/api/weeks/current").json()["code"] == "unknown_week"
    world.clock.set(MONDAY)
    assert world.client.get("/api/weeks/current").json() == by_id
    assert world.client.get("/api/weeks").json()["data"] == [by_id]


def test_weeks_are_paged_newest_first(world: World) -> None:
    """There and back."""
    weeks = [f"2026-W{number}" for number in range(40, 45)]
    for week in weeks:
        book = Book(week)
        book.open_week()
        book.append_to(LogRecorder(world.ledger.datastore, week))
    world.project()
    assert [each["week"] for each in there_and_back(world.client.get, "/api/weeks", limit=2)] == weeks[::-1]
    refuses_what_is_no_page(world.client.get, "/api/weeks")


def test_a_week_counts_who_takes_part(world: World) -> None:
    """Without who withdrew; pools are there from the draw on."""
    world.open_week(pool_max=1)
    _, bob, _ = world.enrolled("Ann", "Bob", "Cid")
    bob.request("DELETE", f"/api/weeks/{WEEK}/entry")
    world.project()
    week = world.client.get(f"/api/weeks/{WEEK}").json()
    assert (week["registered"], week["pools"], week["roster_size"]) == (2, 0, None)
    world.draw()
    world.project()
    [week] = world.client.get("/api/weeks").json()["data"]
    assert (week["registered"], week["pools"], week["roster_size"]) == (2, 2, 2)


def test_a_week_that_is_not_open_says_when_it_is(world: World) -> None:
    """An app can tell a week to come from one that never was."""
    coming = world.client.get("/api/weeks/next").json()
    assert coming["detail"] == (
        f"Week {WEEK}, from 2026-11-16T05:00:00.000000Z to 2026-11-23T05:00:00.000000Z, is not open yet: "
        "weeks open for enrolment once the week before them is drawn."
    )
    missed = world.client.get("/api/weeks/current").json()["detail"]
    assert missed.startswith("Week 2026-W46, from ")
    assert missed.endswith(" was not opened.")


def test_a_week_that_is_not_there_is_not_found(world: World) -> None:
    """Neither a week that is not open nor a text that names none."""
    for week in ("2026-W47", "2026-W99", "nonsense", "0"):
        for path in (f"/api/weeks/{week}", f"/api/weeks/{week}/rules"):
            answer = world.client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_week")
        answer = world.signup().post(f"/api/weeks/{week}/entry")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_week")


def test_the_rules_are_published_with_their_hash(world: World) -> None:
    """Anyone can hash the rules and compare."""
    world.open_week(grant=500)
    world.project()
    answer = world.client.get(f"/api/weeks/{WEEK}/rules").json()
    assert answer["rules"]["grant"] == 500
    canonical = json.dumps(answer["rules"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == answer["rules_hash"]


def test_enrolling_twice_is_enrolling_once(world: World) -> None:
    """The second answer is the first."""
    world.open_week()
    ann = world.signup()
    first = ann.post("/api/weeks/next/entry")
    again = ann.post("/api/weeks/next/entry", headers={"Idempotency-Key": "another"})
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert (first.json()["week"], first.json()["via"]) == (WEEK, "free")
    assert first.json()["rules_hash"] == rules_hash(Rules())


def test_rules_that_are_not_the_weeks_are_not_accepted(world: World) -> None:
    """The refusal brings the hash of those that are; nobody is enrolled by it."""
    world.open_week(grant=500)
    ann = world.signup()
    path, theirs = f"/api/weeks/{WEEK}/entry", rules_hash(Rules(grant=500))
    refused = ann.post(path, json={"rules_hash": rules_hash(Rules())})
    assert (refused.status_code, refused.json()["code"]) == (409, "rules_changed")
    assert refused.json()["rules_hash"] == theirs
    assert ann.request("DELETE", path).json()["code"] == "not_enrolled"
    enrolled = ann.post(path, json={"rules_hash": theirs})
    assert (enrolled.status_code, enrolled.json()["rules_hash"]) == (201, theirs)
    assert ann.post(path, json={"rules_hash": rules_hash(Rules())}).json()["code"] == "rules_changed"
    for text in ('{"rules_hash": "x"}', '{"rules": {}}', "[]"):
        nonsense = ann.post(path, content=text, headers={"Content-Type": "application/json"})
        assert nonsense.json()["code"] == "invalid_request"


def test_who_withdraws_before_the_start_is_not_drawn(world: World) -> None:
    """Withdrawing twice is withdrawing once; enrolling again brings the same entry back."""
    world.open_week()
    ann, bob = world.enrolled("Ann", "Bob")
    first, again = ann.request("DELETE", f"/api/weeks/{WEEK}/entry"), ann.request("DELETE", "/api/weeks/next/entry")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert not ann.get("/api/me").json()["registered_for_next"]
    assert ann.post(f"/api/weeks/{WEEK}/entry").json()["entry"] == first.json()["entry"]
    assert ann.get("/api/me").json()["registered_for_next"]
    ann.request("DELETE", f"/api/weeks/{WEEK}/entry")
    world.draw()
    world.project()
    assert ann.get("/api/me").json()["entry"] is None
    assert bob.get("/api/me").json()["pool"]["size"] == 1


def test_from_its_start_on_a_week_takes_no_enrolment(world: World) -> None:
    """Neither in nor out, once the week has started."""
    world.open_week()
    (ann,) = world.enrolled("Ann")
    world.clock.set(MONDAY)
    late = world.signup("Bob").post(f"/api/weeks/{WEEK}/entry")
    assert (late.status_code, late.json()["code"]) == (409, "registration_closed")
    out = ann.request("DELETE", f"/api/weeks/{WEEK}/entry")
    assert (out.status_code, out.json()["code"]) == (409, "registration_closed")


def test_withdrawing_without_an_entry_is_refused(world: World) -> None:
    """There is nothing to withdraw."""
    world.open_week()
    refused = world.signup().request("DELETE", f"/api/weeks/{WEEK}/entry")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_enrolled")


def test_operators_do_not_play(world: World) -> None:
    """Who can settle a week is not in it."""
    world.open_week()
    refused = world.operator().post(f"/api/weeks/{WEEK}/entry")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_one_reads_ones_own_writes(world: World) -> None:
    """A read after a position answers when the read models have come to it, and says so if they do not."""
    world.open_week()
    position = world.signup().post(f"/api/weeks/{WEEK}/entry").json()["position"]
    behind = world.client.get(f"/api/weeks/{WEEK}", params={"after": position})
    assert (behind.status_code, behind.json()["code"]) == (503, "projections_behind")
    assert behind.headers["Retry-After"] == "1"
    world.project()
    by_query = world.client.get(f"/api/weeks/{WEEK}", params={"after": position})
    by_header = world.client.get(f"/api/weeks/{WEEK}", headers={"After-Position": position})
    assert by_query.json()["state"] == by_header.json()["state"] == "registering"


def test_a_read_waits_for_the_read_models(dsn: str) -> None:
    """With projections at work, what was answered to a bet is in the next read, every time."""
    with serving(dsn, reads_wait=timedelta(seconds=60)) as world:
        (ann,) = world.playing("Ann")
        market = world.market()
        stop = threading.Event()
        projecting = threading.Thread(target=world.services.runner.run, args=[stop])
        projecting.start()
        for number in range(10):
            placed = ann.bet(market.bet(stake=10), key=f"k{number}").json()
            credits = ann.get("/api/me", params={"after": placed["position"]}).json()["credits"]
            assert credits["available"] == placed["remaining_credits"]
        stop.set()
        projecting.join()


def test_a_position_of_another_log_or_of_the_future_is_not_waited_for(world: World) -> None:
    """Only what was recorded in the log that is read can be late."""
    world.open_week()
    world.project()
    world.draw()
    world.project()
    world.open_week("2026-W48")
    for token in ("2026-W48:1", f"{WEEK}:999999", "2026-W30:1", "office:3"):
        assert world.client.get(f"/api/weeks/{WEEK}", params={"after": token}).status_code == 200


def test_the_beginning_is_not_waited_for(world: World) -> None:
    """A log in which nothing has happened is read by nobody yet."""
    assert world.client.get("/api/weeks", params={"after": "office:0"}).status_code == 200


def test_a_position_that_is_none_is_refused(world: World) -> None:
    """A malformed token is an error, not a read of any age."""
    for token in ("5", "2026-W47", "2026-W47:-1", "2026-W47:1e3", f"{WEEK}:" + "9" * 30):
        refused = world.client.get("/api/weeks", params={"after": token})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "query.after")
