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
def test_the_readme_walks_from_the_sign_up_to_the_payout(service: Service, tmp_path: Path) -> None:
    """With curl alone: sign up, enrol, see the board, bet, see it everywhere, and see the payout live."""
    walk = blocks("README.md", language="sh", section="A bet, from the first request to the payout")
    run(walk, url=service.url, folder=tmp_path)
    assert sum(len(block.shown) for block in walk) >= 10


def test_the_pages_do_what_they_show(service: Service, tmp_path: Path) -> None:
    """The conventions, and what apps, operators and auditors do: with curl where it is there, and with Python."""
    key = _key_of_an_auditor(service, tmp_path / "data")
    shell = tmp_path / "fairpool"
    shell.write_text(
        f'#!/bin/sh\nexec {sys.executable} -m fairpool --data {tmp_path / "data"} "$@"\n', encoding="utf-8"
    )
    shell.chmod(0o755)
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
