"""A search for requests that the API answers otherwise than its OpenAPI document says."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger import enrolment
from tests.api.world import WEEK, World, serving

URL: Final = "FUZZ_URL"
ACCOUNTS: Final = "FUZZ_ACCOUNTS"
MARKET: Final = "FUZZ_MARKET"
PASSWORD: Final = "correct horse"
PHASES: Final = ("examples", "coverage", "fuzzing", "stateful")
ROLES: Final = ("player", "auditor", "operator")
_ROOT: Final = Path(__file__).parents[2]
_EACH: Final = 150


@contextmanager
def playground(dsn: str) -> Iterator[World]:
    """Serve the API on a database, with a week that is played and the read models following."""
    ended = threading.Event()
    with serving(dsn, with_test_clock=True) as world:
        world.playing(late_entry=True)
        follower = threading.Thread(target=_follow, args=(world, ended))
        follower.start()
        try:
            yield world
        finally:
            ended.set()
            follower.join()


def fuzz(
    world: World, *, role: str, examples: int, seed: int, phases: Sequence[str] = PHASES, is_quiet: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run schemathesis with all checks, as somebody of a role; its exit code is 0 if nothing was found."""
    url = str(world.client.base_url).rstrip("/")
    program = Path(sysconfig.get_path("scripts"), "schemathesis")
    settings = ["--config-file", str(Path(__file__).parent / "schemathesis.toml")]
    chosen = {"checks": "all", "phases": ",".join(phases), "max-examples": examples, "seed": seed}
    options = [f"--{name}={value}" for name, value in chosen.items()]
    given = {
        URL: url,
        ACCOUNTS: json.dumps(_accounts(world, role)),
        MARKET: json.dumps(world.quote(world.game(f"of the {role}")).bet()),
        "PYTHONPATH": str(_ROOT),
    }
    return subprocess.run(
        [program, *settings, "run", f"{url}/api/openapi.json", "--continue-on-failure", *options],
        cwd=_ROOT,
        env=os.environ | given,
        capture_output=is_quiet,
        text=True,
        check=False,
    )


def _accounts(world: World, role: str) -> list[str]:
    """Make accounts of a role, enough for those that get lost underway, and return their addresses; players play."""
    emails = [f"fuzz-{role}-{number}@example.org" for number in range(_EACH)]
    password_hash = world.services.passwords.hash(PASSWORD)
    for email in emails:
        person = world.services.players.create(email=email, name="Fuzz", password_hash=password_hash, role=role)
        if role == "player":
            enrolment.enrol(world.ledger, player_id=person.id, week=WEEK, via="free", request=email)
    return emails


def _follow(world: World, ended: threading.Event) -> None:
    while not ended.wait(0.02):
        world.project()
