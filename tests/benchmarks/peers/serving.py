"""What the peers behind HTTP share: they know their callers as our API does, and are served as it is."""

from __future__ import annotations

import socket
import sys

import uvicorn
from fastapi import FastAPI

from fairpool import loop
from fairpool.core import core
from fairpool.garbage import collect_rarely
from fairpool.settings import Settings
from fairpool.web import server_config, services


def serve(app: FastAPI, settings: Settings, *, dsn: str) -> None:
    """Serve an app, at an address that it tells as `fairpool api` does, until the process is asked to stop."""
    with core(settings, dsn) as built, socket.create_server((settings.api_host, settings.api_port)) as listening:
        # The dependency that checks tokens asks these for the keys, and for what is revoked.
        app.state.services = services(built)
        collect_rarely()
        config = server_config(app, settings)
        # What a peer keeps open, such as its pool, it opens as apps of its framework do.
        config.lifespan = "auto"
        server = uvicorn.Server(config)
        sys.stdout.write(f"listening on http://{settings.api_host}:{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        loop.run(server.serve(sockets=[listening]))


def environment() -> tuple[Settings, str]:
    """Return the settings and the database of this process, which are those of the API that it is a peer of."""
    settings = Settings()
    assert settings.database_url is not None
    return settings, settings.database_url.get_secret_value()
