"""Live updates over HTTP, heard by clients that read the stream as an EventSource does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from api.identity.tokens import Tokens
from ledger import drawing
from ledger.rules import Rules
from tests.api.listening import LIVE, Drawn, eventful, finish, listening, names, reopen, suspend, without_interruption
from tests.api.world import LIVE as LIMITS
from tests.api.world import SIGNING_KEY, WEEK, User, World, serving


def code_of(user: User, path: str = LIVE) -> tuple[int, str]:
    """The status and code that a stream is refused with."""
    answer = user.get(path)
    return answer.status_code, answer.json()["code"]


def test_a_first_connection_begins_with_balance_and_standings(drawn: Drawn) -> None:
    """Both as reads show them, at a position to go on from; the answer is never stored or held up on its way."""
    world, ann, _ = drawn
    with listening(ann) as ear:
        balance, standings = ear.next(), ear.next()
    head = world.ledger.recorder(WEEK).head().position
    assert (balance.name, balance.id) == ("balance", f"{WEEK}:{head}")
    assert balance.data == ann.get("/api/me").json()["credits"]
    assert (standings.name, standings.id) == ("standings", f"{WEEK}:{head}")
    assert standings.data == ann.get(f"/api/weeks/{WEEK}/pools/W2026-47-A/leaderboard").json()
    assert ear.retry is not None and 2_000 <= ear.retry < 4_000
    assert ear.answer.headers["content-type"].startswith("text/event-stream")
    assert ear.answer.headers["cache-control"] == "no-store"
    assert ear.answer.headers["x-accel-buffering"] == "no"


def test_a_bet_is_told_to_its_player(drawn: Drawn) -> None:
    """The bet and the balance after it, as reads show them; another's bet shows in the standings alone."""
    world, ann, bob = drawn
    market = world.market()
    world.project()
    with listening(ann, topics="balance,standings") as ear, listening(bob, topics="balance,standings") as other:
        ear.events(1)
        other.events(1)
        placed = ann.bet(market.bet()).json()
        world.project()
        bet, balance = ear.events(2)
        assert (bet.name, bet.data) == ("bet", ann.get(f"/api/bets/{placed['bet_id']}").json())
        assert (bet.id, balance.id) == (placed["position"] + ".1", placed["position"])
        assert (balance.name, balance.data) == ("balance", ann.get("/api/me").json()["credits"])
        *_, seen = other.until(lambda event: event.data.get("as_of") == placed["position"])
        assert [(line["is_me"], line["credits"]) for line in seen.data["data"]] == [(True, 1000), (False, 950)]
        assert [line["entry"] is None for line in seen.data["data"]] == [False, True]
        bob.bet(market.bet(stake=1))
        world.project()
        assert [event.data.get("stake") for event in other.events(2)] == [1, None]


def test_an_event_is_told_when_reads_show_it(drawn: Drawn) -> None:
    """A bet that the projections have not come to is not told, whatever the log says."""
    world, ann, _ = drawn
    market = world.market()
    world.project()
    placed = ann.bet(market.bet()).json()
    with listening(ann, topics="balance") as ear:
        assert ear.next().data["available"] == 1000
        world.project()
        assert names(ear.events(2)) == ["bet", "balance"]
    with listening(ann, topics="balance", last_event_id=placed["position"]) as ear:
        second = ann.bet(market.bet(stake=7), key="two").json()
        world.project()
        bet, balance = ear.events(2)
        assert (bet.data["bet_id"], balance.id) == (second["bet_id"], second["position"])


def test_the_board_is_told_as_it_changes(drawn: Drawn) -> None:
    """Listings, quotes and suspensions, in the shapes of the reads."""
    world, ann, _ = drawn
    with listening(ann, topics="quotes") as ear:
        assert ear.answer.status_code == 200
        market = world.market()
        suspend(world, market.game_id, "spread")
        suspend(world, market.game_id, None)
        reopen(world, market.game_id, None)
        world.project()
        game, quote, *changes = ear.events(5)
    shown = ann.get(f"/api/games/{market.game_id}/markets").json()
    assert (game.name, game.data) == ("game", shown["game"])
    assert (quote.name, quote.data["quote"]) == ("quote", shown["data"][0]["quote"])
    assert quote.data["market_id"] == str(market.market_id)
    assert names(changes) == ["market", "market", "market"]
    seen = [(event.data["market_id"], event.data["suspended"], event.data["why"]) for event in changes]
    assert seen == [(str(market.market_id), True, "injury"), (None, True, "injury"), (None, False, "news")]


def test_a_result_is_told_with_what_it_pays(drawn: Drawn) -> None:
    """Game, settlement, bet and balance, and the standings; a correction tells the bet again."""
    world, ann, bob = drawn
    market = world.market()
    bets = [ann.bet(market.bet()).json(), bob.bet(market.bet(outcome="away")).json()]
    world.project()
    with listening(ann) as ear:
        ear.events(1)
        finish(world, market.game_id, bets, home=30, away=20)
        world.project()
        told = ear.events(5)
        assert names(told) == ["game", "game", "bet", "balance", "settlement"]
        game, bet, balance, settlement = told[1:]
        assert (game.data["status"], game.data["home_score"], game.data["is_settled"]) == ("ended", 30, False)
        assert (bet.data["status"], bet.data["payout"], balance.data["available"]) == ("won", 95, 1045)
        assert (settlement.data["resolution"], settlement.data["bets"], settlement.data["paid"]) == (1, 2, 95)
        *_, standings = ear.until(lambda event: event.name == "standings" and event.data["data"][0]["won"] == 1)
        assert standings.data == ann.get(f"/api/weeks/{WEEK}/pools/W2026-47-A/leaderboard").json()
        finish(world, market.game_id, bets, home=20, away=30, revision=2)
        world.project()
        game, bet, balance, settlement = ear.events(4)
        assert (bet.data["status"], bet.data["corrected"], balance.data["available"]) == ("lost", 1, 950)
        assert bet.data == ann.get(f"/api/bets/{bets[0]['bet_id']}").json()
        assert settlement.data["resolution"] == 2


def test_the_draw_is_told_to_who_waits_for_it(world: World) -> None:
    """A player who listens before the draw is told the week, the credits granted and the pool's standings."""
    world.open_week()
    (ann,) = world.enrolled("Ann")
    world.project()
    with listening(ann) as ear:
        world.draw()
        world.project()
        told = ear.until(lambda event: event.name == "standings")
    assert [event.data["state"] for event in told if event.name == "week"] == ["registering"] * 2 + ["grouped"]
    assert [event.data["available"] for event in told if event.name == "balance"] == [1000]
    assert told[-1].data["pool"]["name"] == "W2026-47-A"


def test_only_the_topics_that_are_asked_for_are_told(drawn: Drawn) -> None:
    """Of a week full of events, each topic brings its own."""
    world, ann, bob = drawn
    start = f"{WEEK}:{world.ledger.recorder(WEEK).head().position}"
    eventful(world, ann, bob)
    kinds = {
        "balance": {"bet", "balance"},
        "quotes": {"quote", "market", "game"},
        "settlements": {"game", "settlement"},
        "quotes,settlements": {"quote", "market", "game", "settlement"},
    }
    for topics, told in kinds.items():
        assert set(names(without_interruption(world, ann, start, topics))) == told
    with listening(ann, topics="standings", last_event_id=start) as ear:
        assert ear.next().name == "standings"


def test_who_does_not_play_hears_what_is_public(drawn: Drawn) -> None:
    """Quotes and settlements are for everybody who is signed in; balance and standings for the week's players."""
    world, _, _ = drawn
    eve = world.signup("Eve")
    with listening(eve) as ear:
        world.market()
        world.project()
        assert names([ear.next(), ear.next()]) == ["game", "quote"]
    assert code_of(eve, f"{LIVE}?topics=balance,quotes") == (409, "not_enrolled")
    assert code_of(eve, f"{LIVE}?topics=standings") == (409, "not_enrolled")
    assert code_of(eve, f"{LIVE}?topics=tips") == (422, "invalid_request")
    assert code_of(eve, "/api/weeks/2026-W40/live") == (404, "unknown_week")
    assert world.client.get(LIVE).status_code == 401


def test_an_auditor_names_a_pool(drawn: Drawn) -> None:
    """With the scope audit any pool's standings are told, and the entries with them; players have their own only."""
    world, ann, _ = drawn
    with listening(world.operator(), pool="W2026-47-A") as ear:
        lines = ear.next().data["data"]
    assert all(line["entry"] and not line["is_me"] for line in lines) and len(lines) == 2
    assert code_of(ann, f"{LIVE}?pool=W2026-47-A") == (403, "forbidden")
    assert code_of(world.operator(), f"{LIVE}?pool=W2026-47-B") == (404, "unknown_pool")
    assert code_of(world.operator(), f"{LIVE}?topics=standings") == (409, "not_enrolled")


def connected(user: User) -> int:
    """The status that somebody gets who connects; a stream that has just been left may still count for a moment."""
    while True:
        with user.stream(LIVE) as answer:
            if answer.status_code == 200:
                return 200


def test_streams_are_counted(dsn: str) -> None:
    """Above the cap of one principal or of the process a stream is refused, until one is closed."""
    with serving(dsn, live=replace(LIMITS, streams=3, streams_of_one=2)) as world:
        ann, bob, cid = world.playing("Ann", "Bob", "Cid")
        world.project()
        with listening(ann):
            with listening(ann):
                refused = ann.get(LIVE)
                assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
                assert int(refused.headers["retry-after"]) > 0
                with listening(bob):
                    assert code_of(cid) == (503, "unavailable")
            assert connected(ann) == 200
        assert connected(cid) == 200


def test_nothing_runs_when_nobody_listens(drawn: Drawn) -> None:
    """The hub starts with the first listener and stops when the last one leaves, which it notices at once."""
    world, ann, bob = drawn
    live = world.services.live
    assert not live.is_following
    with listening(ann) as ear, listening(bob):
        ear.events(1)
        assert live.is_following and live.streams == 2
    while live.streams:
        ann.get("/healthz")
    assert not live.is_following


def test_asking_for_the_head_of_a_stream_ends(drawn: Drawn) -> None:
    """HEAD is answered and leaves no stream behind."""
    world, ann, _ = drawn
    answer = ann.request("HEAD", LIVE)
    assert (answer.status_code, answer.content) == (200, b"")
    while world.services.live.streams:
        ann.get("/healthz")
    assert not world.services.live.is_following


def test_an_expired_token_ends_the_stream(dsn: str) -> None:
    """At the next beat the client is told why, and the stream is over."""
    now = [1_800_000_000.0]
    tokens = Tokens(SIGNING_KEY, lifetime=timedelta(minutes=15), now=lambda: now[0])
    with serving(dsn, live=replace(LIMITS, heartbeat=0.02), tokens=tokens) as world:
        (ann,) = world.playing("Ann")
        world.project()
        with listening(ann) as ear:
            ear.next()
            now[0] += 3600
            *_, bye = ear.until(lambda event: event.name == "bye")
            assert bye.data["reason"] == "unauthenticated"
            with pytest.raises(StopIteration):
                ear.next()


def test_logging_out_ends_the_stream(dsn: str) -> None:
    """A session that is revoked hears nothing more; until then the beat tells how far the stream has come."""
    with serving(dsn, live=replace(LIMITS, heartbeat=0.02)) as world:
        (ann,) = world.playing("Ann")
        world.project()
        with listening(ann) as ear:
            ear.events(1)
            world.market()
            world.project()
            ear.events(2)
            assert ann.post("/api/auth/logout").status_code == 204
            *_, bye = ear.until(lambda event: event.name == "bye")
            assert (bye.data["reason"], ear.pulses > 0) == ("unauthenticated", True)
            assert ear.last_id == f"{WEEK}:{world.ledger.recorder(WEEK).head().position}"


def test_the_document_describes_the_stream(world: World) -> None:
    """One media type, a schema for each kind of event, and how to come back."""
    document = world.client.get("/api/openapi.json").json()
    operation = document["paths"]["/api/weeks/{week}/live"]["get"]
    assert list(operation["responses"]["200"]["content"]) == ["text/event-stream"]
    parameters = {(each["in"], each["name"].lower()) for each in operation["parameters"]}
    assert {
        ("header", "last-event-id"),
        ("query", "last_event_id"),
        ("query", "topics"),
        ("query", "pool"),
    } <= parameters
    kinds = set(document["components"]["schemas"]["LiveEvent"]["discriminator"]["mapping"])
    told = {"standings", "balance", "bet", "quote", "market", "game", "settlement", "week", "reset", "bye"}
    assert kinds == told and "429" in operation["responses"]


def test_a_later_week_is_another_stream(world: World) -> None:
    """`current` is the week of the service's clock, and each week has positions of its own."""
    (ann,) = world.playing("Ann")
    drawing.open_week(world.ledger, week="2026-W48", rules=Rules(), actor="clock", request="open")
    assert ann.post("/api/weeks/2026-W48/entry").status_code == 201
    world.project()
    with listening(ann, "/api/weeks/current/live") as now, listening(ann, "/api/weeks/next/live") as later:
        world.market()
        world.project()
        assert now.events(2)[1].name == "game"
        assert later.answer.status_code == 200 and later.last_id == ""
