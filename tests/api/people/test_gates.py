"""Gates: age and place, where the service asks for them."""

from __future__ import annotations

from datetime import date

import pytest

from api.people.gates import Gates, age_on, first_day
from api.refusal import Refusal
from fairpool.settings import Settings
from tests.api.world import WEEK, User, World, serving

OF_AGE = date(2005, 11, 16)


def code(gates: Gates, *, born: date | None = None, jurisdiction: str | None = None) -> str | None:
    """What a person is refused with, if at all."""
    try:
        gates.require_admitted(date_of_birth=born, jurisdiction=jurisdiction, week=WEEK)
    except Refusal as refusal:
        return refusal.code
    return None


def test_an_open_gate_asks_for_nothing() -> None:
    """As the service comes, nobody is asked who they are."""
    assert code(Gates()) is None


def test_age_counts_on_the_day_on_which_the_week_starts() -> None:
    """Who turns 21 on that Monday in New York may play, who does on Tuesday must wait a week."""
    gates = Gates(minimum_age=21)
    assert first_day(WEEK) == date(2026, 11, 16)
    assert code(gates, born=date(2005, 11, 16)) is None
    assert code(gates, born=date(2005, 11, 17)) == "too_young"
    assert code(gates) == "age_unknown"


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2004, 2, 29), date(2025, 2, 28), 20),
        (date(2004, 2, 29), date(2025, 3, 1), 21),
        (date(2004, 2, 29), date(2028, 2, 29), 24),
        (date(2000, 12, 31), date(2026, 1, 1), 25),
        (date(2000, 1, 1), date(2026, 1, 1), 26),
    ],
)
def test_age_is_counted_in_full_years(born: date, day: date, age: int) -> None:
    """Birthdays count from their day on; one on 29 February, in other years, from 1 March on."""
    assert age_on(day, born=born) == age


@pytest.mark.parametrize(
    ("jurisdiction", "refused"),
    [
        ("US-NY", None),
        ("CA", None),
        ("CA-ON", None),
        ("US-NJ", "jurisdiction_not_served"),
        ("US", "jurisdiction_not_served"),
        ("DE", "jurisdiction_not_served"),
        (None, "jurisdiction_unknown"),
    ],
)
def test_a_country_admits_all_of_it_and_a_subdivision_itself(jurisdiction: str | None, refused: str | None) -> None:
    """Who says the country only cannot be told from somebody of another subdivision."""
    assert code(Gates(jurisdictions=frozenset({"US-NY", "CA"})), jurisdiction=jurisdiction) == refused


def test_enrolment_goes_through_the_gates(dsn: str) -> None:
    """Each refusal says what is missing, until nothing is."""
    with serving(dsn, gates=Gates(minimum_age=21, jurisdictions=frozenset({"US-NY"}))) as world:
        ann, bob = gated(world, "Ann"), gated(world, "Bob")
        assert enrol(ann) == (409, "age_unknown")
        ann.request("PATCH", "/api/me", json={"date_of_birth": OF_AGE.isoformat()})
        assert enrol(ann) == (409, "jurisdiction_unknown")
        ann.request("PATCH", "/api/me", json={"jurisdiction": "US-NY"})
        assert enrol(ann) == (201, None)
        bob.request("PATCH", "/api/me", json={"date_of_birth": "2005-11-17", "jurisdiction": "US-NJ"})
        assert enrol(bob) == (403, "too_young")


def gated(world: World, name: str) -> User:
    """Somebody who wants to take part in the week."""
    if WEEK not in world.ledger.weeks():
        world.open_week()
    return world.signup(name)


def enrol(user: User) -> tuple[int, str | None]:
    answer = user.post(f"/api/weeks/{WEEK}/entry")
    return answer.status_code, answer.json().get("code")


def test_gates_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off by default; jurisdictions are separated by commas, and must be codes."""
    assert (Settings().minimum_age, Settings().jurisdictions) == (None, frozenset())
    monkeypatch.setenv("FAIRPOOL_MINIMUM_AGE", "21")
    monkeypatch.setenv("FAIRPOOL_JURISDICTIONS", "US-NY, CA")
    assert (Settings().minimum_age, Settings().jurisdictions) == (21, frozenset({"US-NY", "CA"}))
    monkeypatch.setenv("FAIRPOOL_JURISDICTIONS", "New York")
    with pytest.raises(ValueError, match="jurisdictions"):
        Settings()
