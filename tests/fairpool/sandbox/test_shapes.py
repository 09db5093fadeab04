"""Requests are held against the shapes that the stripe package documents."""

from __future__ import annotations

from typing import Any

import pytest
from stripe import params

from fairpool.sandbox.errors import StripeFault
from fairpool.sandbox.shapes import read

SESSION = params.checkout.SessionCreateParams
LIST = params.EventListParams


def test_values_get_the_types_of_their_shape() -> None:
    """Integers, booleans, lists and mappings come out of text."""
    form = {"limit": "3", "types": {"1": "b", "0": "a"}, "created": {"gte": "7"}, "delivery_success": "false"}
    assert read(LIST, form) == {
        "limit": 3,
        "types": ["a", "b"],
        "created": {"gte": 7},
        "delivery_success": False,
    }
    assert read(LIST, {"created": "7"}) == {"created": 7}


@pytest.mark.parametrize(
    ("shape", "form", "code", "param"),
    [
        (SESSION, {"nonsense": "1"}, "parameter_unknown", "nonsense"),
        (SESSION, {"api_key": "sk"}, "parameter_unknown", "api_key"),
        (
            SESSION,
            {"line_items": {"0": {"price_data": {"currency": "usd", "price": "1"}}}},
            "parameter_unknown",
            "line_items[0][price_data][price]",
        ),
        (
            SESSION,
            {"line_items": {"0": {"price_data": {"unit_amount": "1"}}}},
            "parameter_missing",
            "line_items[0][price_data][currency]",
        ),
        (SESSION, {"expires_at": "soon"}, "parameter_invalid_integer", "expires_at"),
        (SESSION, {"mode": "gift"}, None, "mode"),
        (SESSION, {"client_reference_id": ""}, "parameter_invalid_empty", "client_reference_id"),
        (SESSION, {"line_items": "x"}, None, "line_items"),
        (LIST, {"created": {"since": "1"}}, "parameter_unknown", "created[since]"),
        (params.TransferCreateParams, {"currency": "usd"}, "parameter_missing", "destination"),
    ],
)
def test_what_does_not_fit_is_named(shape: type, form: dict[str, Any], code: str | None, param: str) -> None:
    """The error tells the parameter, in brackets as Stripe writes it, and the code."""
    with pytest.raises(StripeFault) as error:
        read(shape, form)
    assert (error.value.status, error.value.code, error.value.param) == (400, code, param)


@pytest.mark.parametrize(
    "metadata",
    [{f"key{n}": "x" for n in range(51)}, {"k" * 41: "x"}, {"k": "x" * 501}, {"k": {"deeper": "x"}}],
    ids=["too many", "long name", "long value", "nested"],
)
def test_metadata_keep_to_their_limits(metadata: dict[str, Any]) -> None:
    """At most 50 keys of 40 characters with values of 500; as many and as long as that is fine."""
    with pytest.raises(StripeFault) as error:
        read(SESSION, {"metadata": metadata})
    assert (error.value.param or "").startswith("metadata")
    allowed = {f"{n:040}": "x" * 500 for n in range(50)}
    assert read(SESSION, {"metadata": allowed}) == {"metadata": allowed}


def test_empty_metadata_are_no_metadata() -> None:
    """An empty value unsets a key."""
    assert read(SESSION, {"metadata": {"a": "", "b": "1"}}) == {"metadata": {"b": "1"}}
