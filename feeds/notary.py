"""The notary: signs checkpoints of the logs, so that what has happened cannot be changed unseen.

A checkpoint is signed at each state of a week, and every few seconds while there is news. Before it signs, the notary
makes sure that the log still begins with what was signed before, by the database's table, by the file outside of it,
and by its own memory; and that what the tree has on top of that is what the log says, event by event.

What it catches: an event under a checkpoint that was changed, once the tree is made anew or the log is audited; tiles
that are not the tree of the log; a checkpoint that was rewritten, or taken away, in the table or in the file; a log
that was cut off. What it cannot: who owns the database may change an event between its append and the next checkpoint,
together with the tree; and an event under a checkpoint, while its tiles stay as they were, is for
`fairpool audit verify` to find, which reads everything again. So it counts for how long news waits for a signature,
and that copies of what was signed are in the hands of others.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from feeds.checkpoints import Checkpoints, SignedCheckpoint
from feeds.extending import CheckpointRefused, grow, hold
from feeds.note_file import NoteFile
from feeds.register import Register, TreeBehind
from ledger import publishing
from ledger.aggregate import LedgerError
from ledger.datastore import OUTAGES
from ledger.events import (
    PoolsDrawn,
    RosterFrozen,
    WeekClosed,
    WeekFinalised,
    WeekGrouped,
    WeekListed,
    WeekOpened,
    WeekSealed,
    WeekSettled,
)
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.office import WeekListedOtherwise
from ledger.proofs.notes import Checkpoint, Signer, Verifier
from ledger.recorder import open_logs
from projections.tree import Trees

NOTARY: Final = "notary"
PURPOSE: Final = "checkpoints"
SECONDS_BETWEEN: Final = 5.0
_STATES: Final = (
    WeekOpened.TOPIC,
    RosterFrozen.TOPIC,
    PoolsDrawn.TOPIC,
    WeekGrouped.TOPIC,
    WeekClosed.TOPIC,
    WeekSettled.TOPIC,
    WeekFinalised.TOPIC,
    WeekSealed.TOPIC,
)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watched:
    """What a notary remembers of a log: positions of states are kept until they are signed.

    `list_at` is the size from which on a checkpoint covers the final week, while the week is not known to be listed.
    """

    newest: SignedCheckpoint | None = None
    signed_at: float = float("-inf")
    read_to: int = 0
    states: list[int] = field(default_factory=list)
    list_at: int | None = None
    is_seen: bool = False


class Notary:
    """Signs what is news. Any number of notaries, in any processes and with folders of their own, may run at once.

    `signer` is asked each time, so that a new key is taken up without a restart; `folder` is where the files of notes
    stand, `<log>.txt`; `seconds` is how long news may wait for a signature. `stopped` holds the logs that were
    refused, and why.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        trees: Trees,
        checkpoints: Checkpoints,
        signer: Callable[[], Signer],
        folder: Path,
        seconds: float = SECONDS_BETWEEN,
    ) -> None:
        self._ledger = ledger
        self._trees = trees
        self._checkpoints = checkpoints
        self._signer = signer
        self._folder = folder
        self._seconds = seconds
        self._watched: dict[str, _Watched] = {}
        self.stopped: dict[str, CheckpointRefused] = {}

    def run(
        self,
        stop: threading.Event,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        poll_seconds: float = 0.25,
    ) -> None:
        """Sign what is news until `stop` is set; a log that is refused is left alone until the next start."""
        while not stop.wait(poll_seconds):
            try:
                self.step(now=monotonic())
            except CheckpointRefused as error:
                _log.critical("no more checkpoints: %s", error)
            except (LedgerError, OSError, *OUTAGES) as error:
                _log.warning("checkpoints wait: %s", error)
                stop.wait(1.0)

    def step(self, *, now: float, forced: bool = False) -> int:
        """Sign what is due, and return how many checkpoints that were.

        `now` is in seconds of any clock that only goes on; `forced` signs news however short a time ago the last
        was signed. Raises CheckpointRefused for the first log that was refused now, after all others had their turn,
        or KeyTaken where the key was retired.
        """
        refused: list[CheckpointRefused] = []
        signed = 0
        for log in self._due():
            try:
                signed += self._attend(log, now=now, forced=forced)
            except CheckpointRefused as error:
                self.stopped[log] = error
                refused.append(error)
            except TreeBehind as error:
                _log.info("%s", error)
        if refused:
            raise refused[0]
        return signed

    def _due(self) -> list[str]:
        """Return the logs with news, final weeks to be listed and, once after the start, all logs; the office last."""
        due = set(self._checkpoints.unsigned())
        for log in open_logs(self._ledger.datastore):
            watched = self._watched.setdefault(log, _Watched())
            if not watched.is_seen or watched.list_at is not None:
                due.add(log)
        return sorted(due - self.stopped.keys(), key=lambda log: (log == OFFICE, log))

    def _attend(self, log: str, *, now: float, forced: bool) -> int:
        """Sign one log's due checkpoints, and list the week once it is final and signed."""
        watched = self._watched.setdefault(log, _Watched())
        self._look(log, watched)
        newest = self._checkpoints.newest(log)
        signed_to = newest.size if newest else 0
        size = self._trees.size(log)
        watched.states = [position for position in watched.states if position > signed_to]
        sizes = {position for position in watched.states if position <= size}
        if size > signed_to and (forced or now - watched.signed_at >= self._seconds):
            sizes.add(size)
        to_list = watched.list_at is not None and signed_to >= watched.list_at
        signed = 0
        if sizes or to_list or size < signed_to or not watched.is_seen:
            signed = self._extend(log, watched, sorted(sizes))
        if signed:
            watched.signed_at = now
        if watched.list_at is not None and watched.newest is not None and watched.newest.size >= watched.list_at:
            self._list(log, watched.newest)
            watched.list_at = None
        return signed

    def _look(self, log: str, watched: _Watched) -> None:
        """Read which states the week has come to since the last look."""
        recorder = self._ledger.recorder(log)
        for record in recorder.read_topics(*_STATES, after=watched.read_to):
            watched.read_to = record.position
            watched.states.append(record.position)
            if record.topic == WeekFinalised.TOPIC:
                # The prizes are in the same append, so a head that is read now is behind them.
                watched.list_at = recorder.head().position

    def _extend(self, log: str, watched: _Watched, sizes: list[int]) -> int:
        """Sign checkpoints at some sizes, as far as they are beyond what is signed by now."""
        signer = self._signer()
        verifiers = self._verifiers(signer)
        recorder = self._ledger.recorder(log)
        signed = 0
        with self._checkpoints.held(log):
            register = Register(
                recorder,
                trees=self._trees,
                checkpoints=self._checkpoints,
                file=NoteFile(self._folder / f"{log}.txt"),
                verifiers=verifiers,
                clock=self._ledger.clock,
            )
            watched.newest = register.newest(watched.newest)
            begin = watched.newest.size if watched.newest else 0
            beyond = [size for size in sizes if size > begin]
            if beyond:
                # What is signed must not be lost with this server.
                recorder.confirm()
            for size, root in grow(recorder, register.node, after=begin, sizes=beyond):
                note = Checkpoint(f"{signer.verifier.name}/{log}", size, root).signed(signer)
                watched.newest = SignedCheckpoint(log, size, root, note)
                register.add(watched.newest)
                signed += 1
        watched.is_seen = True
        return signed

    def _verifiers(self, signer: Signer) -> list[Verifier]:
        """Return the keys whose checkpoints count, the signer's first; it is published before it signs anything."""
        known = [key for key in publishing.keys(self._ledger) if key.purpose == PURPOSE]
        own = signer.verifier
        if not any(key.public_key == str(own) and key.retired_at is None for key in known):
            key_id = own.key_id.hex()
            publishing.add_key(
                self._ledger,
                key_id=key_id,
                public_key=str(own),
                purpose=PURPOSE,
                actor=NOTARY,
                request=f"key/{key_id}",
            )
        return [own, *(Verifier.parse(key.public_key) for key in known)]

    def _list(self, log: str, newest: SignedCheckpoint) -> None:
        """List a final week in the office, with a checkpoint that covers it; one that is listed must be this one."""
        try:
            publishing.list_week(
                self._ledger, week=log, size=newest.size, root=newest.root, actor=NOTARY, request=f"{log}/list"
            )
        except WeekListedOtherwise:
            # As another notary did at another size, or this one before it was started again.
            listed = publishing.listed_week(self._ledger, week=log)
            assert listed is not None and isinstance(listed.event, WeekListed)
            event = listed.event
            signed = SignedCheckpoint(log, event.size, bytes.fromhex(event.root), note="")
            hold(self._trees.node(log), signed, where=listed.token)
