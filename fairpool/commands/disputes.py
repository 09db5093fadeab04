"""`fairpool dispute`: what a change would do, making it, and the cases in which it is kept who did what, and why.

Reasons are public with the ledger, and players read them: they name nobody.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from api.identity.actors import names_of
from fairpool.commands import DATA_IS_CHOSEN
from fairpool.commands.carrying_out import Applied, CaseWork, case_work, proposal_of, reason_of, signed_in
from fairpool.commands.case_views import (
    case_json,
    effect_told,
    listed_json,
    preview_json,
    show_case,
    show_cases,
    show_preview,
)
from fairpool.commands.operators import As, Operator
from fairpool.commands.output import print_json
from fairpool.commands.wanted import (
    AfterRegulation,
    Bet,
    Ended,
    From,
    Market,
    Release,
    Score,
    StartedAt,
    Until,
    Words,
    told,
)
from fairpool.web import players
from feeds.disputed import Named
from ledger.proposal import Change
from projections.board import Board
from projections.cases import Case, Cases
from projections.effects import Preview


class State(StrEnum):
    """How far a case has come."""

    OPEN = "open"
    PROPOSED = "proposed"
    APPROVED = "approved"
    APPLIED = "applied"
    CLOSED = "closed"


Week = Annotated[str, typer.Argument(help="A week such as 2026-W47.")]
InWeek = Annotated[str, typer.Option("--week", help="The week of the game, where its name alone does not tell.")]
Game = Annotated[str, typer.Argument(help="The game: its id or, as 2024_10_CIN_BAL, its id at the feed.")]
CaseId = Annotated[UUID, typer.Argument(metavar="CASE", help="The case: see `fairpool dispute list`.")]
Reason = Annotated[str, typer.Option(help="Why, in words that name nobody: players read them, and they are public.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(help="Preview, correct and void what is in dispute; see its cases.", no_args_is_help=True)
    for command in (preview, correct, void, lift, approve, apply, close, show):
        group.command(command.__name__)(command)
    group.command("list")(list_cases)
    return group


def preview(
    context: typer.Context,
    week: Week,
    game: Game,
    score: Score = "",
    regulation: AfterRegulation = "",
    status: Ended = None,
    started_at: StartedAt = "",
    release: Release = False,
    market: Market = "",
    bet: Bet = None,
    placed_from: From = "",
    placed_until: Until = "",
    as_json: Json = False,
) -> None:
    """Show what a correction or a void would change, without writing."""
    words = Words(
        score=score,
        regulation=regulation,
        status=status,
        started_at=started_at,
        release=release,
        market=market,
        bet=bet,
        placed_from=placed_from,
        placed_until=placed_until,
    )
    with case_work(context) as found:
        named = found.disputed.named(game, week=week)
        shown = found.preview(week, words.change(named.game_id))
        needs_approval = found.needs_approval(shown)
    if as_json:
        print_json(preview_json(shown, needs_approval=needs_approval))
    else:
        show_preview(shown, needs_approval=needs_approval)


def correct(
    context: typer.Context,
    game: Game,
    reason: Reason,
    operator: As = "",
    week: InWeek = "",
    score: Score = "",
    regulation: AfterRegulation = "",
    status: Ended = None,
    started_at: StartedAt = "",
    release: Release = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Give a game its right result, or its real start; or release it to the feed's word again."""
    words = Words(score=score, regulation=regulation, status=status, started_at=started_at, release=release)
    _rule(context, game, week, words, reason=reason, operator=operator, yes=yes, as_json=as_json)


def void(
    context: typer.Context,
    game: Game,
    reason: Reason,
    operator: As = "",
    week: InWeek = "",
    market: Market = "",
    bet: Bet = None,
    placed_from: From = "",
    placed_until: Until = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Return the stakes of bets on a game: those on a market, one bet, or those placed in an interval."""
    words = Words(market=market, bet=bet, placed_from=placed_from, placed_until=placed_until)
    _rule(context, game, week, words, reason=reason, operator=operator, yes=yes, as_json=as_json)


def lift(
    context: typer.Context,
    case_id: CaseId,
    reason: Reason,
    operator: As = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take back what a case ruled: a void is lifted, an operator's result released."""
    with signed_in(context, operator) as (found, who):
        ruled = found.applied(case_id)
        change = proposal_of(ruled).change
        lifts = Change(kind="lift", game_id=change.game_id, lifts=case_id if change.kind == "void" else None)
        _carry_out(context, found, who, ruled.log, lifts, reason=reason, yes=yes, as_json=as_json)


def approve(
    context: typer.Context, case_id: CaseId, operator: As = "", yes: Yes = False, as_json: Json = False
) -> None:
    """Agree to what another operator has proposed. Then it can be applied."""
    with signed_in(context, operator) as (found, who):
        proposed = found.proposed(case_id)
        proposal = proposal_of(proposed)
        if not as_json:
            typer.echo(f"reason   {reason_of(found.history(case_id)[0])}")
            typer.echo(f"change   {told(proposal.change)}, on game {proposal.change.game_id}")
            typer.echo(f"effect   {effect_told(proposal.effect)}")
        _confirm("Approve it?", yes=yes)
        approved = found.approve(case_id, operator=who)
        following = _command(context, f"apply {case_id} --as {who.email}")
    if as_json:
        print_json({"case_id": case_id, "week": approved.log, "position": approved.token, "next": following})
    else:
        typer.echo(f"{approved.event.TOPIC} at {approved.token}")
        typer.echo(f"now: {following}")


def apply(context: typer.Context, case_id: CaseId, operator: As = "", as_json: Json = False) -> None:
    """Carry out what is proposed in a case, and settle the bets; again, it is done once."""
    with signed_in(context, operator) as (found, who):
        applied = found.apply(case_id, operator=who)
    _tell_applied(applied, as_json=as_json)


def close(
    context: typer.Context,
    case_id: CaseId,
    outcome: Annotated[str, typer.Option(help="Why it ends without a change; it is public.")],
    operator: As = "",
    as_json: Json = False,
) -> None:
    """Close a case without a change. While one is open, its week does not become final."""
    with signed_in(context, operator) as (found, who):
        closed = found.close(case_id, outcome=outcome, operator=who)
    if as_json:
        print_json({"case_id": case_id, "week": closed.log, "position": closed.token})
    else:
        typer.echo(f"{closed.event.TOPIC} at {closed.token}")


def list_cases(
    context: typer.Context,
    week: Annotated[str | None, typer.Option(help="Those of one week, or of the office.")] = None,
    state: Annotated[State | None, typer.Option(help="Those that have come so far.")] = None,
    number: Annotated[int, typer.Option(min=1, max=1000, help="How many, at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List cases, newest first."""
    with case_work(context) as found:
        rows = Cases(found.built.ledger.datastore).cases(week=week, state=state and state.value, limit=number)
    if as_json:
        print_json([listed_json(row) for row in rows])
    else:
        show_cases(rows)


def show(context: typer.Context, case_id: CaseId, as_json: Json = False) -> None:
    """Show a case: who did what, why, what settled the game before and after, and what it came to."""
    with case_work(context) as found:
        facts = found.history(case_id)
        names = names_of(players(found.built), (fact.actor for fact in facts))
        row = _row(found, case_id)
        game = _game(found, row)
    if as_json:
        print_json(case_json(row, facts, names))
    else:
        show_case(row, facts, names, game=game)


def _rule(
    context: typer.Context,
    game: str,
    week: str,
    words: Words,
    *,
    reason: str,
    operator: str,
    yes: bool,
    as_json: bool,
) -> None:
    with signed_in(context, operator) as (found, who):
        named: Named = found.disputed.named(game, week=week or None)
        change = words.change(named.game_id)
        _carry_out(context, found, who, named.week, change, reason=reason, yes=yes, as_json=as_json)


def _carry_out(
    context: typer.Context,
    found: CaseWork,
    who: Operator,
    week: str,
    change: Change,
    *,
    reason: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Preview, ask, propose and, where no second operator is needed, apply."""
    shown = found.preview(week, change)
    needs_approval = found.needs_approval(shown)
    if not as_json:
        show_preview(shown, needs_approval=needs_approval)
    _confirm("Propose it?" if needs_approval else "Do it?", yes=yes)
    proposed = found.propose(shown, reason=reason, operator=who)
    if proposal_of(proposed).needs_approval:
        _tell_waiting(context, proposed.stream, shown, as_json=as_json)
    else:
        _tell_applied(found.apply(proposed.stream, operator=who), as_json=as_json)


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask on: say --yes")
    typer.confirm(question, abort=True)


def _tell_waiting(context: typer.Context, case_id: UUID, shown: Preview, *, as_json: bool) -> None:
    following = _command(context, f"approve {case_id} --as EMAIL")
    if as_json:
        preview = preview_json(shown, needs_approval=True)
        print_json({"case_id": case_id, "week": shown.week, "state": "proposed", "next": following, "preview": preview})
    else:
        typer.echo(f"case {case_id} is proposed; a second operator approves it: {following}")


def _tell_applied(applied: Applied, *, as_json: bool) -> None:
    if as_json:
        print_json({**asdict(applied), "settled": applied.settled._asdict()})
    elif applied.outcome == "recorded":
        typer.echo(f"case {applied.case_id}: recorded at {applied.position}; the week is final, so nothing moved")
    else:
        typer.echo(f"case {applied.case_id}: applied at {applied.position}")
        typer.echo(f"settled: {applied.settled.bets} bets changed, {applied.settled.moved} credits moved")


def _command(context: typer.Context, rest: str) -> str:
    """Return the command that somebody else is to enter, on the same data."""
    data = f" --data {context.obj.data}" if context.meta.get(DATA_IS_CHOSEN) else ""
    return f"fairpool{data} dispute {rest}"


def _row(found: CaseWork, case_id: UUID) -> Case:
    row = Cases(found.built.ledger.datastore).case(case_id)
    assert row is not None
    return row


def _game(found: CaseWork, row: Case) -> str:
    game = None if row.game_id is None else Board(found.built.ledger.datastore).game(row.game_id)
    return "" if game is None else f", {game.external_id}: {game.away} at {game.home}"
