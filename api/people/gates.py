"""Gates: who may take part where the law asks for an age or a place. All of them are open unless configured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from api.refusal import Refusal
from ledger import weeks

JURISDICTION: Final = r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$"


@dataclass(frozen=True, slots=True)
class Gates:
    """What enrolment asks for: at least `minimum_age` years, and a place in one of `jurisdictions`.

    Jurisdictions are ISO 3166-1 and -2 codes: `US-NY` admits New York alone, `CA` all of Canada. None of them, and no
    minimum age, is an open gate.
    """

    minimum_age: int | None = None
    jurisdictions: frozenset[str] = frozenset()

    def require_admitted(self, *, date_of_birth: date | None, jurisdiction: str | None, week: str) -> None:
        """Return if a person may take part in a week: age counts on the day on which it starts in New York.

        Raises Refusal `age_unknown`, `too_young`, `jurisdiction_unknown` or `jurisdiction_not_served`.
        """
        if self.minimum_age is not None:
            if date_of_birth is None:
                raise Refusal("age_unknown", "Say when you were born first: PATCH /api/me with your date_of_birth.")
            if age_on(first_day(week), born=date_of_birth) < self.minimum_age:
                raise Refusal("too_young", f"You must be {self.minimum_age} on the day on which week {week} starts.")
        if self.jurisdictions:
            if jurisdiction is None:
                raise Refusal("jurisdiction_unknown", "Say where you live first: PATCH /api/me with your jurisdiction.")
            if self.jurisdictions.isdisjoint({jurisdiction, jurisdiction.partition("-")[0]}):
                raise Refusal("jurisdiction_not_served", f"Weeks are not offered in {jurisdiction}.")


def age_on(day: date, *, born: date) -> int:
    """Return a person's age in full years; who was born on 29 February turns a year older on 1 March, or on the day."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def first_day(week: str) -> date:
    """Return the date on which a week starts in New York."""
    return weeks.starts_at(week).astimezone(weeks.NEW_YORK).date()
