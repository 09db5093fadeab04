"""The limit of an answer over HTTP: an ASGI app without a framework, which reads the body and answers a constant.

It is served as our API is: `python -m tests.benchmarks.peers.bare`.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import uvicorn

from fairpool import loop
from fairpool.settings import Settings
from fairpool.web import server_config
from tests.examples import BET

ANSWER: Final = json.dumps({"bet_id": str(BET), "status": "placed"}, separators=(",", ":")).encode()
HEADERS: Final = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER)))


async def bare_app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """Answer 201 to whatever was asked."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 201, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


def main() -> None:
    """Serve it on a free port, and tell which."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(server_config(bare_app, Settings()))
        sys.stdout.write(f"listening on http://127.0.0.1:{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        loop.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    main()
