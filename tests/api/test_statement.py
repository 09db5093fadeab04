"""Statements over HTTP."""

from __future__ import annotations

from uuid import UUID, uuid4

from ledger import weeks
from tests.api.pages import refuses_what_is_no_page, there_and_back
from tests.api.world import WEEK, User, World


def entry_of(world: World, user: User) -> UUID:
    entry = world.ledger.entries.entry_of(player_id=user.id, week=WEEK)
    assert entry is not None
    return entry


def settled(world: World) -> tuple[User, list[dict[str, object]]]:
    """A player with a bet that was won and one that was lost, as they were answered."""
    ann, _ = world.playing("Ann", "Bob")
    market = world.market()
    bets = [ann.bet(market.bet(outcome=outcome), key=outcome).json() for outcome in ("home", "away")]
    world.settle(market.game_id, home=30, away=20, bets=bets)
    world.project()
    return ann, bets


def test_a_statement_has_every_movement_with_its_balance(world: World) -> None:
    """Newest first, each with the terms of its bet and the teams that play."""
    ann, (won, lost) = settled(world)
    statement = ann.get("/api/me/statement").json()
    assert (statement["week"], statement["available"], statement["has_more"]) == (WEEK, 995, False)
    assert statement["entry"] == str(entry_of(world, ann))
    lines = [(line["kind"], line["amount"], line["available"], line["bet_id"]) for line in statement["data"]]
    assert lines == [
        ("lost", 0, 995, lost["bet_id"]),
        ("payout", 95, 995, won["bet_id"]),
        ("stake", -50, 900, lost["bet_id"]),
        ("stake", -50, 950, won["bet_id"]),
        ("grant", 1000, 1000, None),
    ]
    assert statement["data"][1] | {"at": ""} == {
        "kind": "payout",
        "amount": 95,
        "available": 995,
        "bet_id": won["bet_id"],
        "bet_status": "won",
        "game_id": won["game_id"],
        "home": "BAL",
        "away": "CIN",
        "market": "spread",
        "outcome": "home",
        "line": "-6.5",
        "price": -110,
        "reason": None,
        "resolution": 1,
        "note": None,
        "case_id": None,
        "position": statement["data"][1]["position"],
        "at": "",
    }
    assert statement["data"][3]["position"] == won["position"]
    assert statement["data"][3]["at"] == won["placed_at"]


def test_a_statement_is_never_behind(world: World) -> None:
    """A bet is on it before any read model has heard of it; only the teams' names come from one."""
    (ann,) = world.playing("Ann")
    placed = ann.bet(world.market().bet()).json()
    newest = ann.get("/api/me/statement").json()["data"][0]
    assert (newest["bet_id"], newest["available"]) == (placed["bet_id"], 950)
    assert (newest["home"], newest["away"]) == (None, None)


def test_a_statement_is_read_in_pages_there_and_back(world: World) -> None:
    """In both orders, each movement once."""
    ann, _ = settled(world)
    newest_first = ann.get("/api/me/statement").json()["data"]
    for limit in (1, 2, 5, 6):
        for order, expected in (("desc", newest_first), ("asc", newest_first[::-1])):
            assert there_and_back(ann.get, "/api/me/statement", limit=limit, order=order) == expected
    refuses_what_is_no_page(ann.get, "/api/me/statement")
    assert ann.get("/api/me/statement", params={"order": "up"}).status_code == 422


def test_a_cursor_of_another_week_is_refused(world: World) -> None:
    """It would say nothing about a place here."""
    ann, _ = settled(world)
    cursor = ann.get("/api/me/statement", params={"limit": 1}).json()["next_cursor"]
    following = weeks.following(WEEK)
    world.open_week(following)
    assert ann.post(f"/api/weeks/{following}/entry").status_code == 201
    refused = ann.get("/api/me/statement", params={"week": "next", "cursor": cursor})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")


def test_without_an_account_a_statement_is_empty(world: World) -> None:
    """Who is not enrolled has no entry, who is not drawn yet has no account."""
    world.open_week()
    (ann,) = world.enrolled("Ann")
    empty = {"data": [], "has_more": False, "next_cursor": None, "previous_cursor": None, "available": None}
    nobody = {"week": weeks.preceding(WEEK), "entry": None}
    assert ann.get("/api/me/statement").json() == empty | nobody
    waiting = {"week": WEEK, "entry": str(entry_of(world, ann))}
    assert ann.get("/api/me/statement", params={"week": WEEK}).json() == empty | waiting
    unknown = ann.get("/api/me/statement", params={"week": "soon"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_week")


def test_auditors_read_the_statement_of_any_entry(world: World) -> None:
    """As its player sees it; players do not, and an entry without an account is 404."""
    ann, _ = settled(world)
    path = f"/api/weeks/{WEEK}/entries/{entry_of(world, ann)}/statement"
    operator = world.operator()
    assert operator.get(path).json() == ann.get("/api/me/statement").json()
    assert there_and_back(operator.get, path, limit=2, order="asc")[0]["kind"] == "grant"
    assert ann.get(path).status_code == 403
    unknown = operator.get(f"/api/weeks/{WEEK}/entries/{uuid4()}/statement")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_entry")
    unopened = operator.get(f"/api/weeks/2026-W50/entries/{uuid4()}/statement")
    assert (unopened.status_code, unopened.json()["code"]) == (404, "unknown_week")
