"""Texts that are nearly the JSON that somebody expects, made with a seed from an object that is as it should be."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from random import Random
from typing import Any, Final

DEEP: Final = 30_000
_TOKENS: Final = (
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        "1e-400",
        "-0",
        "-0.0",
        "1.0",
        "1E+2",
        "01",
        "+1",
        ".5",
        "1.",
        "0x1",
    ),
    *(
        "9007199254740993",
        "123456789012345678901234567890",
        "-9223372036854775809",
        "1" * 5_000,
        "1" + "0" * 400 + ".0",
    ),
    *(
        "null",
        "true",
        "[]",
        "{}",
        "[[]]",
        '{"a":{}}',
        '""',
        '" "',
        '"\\u0000"',
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\\ud83d\\ude00"',
    ),
    *(
        '"\\x41"',
        '"\t"',
        '"a',
        "'a'",
        "undefined",
        '"' + "a" * 70_000 + '"',
        "[" * DEEP,
        "[" * 900 + "]" * 900,
        '{"a":' * 900,
    ),
    *(
        '"1"',
        '"null"',
        '"../../etc"',
        '"%00"',
        '"\'; --"',
        '"\u202e\u2028\ufeff"',
        '"\\uFFFF"',
        '"2026-13-45T99:99:99Z"',
    ),
    *('"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999999-23:59"', '"00000000-0000-0000-0000-000000000000"', '"{}"'),
    *(
        '"office:1"',
        '"urn:uuid:00000000-0000-0000-0000-000000000000"',
        '"e\u0301@\u00e9.example"',
        "-1",
        "0",
        "1e2",
        "2",
        "/**/1",
    ),
)
_NAMES: Final = (
    '"a"',
    '""',
    '"\\ud800"',
    '"\\u0000"',
    '"__proto__"',
    '"constructor"',
    "a",
    '"' + "k" * 3_000 + '"',
    "1",
    '"\\u0076"',
)


class Raw(str):
    """A value as it is to be written, which may be no JSON at all."""


def texts(random: Random, good: dict[str, Any]) -> bytes:
    """Make a text of an object: of its values, names or bytes some are changed."""
    said = json.loads(json.dumps(good))
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        _spoil(random, said)
    text = written(random, said).encode("utf-8", "surrogatepass")
    return random.choice(_WHOLE)(random, text) if random.random() < 0.25 else text


def written(random: Random, value: Any) -> str:
    """Write a value, raw ones as they are; a name may come twice, or be a strange one."""
    match value:
        case Raw():
            return str(value)
        case dict():
            pairs = [f"{json.dumps(name)}:{written(random, each)}" for name, each in value.items()]
            if random.random() < 0.1:
                pairs.insert(random.randrange(len(pairs) + 1), f"{random.choice(_NAMES)}:{random.choice(_TOKENS)}")
            if pairs and random.random() < 0.1:
                pairs.append(random.choice(pairs))
            return "{" + ",".join(pairs) + "}"
        case list():
            return "[" + ",".join(written(random, each) for each in value) + "]"
    return json.dumps(value)


def _spoil(random: Random, value: Any) -> None:
    """Change something within an object or a list."""
    places = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not places:
        return
    place = random.choice(places)
    within = value[place]
    if isinstance(within, dict | list) and within and random.random() < 0.8:
        _spoil(random, within)
    elif isinstance(value, dict) and random.random() < 0.15:
        del value[place]
    elif random.random() < 0.15:
        value[place] = random.choice(([within], {"a": within}, [within] * 200))
    else:
        value[place] = Raw(random.choice(_TOKENS))


def _cut(random: Random, text: bytes) -> bytes:
    return text[: random.randrange(len(text) + 1)]


def _flipped(random: Random, text: bytes) -> bytes:
    changed = bytearray(text or b"x")
    for _ in range(random.choice((1, 1, 3))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _recoded(coding: str) -> Callable[[Random, bytes], bytes]:
    return lambda random, text: text.decode("utf-8", "replace").encode(coding, "replace")


_WHOLE: Final[tuple[Callable[[Random, bytes], bytes], ...]] = (
    _cut,
    _flipped,
    _flipped,
    _recoded("utf-16"),
    _recoded("utf-16-be"),
    _recoded("utf-32"),
    _recoded("utf-8-sig"),
    lambda random, text: text + random.choice((b" ", b"\n\n", b"\0", b"x", b",", text)),
    lambda random, text: b"[" + text + b"]",
    lambda random, text: random.choice((b"", b" ", b"\0", b"null", b"1", b'"a"', b"[]", b"[" * DEEP, b'{"a":' * DEEP)),
    lambda random, text: text.replace(b'"', b"'"),
    lambda random, text: b"// a comment\n" + text,
    lambda random, text: random.randbytes(random.randrange(1, 300)),
    lambda random, text: gzip.compress(text, mtime=0),
    lambda random, text: text + b" " * 100_000,
)
