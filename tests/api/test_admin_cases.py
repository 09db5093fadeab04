"""Disputes over HTTP, as two operators carry them on and players read of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from api.cases import CaseListed
from feeds.settler import Settler
from ledger import settling, weeks
from ledger.settlement import Word
from projections.cases import Case
from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.world import KICK_OFF, MONDAY, WEEK, Market, User, World, serving

REASON = "The league corrected the score."


@pytest.fixture
def world(dsn: str) -> Iterator[World]:
    """A service where what moves more than 100 credits needs two operators."""
    with serving(dsn, dispute_approval_above=100) as world:
        yield world


@pytest.fixture
def lost(world: World) -> tuple[User, Market, dict[str, Any]]:
    """A player whose bet was settled as lost by a wrong result; the market that it is on; the bet."""
    ann, _ = world.playing("Ann", "Bob")
    market = world.market()
    bet = ann.bet(market.bet(stake=200)).json()
    world.clock.set(KICK_OFF)
    word = Word(game_id=market.game_id, source="nfl", status="final", revision=1, home_score=10, away_score=20)
    settling.record_result(world.ledger, week=WEEK, word=word, actor="feed:nfl", request="result").result()
    settle(world)
    return ann, market, bet


def settle(world: World) -> None:
    """Have the settler do its work, and the read models see it."""
    world.project()
    Settler(world.ledger, bets=world.services.views.bets, projections=world.services.runner).step()
    world.project()


def result(market: Market, home: int = 30, away: int = 20) -> dict[str, Any]:
    score = {"home_score": home, "away_score": away}
    return {"kind": "result", "game_id": str(market.game_id), "status": "final", **score}


def opened(operator: User, subject: str, *, key: str, reason: str = REASON) -> httpx.Response:
    headers, body = {"Idempotency-Key": key}, {"subject": subject, "reason": reason}
    return operator.post(f"/api/admin/weeks/{WEEK}/cases", json=body, headers=headers)


def step(world: World, operator: User, path: str, body: Any = None, *, seen: str | None, key: str) -> httpx.Response:
    world.project()
    headers = {"Idempotency-Key": key} | ({"If-Match": seen} if seen is not None else {})
    return operator.post(path, json=body, headers=headers)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_wrong_result_is_corrected_by_two_operators(world: World, lost: tuple[User, Market, dict[str, Any]]) -> None:
    """Preview, case, proposal, approval, application: each once, whatever is repeated; and the player reads why."""
    ann, market, bet = lost
    one, two = world.operator(), world.operator()
    preview = one.post(f"/api/admin/weeks/{WEEK}/disputes/preview", json=result(market)).json()
    assert preview["effect"] | {"ranks": 0} == {
        "bets": 1, "moved": 381, "paid_before": 0, "paid_after": 381, "below_zero": 0, "ranks": 0, "prizes": 0,
    }  # fmt: skip
    assert (preview["needs_approval"], preview["more"]["bets"], preview["bets"][0]["bet_id"]) == (
        True, 0, bet["bet_id"],
    )  # fmt: skip

    case = opened(one, f"game:{market.game_id}", key="open")
    assert (case.status_code, case.headers["ETag"]) == (201, '"1"')
    path = case.headers["Location"]
    assert opened(one, f"game:{market.game_id}", key="open").json() == case.json()
    assert code(opened(one, f"game:{market.game_id}", key="open", reason="another")) == (422, "idempotency_key_reused")

    _is_proposed_once(world, one, path, market, preview["preview_hash"])
    _is_approved_by_another(world, one, two, path, preview["preview_hash"])
    _is_applied_once(world, one, two, path)

    settle(world)
    assert ann.get("/api/me/statement").json()["available"] == 800 + 381
    _is_shown(world, (one, two), path, case.json()["case_id"])
    _is_read_by_the_player(ann, case.json()["case_id"])


def _is_proposed_once(world: World, one: User, path: str, market: Market, preview_hash: str) -> None:
    body = {"change": result(market), "preview_hash": preview_hash}
    assert code(step(world, one, f"{path}/proposal", body, seen=None, key="p")) == (428, "precondition_required")
    assert code(step(world, one, f"{path}/proposal", body, seen='"7"', key="p")) == (412, "precondition_failed")
    assert code(step(world, one, f"{path}/proposal", body, seen='W/"1"', key="p")) == (412, "precondition_failed")
    outdated = {**body, "preview_hash": "0" * 64}
    assert code(step(world, one, f"{path}/proposal", outdated, seen='"1"', key="p")) == (409, "preview_outdated")
    assert code(step(world, one, f"{path}/approval", {"preview_hash": preview_hash}, seen="*", key="a")) == (
        409, "nothing_proposed",
    )  # fmt: skip
    proposed = step(world, one, f"{path}/proposal", body, seen='"1"', key="p")
    assert (proposed.status_code, proposed.headers["ETag"]) == (200, '"2"')
    assert (proposed.json()["needs_approval"], proposed.json()["preview_hash"]) == (True, preview_hash)
    again = step(world, one, f"{path}/proposal", body, seen='"1"', key="p")
    assert (again.json(), again.headers["ETag"]) == (proposed.json(), '"2"')


def _is_approved_by_another(world: World, one: User, two: User, path: str, preview_hash: str) -> None:
    body = {"preview_hash": preview_hash}
    assert code(step(world, two, f"{path}/application", seen='"2"', key="now")) == (409, "second_operator_needed")
    assert code(step(world, one, f"{path}/approval", body, seen='"2"', key="a")) == (409, "second_operator_needed")
    # The same person, through another door.
    assert code(step(world, world.log_in(one.email), f"{path}/approval", body, seen='"2"', key="b")) == (
        409, "second_operator_needed",
    )  # fmt: skip
    made = one.post("/api/admin/keys", json={"role": "service", "name": "robot"}).json()
    robot = {"Authorization": f"Bearer {made['key']}", "If-Match": '"2"'}
    refused = world.client.post(f"{path}/approval", json=body, headers=robot)
    assert code(refused) == (403, "forbidden")
    assert code(step(world, two, f"{path}/approval", {"preview_hash": "0" * 64}, seen='"2"', key="c")) == (
        409, "preview_outdated",
    )  # fmt: skip
    approved = step(world, two, f"{path}/approval", body, seen='"2"', key="d")
    assert (approved.status_code, approved.headers["ETag"]) == (200, '"3"')
    assert step(world, two, f"{path}/approval", body, seen='"2"', key="d").json() == approved.json()


def _is_applied_once(world: World, one: User, two: User, path: str) -> None:
    assert code(step(world, one, f"{path}/application", seen='"2"', key="e")) == (412, "precondition_failed")
    applied = step(world, one, f"{path}/application", seen='"3"', key="e")
    assert (applied.status_code, applied.headers["ETag"], applied.json()["outcome"]) == (200, '"5"', "applied")
    assert step(world, one, f"{path}/application", seen='"3"', key="e").json() == applied.json()
    assert step(world, two, f"{path}/application", seen='"5"', key="f").json() == applied.json()
    assert code(step(world, two, f"{path}/closing", {"outcome": "no"}, seen='"5"', key="g")) == (409, "case_closed")


def _is_shown(world: World, operators: tuple[User, User], path: str, case_id: str) -> None:
    one, two = operators
    answer = two.get(path)
    case = answer.json()
    assert (answer.headers["ETag"], case["state"], case["outcome"], case["reason"]) == (
        '"5"', "applied", "applied", REASON,
    )  # fmt: skip
    assert (case["before"]["source"], case["before"]["home_score"]) == ("nfl", 10)
    assert (case["after"]["source"], case["after"]["home_score"]) == ("operator", 30)
    assert [(each["event"].partition(".")[2], each["who"]) for each in case["steps"]] == [
        ("opened", one.email),
        ("proposed", one.email),
        ("approved", two.email),
        ("applied", one.email),
        ("closed", one.email),
    ]
    assert two.get(path, headers={"If-None-Match": '"5"'}).status_code == 304
    exported = b"".join(record.state for record in world.ledger.recorder(WEEK).read_all())
    assert b"example.org" not in exported and case_id.encode() in exported


def _is_read_by_the_player(ann: User, case_id: str) -> None:
    lines = ann.get("/api/me/statement").json()["data"]
    assert [(line["kind"], line["amount"], line["note"], line["case_id"]) for line in lines] == [
        ("correction", 381, REASON, case_id),
        ("lost", 0, None, None),
        ("stake", -200, None, None),
        ("grant", 1000, None, None),
    ]


def test_a_result_that_was_released_to_one_that_says_the_same_is_nobodys() -> None:
    """The operator's name is gone, and the feed did not speak again: such a case is shown and listed like any other."""
    said = '{"away_score":20,"certainty":"official","home_score":30,"regulation":null,"source":null,"status":"final"}'
    case = Case(WEEK, uuid4(), f"week:{WEEK}", REASON, "applied", MONDAY, "operator:one", 7, after=said)
    after = CaseListed.shown(case).after
    assert after is not None
    assert (after.source, after.home_score) == (None, 30)


def test_what_is_in_another_week_is_refused_with_its_name(world: World) -> None:
    """A game, a market or a bet; in previews, cases and proposals; and the answer says where it is."""
    (ann,) = world.playing("Ann")
    market = world.market()
    bet = ann.bet(market.bet()).json()["bet_id"]
    later = weeks.following(WEEK)
    world.open_week(later)
    other = world.quote(world.game("other", week=later, at=weeks.starts_at(later)), week=later)
    world.project()
    operator = world.operator()
    named = {"game": other.game_id, "market": other.market_id}
    for kind, id in named.items():
        refused = opened(operator, f"{kind}:{id}", key=kind)
        assert code(refused) == (404, f"unknown_{kind}")
        assert f"but in {later}" in refused.json()["detail"]
    assert code(opened(operator, f"week:{later}", key="week")) == (422, "unknown_subject")
    assert code(opened(operator, f"week:{WEEK}", key="nul", reason="a NUL\0")) == (422, "invalid_request")
    refused = operator.post(f"/api/admin/weeks/{later}/disputes/preview", json=result(market))
    assert code(refused) == (404, "unknown_game")
    assert f"but in {WEEK}" in refused.json()["detail"]
    path = f"/api/admin/weeks/{WEEK}/disputes/preview"
    mixed = {"kind": "void", "game_id": str(market.game_id)}
    assert code(operator.post(path, json=mixed | {"bet_id": str(uuid4())})) == (404, "unknown_bet")
    assert code(operator.post(path, json=mixed | {"market_id": str(other.market_id)})) == (404, "unknown_market")
    assert code(operator.post(path, json=mixed)) == (422, "unsound_change")
    # Seconds since 1970, or milliseconds: a start as early would make every bet late.
    assert code(operator.post(path, json=mixed | {"placed_from": 5})) == (422, "invalid_request")
    assert code(operator.post(path, json={**mixed, "kind": "lift"})) == (409, "nothing_to_lift")
    assert operator.post(path, json=mixed | {"bet_id": bet}).json()["effect"]["bets"] == 1
    assert code(step(world, operator, f"/api/admin/cases/{uuid4()}/closing", {"outcome": "x"}, seen="*", key="x")) == (
        404, "unknown_case",
    )  # fmt: skip


def test_cases_are_listed_and_closed_without_a_change(world: World) -> None:
    """Newest first, there and back, by week and state."""
    world.playing("Ann")
    market = world.market()
    world.project()
    operator = world.operator()
    subjects = [f"game:{market.game_id}", f"market:{market.market_id}", f"week:{WEEK}"]
    paths = [opened(operator, subject, key=subject).headers["Location"] for subject in subjects]
    closing = step(world, operator, f"{paths[0]}/closing", {"outcome": "nothing was wrong"}, seen='"1"', key="close")
    assert (closing.status_code, closing.headers["ETag"]) == (200, '"2"')
    position = closing.json()["position"]
    world.project()
    listed = there_and_back(operator.get, "/api/admin/cases", limit=2)
    assert {case["subject"] for case in listed} == set(subjects)
    assert there_and_back(operator.get, "/api/admin/cases", limit=1, week=WEEK, after=position) == listed
    assert operator.get("/api/admin/cases", params={"week": "office"}).json()["data"] == []
    (closed,) = operator.get("/api/admin/cases", params={"state": "closed"}).json()["data"]
    assert (closed["subject"], closed["outcome"], closed["before"]) == (subjects[0], "nothing was wrong", None)
    (of_game,) = operator.get("/api/admin/cases", params={"game_id": str(market.game_id)}).json()["data"]
    assert of_game == closed
    refuses_what_is_no_page(operator.get, "/api/admin/cases")
    assert operator.get(f"/api/admin/cases/{uuid4()}").status_code == 404
    assert UUID(closed["case_id"])
