"""The seed that the draw before a week's revealed, wherever that week is kept by now."""

from __future__ import annotations

from ledger.auditing.lines import Leaf
from ledger.auditing.office import revealed_seed
from ledger.events import PoolsDrawn
from ledger.ledger import Ledger


def revealed_before(ledger: Ledger, week: str) -> str | None:
    """Return the seed of the last week before that was drawn; an archived one left it behind."""
    seeds = {archive.log: archive.seed for archive in ledger.archives.away()}
    for earlier in sorted((each for each in {*ledger.weeks(), *seeds} if each < week), reverse=True):
        if earlier in seeds:
            return seeds[earlier]
        records = ledger.recorder(earlier).read_topics(PoolsDrawn.TOPIC)
        seed = revealed_seed(Leaf(record.state, record) for record in records)
        if seed is not None:
            return seed
    return None
