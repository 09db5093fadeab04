"""What operators see of the feed and do about it, over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from feeds.inbox import Inbox
from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.world import KICK_OFF, WEEK, User, World

WHY = {"reason": "ticket 4711"}


def letters(world: World, *bodies: bytes) -> list[int]:
    """Have messages fail; returns their numbers."""
    inbox = Inbox(world.ledger.datastore)
    for body in bodies:
        inbox.bury(msg_id=body.hex(), subject="s", reason="r", body=body, message=None, at=world.clock.now())
    return [letter.id for letter in inbox.dead_letters()]


def flag(world: World, game_id: UUID) -> int:
    flags, at = world.services.care.flags, world.clock.now()
    flags.raise_flag("moved", cause="c", source="nfl", week=WEEK, game_id=game_id, detail="to Friday", at=at)
    return flags.flags()[0].id


def act(user: User, path: str, body: dict[str, Any], *, etag: str | None, key: str) -> httpx.Response:
    headers = {"Idempotency-Key": key} | ({} if etag is None else {"If-Match": etag})
    return user.post(path, json=body, headers=headers)


def test_dead_letters_are_listed_tried_again_and_dropped(world: World) -> None:
    """Newest first, there and back; each change wants the state that was seen, and is done once for its key."""
    operator, ids = world.operator(), letters(world, b"{}", b"[]", b"1")
    assert [each["id"] for each in there_and_back(operator.get, "/api/admin/dead-letters", limit=2)] == ids[::-1]
    refuses_what_is_no_page(operator.get, "/api/admin/dead-letters")
    path = f"/api/admin/dead-letters/{ids[0]}"
    found = operator.get(path)
    etag = found.headers["etag"]
    assert (found.json()["body"], found.json()["resolved"]) == ("{}", None)
    refused = act(operator, f"{path}/retry", {}, etag=None, key="k0")
    assert (refused.status_code, refused.json()["code"]) == (428, "precondition_required")
    tried = [act(operator, f"{path}/retry", {}, etag=etag, key="k1") for _ in range(2)]
    assert [(each.status_code, each.json()["reason"], each.json()["tries"]) for each in tried] == [
        (200, "v must be 1", 1)
    ] * 2
    stale = act(operator, f"{path}/drop", WHY, etag=etag, key="k2")
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert act(operator, f"{path}/drop", {"reason": " "}, etag="*", key="k2").status_code == 422
    dropped = act(operator, f"{path}/drop", WHY, etag=tried[1].headers["etag"], key="k2")
    assert (dropped.json()["resolved"], dropped.json()["resolved_by"]) == ("dropped", f"operator:{operator.id}")
    again = act(operator, f"{path}/drop", WHY, etag="*", key="k3")
    assert (again.status_code, again.json()["code"]) == (409, "dead_letter_resolved")
    assert len(operator.get("/api/admin/dead-letters").json()["data"]) == 2
    assert len(operator.get("/api/admin/dead-letters?all=true").json()["data"]) == 3
    unknown = operator.get(f"/api/admin/dead-letters/{ids[-1] + 1}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_dead_letter")


def test_flags_are_listed_and_resolved_and_attention_names_what_waits(world: World) -> None:
    """A flag waits for a person until one has looked at it."""
    operator = world.operator()
    world.open_week()
    game_id = world.game()
    id_ = flag(world, game_id)
    path = f"/api/admin/flags/{id_}"
    assert [each["kind"] for each in operator.get("/api/admin/attention").json()["data"]] == ["flag"]
    assert there_and_back(operator.get, "/api/admin/flags", limit=1)[0]["detail"] == "to Friday"
    refuses_what_is_no_page(operator.get, "/api/admin/flags")
    seen = operator.get(path).headers["etag"]
    stale = act(operator, f"{path}/resolution", {"note": "known"}, etag='"7"', key="k")
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    resolved = act(operator, f"{path}/resolution", {"note": "known"}, etag=seen, key="k")
    assert (resolved.json()["note"], resolved.json()["resolved_by"]) == ("known", f"operator:{operator.id}")
    assert act(operator, f"{path}/resolution", {"note": "known"}, etag=seen, key="k").json() == resolved.json()
    assert operator.get("/api/admin/attention").json()["data"] == []
    assert operator.get("/api/admin/flags").json()["data"] == []
    assert operator.get("/api/admin/flags?all=true").json()["data"] == [resolved.json()]
    assert operator.get(f"/api/admin/flags/{id_ + 1}").json()["code"] == "unknown_flag"
    (noted,) = world.ledger.recorder("office").read_topics("case.opened")
    assert noted.actor == f"operator:{operator.id}"


@pytest.mark.parametrize("market", [None, "spread"])
def test_a_game_is_stopped_and_goes_on_by_hand(world: World, market: str | None) -> None:
    """Players are told that it takes no stakes; the state that was seen is asked for, and the reason kept."""
    (ann,) = world.playing("Ann")
    operator, quoted = world.operator(), world.market()
    path = f"/api/admin/weeks/{WEEK}/games/{quoted.game_id}"
    found = operator.get(path)
    assert (found.json()["suspended"], found.json()["starts_at"][:10]) == (None, str(KICK_OFF.date()))
    body = WHY | {"market": market}
    answers = [act(operator, f"{path}/suspension", body, etag=found.headers["etag"], key="k1") for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    stopped = answers[1].json()
    assert "operator" in (stopped["suspended"], stopped["markets"][0]["suspended"])
    refused = ann.bet(quoted.bet())
    assert (refused.status_code, refused.json()["code"]) == (409, "market_closed")
    stale = act(operator, f"{path}/reopening", body, etag=found.headers["etag"], key="k2")
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    reopened = act(operator, f"{path}/reopening", body, etag=answers[1].headers["etag"], key="k2")
    assert (reopened.status_code, reopened.json()["suspended"]) == (200, None)
    assert ann.bet(quoted.bet(), key="two").status_code == 201
    assert [record.actor for record in world.ledger.recorder(WEEK).read_topics("case.closed")] == [
        f"operator:{operator.id}"
    ] * 2
    listed = operator.get(f"/api/admin/weeks/{WEEK}/games").json()["data"]
    assert [game["game_id"] for game in listed] == [str(quoted.game_id)]
    assert operator.get(f"/api/admin/weeks/{WEEK}/games?stuck=true").json()["data"] == []
    unknown = act(operator, f"/api/admin/weeks/{WEEK}/games/{quoted.market_id}/suspension", WHY, etag="*", key="k3")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_game")
