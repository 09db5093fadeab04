"""What a player sees of their own week."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from operator import add

from tests.api.world import MONDAY, WEEK, World


def test_before_any_week_there_is_a_user_and_a_countdown(world: World) -> None:
    """A new account knows when the next cycle begins, and that it is not in it."""
    ann = world.signup("Ann")
    me = ann.get("/api/me").json()
    user = me.pop("user")
    assert (user["name"], user["role"], user["id"]) == ("Ann", "player", str(ann.id))
    assert me == {
        "now": "2026-11-15T05:00:00.000000Z",
        "week": None,
        "entry": None,
        "pool": None,
        "credits": None,
        "next_week": WEEK,
        "next_week_is_open": False,
        "next_cycle_at": "2026-11-16T05:00:00.000000Z",
        "next_cycle_in_seconds": 86_400,
        "registered_for_next": False,
        "restrictions": [],
    }


def test_an_address_counts_as_verified_once_its_owner_has_shown_it(world: World) -> None:
    """The app knows whether to ask for the code."""
    ann = world.signup("Ann")
    assert ann.get("/api/me").json()["user"]["email_verified"] is False
    with world.ledger.datastore.connection() as connection:
        connection.execute("UPDATE players SET email_verified_at = now() WHERE id = %s", (ann.id,))
    assert ann.get("/api/me").json()["user"]["email_verified"] is True


def test_restrictions_in_force_are_told(world: World) -> None:
    """With their end; those that are over are not."""
    ann = world.signup("Ann")
    for days in (1, 7):
        world.services.restrictions.place(
            player_id=ann.id,
            kind="cool_off",
            ends=partial(add, timedelta(days=days)),
            reason="",
            placed_by="player",
            request=f"{days} days",
        )
    world.clock.set(MONDAY)
    assert ann.get("/api/me").json()["restrictions"] == [
        {
            "kind": "cool_off",
            "starts_at": "2026-11-15T05:00:00.000000Z",
            "ends_at": "2026-11-22T05:00:00.000000Z",
        }
    ]


def test_enrolling_registers_for_the_next_week(world: World) -> None:
    """It is the next week's entry, not this one's."""
    world.open_week()
    (ann,) = world.enrolled("Ann")
    world.project()
    me = ann.get("/api/me").json()
    assert (me["registered_for_next"], me["week"], me["entry"]) == (True, None, None)
    assert me["next_week_is_open"]


def test_after_a_bet_credits_pool_and_entry_are_there(world: World) -> None:
    """Read after the bet's position, the balance shows it."""
    ann, _ = world.playing("Ann", "Bob")
    placed = ann.bet(world.market().bet(stake=50)).json()
    world.project()
    world.clock.set(MONDAY + timedelta(days=6, seconds=1))
    me = ann.get("/api/me", params={"after": placed["position"]}).json()
    assert me["week"]["state"] == "grouped"
    assert me["credits"] == {"available": 950, "at_stake": 50, "potential": 95, "open_bets": 1}
    assert (me["pool"]["name"], me["pool"]["size"]) == ("W2026-47-A", 2)
    assert me["entry"] is not None
    assert me["next_cycle_in_seconds"] == 86_399


def test_the_pool_shows_where_one_stands(world: World) -> None:
    """Who has staked stands behind who has not."""
    ann, bob = world.playing("Ann", "Bob")
    ann.bet(world.market().bet(stake=50))
    world.project()
    mine = ann.get("/api/me/pool").json()
    assert (mine["week"], mine["pool"]["name"]) == (WEEK, "W2026-47-A")
    assert (mine["standing"]["rank"], mine["standing"]["credits"]) == (2, 950)
    assert bob.get("/api/me/pool").json()["standing"]["rank"] == 1


def test_without_a_draw_there_is_no_pool(world: World) -> None:
    """A pool is born by the draw."""
    world.open_week()
    (ann,) = world.enrolled("Ann")
    world.project()
    answer = ann.get("/api/me/pool")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_pool")


def test_an_erased_player_has_no_me(world: World) -> None:
    """A token outlives its player by minutes, and finds nobody."""
    ann = world.signup()
    with world.ledger.datastore.connection() as connection:
        connection.execute("DELETE FROM players WHERE id = %s", (ann.id,))
    answer = ann.get("/api/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_an_api_key_is_no_player(world: World) -> None:
    """It is told so, rather than to log in; other reads answer it."""
    _, text = world.services.api_keys.create(role="auditor", name="dashboard")
    headers = {"Authorization": f"Bearer {text}"}
    answer = world.client.get("/api/me", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert world.client.get("/api/season/2026", headers=headers).json()["data"] == []
    assert world.client.get("/api/season/2026", headers=headers).json()["me"] is None
