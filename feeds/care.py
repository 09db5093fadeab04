"""Care of the feed, composed: what operators see of it and do about it, the same over HTTP and on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from feeds.attention import Attention
from feeds.dead_letters import DeadLetters
from feeds.flags import Flag, Flags
from feeds.games import Games
from feeds.inbox import Inbox
from feeds.ingest import Ingest
from feeds.silence import Silence
from ledger.aggregate import LedgerError
from ledger.cases import note_act
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from projections.runner import Runner


class FlagMoved(LedgerError):
    """Something was done about the flag since the operator looked at it."""

    code = "precondition_failed"


@dataclass(frozen=True, slots=True)
class Care:
    """What there is to look after."""

    ledger: Ledger
    letters: DeadLetters
    flags: Flags
    games: Games
    attention: Attention

    @classmethod
    def of(
        cls,
        ledger: Ledger,
        *,
        inbox: Inbox,
        ingest: Ingest,
        runner: Runner,
        silence: Silence,
        stuck_after: timedelta,
    ) -> Self:
        """Compose it; `ingest` is used to try dead letters again, beside whoever takes the feed."""
        flags, games = Flags(ledger.datastore), Games(ledger, stuck_after=stuck_after)
        return cls(
            ledger=ledger,
            letters=DeadLetters(ledger, inbox, ingest),
            flags=flags,
            games=games,
            attention=Attention(ledger, runner=runner, inbox=inbox, flags=flags, silence=silence, games=games),
        )

    def resolve_flag(self, id: int, *, note: str, actor: str, request: str, seen: int | None = None) -> Flag:
        """Have an operator resolve a flag, and return it; again, or where it is resolved, it stays as it is.

        Raises UnknownFlag, FlagMoved or ReasonNeeded.
        """
        flag = self.flags.flag(id)
        if flag.resolved_at is not None:
            return flag
        if seen not in (None, flag.version):
            raise FlagMoved(f"flag {id} is at version {flag.version}, and was looked at in {seen}: look again")
        subject, outcome = f"game:{flag.game_id}", f"flag {id} ({flag.kind}) resolved"
        note_act(
            self.ledger, log=OFFICE, subject=subject, reason=note, outcome=outcome, actor=actor, request=request
        ).result()
        return self.flags.resolve(id, by=actor, note=note, at=self.ledger.clock())
