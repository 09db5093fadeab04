"""Use cases: games and quotes come onto the board of their week, and stakes are stopped and let go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime
from uuid import UUID

from ledger.book import Decision
from ledger.cases import note
from ledger.facts import Fact
from ledger.game import BY_OPERATOR, POSTPONED, SCHEDULED_START, SOURCE_SILENT, Game, GameMoved
from ledger.ledger import Ledger
from ledger.settlement import Settlement, Word
from ledger.week import Week

Change = Future[list[Fact]]
"""What a command of the feed did: the facts it added, none where it said nothing new."""


def schedule(
    ledger: Ledger,
    *,
    week: str,
    game_id: UUID,
    external_id: str,
    league: str,
    home: str,
    away: str,
    starts_at: datetime,
    source: str,
    actor: str,
    request: str,
) -> Change:
    """List a game in the week that holds its start."""

    def decide(on: Decision) -> list[Fact]:
        if not _takes_games(on.week()):
            return []
        listed = on.game(game_id).schedule(
            external_id=external_id, league=league, home=home, away=away, starts_at=starts_at, source=source
        )
        return _facts(listed)

    return ledger.desk(week).ask(decide, actor=actor, request=request)


def reschedule(ledger: Ledger, *, week: str, game_id: UUID, starts_at: datetime, actor: str, request: str) -> Change:
    """Move a game's start: within the week bets stand; out of it the listing ends and its bets are returned."""

    def decide(on: Decision) -> list[Fact]:
        game, settlement = on.game(game_id), on.settlement(game_id)
        if game.listed is None or game.moved_out or on.week().finalised is not None:
            return []
        if on.week().starts_at <= starts_at < on.week().ends_at:
            # A game that has ended is not unlocked by a late message: everybody knows its result.
            return [] if settlement.words else _facts(game.reschedule(starts_at=starts_at))
        moved = game.move_out(starts_at=starts_at)
        returned = settlement.record(
            Word(game_id=game_id, source=game.listing.source, status=POSTPONED),
            rules=on.week().rules,
            final=False,
        )
        return _facts(moved, returned)

    return ledger.desk(week).ask(decide, actor=actor, request=request)


def postpone(ledger: Ledger, *, week: str, game_id: UUID, actor: str, request: str) -> Change:
    """Call a game off for now: no stakes until it has a new start, returned if the week ends before that."""
    return suspend(ledger, week=week, game_id=game_id, market=None, why=POSTPONED, actor=actor, request=request)


def quote(
    ledger: Ledger,
    *,
    week: str,
    game_id: UUID,
    market: str,
    line: str | None,
    prices: Mapping[str, int],
    source: str,
    at: datetime,
    actor: str,
    request: str,
) -> Change:
    """Put a line and prices on offer."""
    return _change(
        ledger,
        week,
        game_id,
        lambda game: game.quote(market=market, line=line, prices=prices, source=source, at=at),
        actor=actor,
        request=request,
    )


def suspend(
    ledger: Ledger,
    *,
    week: str,
    game_id: UUID,
    market: str | None,
    why: str,
    actor: str,
    request: str,
    reason: str | None = None,
    seen: int | None = None,
) -> Change:
    """Stop stakes on a market, or on all of a game's.

    An operator gives a `reason`, which is noted with it as a case, and may name the version of the game that was
    `seen`; raises UnknownGame or GameMoved then.
    """
    return _change(
        ledger,
        week,
        game_id,
        lambda game: game.suspend(market=market, why=why),
        actor=actor,
        request=request,
        reason=reason,
        seen=seen,
    )


def reopen(
    ledger: Ledger,
    *,
    week: str,
    game_id: UUID,
    market: str | None,
    why: str,
    actor: str,
    request: str,
    reason: str | None = None,
    seen: int | None = None,
    stopped_for: str | None = None,
) -> Change:
    """Let stakes go on; with `stopped_for`, only where that is why they are stopped.

    What an operator stopped goes on when an operator says so: `reason` and `seen` are those of `suspend`. What was
    stopped because a source is silent goes on for nobody's old word that it is open.
    """

    def change(game: Game) -> Fact | None:
        stopped = game.stopped_for(market)
        if reason is None and stopped in (BY_OPERATOR, SOURCE_SILENT) and stopped != stopped_for:
            return None
        if stopped_for is not None and stopped != stopped_for:
            return None
        return game.reopen(market=market, why=why)

    return _change(ledger, week, game_id, change, actor=actor, request=request, reason=reason, seen=seen)


def lock(
    ledger: Ledger,
    *,
    week: str,
    game_id: UUID,
    why: str,
    started_at: datetime | None,
    actor: str,
    request: str,
) -> Change:
    """Stop stakes because the game starts.

    A real start before the scheduled one makes some bets late, and one that was believed before did: a game that is
    settled is then settled again.
    """

    def decide(on: Decision) -> list[Fact]:
        game = on.game(game_id)
        if game.listed is None or on.week().finalised is not None:
            return []
        return start(game, on.settlement(game_id), why=why, started_at=started_at)

    return ledger.desk(week).ask(decide, actor=actor, request=request)


def start(game: Game, settlement: Settlement, *, why: str, started_at: datetime | None) -> list[Fact]:
    """Lock a game because it starts and, where its real start makes other bets late than before, settle it again."""
    if game.moved_out:
        return []
    believed = game.started_at
    locked = game.lock(why=why, started_at=started_at)
    if locked is None or started_at is None or min(started_at, believed or started_at) >= game.starts_at:
        return _facts(locked)
    return _facts(locked, settlement.reconsider())


def lock_started(ledger: Ledger, *, week: str, game_id: UUID, actor: str, request: str) -> Change:
    """Lock a game whose scheduled start has come by the service's clock."""

    def decide(on: Decision) -> list[Fact]:
        game = on.game(game_id)
        if game.listed is None or game.moved_out or on.now < game.starts_at:
            return []
        return _facts(game.lock(why=SCHEDULED_START))

    return ledger.desk(week).ask(decide, actor=actor, request=request)


def _change(
    ledger: Ledger,
    week: str,
    game_id: UUID,
    change: Callable[[Game], Fact | None],
    *,
    actor: str,
    request: str,
    reason: str | None = None,
    seen: int | None = None,
) -> Change:
    def decide(on: Decision) -> list[Fact]:
        if reason is not None:
            return _by_hand(on, game_id, change, reason=reason, seen=seen)
        game = on.game(game_id)
        if game.listed is None or game.moved_out or on.week().finalised is not None:
            return []
        return _facts(change(game))

    return ledger.desk(week).ask(decide, actor=actor, request=request)


def _by_hand(
    on: Decision, game_id: UUID, change: Callable[[Game], Fact | None], *, reason: str, seen: int | None
) -> list[Fact]:
    """Change a game for an operator, once for a request, and note it."""
    game, noted = on.listed_game(game_id), on.case_to_open().closed
    if noted is not None:
        return [noted]
    if seen not in (None, game.version):
        raise GameMoved(f"game {game_id} is at version {game.version}, and was looked at in {seen}: look again")
    changed = None if game.moved_out or on.week().finalised is not None else change(game)
    if changed is None:
        return []
    return [changed, note(on, subject=f"game:{game_id}", reason=reason, outcome=changed.event.TOPIC)]


def _takes_games(week: Week) -> bool:
    return week.state in ("registering", "grouped")


def _facts(*facts: Fact | None) -> list[Fact]:
    return [fact for fact in facts if fact is not None]
