"""Who may use what: every route, for every kind of principal, on objects of one's own and of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from feeds.inbox import Inbox
from ledger.rules import Prize
from tests.api.world import WEEK, Market, World, serving

PUBLIC, SIGNED_IN = "public", "signed in"

RULES = {
    "confirm_password_reset": PUBLIC,
    "get_checkpoint": PUBLIC,
    "get_clock": PUBLIC,
    "get_consistency": PUBLIC,
    "get_draw": PUBLIC,
    "get_draw_entry": PUBLIC,
    "get_draw_roster": PUBLIC,
    "get_game": PUBLIC,
    "get_health": PUBLIC,
    "get_index": PUBLIC,
    "get_problem": PUBLIC,
    "get_readiness": PUBLIC,
    "get_rules": PUBLIC,
    "get_tile": PUBLIC,
    "get_week": PUBLIC,
    "list_checkpoints": PUBLIC,
    "list_games": PUBLIC,
    "list_log_keys": PUBLIC,
    "list_markets": PUBLIC,
    "list_offers": PUBLIC,
    "list_problems": PUBLIC,
    "list_token_keys": PUBLIC,
    "list_weeks": PUBLIC,
    "login": PUBLIC,
    "refresh": PUBLIC,
    "reset_password": PUBLIC,
    "signup": PUBLIC,
    "take_stripe_event": PUBLIC,
    "verify_email": PUBLIC,
    "get_bet_receipt": SIGNED_IN,
    "get_leaderboard": SIGNED_IN,
    "get_season": SIGNED_IN,
    "list_members": SIGNED_IN,
    "list_pools": SIGNED_IN,
    "move_clock": SIGNED_IN,
    "stream_live": SIGNED_IN,
    "change_my_password": "self",
    "describe_me": "self",
    "end_my_session": "self",
    "export_me": "self",
    "get_me": "self",
    "get_my_pool": "self",
    "get_my_statement": "self",
    "get_profile": "self",
    "list_my_sessions": "self",
    "list_my_weeks": "self",
    "logout": "self",
    "logout_everywhere": "self",
    "resend_verification": "self",
    "begin_identity_check": "play",
    "cool_off": "play",
    "create_checkout": "play",
    "end_my_subscription": "play",
    "enrol": "play",
    "erase_me": "play",
    "get_bet": "play",
    "get_my_limits": "play",
    "get_my_subscription": "play",
    "get_payment": "play",
    "get_receipt": "play",
    "list_bets": "play",
    "list_my_prizes": "play",
    "list_my_restrictions": "play",
    "list_payments": "play",
    "open_payout_account": "play",
    "place_bet": "play",
    "place_slip": "play",
    "self_exclude": "play",
    "set_my_limits": "play",
    "withdraw": "play",
    "get_statement": "audit",
    "close_week": "operate",
    "get_case": "operate",
    "list_cases": "operate",
    "preview_change": "operate",
    "apply_change": "dispute",
    "approve_change": "dispute",
    "close_case": "dispute",
    "open_case": "dispute",
    "propose_change": "dispute",
    "draw_week": "operate",
    "finalise_week": "operate",
    "get_prize": "operate",
    "get_week_outlook": "operate",
    "group_week": "operate",
    "hold_prize": "operate",
    "list_all_payments": "operate",
    "list_prizes": "operate",
    "open_week": "operate",
    "release_prize": "operate",
    "retry_prize": "operate",
    "settle_week": "operate",
    "drop_dead_letter": "operate",
    "get_attention": "operate",
    "get_dead_letter": "operate",
    "get_flag": "operate",
    "get_standing_game": "operate",
    "list_dead_letters": "operate",
    "list_flags": "operate",
    "list_standing_games": "operate",
    "reopen_game": "operate",
    "resolve_flag": "operate",
    "drop_generations": "operate",
    "get_projection": "operate",
    "list_projections": "operate",
    "rebuild_projections": "operate",
    "roll_back_projection": "operate",
    "retry_dead_letter": "operate",
    "suspend_game": "operate",
    "correct_player": "people",
    "create_api_key": "people",
    "get_player": "people",
    "lift_suspension": "people",
    "list_api_keys": "people",
    "list_players": "people",
    "note_tax_form": "people",
    "revoke_api_key": "people",
    "suspend_player": "people",
}
"""What each operation asks for. A new one is written down here first, or the matrix is not complete."""

MAY: dict[str, set[str]] = {
    "stranger": set(),
    "owner": {SIGNED_IN, "self", "play"},
    "fellow": {SIGNED_IN, "self", "play"},
    "outsider": {SIGNED_IN, "self", "play"},
    "auditor": {SIGNED_IN, "self", "audit"},
    "operator": {SIGNED_IN, "self", "audit", "operate", "dispute", "people"},
    "auditor's key": {SIGNED_IN, "audit"},
    "service's key": {SIGNED_IN, "audit", "operate"},
}
"""Who asks. Owner and fellow play the week in pools of their own, the outsider has signed up and nothing more."""

OPEN_TO_ALL = {"week", "game_id", "year", "code", "log", "level", "tile"}
"""Path parameters that name what belongs to nobody."""

SEEN_BY = {
    "bet_id": {"owner", "auditor", "operator", "auditor's key", "service's key"},
    "session_id": {"owner"},
    "payment_id": set(),
    "pool": {"owner", "fellow", "auditor", "operator", "auditor's key", "service's key"},
    "entry": {"auditor", "operator", "auditor's key", "service's key"},
    "case_id": {"operator", "service's key"},
    "key_id": {"operator"},
    "player_id": {"operator"},
    "letter_id": {"operator", "service's key"},
    "flag_id": {"operator", "service's key"},
    "projection": {"operator", "service's key"},
}
"""Path parameters that name what belongs to somebody, and who may know that it is there: for others it is not."""

REFUSED = {401, 403}
FIRST = Prize(amount_cents=5000, rank=1)


@dataclass(frozen=True)
class Operation:
    """A route's method, as the service's own OpenAPI document lists it."""

    name: str
    method: str
    path: str
    parameters: frozenset[str]


class Cast:
    """A week that the owner has won, those who ask, and the objects that they ask for."""

    def __init__(self, world: World) -> None:
        self._world = world
        owner, fellow = world.playing("Owner", "Fellow", pool_max=1, prize_min_entries=1, prizes=(FIRST,))
        self._people = {"owner": owner, "fellow": fellow, "outsider": world.signup("Outsider")}
        self._people |= {"auditor": world.staff("auditor"), "operator": world.operator()}
        market = world.market()
        bet = owner.bet(market.bet()).json()
        world.project()
        standing = owner.get("/api/me/pool").json()
        keys = {role: self._key(role) for role in ("auditor", "service")}
        self._tokens = {f"{role}'s key": key["key"] for role, key in keys.items()}
        self.objects = {
            "week": WEEK,
            "game_id": str(market.game_id),
            "year": WEEK[:4],
            "code": "not_found",
            "log": WEEK,
            "level": "0",
            "tile": "000",
            "bet_id": bet["bet_id"],
            "pool": standing["pool"]["pool_id"],
            "entry": owner.get("/api/me").json()["entry"],
            "key_id": self._key("service")["key_id"],
            "player_id": str(owner.id),
            "payment_id": str(uuid4()),
            "case_id": self._case(market),
            "letter_id": self._letter(),
            "flag_id": self._flag(market.game_id),
            "projection": "leaderboard",
            "session_id": owner.get("/api/me/sessions").json()["data"][0]["session_id"],
        }
        world.resolve(market.game_id, home=20, away=10, bets=[bet])
        world.finish()

    def _letter(self) -> str:
        """Have a message of the feed fail."""
        services = self._world.services
        inbox = Inbox(services.ledger.datastore)
        inbox.bury(msg_id="m", subject="s", reason="r", body=b"{}", message=None, at=services.clock())
        return str(inbox.dead_letters()[0].id)

    def _flag(self, game_id: UUID) -> str:
        flags = self._world.services.care.flags
        now = self._world.services.clock()
        flags.raise_flag("moved", cause="c", source="s", week=WEEK, game_id=game_id, detail="d", at=now)
        return str(flags.flags()[0].id)

    def _key(self, role: str) -> dict[str, Any]:
        body = {"role": role, "name": "matrix"}
        answer = self._people["operator"].post("/api/admin/keys", json=body)
        assert answer.status_code == 201, answer.text
        key: dict[str, Any] = answer.json()
        return key

    def _case(self, market: Market) -> str:
        body = {"subject": f"game:{market.game_id}", "reason": "matrix"}
        answer = self._people["operator"].post(f"/api/admin/weeks/{WEEK}/cases", json=body)
        assert answer.status_code == 201, answer.text
        case_id: str = answer.json()["case_id"]
        return case_id

    def status(self, who: str, operation: Operation) -> int:
        """Return what an operation answers to somebody who sends no body and asks for the owner's objects."""
        path = operation.path.format(**self.objects)
        with self._world.client.stream(operation.method, path, headers=self._headers(who)) as answer:
            return answer.status_code

    def _headers(self, who: str) -> dict[str, str]:
        if who == "stranger":
            return {}
        # People log in for each request: some of these routes end the session that asks.
        token = self._tokens.get(who) or self._world.log_in(self._people[who].email).token
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}


@pytest.fixture
def world(dsn: str) -> Iterator[World]:
    """A service that has every route."""
    with serving(dsn, with_test_clock=True) as world:
        yield world


@pytest.fixture
def operations(world: World) -> list[Operation]:
    """Every operation of the service."""
    document = world.client.get("/api/openapi.json").json()
    return [
        Operation(
            operation["operationId"],
            method.upper(),
            path,
            frozenset(each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_has_a_rule_and_every_object_an_owner(operations: list[Operation]) -> None:
    """A new route that nobody has written down here fails, and so does a rule without its route."""
    assert {operation.name for operation in operations} == set(RULES)
    assert {name for operation in operations for name in operation.parameters} == OPEN_TO_ALL | set(SEEN_BY)


def test_each_principal_is_let_through_to_what_its_scopes_allow(world: World, operations: list[Operation]) -> None:
    """Without a token 401, without the scope 403, and else neither, whatever the request says otherwise."""
    cast, wrong = Cast(world), []
    for operation in operations:
        for who, scopes in MAY.items():
            is_allowed = RULES[operation.name] in scopes | {PUBLIC}
            refusal = 401 if who == "stranger" else 403
            status = cast.status(who, operation)
            if (status in REFUSED) == is_allowed or (not is_allowed and status != refusal):
                wrong.append(f"{operation.method} {operation.path} answers {status} to the {who}")
    assert not wrong, "\n".join(wrong)


def test_objects_of_others_are_not_there(world: World, operations: list[Operation]) -> None:
    """Whoever has the scope but not the object gets 404, as for an object that does not exist; its owner does not."""
    cast, wrong = Cast(world), []
    for operation in operations:
        owned = operation.parameters & set(SEEN_BY)
        for who, scopes in MAY.items():
            if not owned or RULES[operation.name] not in scopes:
                continue
            is_seen = all(who in SEEN_BY[name] for name in owned)
            status = cast.status(who, operation)
            if (status == 404) == is_seen:
                wrong.append(f"{operation.method} {operation.path} answers {status} to the {who}")
    assert not wrong, "\n".join(wrong)
