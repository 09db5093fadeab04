"""How forms with brackets are read."""

from __future__ import annotations

import pytest

from fairpool.sandbox.errors import StripeFault
from fairpool.sandbox.forms import decode


def test_brackets_are_nested_mappings() -> None:
    """Each bracket leads one level deeper, and text stays text."""
    assert decode("a[0][b]=1&a[0][c]=x%20y&a[1][b]=&d=2") == {
        "a": {"0": {"b": "1", "c": "x y"}, "1": {"b": ""}},
        "d": "2",
    }


def test_empty_brackets_count_on() -> None:
    """`a[]` is the next item of a list."""
    assert decode("a[]=x&a[]=y") == {"a": {"0": "x", "1": "y"}}


@pytest.mark.parametrize("form", ["a=1&a=2", "a=1&a[b]=2", "a[b=1", "[a]=1"])
def test_what_contradicts_itself_is_refused(form: str) -> None:
    """A name given twice, as a value and a mapping, or not closed, is an error of the request."""
    with pytest.raises(StripeFault) as error:
        decode(form)
    assert error.value.status == 400
