"""Export lines, read back: the facts that they hold, once they are found to be the one way to write them.

Honest lines are read many at a time: decoded as what their types say, and encoded again. Where that gives the same
bytes, there was no other way to write what they say (RFC 8785), and nothing that was not read. Where it does not, or a
line is of another schema, each line is looked at by itself, which says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, Union

import msgspec

from ledger.events import Event, event_types
from ledger.facts import (
    ExportLine,
    Fact,
    Record,
    UnknownTopic,
    UnreadableEvent,
    canonical,
    decoder,
    fact_of,
)
from ledger.instants import Instant


class LineError(ValueError):
    """A line that is no export line, or not the one way to write what it says."""


class Leaf(NamedTuple):
    """An event of a log as its tree has it: the bytes of its line without LF, and the record that it holds.

    Where the line cannot be read `record` is None and `trouble` says why.
    """

    line: bytes
    record: Record | None
    trouble: str = ""


class Block(NamedTuple):
    """Consecutive lines of a log, without their LF; the last one of a file may lack it, and is `cut_off` then.

    `records` are those that the lines were written from, where they come from the database.
    """

    lines: Sequence[bytes]
    records: Sequence[Record] = ()
    cut_off: bool = False

    @classmethod
    def of(cls, text: bytes) -> Block:
        """Return the lines of a text."""
        *lines, last = text.split(b"\n")
        return cls([*lines, last], cut_off=True) if last else cls(lines)

    @property
    def text(self) -> bytes:
        """The lines as a file has them."""
        return b"\n".join(self.lines) + (b"" if self.cut_off else b"\n")


class LineReader:
    """Reads lines, one after another. Those of one append share their time, which is read once."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(ExportLine)
        self._encoder = msgspec.json.Encoder()
        self._facts = decoder(_facts_of_lines(), dec_hook=self._read_special)
        self._canonical = msgspec.json.Encoder(order="sorted", enc_hook=self._write_special)
        self._text = ""
        self._time: Instant | None = None
        # Of the times that the lines of a block share.
        self._texts: dict[Instant, str] = {}

    def facts(self, block: Block) -> list[Fact] | None:
        """Return the facts of all lines at once; None where that cannot be done, so that `judged` must be asked.

        Their records are not kept: they are what `record_of` makes of the facts.
        """
        text = block.text
        self._texts.clear()
        try:
            facts = self.facts_of_canonical(text)
            return facts if self._canonical.encode_lines(facts) == text else None
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
            return None

    def facts_of_canonical(self, text: bytes) -> list[Fact]:
        """Return the facts of lines of which it is known that `facts` reads them; their records are not kept."""
        facts: list[Fact] = self._facts.decode_lines(text)
        return facts

    def judged(self, block: Block) -> Iterator[tuple[Fact | None, str]]:
        """Yield the fact of each line, None where it cannot be read, and what is wrong with how it is written."""
        return map(_judged, self.leaves(block))

    def leaves(self, block: Block) -> Iterator[Leaf]:
        """Yield the lines of a block, each with its record, or with what is wrong with it."""
        if block.records:
            yield from map(Leaf, block.lines, block.records)
            return
        last = len(block.lines) if block.cut_off else 0
        for number, line in enumerate(block.lines, start=1):
            yield self.leaf(line) if number != last else Leaf(line, None, "is cut off: no LF stands behind it")

    def leaf(self, line: bytes) -> Leaf:
        """Return a line with its record, or with what is wrong with it."""
        try:
            return Leaf(line, self.record(line))
        except LineError as error:
            return Leaf(line, None, str(error))

    def record(self, line: bytes) -> Record:
        """Return the record of a line (without LF); raises LineError."""
        try:
            envelope = self._decoder.decode(line)
            time = self._instant(envelope.recorded_at)
        except (msgspec.DecodeError, ValueError) as error:
            raise LineError(f"is no export line: {error}") from error
        if self._text != envelope.recorded_at or self._encoder.encode(envelope) != line:
            raise LineError("is not canonical: a field is written in another way than RFC 8785 and the format have it")
        return Record(
            log=envelope.log,
            position=envelope.position,
            stream=envelope.stream,
            version=envelope.version,
            topic=envelope.type,
            schema=envelope.schema,
            state=bytes(envelope.data),
            recorded_at=time,
            actor=envelope.actor,
            request=envelope.request,
            cause=envelope.cause,
        )

    def _instant(self, text: str) -> Instant:
        """Return the time that a text says; the one way to write it is in `_text` then. Raises ValueError."""
        if self._time is None or text != self._text:
            self._time = Instant.parse(text)
            self._text = str(self._time)
        return self._time

    def _read_special(self, wanted: type, value: Any) -> Instant:
        if wanted is Instant and isinstance(value, str):
            if self._time is not None and value == self._text:
                return self._time
            return self._instant(value)
        raise TypeError(f"{value!r} is no {wanted.__name__}")

    def _write_special(self, value: Any) -> str:
        text = self._texts.get(value)
        if text is None:
            text = self._texts[value] = str(value)
        return text


def leaves(blocks: Iterable[Block]) -> Iterator[Leaf]:
    """Yield the lines of blocks, each with its record, or with what is wrong with it."""
    reader = LineReader()
    for block in blocks:
        yield from reader.leaves(block)


@cache
def _facts_of_lines() -> Any:
    """Return the types of facts that lines are read as, one for each type of event, told apart as lines are."""
    return Union[tuple(_facts_of(topic, kind) for topic, kind in event_types().items())]  # noqa: UP007


def _facts_of(topic: str, kind: type[Event]) -> type[msgspec.Struct]:
    # All that a line has must be in it, and what it lacks, the record, may not.
    return msgspec.defstruct(
        f"{kind.__name__}Fact",
        [
            ("event", kind, msgspec.field(name="data")),
            ("position", int),
            ("recorded_at", Instant),
            ("cause", str | None),
            ("record", None, None),
            ("schema", Annotated[int, msgspec.Meta(ge=kind.SCHEMA, le=kind.SCHEMA)]),
        ],
        bases=(Fact,),
        tag_field="type",
        tag=topic,
        kw_only=True,
        eq=False,
        forbid_unknown_fields=True,
        omit_defaults=True,
    )


def _judged(leaf: Leaf) -> tuple[Fact | None, str]:
    if leaf.record is None:
        return None, leaf.trouble
    try:
        fact = fact_of(leaf.record)
    except (UnknownTopic, UnreadableEvent) as error:
        return None, str(error)
    # What is written anew the same way needs no second look; data of another schema does.
    state = leaf.record.state
    if canonical(fact.event) != state and not is_canonical(state):
        return fact, "is not canonical: its data is written in another way than RFC 8785 has it"
    return fact, ""


def is_canonical(state: bytes) -> bool:
    """Say whether the JSON of an event's data is written the one way of RFC 8785, and in whole numbers."""
    try:
        data = msgspec.json.decode(state)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return canonical(data) == state and not _holds_float(data)


def _holds_float(data: Any) -> bool:
    if isinstance(data, dict):
        return any(map(_holds_float, data.values()))
    if isinstance(data, list):
        return any(map(_holds_float, data))
    return isinstance(data, float)
