"""How we speak with Stripe: its client over our HTTP connections, and the one table from its errors to ours."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx
import stripe

from feeds.payments.provider import ProviderRefused, ProviderUnavailable

_RETRIES = 2
_UNREADABLE = (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError)
_log = logging.getLogger(__name__)


class Connections(stripe.HTTPClient):
    """The connections that Stripe's client sends by: its own sends bodies in a way that httpx has deprecated."""

    name = "httpx"

    def __init__(
        self, *, base_url: str | None, timeout_seconds: float, wait: Callable[[float], Awaitable[None]]
    ) -> None:
        super().__init__()
        self._wait = wait
        # A sandbox on plain HTTP has no certificate to be verified: the authorities' need not be read for it.
        is_plain = base_url is not None and base_url.startswith("http://")
        self._http = httpx.AsyncClient(timeout=timeout_seconds, verify=not is_plain)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request; raises stripe.APIConnectionError where no answer came, which the client tries again."""
        try:
            answer = await self._http.request(method, url, headers=headers, content=post_data)
        except httpx.HTTPError as error:
            message = f"no answer from {url.partition('?')[0]}: {str(error) or type(error).__name__}"
            raise stripe.APIConnectionError(message, should_retry=True) from error  # type: ignore[no-untyped-call]
        return answer.content, answer.status_code, answer.headers

    async def sleep_async(self, secs: float) -> None:
        """Wait before a request is tried again."""
        await self._wait(secs)

    async def close_async(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def client(api_key: str, connections: Connections, *, base_url: str | None) -> stripe.StripeClient:
    """Return a client that tries twice more what failed, by the same idempotency key; `base_url` is Stripe's if None.

    The key is one of ours, or a random one of the client's where a request creates nothing.
    """
    # Only the package as a whole can be told to report neither our latencies nor our machine.
    stripe.enable_telemetry = False
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": base_url} if base_url is not None else {},
        http_client=connections,
        max_network_retries=_RETRIES,
    )


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn Stripe's errors within into ProviderRefused, where it said no for good, or ProviderUnavailable.

    A key that Stripe does not know, or that may not do this, is the operator's to mend: nothing is refused for it.
    Objects that are none as Stripe documents them say nothing: they are read within, and asked for again.
    """
    try:
        yield
    except (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError) as error:
        raise ProviderRefused(f"Stripe refuses to {what}: {_told(error)}", reason=_reason(error)) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        told = _told(error)
        _log.error("Stripe does not accept our API key to %s, so nothing is paid until it is mended: %s", what, told)
        raise ProviderUnavailable(f"Stripe does not let us {what}: {told}") from error
    except stripe.StripeError as error:
        raise ProviderUnavailable(f"Stripe did not {what}: {_told(error)}; ask again how it stands") from error
    except _UNREADABLE as error:
        _log.error("Stripe was asked to %s, and its answer cannot be read: %s: %s", what, type(error).__name__, error)
        raise ProviderUnavailable(f"Stripe's answer cannot be read, when asked to {what}: {error!r}") from error


def _told(error: stripe.StripeError) -> str:
    """Return what an error says, which its own `str` takes for a text unseen."""
    try:
        return str(error)
    except TypeError:
        return repr(error)


def _reason(error: stripe.StripeError) -> str:
    return str(error.code or getattr(error.error, "type", None) or "invalid_request_error")
