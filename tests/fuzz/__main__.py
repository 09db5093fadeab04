"""`python -m tests.fuzz`: fuzz the API for a while, on servers of its own; what `make fuzz` runs."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from fairpool.embedded import EmbeddedPostgres
from fairpool.schema import all_migrations
from ledger.migrate import migrate
from tests.fuzz import ROLES, fuzz, playground


def main() -> int:
    """Fuzz as each role in turn, and return 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=…")
    parser.add_argument("--examples", type=int, default=50, help="test cases per operation and phase, for each role")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--roles", nargs="*", choices=ROLES, default=ROLES)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as server:
        migrate(server.dsn, all_migrations())
        with playground(server.dsn) as world:
            codes = [
                fuzz(world, role=role, examples=chosen.examples, seed=chosen.seed).returncode for role in chosen.roles
            ]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
