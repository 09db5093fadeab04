"""What the sandbox answers when it does not do what it was asked: Stripe's error object, with Stripe's codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class NotPossible(Exception):
    """The payer, or the dashboard, cannot do that as things stand: the message says how they stand."""


@dataclass(eq=False)
class StripeFault(Exception):
    """An answer that is an error. `is_kept`: it came of executing the request, so its idempotency key replays it."""

    status: int
    message: str
    kind: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    is_kept: bool = False

    @property
    def body(self) -> dict[str, Any]:
        """The error as Stripe writes it."""
        said = {"type": self.kind, "message": self.message, "code": self.code, "param": self.param}
        return {"error": {name: value for name, value in said.items() if value is not None}}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeFault:
    """The parameters are wrong: nothing was executed, and the idempotency key stays free."""
    return StripeFault(400, message, code=code, param=param)


def refused(message: str, *, param: str | None = None, code: str | None = None) -> StripeFault:
    """The parameters are fine, and it cannot be done."""
    return StripeFault(400, message, code=code, param=param, is_kept=True)


def missing(kind: str, ref: str, *, param: str = "id", status: int = 404) -> StripeFault:
    """There is no such object."""
    name = kind.rsplit(".", 1)[-1]
    return StripeFault(status, f"No such {name}: '{ref}'", code="resource_missing", param=param, is_kept=True)


def unauthorised() -> StripeFault:
    """The key is not ours."""
    return StripeFault(401, "Invalid API Key provided.")


def unknown_url(method: str, path: str) -> StripeFault:
    """There is nothing at this path."""
    return StripeFault(404, f"Unrecognized request URL ({method}: {path}).")


def broken() -> StripeFault:
    """Something went wrong on Stripe's end."""
    return StripeFault(500, "An unknown error occurred.", kind="api_error")
