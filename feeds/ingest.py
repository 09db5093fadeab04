"""Feed messages become commands of the ledger. Delivered twice, late or out of order, a message changes nothing.

What a message means depends on the listing of its game: which week's, and whether there is one yet. A message that
comes before its game is a dead letter, one whose week is not open waits, and both are applied after the listing.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from feeds.commands import REFUSALS, Commands, Waits
from feeds.inbox import Inbox
from feeds.messages import GameMessage, Message, UnreadableMessage, parse
from feeds.sources import Ear, Sources
from ledger import datastore
from ledger.desk import DeskClosed, LedgerUnavailable
from ledger.ledger import Ledger
from ledger.settlement import ConflictingResult

OUTAGES: Final = (LedgerUnavailable, DeskClosed, *datastore.OUTAGES)
"""Nothing is wrong with a message that meets one of these: it is tried until the database is back."""
_log = logging.getLogger(__name__)


class Taken(StrEnum):
    """What became of a message; a repeated one said nothing that counts anew."""

    APPLIED = "applied"
    REPEATED = "repeated"
    DEAD = "dead"
    WAITING = "waiting"


class Retried(NamedTuple):
    """What became of a message that was tried again; `reason` says why it is still a dead letter."""

    taken: Taken
    reason: str | None = None


class Ingest:
    """Takes messages one at a time; any number of processes may, on the same database.

    `primary` names the one source to follow, for leagues that have several, `confirming` the one whose word makes a
    result official, for leagues that wait for a second one.
    """

    def __init__(
        self,
        ledger: Ledger,
        inbox: Inbox,
        *,
        clock: Callable[[], datetime],
        primary: Mapping[str, str] | None = None,
        confirming: Mapping[str, str] | None = None,
    ) -> None:
        self._ledger = ledger
        self._inbox = inbox
        self._clock = clock
        self._commands = Commands(ledger, inbox, clock=clock, primary=primary or {}, confirming=confirming or {})
        self._ear = Ear(Sources(ledger.datastore))
        self._one_at_a_time = threading.Lock()
        self.counts: Counter[Taken] = Counter()

    def take(self, body: bytes, *, subject: str) -> Taken:
        """Apply a message, or keep it: waiting for its week, or as a dead letter that says why."""
        try:
            message = parse(body)
        except UnreadableMessage as error:
            self.bury(body, subject=subject, reason=error.reason)
            taken = Taken.DEAD
        else:
            taken = self._heard(message, body=body, subject=subject)
        self.counts[taken] += 1
        return taken

    def take_waiting(self) -> int:
        """List the games whose week has opened since, with all that waits of them; return how many games.

        To be called now and then by whoever takes the feed: it also writes down when sources were last heard.
        """
        with self._one_at_a_time:
            self._ear.write()
            bodies = self._inbox.waiting_games(self._ledger.weeks())
            for body in bodies:
                self._take_waiting(parse(body), body=body)
        return len(bodies)

    def retry(self, body: bytes) -> Retried:
        """Take a dead letter again, as it would be if it came now; raises only what an outage is."""
        try:
            message = parse(body)
        except UnreadableMessage as error:
            return Retried(Taken.DEAD, error.reason)
        with self._one_at_a_time, self._inbox.alone_with(message, body=body) as is_outdated:
            return Retried(Taken.REPEATED) if is_outdated else self._apply_kept(message, body=body)

    def bury(self, body: bytes, *, subject: str, reason: str) -> None:
        """Keep a message as a dead letter."""
        try:
            message = parse(body)
        except UnreadableMessage:
            message = None
        msg_id = message.msg_id if message else f"unreadable-{hashlib.sha256(body).hexdigest()}"
        self._inbox.bury(msg_id=msg_id, subject=subject, reason=reason, body=body, message=message, at=self._clock())

    def _heard(self, message: Message, *, body: bytes, subject: str) -> Taken:
        with self._one_at_a_time:
            self._ear.hear(message.source, said_at=message.at, now=self._clock())
            with self._inbox.alone_with(message, body=body) as is_outdated:
                if not is_outdated:
                    return self._apply_or_bury(message, body=body, subject=subject)
                if isinstance(message, GameMessage):
                    # It comes again where an outage cut off what follows from it.
                    self._follow_up(message)
                return Taken.REPEATED

    def _take_waiting(self, message: Message, *, body: bytes) -> None:
        with self._inbox.alone_with(message, body=body):
            announced = self._inbox.announced(message)
            # Another process may have been faster, and a later message may have taken its place.
            if announced is None or announced.game != message:
                return
            if announced.waits_for is not None:
                self._apply_waiting(message, body=body)
            elif isinstance(message, GameMessage):
                self._follow_up(message)

    def _apply_or_bury(self, message: Message, *, body: bytes, subject: str) -> Taken:
        try:
            return self._apply(message, body=body)
        except REFUSALS as error:
            self.bury(body, subject=subject, reason=str(error))
            return Taken.DEAD

    def _apply_waiting(self, message: Message, *, body: bytes) -> None:
        """Apply what waited; what cannot be applied waits no longer, and is a dead letter."""
        tried = self._apply_kept(message, body=body)
        if tried.reason is not None:
            self.bury(body, subject="waited for its week", reason=tried.reason)
            self._inbox.forget(message)

    def _apply_kept(self, message: Message, *, body: bytes) -> Retried:
        """Apply a message that was kept, so that one which fails keeps no other back; raises only what an outage is."""
        try:
            return Retried(self._apply(message, body=body))
        except REFUSALS as error:
            return Retried(Taken.DEAD, str(error))
        except OUTAGES:
            raise
        except Exception as error:
            _log.exception("a message that was kept has failed")
            return Retried(Taken.DEAD, f"{type(error).__name__}: {error}")

    def _apply(self, message: Message, *, body: bytes) -> Taken:
        """Carry a message out, and what came before its game; raises one of the REFUSALS."""
        try:
            facts = self._commands.carry_out(message)
        except Waits as waits:
            self._inbox.remember(message, body=body, waits_for=waits.week)
            return Taken.APPLIED if waits.facts else Taken.WAITING
        except ConflictingResult as error:
            self._commands.flag_conflict(message, error)
            raise
        self._inbox.remember(message, body=body)
        if isinstance(message, GameMessage):
            self._follow_up(message)
        return Taken.APPLIED if facts else Taken.REPEATED

    def _follow_up(self, game: GameMessage) -> None:
        """Apply what came before the game could be listed."""
        for body in self._inbox.waiting_of_game(game):
            self._apply_waiting(parse(body), body=body)
        for id_, body in self._inbox.unresolved_of_game(game):
            message = parse(body)
            is_outdated = self._inbox.is_outdated(message, body=body)
            taken = Taken.REPEATED if is_outdated else self._apply_kept(message, body=body).taken
            if taken is not Taken.DEAD:
                self._inbox.resolve(id_, taken, by="feed", why="its game was listed", at=self._clock())
