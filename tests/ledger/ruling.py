"""Short names for the way of a dispute: a case is opened, a change proposed on what is known now, and applied."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ledger import disputing
from ledger.facts import Fact
from ledger.proposal import Change
from tests.examples import WEEK, proposal
from tests.ledger.playing import PATIENCE, House, Listed

ANN, BOB = "operator:ann", "operator:bob"
PREVIEW = "sha256 of what was shown"


def open_case(house: House, game: Listed, *, actor: str = ANN, request: str = "open") -> UUID:
    asked: dict[str, Any] = {"subject": f"game:{game.game_id}", "reason": "players complain", "actor": actor}
    return disputing.open_case(house.ledger, week=WEEK, request=request, **asked).result(PATIENCE).stream


def propose(
    house: House, case_id: UUID, what: Change, *, actor: str = ANN, request: str = "propose", **more: Any
) -> Fact:
    said = proposal(what, **{"resolution": resolution_of(house, what.game_id)} | more)
    asked: dict[str, Any] = {"case_id": case_id, "proposal": said, "preview_hash": PREVIEW, "actor": actor}
    return disputing.propose(house.ledger, week=WEEK, request=request, **asked).result(PATIENCE)


def approve(house: House, case_id: UUID, *, actor: str = BOB, seen: str = PREVIEW) -> Fact:
    asked: dict[str, Any] = {"case_id": case_id, "preview_hash": seen, "actor": actor, "request": "approve"}
    return disputing.approve(house.ledger, week=WEEK, **asked).result(PATIENCE)


def apply(house: House, case_id: UUID, *, actor: str = ANN) -> list[Fact]:
    return disputing.apply(house.ledger, week=WEEK, case_id=case_id, actor=actor).result(PATIENCE)


def rule(house: House, game: Listed, what: Change, *, request: str) -> UUID:
    """The whole way; returns the case."""
    case_id = open_case(house, game, request=request)
    propose(house, case_id, what, request=request)
    apply(house, case_id)
    return case_id


def resolution_of(house: House, game_id: UUID) -> int:
    desk = house.ledger.desk(WEEK)
    return desk.ask(lambda on: on.settlement(game_id).resolution, actor="tester", request="look").result(PATIENCE)
