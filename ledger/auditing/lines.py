"""Export lines, read back: the record that a line holds, once it is found to be the one way to write it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from ledger.facts import ExportLine, Record, canonical
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


class LineReader:
    """Reads lines, one after another. Those of one append share their time, which is read once."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(ExportLine)
        self._encoder = msgspec.json.Encoder()
        self._text = ""
        self._time: Instant

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
            if envelope.recorded_at != self._text:
                self._time = Instant.parse(envelope.recorded_at)
                self._text = str(self._time)
        except (msgspec.DecodeError, ValueError) as error:
            raise LineError(f"is no export line: {error}") from error
        if envelope.recorded_at != self._text or self._encoder.encode(envelope) != line:
            raise LineError("is not canonical: a field is written in another way than RFC 8785 and the format have it")
        return Record(
            log=envelope.log,
            position=envelope.position,
            stream=envelope.stream,
            version=envelope.version,
            topic=envelope.type,
            schema=envelope.schema,
            state=bytes(envelope.data),
            recorded_at=self._time,
            actor=envelope.actor,
            request=envelope.request,
            cause=envelope.cause,
        )


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
