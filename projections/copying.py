"""Rows as the CSV that COPY reads, written as JSON at the speed of C: but for its brackets, an array is a line of CSV.

Text stands in quotes, and a backslash escapes quotes and itself, as COPY is told. JSON escapes control characters,
too, which CSV does not know; they come back as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Final, get_origin

import msgspec

from ledger.facts import canonical
from ledger.instants import Instant
from projections.rows import Row, types_of, values_of

CSV: Final = "FORMAT csv, ESCAPE '\\', NULL 'null'"
_ROWS_A_PIECE: Final = 2_000
_ESCAPE: Final = re.compile(rb'\\(?:["\\]|([bfnrt])|u00([0-9a-f]{2}))')
_CONTROLS: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def lines(row_type: type[Row], rows: Sequence[Row]) -> Iterator[bytes]:
    """Yield rows as CSV, in pieces."""
    encoder = msgspec.json.Encoder(enc_hook=_text)
    given = iter(rows if _is_plain(row_type) else map(_plain, map(values_of(row_type), rows)))
    while piece := list(islice(given, _ROWS_A_PIECE)):
        yield _csv(encoder.encode_lines(piece))


def _csv(text: bytes) -> bytes:
    text = text.replace(b"]\n[", b"\n")[1:-2] + b"\n"
    return _ESCAPE.sub(_unescaped, text) if b"\\" in text else text


def _unescaped(found: re.Match[bytes]) -> bytes:
    letter, code = found.groups()
    if letter is not None:
        return _CONTROLS[letter]
    return found[0] if code is None else bytes.fromhex(code.decode())


def _is_plain(row_type: type[Row]) -> bool:
    """Say whether JSON writes all columns as PostgreSQL reads them."""
    return not {bytes, dict} & {get_origin(kind) or kind for kind in types_of(row_type).values()}


def _plain(values: tuple[Any, ...]) -> list[Any]:
    return [_readable(value) for value in values]


def _readable(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return canonical(value).decode() if isinstance(value, dict) else value


@lru_cache(maxsize=256)
def _text(instant: Any) -> str:
    """Return the text of an instant: events that were appended together share one."""
    if isinstance(instant, Instant):
        return str(instant)
    raise TypeError(f"{type(instant).__name__} has no place in a row")
