"""Coming back to a live stream: where the client was, or at a reset."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from tests.api.listening import LIVE, Drawn, Heard, eventful, listening, names, once, without_interruption
from tests.api.world import LIVE as LIMITS
from tests.api.world import WEEK, User, serving


def test_a_client_may_know_more_than_the_projections(drawn: Drawn) -> None:
    """Who goes on from the answer to a bet is not told of that bet again when the projections come to it."""
    world, ann, _ = drawn
    market = world.market()
    world.project()
    first = ann.bet(market.bet(), key="1").json()
    with listening(ann, topics="balance", last_event_id=first["position"]) as ear:
        world.project()
        second = ann.bet(market.bet(stake=7), key="2").json()
        world.project()
        assert [event.data.get("bet_id") for event in ear.events(2)] == [second["bet_id"], None]


def test_who_comes_back_is_told_each_event_once(drawn: Drawn) -> None:
    """Wherever a stream is cut, also between two events of one position, the rest follows, the same bytes."""
    world, ann, bob = drawn
    start = f"{WEEK}:{world.ledger.recorder(WEEK).head().position}"
    eventful(world, ann, bob)
    whole = without_interruption(world, ann, start)
    assert len({event.id for event in whole}) == len(whole) > 24
    assert whole == sorted(whole, key=lambda event: event.position)
    for cut in range(1, len(whole)):
        with listening(ann, last_event_id=whole[cut - 1].id) as ear:
            assert once([ear.next()]) in ([], [whole[cut]])
    for seed in range(5):
        assert list(interrupted(ann, start, len(whole), random.Random(seed))) == whole


def interrupted(user: User, start: str, count: int, chance: random.Random) -> Iterator[Heard]:
    """What somebody hears whose connection breaks again and again."""
    last_id, left = start, count
    while left:
        with listening(user, last_event_id=last_id) as ear:
            for event in ear.events(min(left, chance.randint(1, 6))):
                yield event
                left -= 1
            last_id = ear.last_id


def test_who_comes_back_while_things_happen_misses_nothing(drawn: Drawn) -> None:
    """Two listeners, one whose connection breaks after each event, are told the same."""
    world, ann, _ = drawn
    market = world.market()
    world.project()
    with listening(ann, topics="balance") as steady:
        steady.events(1)
        last_id, heard = steady.last_id, []
        for number in range(6):
            ann.bet(market.bet(stake=number + 1), key=str(number))
            world.project()
            with listening(ann, topics="balance", last_event_id=last_id) as ear:
                heard += ear.events(1 + number % 2)
                last_id = ear.last_id
        with listening(ann, topics="balance", last_event_id=last_id) as ear:
            heard += ear.events(12 - len(heard))
        assert heard == steady.events(12)


def test_an_unknown_position_resets(drawn: Drawn) -> None:
    """The client is told to read anew, gets the balance as it stands, and goes on from there."""
    world, ann, _ = drawn
    market = world.market()
    world.project()
    head = world.ledger.recorder(WEEK).head().position
    for given in ("2026-W46:1", f"{WEEK}:{head + 1}", "nonsense"):
        with listening(ann, topics="balance", last_event_id=given) as ear:
            reset, balance = ear.events(2)
            assert (reset.name, reset.data) == ("reset", {"reason": "unknown_position"})
            assert (balance.name, balance.data["available"]) == ("balance", 1000)
    with listening(ann, topics="balance", last_event_id=reset.id) as ear:
        ann.bet(market.bet())
        world.project()
        assert names(ear.events(2)) == ["bet", "balance"]


def test_a_position_too_far_back_resets(dsn: str) -> None:
    """As far back as the service keeps, everything is told; one position further, the client starts anew."""
    with serving(dsn, live=replace(LIMITS, kept=4)) as world:
        ann, bob = world.playing("Ann", "Bob")
        eventful(world, ann, bob)
        head = world.ledger.recorder(WEEK).head().position
        with listening(ann, topics="balance", last_event_id=f"{WEEK}:{head - 5}") as ear:
            reset, balance = ear.events(2)
            assert (reset.data, reset.id) == ({"reason": "too_far_back"}, f"{WEEK}:{head}")
            assert balance.data == ann.get("/api/me").json()["credits"]
        with listening(ann, last_event_id=f"{WEEK}:{head - 4}") as ear:
            assert ear.events(1)[0].name != "reset"


def test_the_last_event_id_may_stand_in_the_path(drawn: Drawn) -> None:
    """For clients that cannot set headers when they connect; when they come back by themselves, the header counts."""
    world, ann, _ = drawn
    start = f"{WEEK}:{world.ledger.recorder(WEEK).head().position}"
    market = world.market()
    first, second = (ann.bet(market.bet(), key=key).json() for key in "12")
    world.project()
    path = f"{LIVE}?topics=balance&last_event_id="
    with listening(ann, path + start) as ear:
        assert ear.events(1)[0].data["bet_id"] == first["bet_id"]
    with listening(ann, path + start, last_event_id=first["position"]) as ear:
        assert ear.events(1)[0].data["bet_id"] == second["bet_id"]
