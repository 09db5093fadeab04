"""Facts: events in their envelopes, their stored form, and the export line that anyone can hash."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from ledger.events import Event, event_types
from ledger.ids import position_token
from ledger.instants import Instant
from ledger.mendable import Mendable

S = TypeVar("S", bound=msgspec.Struct)


class UnknownTopic(Mendable):
    """The log holds an event that this release does not know: upgrade before reading on."""


class UnreadableEvent(Mendable):
    """A stored event does not have the fields of its topic and schema."""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as it is stored: `state` is the canonical JSON of its data, never changed, never upcast."""

    log: str
    position: int
    stream: UUID
    version: int
    topic: str
    schema: int
    state: bytes
    recorded_at: Instant
    actor: str
    request: str
    cause: str | None

    @property
    def token(self) -> str:
        """The opaque token of this record's place."""
        return position_token(self.log, self.position)


class Fact(msgspec.Struct, kw_only=True, eq=False, gc=False):
    """An event in its envelope. The append stamps `position` and `recorded_at`; before that they are 0 and None.

    `record` is what it was read from; two facts are equal whatever they were read from.
    """

    log: str
    stream: UUID
    version: int
    event: Event
    actor: str
    request: str
    cause: str | None = None
    position: int = 0
    recorded_at: Instant | None = None
    record: Record | None = None

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """Compare all but the record."""
        if not isinstance(other, Fact):
            return NotImplemented
        names = [name for name in Fact.__struct_fields__ if name != "record"]
        return all(getattr(self, name) == getattr(other, name) for name in names)

    @property
    def token(self) -> str:
        """The opaque token of this fact's place."""
        return position_token(self.log, self.position)

    @property
    def at(self) -> Instant:
        """When it was recorded; only a stamped fact has a time."""
        if self.recorded_at is None:
            raise ValueError(f"{self.event.TOPIC} of stream {self.stream} is not recorded yet")
        return self.recorded_at


Upcast = Callable[[dict[str, Any]], dict[str, Any]]
Upcasts = Mapping[tuple[str, int], Upcast]

UPCASTS: Upcasts = {("payment.prize_held", 1): lambda data: {**data, "reason": "operator", "why": ""}}
"""From (topic, schema) to the function that turns its data into that of the next schema. Stored data stays as it is."""


def _encode_special(value: Any) -> str:
    if isinstance(value, Instant):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in an event")


def _decode_special(wanted: type, value: Any) -> Any:
    if wanted is Instant:
        return Instant.parse(value)
    raise TypeError(f"{wanted.__name__} has no place in an event")


class ExportLine(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """An export line. Its fields stand in their canonical order, which is quicker than sorting them each time."""

    actor: str
    cause: str | None
    data: msgspec.Raw
    log: str
    position: int
    recorded_at: str
    request: str
    schema: int
    stream: UUID
    type: str
    version: int


_CANONICAL = msgspec.json.Encoder(order="sorted", enc_hook=_encode_special)
_LINE = msgspec.json.Encoder()
_BUILDING = threading.Lock()


def decoder(what: Any, *, dec_hook: Callable[[type, Any], Any] = _decode_special) -> msgspec.json.Decoder[Any]:
    """Return a decoder of events, or of what holds them; keep it, as it takes its time to make."""
    # While msgspec looks at a type for the first time, another thread that uses the type crashes the process.
    with _BUILDING:
        return msgspec.json.Decoder(what, dec_hook=dec_hook)


@cache
def _decoder(struct: type[S]) -> msgspec.json.Decoder[S]:
    return decoder(struct)


def read_as(struct: type[S], text: bytes) -> S:
    """Return what a JSON text says, as an event or a part of one; raises msgspec.ValidationError where it does not fit.

    Such types are read here only, in any thread: the first use of one must not meet another.
    """
    value: S = _decoder(struct).decode(text)
    return value


def canonical(value: Any) -> bytes:
    """Return RFC 8785 canonical JSON of a value without floats: keys sorted, nothing between tokens."""
    return _CANONICAL.encode(value)


def decode(record: Record, *, upcasts: Upcasts = UPCASTS) -> Event:
    """Return the event of a record, brought to today's schema.

    Raises UnknownTopic, or UnreadableEvent where the data does not fit; both name the position.
    """
    event_type = event_types().get(record.topic)
    if event_type is None:
        raise UnknownTopic(f"{record.token}: topic {record.topic!r} is not known to this release")
    if record.schema > event_type.SCHEMA:
        raise UnknownTopic(f"{record.token}: {record.topic} schema {record.schema} is newer than this release")
    try:
        if record.schema == event_type.SCHEMA:
            return read_as(event_type, record.state)
        data = msgspec.json.decode(record.state)
        for schema in range(record.schema, event_type.SCHEMA):
            data = upcasts[record.topic, schema](data)
        return read_as(event_type, canonical(data))
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        raise UnreadableEvent(f"{record.token}: {record.topic} schema {record.schema}: {error}") from error


def fact_of(record: Record, *, keeps_record: bool = True) -> Fact:
    """Return the fact that a record holds. Who keeps many facts for long lets it do without the record."""
    return Fact(
        log=record.log,
        stream=record.stream,
        version=record.version,
        event=decode(record),
        actor=record.actor,
        request=record.request,
        cause=record.cause,
        position=record.position,
        recorded_at=record.recorded_at,
        record=record if keeps_record else None,
    )


def record_of(fact: Fact) -> Record:
    """Return the record that a stamped fact was read from or, of one that was triggered here, what was stored."""
    return fact.record or Record(
        log=fact.log,
        position=fact.position,
        stream=fact.stream,
        version=fact.version,
        topic=fact.event.TOPIC,
        schema=fact.event.SCHEMA,
        state=canonical(fact.event),
        recorded_at=fact.at,
        actor=fact.actor,
        request=fact.request,
        cause=fact.cause,
    )


def export_line(record: Record) -> bytes:
    """Return the record's line of an export, without LF: canonical JSON of the envelope with its data.

    The stored state goes in as it is, so the bytes depend on nothing but the record. They are the leaf that a
    Merkle tree of the log hashes.
    """
    return _LINE.encode(_line_of(record, str(record.recorded_at)))


def export_lines(records: Iterable[Record]) -> list[bytes]:
    """Return the export line of each record; those that follow one another at one time share its text."""
    lines, last, text = [], None, ""
    for record in records:
        if record.recorded_at != last:
            last, text = record.recorded_at, str(record.recorded_at)
        lines.append(_LINE.encode(_line_of(record, text)))
    return lines


def _line_of(record: Record, recorded_at: str) -> ExportLine:
    return ExportLine(
        actor=record.actor,
        cause=record.cause,
        data=msgspec.Raw(record.state),
        log=record.log,
        position=record.position,
        recorded_at=recorded_at,
        request=record.request,
        schema=record.schema,
        stream=record.stream,
        type=record.topic,
        version=record.version,
    )
