"""A short run of what `make fuzz` does for longer: the same generators from fixed seeds, on the app in a test."""

from __future__ import annotations

import asyncio
import json
import logging
from random import Random

import pytest

from ledger.ids import OFFICE
from tests.api.world import WEEK, World
from tests.feeds.conftest import MakeWeek
from tests.fuzz import bodies, feeding, raw_http, tokens
from tests.fuzz.connections import good_requests
from tests.fuzz.tally import Bounds, Tally

SHORT = Bounds(seed=1, cases=60)


def test_connections_get_answers_or_an_end(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is sent: one answer a request at the most, none of them our fault, and no error in the log."""
    [ann] = world.playing("Ann")
    url, tally = world.client.base_url, Tally("http")
    good = good_requests(ann.token, world.market().bet())
    with caplog.at_level(logging.ERROR):
        asyncio.run(raw_http.attack(url.host, url.port or 80, good, tally, SHORT))
    assert (tally.found, tally.cases, caplog.records) == ([], SHORT.cases, [])


def test_bodies_are_understood_or_refused_without_a_trace(world: World) -> None:
    """A problem for whatever is no bet, slip, log-in or case; and the same one, however a bet comes."""
    [ann], market, tally = world.playing("Ann"), world.market(), Tally("bodies")
    logs = [world.ledger.recorder(log) for log in (WEEK, OFFICE)]
    game = str(market.game_id)
    chosen = bodies.routes(ann.token, world.operator().token, market.bet(), week=WEEK, game=game)
    bodies.attack(world.client, chosen, lambda: [log.head().position for log in logs], tally, SHORT)
    assert (tally.found, tally.cases) == ([], SHORT.cases)


def test_tokens_that_were_not_given_are_nobodys(world: World) -> None:
    """Forged, changed or cut, of whatever kind: 401."""
    ann, tally = world.signup(), Tally("tokens")
    _, key = world.services.api_keys.create(role="auditor", name="Fuzz")
    tokens.attack(world.client, ann.token, key, lambda: world.log_in(ann.email).refresh_token, tally, SHORT)
    assert (tally.found, tally.cases) == ([], SHORT.cases)


def test_what_a_feed_says_is_applied_waits_or_is_a_dead_letter(make_week: MakeWeek) -> None:
    """No message is beyond the feed, and the week comes to its end."""
    week = make_week()
    week.begin("ann")
    for name in ("g1", "g2"):
        week.listed(name)
        week.bet("ann", name, "spread", "home", 10)
    week.result("g1", 20, 10)
    week.status("g2", "in_progress")
    known = [json.loads(body) for body in week.said]
    for number in range(SHORT.cases):
        week.hear(feeding.message(Random(f"{SHORT.seed}/{number}"), known))
    week.play_out()
    assert week.ingest.counts.total() == len(week.said) >= SHORT.cases
