"""What operators see of projections and do about them, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx

from ledger.events import CaseClosed, CaseOpened
from ledger.facts import fact_of
from ledger.recorder import LogRecorder
from projections.builder import Builder
from projections.catalogue import projections
from tests.api.world import WEEK, User, World

PATH = "/api/admin/projections"
WHY = {"reason": "ticket 4711"}


def act(user: User, path: str, body: dict[str, Any], *, key: str, etag: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} | ({} if etag is None else {"If-Match": etag})
    return user.post(f"{PATH}{path}", json=body, headers=headers)


def acts(world: World, log: str) -> list[tuple[str, str]]:
    """The acts noted in a log: what each was about, and what came of it."""
    events = [fact_of(record).event for record in LogRecorder(world.ledger.datastore, log).read()]
    subjects = [event.subject for event in events if isinstance(event, CaseOpened)]
    return list(zip(subjects, (event.outcome for event in events if isinstance(event, CaseClosed)), strict=True))


def test_a_rebuild_is_asked_for_and_gone_back_from(world: World, dsn: str) -> None:
    """It is made by a builder, while the routes answer; each act is done once for its key, and stands in the ledger."""
    operator = world.operator()
    world.playing("Ann")
    world.project()
    asked = [act(operator, "/rebuild", WHY | {"name": "weeks", "week": WEEK}, key="k1") for _ in range(2)]
    assert [each.status_code for each in asked] == [202, 202]
    assert asked[0].json() == asked[1].json()
    [generation] = asked[0].json()["data"]
    assert {name: generation[name] for name in ("name", "generation", "state", "week", "reason", "actor")} == {
        "name": "weeks",
        "generation": 2,
        "state": "asked",
        "week": WEEK,
        "reason": "ticket 4711",
        "actor": f"operator:{operator.id}",
    }
    builder = Builder(world.ledger.datastore, projections(), dsn=dsn, clock=world.clock.now)
    assert builder.step() == 1
    found = operator.get(f"{PATH}/weeks")
    assert found.headers["etag"] == '"2"'
    assert [(each["generation"], each["state"]) for each in found.json()["generations"]] == [(1, "kept"), (2, "live")]
    week = next(each for each in found.json()["logs"] if each["log"] == WEEK)
    assert week["error"] is None
    assert week["head"].startswith(f"{WEEK}:")
    assert act(operator, "/weeks/rollback", WHY, key="k2").status_code == 428
    back = [act(operator, "/weeks/rollback", WHY, key="k2", etag='"2"') for _ in range(2)]
    assert [(each.status_code, each.headers["etag"]) for each in back] == [(200, '"1"')] * 2
    stale = act(operator, "/weeks/rollback", WHY, key="k3", etag='"2"')
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    dropped = act(operator, "/weeks/drop", WHY, key="k4", etag='"1"')
    assert [(each["name"], each["generation"]) for each in dropped.json()["data"]] == [("weeks", 2)]
    nothing = act(operator, "/weeks/rollback", WHY, key="k5", etag="*")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_kept")
    assert acts(world, WEEK) == [("projection:weeks", f"rebuild of weeks asked for, {WEEK}")]
    assert acts(world, "office") == [
        ("projection:weeks", "weeks went back to generation 1"),
        ("projection:weeks", "dropped weeks_g2"),
    ]
    listed = operator.get(PATH).json()["data"]
    assert [each["name"] for each in listed] == [each.name for each in projections()]


def test_what_cannot_be_rebuilt_is_refused(world: World) -> None:
    """A misspelt projection, a week that is not there, and no reason: nothing is asked for."""
    operator = world.operator()
    for body, status, code in (
        (WHY | {"name": "week"}, 404, "unknown_projection"),
        (WHY | {"week": "2031-W01"}, 404, "unknown_week"),
        ({"reason": " "}, 422, "invalid_request"),
    ):
        refused = act(operator, "/rebuild", body, key=f"key {status} {code}".replace(" ", "-"))
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert operator.get(f"{PATH}/week").json()["code"] == "unknown_projection"
    assert all(len(each["generations"]) == 1 for each in operator.get(PATH).json()["data"])
