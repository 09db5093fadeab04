"""Pools over HTTP: standings and members."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from projections.pools import Pool
from projections.tables import replace
from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.world import WEEK, User, World
from tests.projections.book import Book

POOL = f"/api/weeks/{WEEK}/pools/W2026-47-A"


def lines(user: User, path: str = POOL) -> list[dict[str, Any]]:
    """The leaderboard as somebody sees it."""
    data: list[dict[str, Any]] = user.get(f"{path}/leaderboard").json()["data"]
    return data


def test_equal_credits_share_a_rank(world: World) -> None:
    """1, 2, 2, 4: by available credits, highest first."""
    ann, bob, cid, dan = world.playing("Ann", "Bob", "Cid", "Dan")
    market = world.market()
    for user, stake in ((ann, 300), (bob, 100), (cid, 100)):
        user.bet(market.bet(stake=stake))
    world.project()
    seen = [(line["rank"], line["credits"], line["at_stake"]) for line in lines(dan)]
    assert seen == [(1, 1000, 0), (2, 900, 100), (2, 900, 100), (4, 700, 300)]
    assert [line["place"] for line in lines(dan)] == [1, 2, 3, 4]
    assert {line["name"] for line in lines(dan)} == {"Ann", "Bob", "Cid", "Dan"}
    assert (lines(dan)[0]["name"], lines(dan)[3]["name"]) == ("Dan", "Ann")


def test_a_settled_bet_moves_the_standings(world: World) -> None:
    """The winner of a bet leads, and the counts show why."""
    ann, bob = world.playing("Ann", "Bob")
    market = world.market()
    won = ann.bet(market.bet(stake=100)).json()
    lost = bob.bet(market.bet(stake=100, outcome="away")).json()
    world.settle(market.game_id, home=30, away=20, bets=[won, lost])
    world.project()
    first, second = lines(ann)
    assert (first["name"], first["credits"], first["won"], first["lost"]) == ("Ann", 1090, 1, 0)
    assert (second["name"], second["credits"], second["won"], second["lost"]) == ("Bob", 900, 0, 1)


def test_standings_say_how_old_they_are(world: World) -> None:
    """The last movement in the pool: a bet's own position after that bet, and no other pool's."""
    ann, _ = world.playing("Ann", "Bob", pool_max=1)
    world.project()
    [mine] = [pool for pool in ("A", "B") if any(line["is_me"] for line in lines(ann, POOL[:-1] + pool))]
    other = {"A": "B", "B": "A"}[mine]
    before = ann.get(f"{POOL[:-1]}{other}/leaderboard").json()["as_of"]
    placed = ann.bet(world.market().bet()).json()
    world.project()
    assert ann.get(f"{POOL[:-1]}{mine}/leaderboard").json()["as_of"] == placed["position"]
    assert ann.get(f"{POOL[:-1]}{other}/leaderboard").json()["as_of"] == before


def test_pools_are_paged_in_order_of_name(world: World) -> None:
    """There and back, A to Z before AA."""
    world.open_week()
    book = Book(WEEK)
    names = ["A", "B", "Y", "Z", "AA"]
    pools = [Pool(WEEK, book.pool(f"W2026-47-{name}"), WEEK, f"W2026-47-{name}", 1, 1, 5) for name in names]
    with world.ledger.datastore.connection() as connection:
        replace(connection, WEEK, Pool, pools)
    ann = world.signup()
    found = there_and_back(ann.get, f"/api/weeks/{WEEK}/pools", limit=2)
    assert [pool["name"] for pool in found] == [pool.name for pool in pools]
    refuses_what_is_no_page(ann.get, f"/api/weeks/{WEEK}/pools")


def test_only_ones_own_entry_is_told(world: World) -> None:
    """The ledger is public under entries, so a player learns no other's; an operator may."""
    ann, _ = world.playing("Ann", "Bob")
    world.project()
    mine, others = sorted(lines(ann), key=lambda line: not line["is_me"])
    assert (mine["name"], mine["entry"]) == ("Ann", ann.get("/api/me").json()["entry"])
    assert (others["is_me"], others["entry"]) == (False, None)
    assert all(line["entry"] for line in lines(world.operator()))


def test_a_pool_is_found_by_id_and_by_name(world: World) -> None:
    """Both name the same pool."""
    (ann,) = world.playing("Ann")
    world.project()
    (pool,) = ann.get(f"/api/weeks/{WEEK}/pools").json()["data"]
    assert (pool["name"], pool["size"]) == ("W2026-47-A", 1)
    assert lines(ann, f"/api/weeks/current/pools/{pool['pool_id']}") == lines(ann)


def test_who_is_not_in_the_week_sees_no_pool(world: World) -> None:
    """For strangers it is as if the pool were not there."""
    (ann,) = world.playing("Ann")
    world.project()
    stranger = world.signup("Eve")
    for what in ("leaderboard", "members"):
        for user, path in ((stranger, POOL), (ann, f"/api/weeks/{WEEK}/pools/{uuid4()}"), (ann, f"{POOL}x")):
            answer = user.get(f"{path}/{what}")
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_pool")
    assert world.client.get(f"{POOL}/leaderboard").status_code == 401


def test_an_erased_player_stays_as_a_former_one(world: World) -> None:
    """Erasing the person leaves the standings whole."""
    ann, bob = world.playing("Ann", "Bob")
    world.project()
    with world.ledger.datastore.connection() as connection:
        connection.execute("DELETE FROM entries WHERE player_id = %s", (bob.id,))
        connection.execute("DELETE FROM players WHERE id = %s", (bob.id,))
    assert sorted(line["name"] for line in lines(ann)) == ["Ann", "former player"]
    members = ann.get(f"{POOL}/members").json()["data"]
    assert members == [{"name": "Ann", "is_me": True}, {"name": "former player", "is_me": False}]
