"""What the user of a command can mend, as against a fault of ours."""

from __future__ import annotations


class Mendable(Exception):
    """Its message says what to do: the command line prints that line, where a fault of ours keeps its traceback."""
