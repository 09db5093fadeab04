"""One real NFL week in the feed's wire format, for `make run` and `make demo`: 2024, week 10, by hand.

Teams, scheduled kick-offs and final scores are the facts: thirteen games of the pool week 2024-W45, from
Thursday's CIN at BAL (34-35) to Sunday night's DET at HOU (26-23), and Monday's MIA at LA (23-15), which is
listed with them and played in the pool week after. Carolina won in overtime, and Cincinnati's last touchdown
makes the first provisional score (28-35) differ from the final one.

Lines and prices are near those that were on offer, but approximate, and the instants of line moves, of the
suspension of MIN at JAX, of real starts and of result messages are plausible, not recorded.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def nfl_week() -> Path:
    """Return the path of the sample week, a feed file."""
    return Path(str(files(__name__) / "nfl_week.jsonl"))
