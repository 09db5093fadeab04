"""The draw over HTTP, done over by a stranger who has only what the service tells everybody."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from ledger import drawing
from ledger.beacon import QUICKNET, Chain, Reading, RoundAwaited
from tests.api.world import MONDAY, WEEK, World
from tests.examples import ROUND_657413

DRAW = f"/api/weeks/{WEEK}/draw"


class OneReading:
    """A beacon that says the same at every round."""

    chain: Chain = QUICKNET

    def read(self, round: int) -> Reading:
        return ROUND_657413


def hashed(seed: str, times: int = 1) -> str:
    """A seed, so many steps down its chain."""
    for _ in range(times):
        seed = hashlib.sha256(bytes.fromhex(seed)).hexdigest()
    return seed


def mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def test_draw_is_bound_before_it_is_made(world: World) -> None:
    """From the opening on everybody knows the commitment, and where it stands in the chain."""
    world.open_week()
    answer = world.client.get(DRAW)
    told = answer.json()
    assert answer.headers["Cache-Control"] == "public, no-cache"
    assert [told[name] for name in ("roster", "beacon", "seed", "key", "drawn_at", "pools")] == [None] * 5 + [[]]
    assert told["chain"]["anchor"] == told["seed_commitment"]
    assert (told["chain"]["step"], told["chain"]["position"], told["position"]) == (0, "office:2", f"{WEEK}:1")
    assert world.client.get(f"{DRAW}/roster").json()["code"] == "too_early"
    assert world.client.get(f"{DRAW}/entries/{uuid4()}").json()["code"] == "too_early"


def test_stranger_draws_the_week_again(world: World) -> None:
    """With a hash function and the answers of four requests: the same pools, and every player where the app says."""
    players = world.playing("Ann", "Bob", "Cid", "Dan", "Eve", pool_max=2)
    world.project()
    answer, roster = world.client.get(DRAW), world.client.get(f"{DRAW}/roster")
    told = answer.json()
    assert hashed(told["seed"]) == told["seed_commitment"]
    assert hashed(told["seed_commitment"], told["chain"]["step"]) == told["chain"]["anchor"]
    assert roster.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert hashlib.sha256(roster.content).hexdigest() == told["roster"]["roster_hash"]
    _, week, size, *entries = roster.text.splitlines()
    assert (week, int(size), told["roster"]["size"]) == (WEEK, 5, len(entries))
    lines = ["pools/shuffle/hmac-sha256-sort-v1", WEEK, told["roster"]["roster_hash"], "", "0", ""]
    key = mac(bytes.fromhex(told["seed"]), "".join(f"{line}\n" for line in lines))
    assert key.hex() == told["key"]
    order = sorted(entries, key=lambda entry: mac(key, entry))
    names = [pool["name"] for pool in told["pools"] for _ in range(pool["size"])]
    for player in players:
        me = player.get("/api/me").json()
        mine = world.client.get(f"{DRAW}/entries/{me['entry']}").json()
        place = order.index(me["entry"])
        assert (mine["place"], mine["score"]) == (place + 1, mac(key, me["entry"]).hex())
        assert mine["pool_name"] == names[place] == player.get("/api/me/pool").json()["pool"]["name"]
        assert mine["pool_id"] == told["pools"][place // 2]["pool_id"]
    assert world.client.get(DRAW, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert world.client.get(f"{DRAW}/roster", headers={"If-None-Match": roster.headers["ETag"]}).status_code == 304


def test_entry_that_was_not_drawn_is_not_there(world: World) -> None:
    """Nor is a week that is not open."""
    world.playing("Ann")
    assert world.client.get(f"{DRAW}/entries/{uuid4()}").json()["code"] == "unknown_entry"
    assert world.client.get("/api/weeks/2026-W30/draw").json()["code"] == "unknown_week"
    assert world.client.get("/api/weeks/nonsense/draw/roster").json()["code"] == "unknown_week"


def test_entry_that_came_late_has_a_pool_and_no_score(world: World) -> None:
    """It was dealt afterwards, by the rule for late entries."""
    world.playing("Ann", late_entry=True)
    [bob] = world.enrolled("Bob")
    world.project()
    late = world.client.get(f"{DRAW}/entries/{bob.get('/api/me').json()['entry']}").json()
    assert (late["score"], late["place"], late["pool_name"]) == (None, None, "W2026-47-A")
    assert world.client.get(DRAW).json()["roster"]["size"] == 1


def test_beacon_of_a_draw_is_told(world: World) -> None:
    """While the draw waits for its round, and with what it said afterwards."""
    world.ledger.beacon = OneReading()
    world.open_week()
    world.enrolled("Ann")
    world.clock.set(MONDAY)
    round = QUICKNET.round_after(MONDAY)
    with pytest.raises(RoundAwaited, match="which comes at 2026-11-16T05:05:00"):
        drawing.draw(world.ledger, week=WEEK, actor="clock", request="draw")
    waiting = world.client.get(DRAW).json()
    assert waiting["beacon"] == {
        "chain": QUICKNET.hash,
        "name": "quicknet",
        "public_key": QUICKNET.public_key,
        "round": round,
        "comes_at": "2026-11-16T05:05:00.000000Z",
        "randomness": None,
        "signature": None,
    }
    assert (waiting["roster"]["size"], waiting["seed"]) == (1, None)
    roster = world.client.get(f"{DRAW}/roster").content
    assert hashlib.sha256(roster).hexdigest() == waiting["roster"]["roster_hash"]
    world.clock.set(MONDAY + timedelta(minutes=6))
    drawing.draw(world.ledger, week=WEEK, actor="clock", request="draw")
    drawn = world.client.get(DRAW).json()
    assert drawn["beacon"] == waiting["beacon"] | ROUND_657413._asdict()
    lines = ["pools/shuffle/hmac-sha256-sort-v1", WEEK, drawn["roster"]["roster_hash"], QUICKNET.hash, str(round)]
    text = "".join(f"{line}\n" for line in [*lines, ROUND_657413.randomness])
    assert mac(bytes.fromhex(drawn["seed"]), text).hex() == drawn["key"]
    assert UUID(roster.decode().splitlines()[-1])
