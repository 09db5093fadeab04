"""Use cases: results are recorded, and the bets on a game are settled under them, a chunk at a time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple
from uuid import UUID

from ledger.book import Decision
from ledger.facts import Fact
from ledger.game import Game
from ledger.ids import position_token
from ledger.ledger import Ledger
from ledger.rules import Rules
from ledger.settlement import CLOCK, Settlement, Word


class PlacedBet(NamedTuple):
    """Where a bet is: whose it is, and the position at which its stake was placed."""

    bet_id: UUID
    entry: UUID
    position: int


class Progress(NamedTuple):
    """How far a game is settled: bets behind `settled_to`, up to `cut`, come next; nothing does when `is_done`.

    The log ends at `known`.
    """

    resolution: int
    settled_to: int
    cut: int
    is_done: bool
    known: int


def record_result(ledger: Ledger, *, week: str, word: Word, actor: str, request: str) -> Future[list[Fact]]:
    """Record what a source says of a game and lock the game; a repeat adds nothing. Raises ConflictingResult.

    After the week's end of corrections the record is kept and moves nothing.
    """

    def decide(on: Decision) -> list[Fact]:
        return _record(on, on.game(word.game_id), word)

    return ledger.desk(week).ask(decide, actor=actor, request=request)


def meet_deadline(ledger: Ledger, *, week: str, game_id: UUID, request: str) -> Future[list[Fact]]:
    """Resolve a game that has no official result in time: a provisional one stands, else the game is void."""

    def decide(on: Decision) -> list[Fact]:
        settlement = on.settlement(game_id)
        if settlement.settling is not None or on.now < on.week().ends_at + on.week().rules.settlement_deadline:
            return []
        said = settlement.words.get("provisional")
        word = Word(game_id=game_id, source=CLOCK, status="no_result")
        if said is not None:
            word = Word(
                game_id=game_id,
                source=CLOCK,
                status=said.status,
                home_score=said.home_score,
                away_score=said.away_score,
                regulation=said.regulation,
            )
        return _record(on, on.game(game_id), word)

    return ledger.desk(week).ask(decide, actor=CLOCK, request=request)


def return_postponed(ledger: Ledger, *, week: str, game_id: UUID, request: str) -> Future[list[Fact]]:
    """Return the stakes on a game that was called off and had not started when its week closed."""

    def decide(on: Decision) -> list[Fact]:
        game = on.game(game_id)
        if on.week().closed is None or not game.is_postponed or on.settlement(game_id).words:
            return []
        return _record(on, game, Word(game_id=game_id, source=CLOCK, status="postponed"))

    return ledger.desk(week).ask(decide, actor=CLOCK, request=request)


def is_over(ledger: Ledger, *, week: str, game_id: UUID) -> Future[bool]:
    """Say whether anybody gave the game an end: a result, even a provisional one, or a void."""
    return ledger.desk(week).ask(lambda on: bool(on.settlement(game_id).words), actor="feed", request="is over")


def _record(on: Decision, game: Game, word: Word) -> list[Fact]:
    if game.listed is None:
        return []
    final = on.week().finalised is not None
    return record(game, on.settlement(game.id), word, rules=on.week().rules, final=final)


def record(game: Game, settlement: Settlement, word: Word, *, rules: Rules, final: bool) -> list[Fact]:
    """Lock a game and record what a source says of its end; a repeat adds nothing. Raises ConflictingResult.

    `final`: the week is over, so the record is kept and neither locks nor moves anything.
    """
    if settlement.is_old(word):
        return []
    locked = None if final else game.lock(why="cancelled" if word.status in ("cancelled", "abandoned") else "result")
    recorded = settlement.record(word, rules=rules, final=final)
    return [fact for fact in (locked, recorded) if fact is not None]


def progress(ledger: Ledger, *, week: str, game_id: UUID) -> Future[Progress]:
    """Return how far a game is settled."""

    def decide(on: Decision) -> Progress:
        settlement = on.settlement(game_id)
        return Progress(settlement.resolution, settlement.settled_to, settlement.cut, settlement.is_settled, on.known)

    # Alone, because a result in the same batch would have no position yet, and the cut is one.
    return ledger.desk(week).ask(decide, actor="settler", request="progress", alone=True)


def settle_chunk(
    ledger: Ledger,
    *,
    week: str,
    game_id: UUID,
    resolution: int,
    bets: Sequence[PlacedBet],
    from_: int,
    to: int,
    cut: int,
) -> Future[Fact]:
    """Settle some bets of a game, in order of position: payouts and progress in one append.

    `from_` to `to` are the positions that the chunk covers, `cut` that of the result or ruling. Bets that the
    resolution says nothing of, as there is no result yet, stay as they are. Raises StaleChunk where it is not what
    comes next.
    """

    entries = [bet.entry for bet in bets]

    def decide(on: Decision) -> Fact:
        game, settlement = on.game(game_id), on.settlement(game_id)
        settlement.require_next(resolution=resolution, from_=from_)
        grades = settlement.grades(game, on.week().rules)
        accounts = on.accounts(entries)
        whose = [(account, bet.bet_id, bet.position) for account, bet in zip(accounts, bets, strict=True)]
        covered = paid = 0
        for (account, bet_id, _), placed in zip(whose, on.stakes(whose), strict=True):
            outcome = settlement.outcome(placed, game=game, grades=grades)
            if outcome is not None:
                account.resolve(bet_id=bet_id, outcome=outcome, resolution=resolution)
                covered += 1
                paid += outcome.payout
        return settlement.settle_chunk(resolution=resolution, from_=from_, to=to, bets=covered, paid=paid)

    # The next chunk may be decided while the database appends this one: its bets were all placed before the cut.
    request, cause = f"{game_id}/{resolution}/{from_}", position_token(week, cut)
    return ledger.desk(week).ask(decide, actor="settler", request=request, cause=cause, bulk=True, accounts=entries)


def complete(ledger: Ledger, *, week: str, game_id: UUID, resolution: int, staked: int) -> Future[Fact]:
    """Note that all bets of a game are settled under a resolution; `staked` is what was staked on it."""

    def decide(on: Decision) -> Fact:
        return on.settlement(game_id).complete(resolution=resolution, staked=staked)

    return ledger.desk(week).ask(decide, actor="settler", request=f"{game_id}/{resolution}/complete")
