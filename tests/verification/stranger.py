"""`docs/verify_week.py` as a stranger has it: loaded from its one file, and asked by its command line."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

from tests.played_week import SIGNER

PROGRAM: Final = Path(__file__).parents[2] / "docs" / "verify_week.py"
KEY: Final = str(SIGNER.verifier)


class Answer(NamedTuple):
    """What the program said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def kinds(self) -> list[str]:
        """The kinds of the differences, in order."""
        return [line.partition(":")[0] for line in self.out.splitlines()]


def program() -> ModuleType:
    """Return the program as a module."""
    loaded = sys.modules.get("verify_week")
    if loaded is None:
        spec = importlib.util.spec_from_file_location("verify_week", PROGRAM)
        assert spec is not None
        assert spec.loader is not None
        loaded = sys.modules["verify_week"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
    return loaded


def verify(*arguments: str | Path, key: str = KEY) -> Answer:
    """Run the program with a key, in this process."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = program().main([*map(str, arguments), "--key", key])
        except SystemExit as left:
            code = int(left.code or 0)
    return Answer(code, out.getvalue(), err.getvalue())
