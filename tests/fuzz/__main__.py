"""`python -m tests.fuzz`: malice against the real service, on servers of its own; what `make fuzz` runs."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fairpool.embedded import EmbeddedPostgres
from fairpool.schema import all_migrations
from ledger.migrate import migrate
from tests.fuzz import ROLES, fuzz, playground
from tests.fuzz.malice import TARGETS, run
from tests.fuzz.tally import Bounds


def main() -> int:
    """Attack each target in turn, and return 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=…", description=__doc__)
    # With choices and nothing given, argparse would refuse its own default.
    parser.add_argument("targets", nargs="*", metavar="target", help=f"api, {', '.join(TARGETS)}; all if none is named")
    parser.add_argument("--seconds", type=float, default=60, help="for each target but api")
    parser.add_argument("--examples", type=int, default=50, help="of api: cases per operation and phase, for each role")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--roles", nargs="*", choices=ROLES, default=ROLES, help="of api: as whom to ask")
    chosen = parser.parse_args()
    targets = chosen.targets or ["api", *TARGETS]
    if unknown := sorted({*targets} - {"api", *TARGETS}):
        parser.error(f"there is no target {', '.join(unknown)}")
    sys.stdout.write(f"seed {chosen.seed}\n")
    is_found = "api" in targets and _search_api(chosen.roles, examples=chosen.examples, seed=chosen.seed)
    tallies = run([target for target in TARGETS if target in targets], Bounds(chosen.seed, chosen.seconds))
    for tally in tallies:
        sys.stdout.write("".join(f"{line}\n" for line in [*tally.found, str(tally)]))
        is_found = is_found or bool(tally.found)
    return int(is_found)


def _search_api(roles: Sequence[str], *, examples: int, seed: int) -> bool:
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as server:
        migrate(server.dsn, all_migrations())
        with playground(server.dsn) as world:
            codes = [fuzz(world, role=role, examples=examples, seed=seed).returncode for role in roles]
    return any(codes)


if __name__ == "__main__":
    sys.exit(main())
