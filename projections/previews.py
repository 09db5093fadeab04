"""Previews: what a change of a dispute would do, exactly, without writing anything.

The log is read as it was at one position, whatever comes meanwhile, and the aggregates themselves decide on copies:
what a preview shows and what happens cannot differ by a rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol
from uuid import UUID

from ledger.account import Account
from ledger.aggregate import LedgerError
from ledger.game import Game, UnknownGame
from ledger.ids import settlement_stream, week_stream
from ledger.instants import Instant
from ledger.ledger import Ledger
from ledger.proposal import Change
from ledger.rulings import carry_out, require_sound
from ledger.settlement import Settlement
from ledger.week import Week
from projections.as_of import AsOf
from projections.bets import Bets
from projections.effects import (
    BetChanges,
    EntryChanges,
    Member,
    Preview,
    Side,
    Standing,
    effect_of,
    preview_hash,
)
from projections.leaderboard import Leaderboard

PATIENCE_SECONDS: Final = 30.0
_BETS_A_PAGE: Final = 5_000
_NO_CASE: Final = UUID(int=0)


class PreviewNotReady(LedgerError):
    """The projections have not come to where the log is: see `fairpool projections status`, and ask again."""

    code = "unavailable"


class Waits(Protocol):
    """Whoever can wait for projections: a `Runner`, or its `Positions`."""

    def wait_for(self, log: str, position: int, *, timeout: float, names: Sequence[str] | None = None) -> bool:
        """Wait until projections have come to a position (see `Positions.wait_for`)."""


class Previews:
    """Makes previews from the log and the projections `bets` and `leaderboard`.

    A preview reads the accounts of 200 entries at a time, and keeps about 0.25 kB for each bet that changes and 0.5 kB
    for each entry that bet on the game: 60 MB for 200,000 bets of 20,000 entries.
    """

    def __init__(self, ledger: Ledger, *, projections: Waits, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._ledger = ledger
        self._projections = projections
        self._patience_seconds = patience_seconds
        self._bets = Bets(ledger.datastore)
        self._leaderboard = Leaderboard(ledger.datastore)

    def preview(self, week: str, change: Change) -> Preview:
        """Show what a change would do, as the log of the week is now; nothing is written.

        Raises LogNotOpen, PreviewNotReady, and what refuses a change that cannot be carried out: UnknownGame,
        UnknownMarket, UnsoundChange and what `rulings.carry_out` raises.
        """
        recorder = self._ledger.recorder(week)
        head, now = recorder.head(), Instant.of(self._ledger.clock())
        log = AsOf(recorder, position=head.position)
        playing = log.one(Week, week_stream(week))
        before = Side(*_copies(log, change), playing.rules)
        after = _ruled(log, playing, change, at=max(now, head.recorded_at or now))
        bets = self._bet_changes(log, week, before, after)
        entries = EntryChanges(playing.rules)
        for pool_id, pool_name in sorted(bets.pools.items(), key=lambda pool: (len(pool[1]), pool[1])):
            entries.add(pool_name, list(self._members(log, pool_id, bets.bettors)))
        changed = sorted(bets.bets, key=lambda bet: bet.bet_id.int)
        return Preview(
            week=week,
            position=log.position,
            change=change,
            resolution=before.settlement.resolution,
            words=before.settlement.words,
            is_final=playing.finalised is not None,
            bets=changed,
            credits=entries.credits,
            ranks=entries.ranks,
            prizes=entries.prizes,
            effect=effect_of(changed, entries),
            preview_hash=preview_hash(change, changed),
        )

    def _bet_changes(self, log: AsOf, week: str, before: Side, after: Side) -> BetChanges:
        changes = BetChanges(before, after)
        if after.settlement.resolution > before.settlement.resolution:
            self._await(week, log.position)
            for account in log.each(Account, self._bettors(week, after.game.id, until=log.position)):
                changes.add(account)
        return changes

    def _bettors(self, week: str, game_id: UUID, *, until: int) -> list[UUID]:
        """Return who bet on a game up to a position, in order of their first bets."""
        entries: dict[UUID, None] = {}
        after = 0
        while bets := self._bets.open_or_settled_bets_of_game(
            week, game_id, after_position=after, cut=until, limit=_BETS_A_PAGE
        ):
            entries |= dict.fromkeys(bet.entry for bet in bets)
            after = bets[-1].position
        return list(entries)

    def _members(self, log: AsOf, pool_id: UUID, bettors: Mapping[UUID, Member]) -> Iterator[Member]:
        """Yield all entries of a pool; whoever moved since the position of the preview is read again as of it."""
        moved = []
        for row in self._leaderboard.leaderboard(pool_id):
            if row.entry in bettors:
                yield bettors[row.entry]
            elif row.position > log.position:
                moved.append(row.entry)
            else:
                standing = Standing(row.credits, row.won + row.lost + row.returned > 0)
                yield Member(row.entry, standing, standing)
        for account in log.each(Account, moved):
            if account.opened is not None:
                standing = Standing.of(account)
                yield Member(account.id, standing, standing)

    def _await(self, week: str, position: int) -> None:
        names = ["bets", "leaderboard"]
        if not self._projections.wait_for(week, position, timeout=self._patience_seconds, names=names):
            raise PreviewNotReady(
                f"{' and '.join(names)} of {week} have not come to position {position}: "
                "see `fairpool projections status`, and preview again"
            )


def _ruled(log: AsOf, playing: Week, change: Change, *, at: Instant) -> Side:
    """Carry the change out on copies, as if it were appended now."""
    game, settlement = _copies(log, change)
    require_sound(change, game=game, at=at)
    final = playing.finalised is not None
    facts = carry_out(change, case_id=_NO_CASE, game=game, settlement=settlement, rules=playing.rules, final=final)
    for position, fact in enumerate(facts, start=log.position + 1):
        fact.position, fact.recorded_at = position, at
    return Side(game, settlement, playing.rules)


def _copies(log: AsOf, change: Change) -> tuple[Game, Settlement]:
    game = log.one(Game, change.game_id)
    if game.listed is None:
        raise UnknownGame(f"game {change.game_id} is not listed in this week")
    return game, log.one(Settlement, settlement_stream(change.game_id))
