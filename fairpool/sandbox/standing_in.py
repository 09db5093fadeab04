"""The sandbox in the provider's place: everything is for sale, and nothing of it is worth anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, get_args

from pydantic import SecretStr

from fairpool.clocks import system_clock
from fairpool.sandbox.sandbox import Sandbox
from fairpool.sandbox.server import running
from fairpool.sandbox.store import Clock
from fairpool.sandbox.webhooks import Webhook
from fairpool.settings import MoneyKind, Settings

PRIZE_FUND_CENTS: Final = 1_000_000
WEBHOOK_PATH: Final = "/api/webhooks/stripe"
_SECRET: Final = "whsec_sandbox"


@contextmanager
def standing_in(settings: Settings, clock: Clock) -> Iterator[tuple[Settings, Sandbox]]:
    """Run a sandbox by the game's clock, and give settings by which all is sold and paid there.

    It tells of payments once `point_at` has said where the API is.
    """
    sandbox = Sandbox(clock=clock, real_now=system_clock)
    sandbox.set_balance(PRIZE_FUND_CENTS)
    with running(sandbox) as url:
        money = {
            "payments_on": frozenset(get_args(MoneyKind)),
            "stripe_key": SecretStr(sandbox.api_key),
            "stripe_url": url,
            "stripe_webhook_secrets": SecretStr(_SECRET),
            "currency": "USD",
        }
        yield settings.model_copy(update=money), sandbox


def point_at(sandbox: Sandbox, api_url: str) -> None:
    """Have the sandbox tell the API what happens."""
    sandbox.webhooks.endpoint = Webhook(f"{api_url}{WEBHOOK_PATH}", (_SECRET,))
