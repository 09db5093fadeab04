"""Prizes: what a player has won, and how they are paid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Body
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from api.http.moments import Moment
from api.http.reading import CAUGHT_UP, Shown
from api.identity.principal import AsPlayer
from api.refusal import Refusal
from api.services import Services, ServicesDep
from projections.payments import Prize

router = APIRouter(prefix="/me", tags=["prizes"])

PrizeState = Literal["owed", "held", "failed", "paid"]
_TO_DO: Final[Mapping[str, str]] = {
    "payout_account": "Open a payout account, or complete it: POST /api/me/payout-account.",
    "identity": "Show who you are: POST /api/me/identity-check.",
    "tax": "Send us the tax form that we have asked you for.",
    "dispute": "Settle the dispute about your payment with your bank and with us.",
}


class PrizeShown(Shown):
    """A prize. `state`: owed, held, failed (we try again) or paid. It is sent to the player's payout account.

    `reason` is what holds it: `payout_account`, `identity` and `tax` wait for the player, and `to_do` says for what;
    `dispute` and `operator` for us, and `why` is what an operator says of it. More reasons may be added.
    """

    entry: UUID
    week: str = Field(examples=["2026-W47"])
    pool_name: str = Field(examples=["W2026-47-A"])
    rank: int = Field(examples=[1])
    amount_cents: int = Field(examples=[5000])
    currency: str = Field(examples=["usd"])
    awarded_at: Moment
    state: PrizeState
    reason: str | None = Field(examples=["payout_account"])
    why: str | None
    to_do: str | None
    paid_at: Moment | None


class PrizeList(BaseModel):
    """The player's prizes, newest first."""

    data: list[PrizeShown]


class ReturnTo(BaseModel):
    """Where the provider's pages lead when the player is done: a page of one of the service's origins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    return_url: Annotated[
        str | None,
        Field(max_length=500, pattern=r"^https?://[!-\[\]-~]+$", examples=["https://app.example.org/prizes"]),
    ] = None


class ProvidersPage(BaseModel):
    """A page of the payment provider's, to send the player to at once: it lives for some minutes."""

    url: str = Field(examples=["https://connect.example.com/setup/e/acct_1/abc"])


class IdentityPage(BaseModel):
    """A page of the payment provider's, to send the player to at once; null where it is known who they are."""

    url: str | None = Field(examples=["https://verify.example.com/start/abc"])


Returning = Annotated[ReturnTo | None, Body()]


@router.get("/prizes", dependencies=[CAUGHT_UP])
def list_my_prizes(player: AsPlayer, services: ServicesDep) -> PrizeList:
    """Return the player's prizes, and what each waits for."""
    return PrizeList(data=[_shown(prize) for prize in reversed(_prizes(services, player.id))])


@router.post("/payout-account")
async def open_payout_account(player: AsPlayer, services: ServicesDep, body: Returning = None) -> ProvidersPage:
    """Make the page on which the player opens the account that prizes are sent to, or completes it.

    Refused with `unknown_prize` to who has won none, with `payments_off` where prizes are not paid, and with
    `payment_refused` where the provider will not have it. After `payments_unavailable` and `payment_moved` ask again:
    it is the same account.
    """
    return_url = _return_url(services, body)
    await run_in_threadpool(_require_prize, services, player.id)
    return ProvidersPage(url=await services.money.payout_desk.account_page(player.id, return_url=return_url))


@router.post("/identity-check")
async def begin_identity_check(player: AsPlayer, services: ServicesDep, body: Returning = None) -> IdentityPage:
    """Make the page on which the provider checks who the player is; after one that failed, a new one.

    Refused with `unknown_prize` to who has won none, with `payments_off` where prizes are not paid, and with
    `payment_refused` where the provider will not have it. After `payments_unavailable` and `payment_moved` ask again:
    it is the same check.
    """
    return_url = _return_url(services, body)
    await run_in_threadpool(_require_prize, services, player.id)
    return IdentityPage(url=await services.money.payout_desk.identity_page(player.id, return_url=return_url))


def _prizes(services: Services, player_id: UUID) -> list[Prize]:
    entries = [entry.entry for entry in services.ledger.entries.entries_of(player_id=player_id)]
    return services.views.payments.prizes_of(entries)


def _require_prize(services: Services, player_id: UUID) -> None:
    """Refuse who has won nothing: accounts and checks cost, and only winners need them."""
    if services.money.payout_desk.is_on and not _prizes(services, player_id):
        raise Refusal("unknown_prize", "You have won no prize: there is nothing to pay into an account yet.")


def _shown(prize: Prize) -> PrizeShown:
    # What the provider says of a failure is for operators to mend.
    reason = prize.reason if prize.state == "held" else None
    return PrizeShown.of(prize, reason=reason, to_do=_TO_DO.get(reason or ""))


def _return_url(services: Services, body: ReturnTo | None) -> str:
    """Return where the provider's pages lead: a stranger's page would be one that looks like ours."""
    wanted = body.return_url if body is not None else None
    if wanted is None:
        return services.return_url
    if _origin(wanted) not in {*services.cors_origins, _origin(services.return_url)}:
        reason = {"loc": ("body", "return_url"), "type": "return_url", "msg": "this is no page of ours"}
        raise RequestValidationError([reason])
    return wanted


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
