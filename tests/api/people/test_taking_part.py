"""Taking part in weeks, as a person: what happens when a restriction and an enrolment meet."""

from __future__ import annotations

from uuid import UUID

import pytest

from api.weeks import is_enrolled
from tests.api.world import WEEK, World


def test_a_restriction_during_an_enrolment_wins(world: World) -> None:
    """One that comes between the check and the enrolment finds no entry to withdraw: the enrolment sees to it."""
    world.open_week()
    ann = world.signup("Ann")
    assert ann.get("/api/me").json()["restrictions"] == []
    new_id = world.ledger.new_id

    def restrict_first() -> UUID:
        world.ledger.new_id = new_id
        answer = ann.post("/api/me/cool-off", json={"days": 7, "confirm": True})
        assert answer.json()["withdrawn"] == []
        return new_id()

    world.ledger.new_id = restrict_first
    refused = ann.post(f"/api/weeks/{WEEK}/entry")
    assert (refused.status_code, refused.json()["code"]) == (403, "restricted")
    entry = world.ledger.entries.entry_of(player_id=ann.id, week=WEEK)
    assert entry is not None
    assert not is_enrolled(world.services, week=WEEK, entry=entry)


def test_an_erasure_during_an_enrolment_wins(world: World) -> None:
    """The entry takes no part in the week, and no row says whose it was."""
    world.open_week()
    ann = world.signup("Ann")
    new_id = world.ledger.new_id
    made = []

    def erase_first() -> UUID:
        world.ledger.new_id = new_id
        assert ann.post("/api/me/deletion", json={"password": "correct horse"}).status_code == 200
        made.append(new_id())
        return made[0]

    world.ledger.new_id = erase_first
    refused = ann.post(f"/api/weeks/{WEEK}/entry")
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_player")
    assert not is_enrolled(world.services, week=WEEK, entry=made[0])
    assert world.ledger.entries.entries_of(player_id=ann.id) == []


def test_an_enrolment_during_an_erasure_is_withdrawn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that comes between the withdrawals and the end of the person leaves no entry that is nobody's."""
    world.open_week()
    ann = world.signup("Ann")
    erase = world.services.people.erase
    made = []

    def enrol_first(player_id: UUID) -> object:
        world.services.taking_part.enrol(player_id=player_id, week=WEEK, via="free", request="late")
        made.append(world.ledger.entries.entry_of(player_id=player_id, week=WEEK))
        return erase(player_id)

    monkeypatch.setattr(world.services.people, "erase", enrol_first)
    erased = ann.post("/api/me/deletion", json={"password": "correct horse"})
    assert erased.json()["withdrawn"] == [WEEK]
    (entry,) = made
    assert entry is not None
    assert not is_enrolled(world.services, week=WEEK, entry=entry)
    assert world.ledger.entries.entries_of(player_id=ann.id) == []
