"""Rate limits over HTTP: who pays, and what clients are told."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from api.http.limits import Limit, Limits
from api.http.ratelimits import Meters
from api.http.throttle import network_of
from tests.api.world import World, serving

LIMITS = Limits(
    auth=Limit(20, 3600), log_in=Limit(3, 3600), bets=Limit(2, 3600), reads=Limit(4, 3600), writes=Limit(3, 3600)
)


@pytest.fixture
def strict(dsn: str) -> Iterator[World]:
    """A service with few requests to give."""
    with serving(dsn, meters=Meters(LIMITS, now=lambda: 0)) as world:
        yield world


def left(answer: httpx.Response) -> tuple[str, str]:
    """What an answer tells of the limits."""
    return answer.headers["RateLimit"], answer.headers["RateLimit-Policy"]


def test_every_answer_tells_what_is_left(strict: World) -> None:
    """Successes and errors alike, in the fields of the IETF draft."""
    found = strict.client.get("/api/weeks")
    missing = strict.client.get("/api/nothing")
    assert (found.status_code, left(found)) == (200, ('"reads";r=3;t=900', '"reads";q=4;w=3600'))
    assert (missing.status_code, left(missing)) == (404, ('"reads";r=2;t=1800', '"reads";q=4;w=3600'))


def test_beyond_the_limit_a_problem_says_how_long_to_wait(strict: World) -> None:
    """429 with Retry-After, the limits and all that other problems have."""
    for _ in range(4):
        strict.client.get("/api/weeks")
    refused = strict.client.get("/api/weeks", headers={"X-Request-Id": "client-id-1"})
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.headers["Retry-After"] == "900"
    assert left(refused) == ('"reads";r=0;t=3600', '"reads";q=4;w=3600')
    assert refused.headers["X-Request-Id"] == refused.json()["request_id"] == "client-id-1"
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


def test_a_principal_pays_for_itself_and_not_for_its_neighbours(strict: World) -> None:
    """Many share an address: what strangers there have used up is not missing for those who say who they are."""
    ann, bob = strict.signup("Ann"), strict.signup("Bob")
    for _ in range(5):
        stranger = strict.client.get("/api/weeks")
    assert stranger.status_code == 429
    assert [ann.get("/api/weeks").status_code for _ in range(5)] == [200, 200, 200, 200, 429]
    assert bob.get("/api/me").status_code == 200
    assert ann.get("/api/me").status_code == 429


def test_bets_are_counted_apart_from_reads_and_writes(strict: World) -> None:
    """Somebody who has read too much can still bet, and the other way round."""
    (ann,) = strict.playing("Ann")
    market = strict.market()
    placed = [ann.bet(market.bet(), key=key).status_code for key in "abc"]
    assert placed == [201, 201, 429]
    assert left(ann.get("/api/bets")) == ('"reads";r=3;t=900', '"reads";q=4;w=3600')


def test_who_says_wrongly_who_they_are_pays_by_address(strict: World) -> None:
    """Made-up tokens are no way around the limit of strangers."""
    guesses = [{"Authorization": f"Bearer made.up.{number}"} for number in range(5)]
    private = [strict.client.get("/api/me", headers=headers).status_code for headers in guesses[:3]]
    public = [strict.client.get("/api/weeks", headers=headers).status_code for headers in guesses[3:]]
    assert (private, public) == ([401, 401, 401], [200, 429])


def test_an_address_that_is_spent_has_no_more_keys_looked_up(strict: World) -> None:
    """Made-up API keys do not keep the database busy; keys that were seen a moment ago go on working."""
    seen, unseen = (strict.services.api_keys.create(role="auditor", name=name)[1] for name in ("seen", "unseen"))

    def read(key: str) -> int:
        return strict.client.get("/api/weeks", headers={"Authorization": f"Bearer {key}"}).status_code

    assert read(seen) == 200
    for _ in range(4):
        strict.client.get("/api/weeks")
    assert (read(seen), read(unseen)) == (200, 429)


def test_logging_in_is_counted_by_address_whoever_asks(strict: World) -> None:
    """A token of one's own does not buy more guesses."""
    ann = strict.signup("Ann")
    guesses = [{"email": f"nobody{number}@example.org", "password": "wrong"} for number in range(20)]
    first = ann.post("/api/auth/login", json=guesses[0])
    rest = [strict.client.post("/api/auth/login", json=guess) for guess in guesses[1:19]]
    assert left(first) == ('"auth";r=18;t=360', '"auth";q=20;w=3600')
    assert (rest[-1].status_code, left(rest[-1])[0]) == (401, '"auth";r=0;t=3600')
    assert ann.post("/api/auth/login", json=guesses[19]).status_code == 429


def test_one_persons_password_is_not_guessed_for_long(strict: World) -> None:
    """Tries are counted by the e-mail address too, whether anybody has it or not."""
    for email in ("ann@example.org", "nobody@example.org"):
        body = {"email": email, "password": "wrong"}
        answers = [strict.client.post("/api/auth/login", json=body) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        assert (answers[-1].json()["code"], answers[-1].headers["Retry-After"]) == ("rate_limited", "1200")


def test_probes_are_not_counted(strict: World) -> None:
    """Monitors may ask as often as they like."""
    for _ in range(6):
        answer = strict.client.get("/healthz")
    assert answer.status_code == 200
    assert "RateLimit" not in answer.headers


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("203.0.113.7", "203.0.113.8", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.8", False),
        ("who:knows", "who:knows", True),
    ],
)
def test_the_addresses_of_one_customer_count_as_one(one: str, other: str, is_same: bool) -> None:
    """An IPv6 customer has a /64 at the least, and an IPv4 address stays one in IPv6 clothes."""
    assert (network_of(one) == network_of(other)) is is_same
