"""The player as a person: profile and erasure."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx

from api.http.limits import Limit, Limits
from api.http.ratelimits import Meters
from fairpool import audit
from fairpool.exports.export import export_to
from fairpool.exports.forms import Form
from ledger import settling
from ledger.weeks import ends_at
from tests.api.world import WEEK, User, World, serving

PASSWORD = {"password": "correct horse"}
NEXT = "2026-W48"


def describe(user: User, **changes: Any) -> httpx.Response:
    return user.request("PATCH", "/api/me", json=changes)


def erase(user: User) -> dict[str, Any]:
    answer = user.post("/api/me/deletion", json=PASSWORD)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def audited(world: World) -> tuple[bytes, dict[str, Any]]:
    """The week's export, byte for byte, and what a replay of it comes to."""
    world.project()
    out = io.BytesIO()
    export_to(world.ledger.recorder(WEEK), Form.JSONL, out)
    replayed = audit.replay(world.ledger.recorder(WEEK), progress=lambda done, of: None)
    assert replayed.is_ok
    return out.getvalue(), audit.summary(replayed)


def test_a_profile_can_be_told_once(world: World) -> None:
    """The name changes freely; birth and place can be said once, and repeated, not changed."""
    ann = world.signup("Ann")
    assert describe(ann, name="Anna").json()["date_of_birth"] is None
    told = describe(ann, date_of_birth="1990-05-17", jurisdiction="US-NY").json()
    assert (told["name"], told["date_of_birth"], told["jurisdiction"]) == ("Anna", "1990-05-17", "US-NY")
    assert describe(ann, date_of_birth="1990-05-17").status_code == 200
    refused = describe(ann, name="Anne", jurisdiction="US-NJ")
    assert (refused.status_code, refused.json()["code"]) == (409, "already_set")
    assert ann.get("/api/me/profile").json() == told


def test_a_profile_takes_only_what_fits(world: World) -> None:
    """Unknown fields, impossible dates and made-up places are refused."""
    ann = world.signup("Ann")
    for changes in (
        {"role": "operator"},
        {"email": "eve@example.org"},
        {"date_of_birth": "1899-12-31"},
        {"date_of_birth": "2026-11-17"},
        {"date_of_birth": 0},
        {"jurisdiction": "New York"},
        {"jurisdiction": "us-ny"},
        {"name": " "},
    ):
        answer = describe(ann, **changes)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), changes
    assert describe(ann, date_of_birth="2026-11-15").status_code == 200


def test_erasure_needs_the_password(world: World) -> None:
    """A phone left on the table erases nobody."""
    ann = world.signup("Ann")
    answer = ann.post("/api/me/deletion", json={"password": "wrong"})
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_password")
    assert ann.get("/api/me").status_code == 200


def test_the_password_of_an_erasure_cannot_be_guessed_at_length(dsn: str) -> None:
    """Tries count with those to log in, whatever they ask for."""
    with serving(dsn, meters=Meters(replace(Limits.off(), log_in=Limit(2, 60)), now=lambda: 0)) as world:
        ann = world.signup("Ann")
        tries = [ann.post("/api/me/deletion", json={"password": "wrong"}) for _ in range(3)]
        assert [refused.json()["code"] for refused in tries] == ["wrong_password", "wrong_password", "rate_limited"]


def test_erasure_leaves_the_ledger_whole(world: World) -> None:
    """The same bytes, the same replay, the same standings hash; the player's bets are nobody's."""
    operator, (ann, bob) = world.operator(), world.playing("Ann", "Bob")
    market = world.market()
    bets = [ann.bet(market.bet(stake=100)).json(), bob.bet(market.bet(stake=40, outcome="away")).json()]
    world.settle(market.game_id, home=30, away=20, bets=bets)
    settling.complete(world.ledger, week=WEEK, game_id=market.game_id, resolution=1, staked=140).result()
    world.clock.set(ends_at(WEEK))
    for act in ("close", "settle"):
        assert operator.post(f"/api/admin/weeks/{WEEK}/{act}").status_code == 200
    before = audited(world)
    standings = [(line["rank"], line["credits"]) for line in leaderboard(bob)]
    assert erase(ann)["withdrawn"] == []
    assert audited(world) == before
    assert before[1]["standings_hash"] is not None
    assert [line["name"] for line in leaderboard(bob)] == ["former player", "Bob"]
    assert [(line["rank"], line["credits"]) for line in leaderboard(bob)] == standings


def leaderboard(user: User) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = user.get(f"/api/weeks/{WEEK}/pools/W2026-47-A/leaderboard").json()["data"]
    return lines


def test_open_bets_of_an_erased_player_are_settled(world: World) -> None:
    """The entry plays on and is paid, though nobody is behind it."""
    ann, bob = world.playing("Ann", "Bob")
    market = world.market()
    bet = ann.bet(market.bet(stake=100)).json()
    erase(ann)
    world.settle(market.game_id, home=30, away=20, bets=[bet])
    world.project()
    first, _ = leaderboard(bob)
    assert (first["name"], first["credits"], first["won"]) == ("former player", 1090, 1)
    assert audited(world)[1]["credits"]["escrow"] == 0


def test_an_erased_player_is_gone(world: World) -> None:
    """No table holds them, no token of theirs works, no process remembers their entries."""
    (ann,) = world.playing("Ann")
    ann.bet(world.market().bet())
    erase(ann)
    assert ann.get("/api/me").status_code == 401
    refresh = world.client.post("/api/auth/refresh", json={"refresh_token": ann.refresh_token})
    assert refresh.status_code == 401
    assert asyncio.run(world.services.entries.entry_of(player_id=ann.id, week=WEEK)) is None
    with world.ledger.datastore.connection() as connection:
        for table, column in (("players", "id"), ("entries", "player_id"), ("sessions", "player_id")):
            found = connection.execute(f"SELECT count(*) AS n FROM {table} WHERE {column} = %s", (ann.id,)).fetchone()
            assert found is not None
            assert found["n"] == 0, table


def test_erasure_withdraws_from_weeks_to_come(world: World) -> None:
    """They are drawn without the player; the week that has begun goes on."""
    (ann,) = world.playing("Ann")
    world.open_week(NEXT)
    assert ann.post(f"/api/weeks/{NEXT}/entry").status_code == 201
    assert erase(ann)["withdrawn"] == [NEXT]
    world.project()
    assert world.client.get(f"/api/weeks/{NEXT}").json()["registered"] == 0
    assert world.client.get(f"/api/weeks/{WEEK}").json()["registered"] == 1


def test_an_erased_address_can_sign_up_again(world: World) -> None:
    """As somebody new, who may enrol at once."""
    ann = world.signup("Ann")
    world.open_week()
    again = erased_and_back(world, ann)
    assert again.id != ann.id
    assert again.post(f"/api/weeks/{WEEK}/entry").status_code == 201


def test_erasure_does_not_lift_a_restriction(world: World) -> None:
    """Whoever excluded themselves meets the exclusion under the same address, erased as often as they like."""
    world.open_week()
    ann = world.signup("Ann")
    ann.post("/api/me/self-exclusion", json={"months": 6, "confirm": True})
    for _ in range(2):
        ann = erased_and_back(world, ann)
        refused = ann.post(f"/api/weeks/{WEEK}/entry")
        assert (refused.status_code, refused.json()["code"]) == (403, "restricted")
        assert "until 2027-05-15T05:00:00Z: you excluded yourself" in refused.json()["detail"]
    (kept,) = ann.get("/api/me/restrictions").json()["data"]
    assert (kept["kind"], kept["ends_at"]) == ("self_exclusion", "2027-05-15T05:00:00.000000Z")


def test_a_restriction_placed_during_an_erasure_is_not_lost(world: World) -> None:
    """The erasure waits for it, and leaves it behind with the others."""
    ann = world.signup("Ann")

    def never(_: datetime) -> None:
        return None

    with ThreadPoolExecutor() as threads, world.ledger.datastore.connection() as connection:
        with connection.transaction():
            world.services.restrictions.place(
                player_id=ann.id,
                kind="suspension",
                ends=never,
                reason="ticket",
                placed_by="operator",
                request="one",
                on=connection,
            )
            erasing = threads.submit(world.services.people.erase, ann.id)
            while not connection.execute("SELECT FROM pg_locks WHERE NOT granted").rowcount:
                assert not erasing.done()
        erasing.result()
        assert connection.execute("SELECT kind FROM restrictions_of_the_erased").fetchall() == [{"kind": "suspension"}]


def test_a_restriction_that_has_ended_is_not_met_again(world: World) -> None:
    """What is kept of an erased person is kept no longer than it is needed."""
    world.open_week()
    ann, bob = world.enrolled("Ann", "Bob")
    ann.post("/api/me/cool-off", json={"days": 1, "confirm": True})
    ann = erased_and_back(world, ann)
    world.draw()
    world.open_week(NEXT)
    assert ann.post(f"/api/weeks/{NEXT}/entry").status_code == 201
    erase(bob)
    with world.ledger.datastore.connection() as connection:
        assert connection.execute("SELECT FROM restrictions_of_the_erased").fetchall() == []


def erased_and_back(world: World, user: User) -> User:
    """Erase somebody, and sign them up again with the same address."""
    email = user.get("/api/me").json()["user"]["email"]
    erase(user)
    answer = world.client.post("/api/auth/signup", json={"email": email, "name": "Ann"} | PASSWORD)
    assert answer.status_code == 201, answer.text
    return User(world.client, answer.json())
