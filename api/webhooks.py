"""Messages of the payment provider. They come from anywhere, in any order, and more than once."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel

from api.identity.principal import PUBLIC
from api.refusal import Refusal
from api.services import ServicesDep

router = APIRouter(prefix="/webhooks", tags=["payments"])

_AS_SENT: Final[dict[str, Any]] = {
    **PUBLIC,
    "requestBody": {
        "required": True,
        "description": "An event, byte for byte as Stripe signed it.",
        "content": {"application/json": {"schema": {"title": "StripeEvent", "type": "object"}}},
    },
}


class Taken(BaseModel):
    """The message is taken, and need not be sent again."""


@router.post("/stripe", openapi_extra=_AS_SENT)
async def take_stripe_event(
    request: Request, services: ServicesDep, stripe_signature: Annotated[str, Header(max_length=2000)] = ""
) -> Taken:
    """Take an event of Stripe's; one that was taken before changes nothing.

    Refused with `signature_invalid` unless it is signed by one of the service's secrets. After `payments_unavailable`
    or `payment_moved` Stripe sends it again, and what never came is asked for. `not_found` where nothing is sold.
    """
    observer = services.money.observer
    if observer is None:
        raise Refusal("not_found", "There are no payments here.")
    await observer.take_http(await request.body(), stripe_signature)
    return Taken()
