"""Data directories that take long to make: made once for all processes of a run, and copied for each that needs one."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from fairpool.embedded import EmbeddedPostgres


class Template(NamedTuple):
    """A data directory that nobody uses."""

    folder: Path

    def copy(self, data: Path) -> Path:
        """Make the data directory `data` as this one is, its files with their owners, and return it."""
        # As `cp -R` with owners: shutil would leave root all that PostgreSQL's user must have.
        subprocess.run(["cp", "-Rp", str(self.folder), str(data)], check=True)
        return data


def template(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Template:
    """Return the template of a name, made by `make` in an empty folder where no process of the run has made it yet."""
    base = factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    made, draft = root / name, root / f"{name}-draft"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            make(draft)
            draft.rename(made)
    return Template(made)


def with_cluster(data: Path) -> None:
    """Make the database cluster of a data directory, as the first start would."""
    with EmbeddedPostgres(data):
        pass
