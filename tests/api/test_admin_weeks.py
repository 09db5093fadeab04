"""What operators do with weeks over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.world import MONDAY, WEEK, World

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
