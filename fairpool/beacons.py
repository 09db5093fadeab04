"""The beacon that draws wait for, as the settings have it."""

from __future__ import annotations

from fairpool.settings import Settings
from ledger.beacon import Beacon


def beacon(settings: Settings) -> Beacon | None:
    """Return drand, by its relays or by a file of recorded rounds; None where draws rest on the seed alone."""
    if settings.beacon == "off":
        return None
    # What speaks HTTP takes long to import: only who has a beacon waits for it.
    from feeds.beacon import DrandBeacon, RecordedBeacon

    if settings.beacon_rounds is not None:
        return RecordedBeacon(settings.beacon_rounds)
    return DrandBeacon(settings.beacon_relays)
