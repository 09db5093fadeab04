"""The header by which an app names the device that it runs on."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Header, Request
from fastapi.concurrency import run_in_threadpool

from api.identity.principal import identify
from api.services import ServicesDep

DeviceId = Annotated[
    str | None,
    Header(
        alias="X-Device-Id",
        pattern=r"^[!-~]{8,200}$",
        description="What the app calls its device, made up once and kept. A keyed hash of it is stored for 90 days.",
    ),
]


async def seen_device(request: Request, services: ServicesDep, device_id: DeviceId = None) -> None:
    """Note the device of whoever is signed in, where the app names one."""
    if device_id is not None:
        # By hand: a security dependency here would put its own, without scopes, beside those of the route.
        principal = await identify(request)
        await run_in_threadpool(services.devices.seen, player_id=principal.id, device_id=device_id)


SEEN_DEVICE: Final = Depends(seen_device)
"""Goes among the dependencies of a route, or of a router, that people use signed in."""
