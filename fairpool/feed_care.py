"""Care of the feed, composed."""

from __future__ import annotations

from datetime import timedelta

from fairpool.core import Core
from feeds.care import Care


def care(built: Core) -> Care:
    """Return what operators see of the feed and do about it."""
    return Care.of(
        built.ledger,
        inbox=built.inbox,
        ingest=built.ingest,
        runner=built.projections,
        silence=built.silence,
        stuck_after=timedelta(hours=built.settings.feed_vanished_hours),
    )
