"""Parts of the service under test that are composed of several others."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from api.identity.revocations import Revocations
from api.identity.sessions import Sessions
from api.people.gates import Gates
from api.people.pseudonyms import Pseudonyms
from api.people.registry import People
from api.people.restrictions import Restrictions
from api.people.taking_part import PayersAdmission, TakingPart
from feeds.care import Care
from feeds.inbox import Inbox
from feeds.ingest import Ingest
from feeds.silence import Silence
from ledger.datastore import Datastore
from ledger.ledger import Ledger
from projections.runner import Runner


def admission(ledger: Ledger, gates: Gates) -> PayersAdmission:
    """Who may be sold an entry."""
    taking_part = TakingPart(
        ledger,
        people=People(ledger.datastore, pseudonyms=Pseudonyms(bytes(32)), now=ledger.clock),
        restrictions=Restrictions(ledger.datastore, clock=ledger.clock, new_id=ledger.new_id, monotonic=time.monotonic),
        gates=gates,
        clock=ledger.clock,
    )
    return PayersAdmission(taking_part)


def care(ledger: Ledger, runner: Runner) -> Care:
    """What operators see of the feed, beside nobody who takes it."""
    inbox = Inbox(ledger.datastore)
    return Care.of(
        ledger,
        inbox=inbox,
        ingest=Ingest(ledger, inbox, clock=ledger.clock),
        runner=runner,
        silence=Silence(ledger, seconds=None),
        stuck_after=timedelta(hours=6),
    )


def sessions(datastore: Datastore, revocations: Revocations, *, now: Callable[[], datetime]) -> Sessions:
    """Who is logged in."""
    return Sessions(datastore, revocations=revocations, new_id=uuid4, new_secret=secrets.token_bytes, now=now)
