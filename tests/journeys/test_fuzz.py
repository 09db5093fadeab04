"""A short search for answers that the OpenAPI document does not foresee; `make fuzz` looks for longer."""

from __future__ import annotations

import re

from tests.fuzz import fuzz, playground


def test_nothing_is_found_in_a_short_while(dsn: str) -> None:
    """As a player, with a few requests for each operation and a few walks along the links, every check holds."""
    with playground(dsn) as world:
        done = fuzz(world, role="player", examples=3, seed=1, phases=["examples", "fuzzing", "stateful"], is_quiet=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(\d{3,}) generated, \1 passed", done.stdout), done.stdout
