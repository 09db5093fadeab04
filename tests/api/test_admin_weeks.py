"""What operators do with weeks over HTTP."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from ledger import disputing
from ledger.events import CaseOpened
from ledger.facts import fact_of
from tests.api.world import MONDAY, WEEK, User, World

ACTS = ("open", "draw", "group", "close", "settle", "finalise")


@pytest.mark.parametrize("act", ACTS)
def test_only_operators_act_on_weeks(world: World, act: str) -> None:
    """A player is told that it is not theirs to do, a stranger to log in."""
    path = f"/api/admin/weeks/{WEEK}/{act}"
    refused = world.signup().post(path)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert world.client.post(path).status_code == 401
    assert world.ledger.weeks() == []


def test_an_operator_takes_a_week_from_opening_to_final(world: World) -> None:
    """Each act answers with the place of its event, and again with the same."""
    operator = world.operator()

    def act(name: str, **body: object) -> str:
        answers = [operator.post(f"/api/admin/weeks/{WEEK}/{name}", json=body or None) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
        assert answers[0].json() == answers[1].json()
        event: str = answers[0].json()["event"]
        return event

    assert act("open", rules={"grant": 200}) == "week.opened"
    (ann,) = world.enrolled("Ann")
    world.clock.set(MONDAY)
    assert act("group") == act("draw") == "week.grouped"
    world.project()
    assert ann.get("/api/me").json()["credits"]["available"] == 200
    world.clock.set(MONDAY + timedelta(days=7))
    assert act("close") == "week.closed"
    assert act("settle") == "week.settled"
    early = operator.post(f"/api/admin/weeks/{WEEK}/finalise")
    assert (early.status_code, early.json()["code"]) == (409, "too_early")
    assert act("finalise", override=True, reason="nothing was played") == "week.finalised"
    world.project()
    assert world.client.get(f"/api/weeks/{WEEK}").json()["state"] == "final"
    record = world.ledger.recorder(WEEK).read_topics("week.finalised")[0]
    assert record.request == "override: nothing was played"
    assert record.actor.startswith("operator:")


def test_too_early_is_said(world: World) -> None:
    """A week is not drawn before it starts, nor closed before it ends."""
    operator = world.operator()
    operator.post(f"/api/admin/weeks/{WEEK}/open")
    for act in ("draw", "close"):
        refused = operator.post(f"/api/admin/weeks/{WEEK}/{act}")
        assert (refused.status_code, refused.json()["code"]) == (409, "too_early")
    refused = operator.post(f"/api/admin/weeks/{WEEK}/settle")
    assert (refused.status_code, refused.json()["code"]) == (409, "week_not_resolved")


@pytest.mark.parametrize("act", ACTS[1:])
def test_a_week_that_is_not_open_is_not_found(world: World, act: str) -> None:
    """There is nothing to act on, and asking leaves nothing behind."""
    operator = world.operator()
    for week in (WEEK, "2026-W99", "nonsense"):
        answer = operator.post(f"/api/admin/weeks/{week}/{act}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_week")


@pytest.mark.parametrize(
    "rules", [{"grants": 5}, {"grant": "5"}, {"grant": 5.5}, {"late_entry": 1}, {"prizes": [{"rank": 1}]}, 7], ids=str
)
def test_rules_that_do_not_fit_are_refused(world: World, rules: object) -> None:
    """A misspelt or mistyped rule opens no week."""
    refused = world.operator().post(f"/api/admin/weeks/{WEEK}/open", json={"rules": rules})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.rules")
    assert world.ledger.weeks() == []


def test_an_override_needs_a_reason(world: World) -> None:
    """Who cuts the correction window short says why."""
    world.open_week()
    refused = world.operator().post(f"/api/admin/weeks/{WEEK}/finalise", json={"override": True, "reason": " "})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


def test_what_is_done_by_hand_is_kept_with_its_reason(world: World) -> None:
    """A case names act, operator and reason, in the act's own append; what the clock did before needs none."""
    operator = world.operator()
    assert operator.post(f"/api/admin/weeks/{WEEK}/open", json={"reason": "early birds"}).status_code == 200
    world.draw()
    assert operator.post(f"/api/admin/weeks/{WEEK}/draw", json={"reason": "unsure"}).status_code == 200
    world.clock.set(MONDAY + timedelta(days=7))
    assert operator.post(f"/api/admin/weeks/{WEEK}/close").status_code == 200
    refused = operator.post(f"/api/admin/weeks/{WEEK}/settle", json={"reason": " "})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    records = world.ledger.recorder(WEEK).read_topics("case.opened", "week.opened", "week.closed")
    cases = [fact_of(record).event for record in records if record.topic == "case.opened"]
    assert [case.reason for case in cases if isinstance(case, CaseOpened)] == ["early birds", "by hand"]
    assert {record.actor for record in records} == {f"operator:{operator.id}"}
    assert [record.topic for record in records] == ["week.opened", "case.opened", "week.closed", "case.opened"]


def test_an_operator_sees_what_a_week_waits_for(world: World) -> None:
    """Games by name, stakes once the week is closed, and cases."""
    (ann,) = world.playing("Ann")
    assert ann.bet(world.market().bet()).status_code == 201
    operator = world.operator()
    shown = operator.get(f"/api/admin/weeks/{WEEK}").json()
    game = shown["games"][0] | {"game_id": "", "starts_at": ""}
    assert game == {
        "game_id": "",
        "external_id": "BAL-CIN",
        "league": "NFL",
        "home": "BAL",
        "away": "CIN",
        "starts_at": "",
        "waits_for": "result",
    }
    assert [shown[name] for name in ("state", "open_stakes", "final_at", "sealed_at", "archive")] == [
        "grouped",
        *[None] * 4,
    ]
    world.clock.set(MONDAY + timedelta(days=7))
    operator.post(f"/api/admin/weeks/{WEEK}/close")
    case = disputing.open_case(
        world.ledger, week=WEEK, subject=f"week:{WEEK}", reason="look at it", actor="operator:1", request="case"
    )
    shown = operator.get(f"/api/admin/weeks/{WEEK}").json()
    assert (shown["state"], shown["open_stakes"]) == ("closed", 1)
    assert shown["open_cases"] == [str(case.result().stream)]
    assert ann.get(f"/api/admin/weeks/{WEEK}").status_code == 403


def test_an_archived_week_is_shown_and_not_told_from_its_events(dsn: str, drawn: tuple[World, User, User]) -> None:
    """Standings and the tree stay; statements, draws, live streams and acts say that it is archived."""
    world, ann, _ = drawn
    operator = world.operator()
    head = world.ledger.recorder(WEEK).head().position
    release = "SELECT release_log(%s, %s, %s, repeat('0', 64), repeat('0', 64), now(), 'operator:1')"
    with psycopg.connect(dsn) as owner:
        owner.execute(release, (WEEK, head, bytes(32)))
    week = f"/api/weeks/{WEEK}"
    shown = operator.get(f"/api/admin{week.removeprefix('/api')}").json()
    assert (shown["archive"]["size"], shown["games"], shown["open_stakes"]) == (head, [], None)
    seen = (week, f"{week}/rules", f"{week}/pools?after={WEEK}:{head}", "/api/me/weeks", "/api/bets")
    for path in (*seen, f"/api/logs/{WEEK}/consistency?old=1&size=2"):
        assert ann.get(path).status_code == 200, path
    export = ann.get("/api/me/export").json()
    assert [(kept["week"], kept["facts"]) for kept in export["weeks"]] == [(WEEK, None)]
    answers = [
        ann.get(f"/api/me/statement?week={WEEK}"),
        ann.get(f"{week}/draw"),
        ann.get(f"{week}/live"),
        ann.post(f"{week}/entry"),
        operator.post(f"/api/admin/weeks/{WEEK}/close"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "week_archived")] * len(
        answers
    )
