"""`fairpool games`: where games stand, and stopping stakes on one by hand. Reasons are public: they name nobody."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer

from fairpool.commands.output import print_json, print_table
from fairpool.core import Core, core
from fairpool.feed_care import care
from fairpool.servers import database
from feeds.disputed import Disputed
from feeds.flags import Flag
from feeds.games import GameStands
from ledger import listing, weeks
from ledger.facts import Fact
from ledger.game import BY_OPERATOR


class Market(StrEnum):
    """What can be bet on."""

    MONEYLINE = "moneyline"
    SPREAD = "spread"
    TOTAL = "total"


Week = Annotated[str, typer.Argument(help="A week such as 2026-W47.")]
Game = Annotated[str, typer.Argument(help="The game: its id or, as 2024_10_CIN_BAL, its id at the feed.")]
OnMarket = Annotated[Market | None, typer.Option(help="One market; the whole game unless named.")]
Reason = Annotated[str, typer.Option(help="Why, in words that name nobody: it is kept in the ledger, and public.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(help="See where games stand, and stop stakes on one by hand.", no_args_is_help=True)
    group.command("list")(list_games)
    for command in (show, suspend, reopen, resolve):
        group.command(command.__name__)(command)
    return group


def list_games(
    context: typer.Context,
    week: Week,
    stuck: Annotated[bool, typer.Option("--stuck", help="Those that should be over, and are not resolved.")] = False,
    as_json: Json = False,
) -> None:
    """List the games of a week."""
    weeks.starts_at(week)
    with _core(context) as built:
        games = care(built).games.games(week, stuck_only=stuck)
    if as_json:
        print_json([_plain(game) for game in games])
        return
    print_table(
        "games",
        ["game", "at the feed", "away", "home", "starts", "state", "waits for"],
        [
            [each.game_id, each.external_id, each.away, each.home, each.starts_at, _state(each), each.waits_for or ""]
            for each in games
        ],
    )


def show(context: typer.Context, game: Game, as_json: Json = False) -> None:
    """Show a game: its markets, what was said of its end, its flags, and what it waits for."""
    with _core(context) as built:
        stands, flags = _found(built, game)
    if as_json:
        print_json(_plain(stands) | {"flags": [asdict(flag) for flag in flags]})
        return
    for line in _told(stands, flags):
        typer.echo(line)


def suspend(context: typer.Context, game: Game, reason: Reason, market: OnMarket = None) -> None:
    """Stop stakes on a game or a market, until an operator lets them go on, whatever the feed says meanwhile."""
    _do(context, game, market, reason, stop=True)


def reopen(context: typer.Context, game: Game, reason: Reason, market: OnMarket = None) -> None:
    """Let stakes go on, whatever they were stopped for; a game that has started stays locked."""
    _do(context, game, market, reason, stop=False)


def resolve(
    context: typer.Context,
    flag: Annotated[int, typer.Argument(metavar="FLAG", help="The number of a flag: see `fairpool attention`.")],
    note: Annotated[str, typer.Option(help="What came of looking at it: it is kept in the ledger, and public.")],
) -> None:
    """Note that a flag was looked at."""
    with _core(context) as built:
        resolved = care(built).resolve_flag(flag, note=note, actor=_operator(), request=_request(built))
    typer.echo(f"flag {resolved.id} is resolved, by {resolved.resolved_by}")


def _do(context: typer.Context, game: str, market: Market | None, reason: str, *, stop: bool) -> None:
    with _core(context) as built:
        named = Disputed(built.ledger).named(game)
        act = listing.suspend if stop else listing.reopen
        done: list[Fact] = act(
            built.ledger,
            week=named.week,
            game_id=named.game_id,
            market=None if market is None else str(market),
            why=BY_OPERATOR,
            actor=_operator(),
            request=_request(built),
            reason=reason,
        ).result()
    typer.echo(f"{done[0].event.TOPIC} at {done[0].token}" if done else "it is so already: nothing to do")


def _found(built: Core, game: str) -> tuple[GameStands, list[Flag]]:
    named, cared = Disputed(built.ledger).named(game), care(built)
    return cared.games.game(named.week, named.game_id), cared.flags.flags_of_game(named.game_id)


def _told(game: GameStands, flags: list[Flag]) -> Iterator[str]:
    yield f"{game.away} at {game.home} ({game.league}), {game.week}, {game.game_id}"
    yield f"at the feed: {game.source} {game.external_id}"
    yield f"starts: {game.starts_at}, {_state(game)}"
    for market in game.markets:
        offer = f" {market.line}" if market.line else ""
        takes_stakes = "closed" if game.locked or game.moved_out else market.suspended or "open"
        yield f"market {market.market}{offer} {market.prices}: {takes_stakes}"
    for said in game.said:
        yield f"said: {said}"
    if game.waits_for:
        yield f"waits for {game.waits_for}; void at {game.void_at}"
    for flag in flags:
        now = f"resolved by {flag.resolved_by}: {flag.note}" if flag.resolved_at else "open"
        yield f"flag {flag.id} {flag.kind}: {flag.detail} ({now})"


def _state(game: GameStands) -> str:
    if game.moved_out:
        return "moved out of the week"
    if game.is_resolved:
        return "resolved"
    if game.locked is not None:
        return f"locked: {game.locked}"
    return f"suspended: {game.suspended}" if game.suspended else "open"


def _plain(game: GameStands) -> dict[str, Any]:
    return asdict(game) | {"markets": [market._asdict() for market in game.markets]}


@contextmanager
def _core(context: typer.Context) -> Iterator[Core]:
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        yield built


def _operator() -> str:
    return f"operator:{getpass.getuser()}"


def _request(built: Core) -> str:
    return f"games/{built.ledger.new_id()}"
