"""The whole service in one command, from the first request to the last process."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from tests.journeys.program import Service, fairpool


def test_up_answers_and_stops_without_a_trace(service: Service, tmp_path: Path) -> None:
    """The sample week is open to a new player, commands work beside the service, and Ctrl-C leaves no process.

    Another service on the same data is refused in one line, as two cannot share embedded servers.
    """
    with service.client() as client:
        assert client.get("/readyz").json()["status"] == "ok"
        me = client.get("/api/me").json()
        assert me["week"]["state"] == "grouped"
        assert me["credits"]["available"] + me["credits"]["at_stake"] == 1000
        new = {"email": "new@example.com", "password": "another long password", "name": "New"}
        assert client.post("/api/auth/signup", json=new).status_code == 201
    listed = fairpool("week", "list", "--json", data=tmp_path / "data")
    assert b'"week":"2024-W45"' in listed.stdout
    second = fairpool("up", "--port", "0", data=tmp_path / "data")
    assert (second.returncode, len(second.stderr.splitlines())) == (1, 1), second.stderr.decode()
    assert service.stop().splitlines()[-1] == "stopped"
    assert [command for command in _commands() if str(tmp_path) in command] == []


def _commands() -> list[str]:
    """Return the command lines of all processes; one that ends meanwhile has none."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("this system does not list its processes under /proc")
    commands = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            commands.append(process.read_text(errors="replace"))
    return commands
