"""Idempotency keys, as Stripe keeps them: the first answer to a key is the answer for a day.

Source: docs.stripe.com/api/idempotent_requests. Answers of an execution are kept, errors too; what failed validation,
or met a request of the same key under way, was not executed and leaves the key free.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fairpool.sandbox.errors import StripeFault, invalid
from fairpool.sandbox.objects import Object
from fairpool.sandbox.store import DAY

KEY_CHARACTERS_MAX = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sandbox answers. `is_replayed`: it is the answer to an earlier request with the same key."""

    status: int
    body: Object
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A request's answer, None while it is under way; `asked` is what it asked for, `at` when (Unix time)."""

    asked: tuple[str, str, str]
    at: int
    answer: Answer | None


class Idempotency:
    """The keys of a day. Whoever calls holds the sandbox's lock."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def begin(self, key: str, asked: tuple[str, str, str], *, now: int) -> Answer | None:
        """Return the answer to replay, None where the request is to be executed; raises StripeFault (400, 409)."""
        if not 1 <= len(key) <= KEY_CHARACTERS_MAX:
            raise invalid(f"Idempotency keys have up to {KEY_CHARACTERS_MAX} characters.")
        kept = self._kept.get(key)
        if kept is not None and kept.at + DAY > now:
            if kept.asked != asked:
                raise _other_request(key)
            if kept.answer is None:
                raise _under_way(key)
            return replace(kept.answer, is_replayed=True)
        self._kept[key] = Kept(asked, now, None)
        return None

    def keep(self, key: str, answer: Answer) -> None:
        """Remember the answer to a request that was begun."""
        self._kept[key] = replace(self._kept[key], answer=answer)

    def forget(self, key: str) -> None:
        """Leave a key free whose request was not executed after all."""
        del self._kept[key]


def _other_request(key: str) -> StripeFault:
    said = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return StripeFault(400, said, kind="idempotency_error")


def _under_way(key: str) -> StripeFault:
    said = f"There is currently another in-progress request using this idempotent key: {key}."
    return StripeFault(409, said, code="idempotency_key_in_use")
