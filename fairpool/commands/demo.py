"""`fairpool demo`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fairpool import demo as playing
from fairpool.commands import DATA_IS_CHOSEN, payments, replay
from fairpool.commands.output import print_json, say
from fairpool.plan import plan
from fairpool.sample import nfl_week
from fairpool.settings import Settings
from fairpool.strangers import Strangers

BETS_A_PLAYER = 8
# Its own servers on a free port, one week only; simulated players are in a hurry, all at one address, and have no
# passwords worth the work of hashing.
_DEMO_SETTINGS = {
    "database_url": None,
    "nats_url": None,
    "api_port": 0,
    "opens_weeks": False,
    "argon2_memory_kib": 1024,
    "argon2_passes": 1,
    "confirm_signup": False,
    **dict.fromkeys(("limit_auth", "limit_log_in", "limit_bets", "limit_reads", "limit_writes"), "off"),
}


def demo(
    context: typer.Context,
    feed: Annotated[Path | None, typer.Option(help="A feed file; the sample week by default.")] = None,
    players: Annotated[int, typer.Option(min=0, max=100_000, help="How many players take part.")] = 250,
    bets: Annotated[int | None, typer.Option(min=0, help="How many bets to try in all; 8 a player by default.")] = None,
    seed: Annotated[int, typer.Option(help="Same feed, players, bets and seed: same week.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON object.")] = False,
) -> None:
    """Play one whole week through the real API, NATS and store, money included; end with standings and an audit."""
    tries = players * BETS_A_PLAYER if bets is None else bets
    chosen = plan(feed or nfl_week(), players=players, bets=tries if players else 0, seed=seed)
    with _data(context) as settings, _progress() as tell:
        outcome = playing.play(settings, chosen, tell=tell)
    if as_json:
        print_json(outcome.report)
    else:
        _show(outcome)
    if not outcome.is_ok:
        raise typer.Exit(1)


def _show(outcome: playing.Outcome) -> None:
    replay.show_standings(outcome.audit)
    replay.show(outcome.audit)
    report = outcome.report
    typer.echo(
        f"{report['games']['settled']} games settled, {report['games']['void']} void,"
        f" {report['games']['other_week']} of another week; messages: {report['messages']['applied']} applied,"
        f" {report['messages']['repeated']} repeated, {report['messages']['dead']} dead"
    )
    paid = report["payments"]
    typer.echo(
        f"{paid['passes']} passes, {paid['buy_backs']} buy-backs, {paid['refunded']} payments refunded,"
        f" {paid['prizes'].get('paid', 0)} prizes paid"
    )
    payments.show(outcome.reconciliation)
    rebuilt = report["rebuild"]
    typer.echo(
        f"{rebuilt['projections']} projections rebuilt while players bet: {rebuilt['rows_differing']} rows differ"
    )
    _show_strangers(outcome.strangers)
    typer.echo(f"standings {report['standings_hash']}")
    typer.echo("seconds: " + ", ".join(f"{part} {took}" for part, took in report["seconds"].items()))


def _show_strangers(strangers: Strangers) -> None:
    verdict = strangers.verdict
    typer.echo(
        f"verify_week.py: {'it is not here, take it from docs/ of the source' if verdict is None else verdict.said}"
    )
    journal = strangers.journal
    if journal is None:
        typer.echo("journal: neither hledger nor Beancount is here to add it up")
    else:
        typer.echo(f"journal: {journal.by} " + ("comes to our balances" if journal.agrees else "DIFFERS"))
        for difference in journal.differences:
            typer.echo(difference)


@contextmanager
def _data(context: typer.Context) -> Iterator[Settings]:
    """Give settings with a data directory that is gone afterwards, unless one was named."""
    settings: Settings = context.obj.model_copy(update=_DEMO_SETTINGS)
    if context.meta[DATA_IS_CHOSEN]:
        yield settings
        say(f"the ledger of this week stays in {settings.data}")
        return
    with tempfile.TemporaryDirectory(prefix="fairpool-demo-") as folder:
        yield settings.model_copy(update={"data": Path(folder)})


@contextmanager
def _progress() -> Iterator[playing.Tell]:
    """Draw progress on a terminal; print a line for each new stage elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        said: set[str] = set()

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in said:
                said.add(stage)
                console.print(f"{stage} …")

        yield tell
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total or None)
