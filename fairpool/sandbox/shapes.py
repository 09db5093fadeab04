"""Requests held against the shapes that the stripe package documents in `stripe.params`: no name more, none missing.

A shape is a TypedDict. What it says of enumerations is taken at its word: the `| str` that it adds for
values to come is not accepted.
"""

from __future__ import annotations

import re
import sys
from decimal import Decimal, InvalidOperation
from functools import cache
from types import SimpleNamespace, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from stripe import RequestOptions, StripeObject

from fairpool.sandbox.errors import StripeFault, invalid

METADATA_KEYS_MAX = 50
METADATA_KEY_CHARACTERS_MAX = 40
METADATA_VALUE_CHARACTERS_MAX = 500


def read(shape: type, form: dict[str, Any]) -> dict[str, Any]:
    """Return a decoded form with the types of a shape; raises StripeFault as Stripe does, naming the parameter."""
    return _mapping(shape, form, "")


def _mapping(shape: Any, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid("Invalid object", param=path)
    hints = _hints(shape)
    for name in value:
        if name not in hints:
            unknown = _joined(path, name)
            raise invalid(f"Received unknown parameter: {unknown}", param=unknown, code="parameter_unknown")
    for name in hints:
        if name in shape.__required_keys__ and name not in value:
            absent = _joined(path, name)
            raise invalid(f"Missing required param: {absent}.", param=absent, code="parameter_missing")
    return {name: _value(hints[name], given, _joined(path, name)) for name, given in value.items()}


@cache
def _hints(shape: Any) -> dict[str, Any]:
    """Return the types of a shape's parameters: not of the client's own options, which the shapes inherit."""
    own = {name: hint for name, hint in shape.__annotations__.items() if name not in RequestOptions.__annotations__}
    return get_type_hints(SimpleNamespace(__annotations__=own), vars(sys.modules[shape.__module__]))


def _value(hint: Any, value: Any, path: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _either(arguments, value, path)
    if origin is Literal:
        return _literal(arguments, value, path)
    if origin is list:
        return [_value(arguments[0], item, f"{path}[{index}]") for index, item in enumerate(_items(value, path))]
    if origin is dict:
        return _metadata(value, path) if path.endswith("metadata") else _table(arguments[1], value, path)
    if hasattr(hint, "__required_keys__"):
        return _mapping(hint, value, path)
    return _scalar(hint, value, path)


def _either(choices: tuple[Any, ...], value: Any, path: str) -> Any:
    """Return the value as the first choice that takes it; the error is that of the choice which got farthest."""
    names_values = any(get_origin(choice) is Literal and get_args(choice) != ("",) for choice in choices)
    faults: list[StripeFault] = []
    for choice in choices:
        is_for_answers = isinstance(get_origin(choice), type) and issubclass(get_origin(choice), StripeObject)
        if choice is type(None) or is_for_answers or (choice is str and names_values):
            continue
        try:
            return _value(choice, value, path)
        except StripeFault as fault:
            faults.append(fault)
    raise max(faults, key=lambda fault: len(fault.param or ""))


def _literal(choices: tuple[Any, ...], value: Any, path: str) -> Any:
    if value not in choices:
        named = ", ".join(str(choice) for choice in choices)
        raise invalid(f"Invalid {path}: must be one of {named}", param=path)
    return value


def _items(value: Any, path: str) -> list[Any]:
    if not isinstance(value, dict) or not all(name.isdecimal() for name in value):
        raise invalid("Invalid array", param=path)
    return [value[name] for name in sorted(value, key=int)]


def _table(hint: Any, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid("Invalid hash", param=path)
    return {name: _value(hint, item, _joined(path, name)) for name, item in value.items()}


def _metadata(value: Any, path: str) -> dict[str, str]:
    table = {name: item for name, item in _table(object, value, path).items() if item != ""}
    if len(table) > METADATA_KEYS_MAX:
        raise invalid(f"Metadata can have up to {METADATA_KEYS_MAX} keys, but you passed {len(table)}.", param=path)
    for name, item in table.items():
        if not isinstance(item, str):
            raise invalid("Metadata values must be strings", param=_joined(path, name))
        for what, text, most in (
            ("keys", name, METADATA_KEY_CHARACTERS_MAX),
            ("values", item, METADATA_VALUE_CHARACTERS_MAX),
        ):
            if len(text) > most:
                said = f"Metadata {what} can have up to {most} characters, but you passed in one of {len(text)}."
                raise invalid(said, param=path)
    return table


def _scalar(hint: Any, value: Any, path: str) -> Any:
    if hint is object:
        return value
    if not isinstance(value, str):
        raise invalid(f"Invalid value for {path}: one text is expected, not several", param=path)
    if value == "":
        said = f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter."
        raise invalid(said, param=path, code="parameter_invalid_empty")
    if hint is int:
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise invalid(f"Invalid integer: {value}", param=path, code="parameter_invalid_integer")
        return int(value)
    if hint is bool:
        if value not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", param=path)
        return value == "true"
    if hint in (float, Decimal):
        return _decimal(value, path)
    return value


def _decimal(value: str, path: str) -> Decimal:
    try:
        return Decimal(value)
    except InvalidOperation:
        raise invalid(f"Invalid decimal: {value}", param=path) from None


def _joined(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name
