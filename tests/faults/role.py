"""`python role.py CLOCK WORDS…`: `fairpool WORDS…` by the clock of a file, of whatever version stands on the path."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta


def main() -> None:
    """Put the clock in the place of the system's before anything else of the program is imported, and run it."""
    clock = os.open(sys.argv[1], os.O_RDONLY)

    def shown() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(os.pread(clock, 64, 0)))

    from fairpool import clocks

    clocks.system_clock = shown
    from fairpool.cli import main as run

    sys.argv = ["fairpool", *sys.argv[2:]]
    run()


if __name__ == "__main__":
    # The first place of the path is this folder, in which a module may be called as one that the program imports.
    sys.path.pop(0)
    main()
