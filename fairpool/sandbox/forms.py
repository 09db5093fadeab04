"""Stripe's requests: forms whose names have brackets, `line_items[0][price_data][currency]=usd`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from fairpool.sandbox.errors import invalid

NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
PART = re.compile(r"\[([^\[\]]*)\]")


def decode(form: str) -> dict[str, Any]:
    """Return a form as nested mappings of text; a list is a mapping from its indices, `a[]` counts on by itself."""
    decoded: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        match = NAME.fullmatch(name)
        if match is None:
            raise invalid(f"Invalid parameter name: {name}", param=name)
        _put(decoded, [match[1], *PART.findall(match[2])], value, name)
    return decoded


def _put(decoded: dict[str, Any], steps: list[str], value: str, name: str) -> None:
    into = decoded
    for step in steps[:-1]:
        into = into.setdefault(step or str(len(into)), {})
        if not isinstance(into, dict):
            raise invalid(f"Invalid parameter: {name} is given as one value and as many", param=name)
    last = steps[-1] or str(len(into))
    if last in into:
        raise invalid(f"Invalid parameter: {name} is given twice", param=name)
    into[last] = value
