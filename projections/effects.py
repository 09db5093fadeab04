"""What a ruling would change: bets, credits, ranks and prizes, found by letting the aggregates decide on copies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from ledger.account import Account, Bet
from ledger.facts import Fact, canonical
from ledger.game import Game
from ledger.prizes import awards
from ledger.proposal import Change, Effect
from ledger.rules import Rules
from ledger.settlement import Settlement, Word
from ledger.standings import rank


class BetChange(NamedTuple):
    """A bet that would change. `from_outcome` is placed, won, lost, push or void; what is placed pays 0 so far.

    `reason` is that of the event that would tell: result, push, or why the stake is returned.
    """

    bet_id: UUID
    entry: UUID
    from_outcome: str
    from_payout: int
    to_outcome: str
    to_payout: int
    reason: str


class EntryChange(NamedTuple):
    """What of an entry would change: its credits, its rank in the pool or, in cents, its prize (0 is none)."""

    entry: UUID
    pool_name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would do to a week as its log was at `position`.

    `resolution` is the game's that it was made on, `words` all that its sources had said by then. `is_final`: the week
    is over, so the change would be recorded and move nothing. `bets` are in order of id. `credits`, `ranks` and
    `prizes` hold what changes, by pool and entry; the prizes are those that the week would award if it ended as it
    stands. `effect` sums it all up.
    """

    week: str
    position: int
    change: Change
    resolution: int
    words: Mapping[str, Word]
    is_final: bool
    bets: Sequence[BetChange]
    credits: Sequence[EntryChange]
    ranks: Sequence[EntryChange]
    prizes: Sequence[EntryChange]
    effect: Effect
    preview_hash: str

    @property
    def below_zero(self) -> list[EntryChange]:
        """The accounts that would fall below zero, of those in `credits`."""
        return falling_below_zero(self.credits)


class Standing(NamedTuple):
    """What an entry's rank and prize depend on: its credits, and whether a bet of it was resolved."""

    credits: int
    has_played: bool

    @classmethod
    def of(cls, account: Account) -> Standing:
        """Return where an account stands now."""
        return cls(account.available, any(bet.outcome is not None for bet in account.bets.values()))


class Member(NamedTuple):
    """An entry of a pool, as it stands without the change and with it."""

    entry: UUID
    before: Standing
    after: Standing


class Side:
    """What the bets on a game are settled by, either without the change or with it. All events have a position."""

    def __init__(self, game: Game, settlement: Settlement, rules: Rules) -> None:
        self.game = game
        self.settlement = settlement
        self._grades = settlement.grades(game, rules)

    def settle(self, account: Account, bet: Bet) -> Fact | None:
        """Settle a bet as the settler does; None where it stands so already, is still open, or was placed later."""
        if bet.placed.position > self.settlement.cut:
            return None
        outcome = self.settlement.outcome(bet.placed, game=self.game, grades=self._grades)
        if outcome is None:
            return None
        return account.resolve(bet_id=bet.stake.bet_id, outcome=outcome, resolution=self.settlement.resolution)


class BetChanges:
    """Adds up, account by account, which bets change.

    What the present resolution comes to counts as done, even where the settler is still at work on it, so that nothing
    under way is taken for an effect of the change. Kept are a tuple for each bet that changes and one for each entry
    that bet on the game; `pools` are the names of those in which a bet changes.
    """

    def __init__(self, before: Side, after: Side) -> None:
        self._before = before
        self._after = after
        self.bets: list[BetChange] = []
        self.bettors: dict[UUID, Member] = {}
        self.pools: dict[UUID, str] = {}

    def add(self, account: Account) -> None:
        """Settle an account's bets on the game as they would be without the change, and then with it."""
        bets = [bet for bet in account.bets.values() if bet.stake.game_id == self._after.game.id]
        if not self._before.settlement.is_settled:
            for bet in bets:
                self._before.settle(account, bet)
        before, known = Standing.of(account), len(self.bets)
        self.bets += [change for bet in bets if (change := self._change(account, bet)) is not None]
        self.bettors[account.id] = Member(account.id, before, Standing.of(account))
        if len(self.bets) > known and account.opened is not None:
            self.pools[account.opened.pool_id] = account.opened.pool_name

    def _change(self, account: Account, bet: Bet) -> BetChange | None:
        before = bet.outcome
        settled = self._after.settle(account, bet)
        if settled is None:
            return None
        after = bet.outcome
        assert after is not None
        return BetChange(
            bet_id=bet.stake.bet_id,
            entry=account.id,
            from_outcome="placed" if before is None else before.verdict,
            from_payout=0 if before is None else before.payout,
            to_outcome=after.verdict,
            to_payout=after.payout,
            reason=getattr(settled.event, "reason", "result"),
        )


class EntryChanges:
    """Adds up, pool by pool, whose credits, ranks and prizes change."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.credits: list[EntryChange] = []
        self.ranks: list[EntryChange] = []
        self.prizes: list[EntryChange] = []

    def add(self, pool_name: str, members: Sequence[Member]) -> None:
        """Compare a pool without the change and with it; `members` are all of its entries."""
        before = {member.entry: member.before for member in members}
        after = {member.entry: member.after for member in members}
        self.credits += _changes(pool_name, _credits(before), _credits(after))
        self.ranks += _changes(pool_name, _ranks(before), _ranks(after))
        self.prizes += _changes(pool_name, self._prizes(before), self._prizes(after))

    def _prizes(self, standings: Mapping[UUID, Standing]) -> dict[UUID, int]:
        played = {entry for entry, standing in standings.items() if standing.has_played}
        won = awards(_credits(standings), played=played, rules=self._rules)
        return {award.entry: award.amount_cents for award in won}


def effect_of(bets: Sequence[BetChange], entries: EntryChanges) -> Effect:
    """Sum up what changes."""
    return Effect(
        bets=len(bets),
        moved=sum(abs(bet.to_payout - bet.from_payout) for bet in bets),
        paid_before=sum(bet.from_payout for bet in bets),
        paid_after=sum(bet.to_payout for bet in bets),
        below_zero=len(falling_below_zero(entries.credits)),
        ranks=len(entries.ranks),
        prizes=len(entries.prizes),
    )


def preview_hash(change: Change, bets: Sequence[BetChange]) -> str:
    """Return the SHA-256, in hex, of a line of canonical JSON for the change and one for each bet that it changes.

    A bet's line is the array of the fields of `BetChange`; bets are in order of id, and every line ends with LF.
    """
    digest = hashlib.sha256(canonical(change) + b"\n")
    for bet in bets:
        digest.update(canonical(bet) + b"\n")
    return digest.hexdigest()


def falling_below_zero(credits: Sequence[EntryChange]) -> list[EntryChange]:
    """Return the accounts that fall below zero."""
    return [each for each in credits if each.after < 0 <= each.before]


def _credits(standings: Mapping[UUID, Standing]) -> dict[UUID, int]:
    return {entry: standing.credits for entry, standing in standings.items()}


def _ranks(standings: Mapping[UUID, Standing]) -> dict[UUID, int]:
    return {standing.entry: standing.rank for standing in rank(_credits(standings))}


def _changes(pool_name: str, before: Mapping[UUID, int], after: Mapping[UUID, int]) -> Iterator[EntryChange]:
    for entry in sorted(before.keys() | after.keys()):
        was, now = before.get(entry, 0), after.get(entry, 0)
        if was != now:
            yield EntryChange(entry, pool_name, was, now)
