"""Previews and cases, printed for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import typer

from api.cases import CaseListed, CaseShown, CaseStep, PreviewShown
from fairpool.commands.wanted import told
from ledger.facts import Fact, read_as
from ledger.proposal import Change, Effect
from projections.cases import Case
from projections.effects import EntryChange, Preview

ROWS_SHOWN: Final = 10


def preview_json(preview: Preview, *, needs_approval: bool) -> dict[str, Any]:
    """Return a preview as the API answers it."""
    return PreviewShown.of(preview, needs_approval=needs_approval).model_dump(mode="json")


def case_json(row: Case, facts: Sequence[Fact], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a case as the API answers it."""
    steps = [CaseStep.of(fact, names) for fact in facts]
    return CaseShown.shown(row, steps=steps).model_dump(mode="json")


def listed_json(row: Case) -> dict[str, Any]:
    """Return a case of a list as the API answers it."""
    return CaseListed.shown(row).model_dump(mode="json")


def show_preview(preview: Preview, *, needs_approval: bool) -> None:
    """Print what a change would do."""
    typer.echo(f"{told(preview.change)}, on game {preview.change.game_id} in {preview.week}")
    if preview.is_final:
        typer.echo("the week is final: it would be recorded, and move nothing")
    _show_bets(preview)
    _show_entries("credits", preview.credits)
    _show_entries("rank", preview.ranks)
    _show_entries("prize in cents", preview.prizes)
    for change in preview.below_zero[:ROWS_SHOWN]:
        typer.echo(f"below zero: {change.entry} in {change.pool_name}, {change.after}")
    typer.echo(effect_told(preview.effect))
    if needs_approval:
        typer.echo("a second operator has to approve it")


def effect_told(effect: Effect) -> str:
    """Return what a change comes to, in words."""
    return (
        f"{effect.bets} bets change, {effect.moved} credits move: they pay {effect.paid_before} before and"
        f" {effect.paid_after} after; {effect.below_zero} accounts fall below zero, {effect.ranks} ranks and"
        f" {effect.prizes} prizes change"
    )


def show_case(row: Case, facts: Sequence[Fact], names: Mapping[str, str], *, game: str) -> None:
    """Print a case: what it is about, what came of it, and who did what."""
    typer.echo(f"case {row.case_id} in {row.log}: {row.state}")
    typer.echo(f"about    {row.subject}{game}")
    typer.echo(f"reason   {row.reason}")
    if row.change is not None:
        typer.echo(f"change   {told(read_as(Change, row.change.encode()))}")
    if row.effect is not None:
        typer.echo(f"effect   {effect_told(read_as(Effect, row.effect.encode()))}")
    for name, settled in (("before", row.before), ("after", row.after)):
        if settled is not None:
            typer.echo(f"{name:<8} {_settled(settled)}")
    if row.outcome is not None:
        typer.echo(f"outcome  {row.outcome}")
    for fact in facts:
        who = names.get(fact.actor, fact.actor)
        typer.echo(f"{fact.at:%Y-%m-%d %H:%M:%S}Z  {fact.event.TOPIC:<13} by {who} at {fact.token}")


def show_cases(rows: Sequence[Case]) -> None:
    """Print a list of cases, one a line."""
    for row in rows:
        opened = f"{row.opened_at:%Y-%m-%d %H:%M}Z"
        typer.echo(f"{row.case_id} {row.log} {row.state:<8} opened {opened} on {row.subject}: {row.reason}")


def _show_bets(preview: Preview) -> None:
    for bet in preview.bets[:ROWS_SHOWN]:
        typer.echo(
            f"bet {bet.bet_id} of {bet.entry}: {bet.from_outcome} {bet.from_payout}, then {bet.to_outcome}"
            f" {bet.to_payout} ({bet.reason})"
        )
    _tell_left_off(len(preview.bets), "bets")


def _show_entries(what: str, changes: Sequence[EntryChange]) -> None:
    for each in changes[:ROWS_SHOWN]:
        typer.echo(f"{what} of {each.entry} in {each.pool_name}: {each.before}, then {each.after}")
    _tell_left_off(len(changes), what)


def _tell_left_off(number: int, what: str) -> None:
    if number > ROWS_SHOWN:
        typer.echo(f"… and {number - ROWS_SHOWN} more {what}: --json has the first hundred")


def _settled(text: str) -> str:
    """Return what settles a game, kept as JSON, in words."""
    word: dict[str, Any] = json.loads(text)
    score = f", {word['home_score']}-{word['away_score']}" if word["status"] == "final" else ""
    source = word["source"] or "the feed, as an operator had said"
    return f"{word['status']}{score}, by {source} ({word['certainty']})"
