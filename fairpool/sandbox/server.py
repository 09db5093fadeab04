"""The sandbox over HTTP: Stripe's API under `/v1`, pages under `/c`, control under `/sandbox`."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import stripe
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from fairpool.sandbox import control, page
from fairpool.sandbox.api import Api, Request
from fairpool.sandbox.errors import NotPossible, StripeFault, broken
from fairpool.sandbox.faults import Harm
from fairpool.sandbox.sandbox import Asked, Sandbox

METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"]


class Dropped(Response):
    """An answer that breaks off: the connection ends before what its header announces."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send less than the whole; the server then closes the connection."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def create_app(sandbox: Sandbox) -> Starlette:
    """Return the sandbox as an ASGI app. Whatever may wait for a webhook runs in threads of its own."""
    web = _Web(sandbox)
    return Starlette(
        routes=[
            Route("/sandbox/receipts/{ref}", web.receipt),
            Route("/sandbox/{name}", web.act, methods=["POST"]),
            Route("/sandbox/{name}", web.look),
            Route("/c/{kind}/{ref}", web.show),
            Route("/c/{kind}/{ref}", web.press, methods=["POST"]),
            Route("/{path:path}", web.ask, methods=METHODS),
        ]
    )


@contextmanager
def running(sandbox: Sandbox, *, port: int = 0) -> Iterator[str]:
    """Serve a sandbox on 127.0.0.1, in a thread, for as long as the block runs; gives its URL. Port 0 is a free one."""
    # Where the protocol is named, asyncio switches off Nagle's algorithm, which costs 40 ms an answer.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(
        create_app(sandbox), loop="asyncio", http="httptools", ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="sandbox")
    sandbox.base_url = url
    thread.start()
    try:
        # The socket listens already: whoever connects before the server accepts waits for it.
        yield url
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        sandbox.close()


class _Web:
    """What stands behind the paths. What is no coroutine is run in a thread by the framework."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._api = Api(sandbox)

    async def ask(self, request: HttpRequest) -> Response:
        form = (await request.body()).decode() if request.method == "POST" else request.url.query
        asked = Request(request.method, request.url.path, form, dict(request.headers))
        return await run_in_threadpool(self._answer, asked)

    def _answer(self, asked: Request) -> Response:
        faults = self._sandbox.faults
        harm = faults.take(asked.method, asked.path, "error_before", "drop_before")
        if harm is not None:
            self._sandbox.record(Asked(asked.method, asked.path, {}, asked.idempotency_key, 500))
            return _harmed(harm)
        answer = self._api.answer(asked)
        if answer.status < 400:
            harm = faults.take(asked.method, asked.path, "error_after", "drop_after")
        if harm is not None:
            return _harmed(harm)
        replayed = {"Idempotent-Replayed": "true"} if answer.is_replayed else {}
        return JSONResponse(answer.body, answer.status, headers={"Stripe-Version": stripe.api_version} | replayed)

    async def act(self, request: HttpRequest) -> Response:
        arguments = json.loads(await request.body() or b"{}")
        name = request.path_params["name"]
        return await run_in_threadpool(_said, lambda: control.act(self._sandbox, name, arguments))

    def look(self, request: HttpRequest) -> Response:
        return _said(lambda: control.look(self._sandbox, request.path_params["name"]))

    def show(self, request: HttpRequest) -> Response:
        status, text = page.shown(self._sandbox, request.path_params["kind"], request.path_params["ref"])
        return HTMLResponse(text, status)

    def press(self, request: HttpRequest) -> Response:
        try:
            url = page.pressed(self._sandbox, request.path_params["kind"], request.path_params["ref"])
        except (NotPossible, StripeFault) as error:
            return HTMLResponse(page.html("Not possible", str(error)), 409)
        return RedirectResponse(url, status_code=303)

    def receipt(self, request: HttpRequest) -> Response:
        status, text = page.receipt(self._sandbox, request.path_params["ref"])
        return HTMLResponse(text, status)


def _harmed(harm: Harm) -> Response:
    return Dropped() if harm in ("drop_before", "drop_after") else JSONResponse(broken().body, 500)


def _said(do: Callable[[], object]) -> Response:
    try:
        return JSONResponse(do())
    except control.NotUnderstood as error:
        return JSONResponse({"error": {"message": str(error)}}, 400)
    except NotPossible as error:
        return JSONResponse({"error": {"message": str(error)}}, 409)
    except StripeFault as fault:
        return JSONResponse(fault.body, fault.status)
