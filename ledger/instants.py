"""Instants: points in time as the ledger writes them, UTC with microseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self


class Instant(datetime):
    """A UTC time whose only text is `2024-11-08T01:15:00.000000Z`, so that equal times have equal bytes."""

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """Return the instant of an aware `moment`; a naive one is refused with ValueError."""
        if moment.tzinfo is None:
            raise ValueError(f"{moment.isoformat()} has no time zone: pass an aware datetime")
        utc = moment.astimezone(UTC)
        return cls(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, UTC)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an ISO 8601 time with a zone."""
        return cls.of(datetime.fromisoformat(text))

    def __str__(self) -> str:
        """Return the one text of this instant."""
        return self.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def instant_text(moment: datetime) -> str:
    """Return the ledger's text of an aware `moment`."""
    return str(Instant.of(moment))
