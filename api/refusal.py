"""What the API refuses by itself. It stands apart from `errors`, so that rules about people need no web framework."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """The API itself refuses a request. `code` is a key of KINDS, `members` what the problem says beyond its text."""

    def __init__(self, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: str) -> None:
        super().__init__(detail)
        self.code = code
        self.headers = dict(headers or {})
        self.members = members
