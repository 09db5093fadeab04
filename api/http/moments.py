"""Instants on the wire, as the API tells them and as clients send them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, PlainSerializer, WithJsonSchema

from ledger.instants import instant_text

Moment = Annotated[
    datetime,
    PlainSerializer(instant_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-16T05:00:00.000000Z"]}),
]
"""An instant in the ledger's one spelling: UTC with microseconds."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        # What a zone shifts beyond the calendar would be stored, and never be read again.
        raise ValueError("in UTC this lies outside the years 1 to 9999") from error


def _as_text(moment: object) -> object:
    # A number would be read as seconds since 1970 or, above some size, as milliseconds: nobody is told which.
    if isinstance(moment, int | float) or (isinstance(moment, str) and ":" not in moment):
        raise ValueError("write a time such as 2026-11-16T05:00:00Z")
    return moment


GivenMoment = Annotated[AwareDatetime, BeforeValidator(_as_text), AfterValidator(_in_utc)]
"""An instant as a client sends it, in whichever zone."""
