"""Topics, fields and schema numbers are frozen: logs and exports hold them, and readers elsewhere rely on them.

`event_contract.json` lists them all. To change it on purpose:

- a new topic: add it to the file;
- a field of a known topic that is new, gone, renamed, or of another type or meaning: give the event the next `SCHEMA`,
  add an upcast from the old one to `ledger.facts.UPCASTS`, and a test that reads an event of the old schema. Old and
  new releases then read the same log, and no stored byte changes.

`python -m tests.ledger.test_event_contract` prints the file as the code now has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec.inspect as inspection
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ledger.events import Event, event_types
from ledger.facts import Record, canonical, decode
from ledger.instants import Instant

CONTRACT = Path(__file__).with_name("event_contract.json")
SAFE = 2**53 - 1
"""The largest integer that JSON readers agree on (RFC 8785 §3.2.2.3)."""

_NAMES: dict[type[inspection.Type], str] = {
    inspection.IntType: "integer",
    inspection.StrType: "string",
    inspection.BoolType: "boolean",
    inspection.NoneType: "null",
    inspection.UUIDType: "uuid",
    inspection.CustomType: "instant",
}


def contract() -> dict[str, Any]:
    """The contract as the code has it."""
    return {
        topic: {"schema": event_type.SCHEMA, "data": json_type(inspection.type_info(event_type))}
        for topic, event_type in sorted(event_types().items())
    }


def json_type(info: inspection.Type) -> Any:
    """The JSON type of a field, by name: an object by its fields, an array by what is in it."""
    match info:
        case inspection.StructType(fields=fields):
            return {field.encode_name: json_type(field.type) for field in fields}
        case inspection.VarTupleType(item_type=item):
            return [json_type(item)]
        case inspection.DictType(value_type=value):
            return {"*": json_type(value)}
        case inspection.UnionType(types=types):
            named = [json_type(each) for each in types]
            return named if any(isinstance(each, dict) for each in named) else " or ".join(named)
        case inspection.IntType(ge=int(least), le=int(most)):
            return f"integer {least} to {most}"
        case inspection.StrType(min_length=int(least), max_length=int(most)):
            return f"string of {least} to {most}"
        case _:
            return _NAMES[type(info)]


def test_events_are_those_of_the_contract() -> None:
    """Every topic, its schema number and the type of each field, also of the topics that nothing writes yet."""
    assert contract() == json.loads(CONTRACT.read_text()), __doc__


def test_contract_lists_every_topic_of_the_design() -> None:
    """Weeks, entries, accounts, games, settlements, cases, payments and the office."""
    families: dict[str, set[str]] = {}
    for topic in event_types():
        family, name = topic.split(".")
        families.setdefault(family, set()).add(name)
    assert {family: len(names) for family, names in families.items()} == {
        "week": 8,
        "entry": 2,
        "account": 9,
        "game": 8,
        "settlement": 5,
        "case": 5,
        "payment": 14,
        "office": 5,
    }


def values(info: inspection.Type) -> SearchStrategy[Any]:
    """Any value of a field's type. Keys are ASCII, as all keys of events are; text is anything."""
    match info:
        case inspection.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{field.name: values(field.type) for field in fields})
        case inspection.VarTupleType(item_type=item):
            return st.lists(values(item), max_size=3).map(tuple)
        case inspection.DictType(value_type=value):
            keys = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=5)
            return st.dictionaries(keys, values(value), max_size=3)
        case inspection.UnionType(types=types):
            return st.one_of([values(each) for each in types])
        case inspection.IntType(ge=least, le=most):
            return st.integers(-SAFE if least is None else least, SAFE if most is None else most)
        case inspection.StrType(min_length=least, max_length=most):
            return st.text(min_size=least or 0, max_size=most or 10)
        case _:
            return _VALUES[type(info)]()


_VALUES: dict[type[inspection.Type], Callable[[], SearchStrategy[Any]]] = {
    inspection.BoolType: st.booleans,
    inspection.NoneType: st.none,
    inspection.UUIDType: st.uuids,
    inspection.CustomType: lambda: st.datetimes(timezones=st.just(UTC)).map(Instant.of),
}


def record_of(event: Event) -> Record:
    return Record(
        log="2026-W47",
        position=1,
        stream=UUID(int=1),
        version=1,
        topic=event.TOPIC,
        schema=event.SCHEMA,
        state=canonical(event),
        recorded_at=Instant(2026, 11, 17, tzinfo=UTC),
        actor="player",
        request="r",
        cause=None,
    )


@pytest.mark.parametrize("topic", sorted(event_types()))
def test_every_event_is_written_canonically_and_read_back(topic: str) -> None:
    """Its bytes are those of RFC 8785, every field is among them, and they give an equal event."""
    event_type = event_types()[topic]

    @settings(max_examples=20)
    @given(values(inspection.type_info(event_type)))
    def holds(event: Event) -> None:
        state = canonical(event)
        assert rfc8785.dumps(json.loads(state)) == state
        assert json.loads(state).keys() == set(event_type.__struct_encode_fields__)
        assert decode(record_of(event)) == event

    holds()


if __name__ == "__main__":
    print(json.dumps(contract(), indent=2))  # noqa: T201 - the file itself is asked for
