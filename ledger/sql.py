"""Named queries: each `.sql` file holds `-- name: query` blocks, called by the method of the same name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def queries(package: str, file: str) -> Mapping[str, LiteralString]:
    """Return the queries of a package's `.sql` file by name.

    The text is the project's own, which is what LiteralString stands for: parameters never become part of it.
    """
    text = files(package).joinpath(file).read_text(encoding="utf-8")
    parts = _NAME.split(text)
    return {name: cast(LiteralString, body.strip()) for name, body in zip(parts[1::2], parts[2::2], strict=True)}
