"""The examples of the documentation, run as a reader would run them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import httpx
import pytest

from tests.journeys.documents import blocks, run
from tests.journeys.program import PASSWORD, Service, fairpool

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here, which the examples are for")


@needs_curl
def test_the_readme_walks_from_the_sign_up_to_a_correction(service: Service, tmp_path: Path) -> None:
    """With curl alone: sign up, bet, see the payout live. Then two operators correct a result by the command line."""
    _put_on_the_path(tmp_path)
    walk = [
        *blocks("README.md", language="sh", section="A bet, from the first request to the payout"),
        *blocks("README.md", language="sh", section="When a result is wrong"),
    ]
    run(walk, url=service.url, folder=tmp_path, seconds=120)
    assert sum(len(block.shown) for block in walk) >= 20


def test_the_pages_do_what_they_show(service: Service, tmp_path: Path) -> None:
    """The conventions, and what apps, operators and auditors do: with curl where it is there, and with Python."""
    key = _key_of_an_auditor(service, tmp_path / "data")
    _put_on_the_path(tmp_path)
    pages = ["README", "player", "operator", "auditor"]
    walks = [
        blocks(f"docs/api/{page}.md", language=language)
        for page in pages
        for language in (["sh"] if shutil.which("curl") else []) + ["python"]
    ]
    done = [walk for walk in walks if walk]
    for walk in done:
        run(walk, url=service.url, folder=tmp_path, FAIRPOOL_KEY=key)
    assert {walk[0].page for walk in done} >= {"docs/api/player.md", "docs/api/auditor.md"}


def _put_on_the_path(folder: Path) -> None:
    """Let the examples say `fairpool`, and mean this program on the service's data."""
    shell = folder / "fairpool"
    shell.write_text(f'#!/bin/sh\nexec {sys.executable} -m fairpool --data {folder / "data"} "$@"\n', encoding="utf-8")
    shell.chmod(0o755)


def _key_of_an_auditor(service: Service, data: Path) -> str:
    """Make an operator, and let them hand out a key."""
    login = {"email": "keeper@example.org", "password": PASSWORD}
    create = ("user", "create", "--role", "operator", "--email", login["email"])
    made = fairpool(*create, data=data, FAIRPOOL_PASSWORD=PASSWORD)
    assert made.returncode == 0, made.stderr.decode()
    with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as client:
        client.headers["Authorization"] = "Bearer " + client.post("/api/auth/login", json=login).json()["token"]
        created = client.post("/api/admin/keys", json={"role": "auditor", "name": "script"}).raise_for_status()
    key: str = created.json()["key"]
    return key
