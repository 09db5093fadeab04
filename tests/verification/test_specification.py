"""The specification says what the program does: its forms and vectors are the program's."""

from __future__ import annotations

import re

import pytest

from tests.verification.stranger import PROGRAM, program
from tests.verification.vectors import LINE, vectors

stranger = program()
TEXT = (PROGRAM.parent / "verification.md").read_text()


def block(name: str) -> str:
    """What stands in the one block of that name."""
    found = re.search(rf"^```{name}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_vectors_are_what_the_program_comes_to() -> None:
    """Each of them, and no other."""
    stated = dict(re.split(r" {2,}|(?<=^.{20}) ", line, maxsplit=1) for line in block("vectors").splitlines())
    assert stated == vectors()
    assert block("leaf").encode() == LINE + b"\n"
    assert stranger.read_fact(LINE).token == "2026-W47:43"


def test_events_have_the_fields_that_the_program_asks_for() -> None:
    """Names and types, by type and schema."""
    stated = re.findall(r"^(\S+) (\d+):(.*)$", block("events"), re.MULTILINE)
    assert {(name, int(schema)) for name, schema, _ in stated} == set(stranger.FORMS)
    for name, schema, fields in stated:
        form = stranger.form(fields)
        assert form.names == stranger.FORMS[name, int(schema)].names


@pytest.mark.parametrize("name", ["envelope", "manifest", "rules", "proposal", "change"])
def test_other_objects_have_the_fields_that_the_program_asks_for(name: str) -> None:
    """Of the envelope, the manifest, the rules, and what is proposed in a case."""
    assert stranger.form(block(name)).names == getattr(stranger, name.upper()).names


def test_every_kind_of_difference_is_explained() -> None:
    """In the table at the top, and no other is."""
    table = TEXT[TEXT.index("| kind | what differs |") : TEXT.index("Notation:")]
    named = {kind for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for kind in re.findall(r"`(\w+)`", row)}
    assert named == set(stranger.KINDS)
