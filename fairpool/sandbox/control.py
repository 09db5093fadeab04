"""The sandbox's own paths, `/sandbox/…`: over HTTP, what can be done to it in Python."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any, get_args

from fairpool.sandbox.faults import Harm
from fairpool.sandbox.sandbox import Sandbox
from fairpool.sandbox.webhooks import Mode, Webhook

ACTS = frozenset(
    {
        *("pay", "begin_slow_payment", "end_slow_payment", "refund", "fail_refund", "dispute", "close_dispute"),
        *("renew", "fail_renewal", "cancel_subscription", "complete_onboarding", "restrict", "verify"),
        *("fail_verification", "reverse_transfer", "set_balance", "tick"),
    }
)


class NotUnderstood(Exception):
    """There is no such act, or not with these arguments: the message names them."""


def act(sandbox: Sandbox, name: str, arguments: dict[str, Any]) -> Any:
    """Do what `POST /sandbox/{name}` asks for: a method of the sandbox, the webhooks or the faults, by its name.

    Raises NotUnderstood, NotPossible, StripeFault.
    """
    if name in ACTS:
        return _call(getattr(sandbox, name), arguments)
    others = {
        "webhook": lambda url, secrets, connect_secrets=(): _point(sandbox, url, secrets, connect_secrets),
        "mode": lambda mode: setattr(sandbox.webhooks, "mode", _one_of(get_args(Mode), mode)),
        "deliver": sandbox.webhooks.deliver,
        "deliver_queued": sandbox.webhooks.deliver_queued,
        "fault": lambda harm, path, **more: sandbox.faults.add(_one_of(get_args(Harm), harm), path, **more),
        "latency": lambda seconds: setattr(sandbox.faults, "latency_seconds", float(seconds)),
        "clear_faults": sandbox.faults.clear,
    }
    if name not in others:
        raise NotUnderstood(f"There is no act {name}: there are {', '.join(sorted(ACTS | others.keys()))}")
    return _call(others[name], arguments)


def look(sandbox: Sandbox, name: str) -> Any:
    """Return what `GET /sandbox/{name}` asks for: `requests`, `queued`, or the objects of a kind."""
    if name == "requests":
        return [asdict(each) for each in sandbox.requests()]
    if name == "queued":
        return sandbox.webhooks.queued()
    return sandbox.objects(name)


def _call(method: Any, arguments: dict[str, Any]) -> Any:
    try:
        inspect.signature(method).bind(**arguments)
    except TypeError as error:
        raise NotUnderstood(f"{method.__name__}: {error}") from error
    return method(**arguments)


def _one_of(choices: tuple[Any, ...], given: Any) -> Any:
    if given not in choices:
        raise NotUnderstood(f"{given!r} is not one of {', '.join(choices)}")
    return given


def _point(sandbox: Sandbox, url: str, secrets: list[str], connect_secrets: list[str]) -> None:
    sandbox.webhooks.endpoint = Webhook(url, tuple(secrets), tuple(connect_secrets))
