"""`fairpool payments`: a week's money reconciled, and what an operator sees and does of payments and prizes."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import msgspec
import typer

from fairpool import loop
from fairpool.commands.output import print_json, print_table
from fairpool.core import Core, core
from fairpool.money import MoneyMisconfigured
from fairpool.servers import database
from feeds.payments.reconcile import ProviderNeeded, Reconciliation, Sum, reconcile, summary
from ledger import prize_paying, weeks
from ledger.facts import Fact
from ledger.prize_payment import PrizeTerms
from projections.payment_rows import Purchase

Week = Annotated[str, typer.Argument(help="A week such as 2026-W47.")]
Entry = Annotated[UUID, typer.Argument(help="The entry that won the prize.")]
Reason = Annotated[str, typer.Option(help="Why, in words that name nobody: they are public with the ledger.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(
        help="Reconcile a week's money; see payments, and hold or release prizes.", no_args_is_help=True
    )
    group.command("reconcile")(reconcile_week)
    group.command("list")(list_payments)
    group.command("prizes")(list_prizes)
    group.command("hold")(hold)
    group.command("release")(release)
    return group


def reconcile_week(context: typer.Context, week: Week, as_json: Json = False) -> None:
    """Compare a week's money on all sides: provider, payments, credits, journal. Exit code 1 if anything differs."""
    weeks.starts_at(week)
    with _projected(context) as built:
        try:
            result = loop.run(_reconciled(built, week))
        except ProviderNeeded as error:
            raise MoneyMisconfigured(f"{error}: set FAIRPOOL_STRIPE_KEY") from error
    if as_json:
        print_json(summary(result))
    else:
        show(result)
    if not result.is_ok:
        raise typer.Exit(1)


def show(result: Reconciliation) -> None:
    """Print a reconciliation for people."""
    totals = result.totals
    print_table(
        f"{result.week}: at the provider, and here",
        ["kind", "currency", "there", "cents", "refunded", "here", "cents", "refunded"],
        [[each.kind, each.currency, *_numbers(each.provider), *_numbers(each.ours)] for each in totals.money],
    )
    for prizes in totals.prizes:
        typer.echo(f"prizes {prizes.state}: {prizes.number}, {prizes.amount_cents} cents {prizes.currency}")
    journal = totals.credits
    typer.echo(
        f"credits: {journal.issued} issued; {journal.accounts} accounts of {journal.grant},"
        f" {journal.bought_back} bought back"
    )
    for each in result.differences:
        typer.echo(f"{each.what} {each.id}: {each.detail}")
    typer.echo("reconciliation: ok" if result.is_ok else f"reconciliation: NOT OK, {len(result.differences)} differ")


def list_payments(context: typer.Context, week: Week, as_json: Json = False) -> None:
    """List the payments for a week, and what came of them."""
    weeks.starts_at(week)
    with _projected(context) as built:
        payments = built.money.view.payments_of_week(week)
        purchases = {each.payment_id: each for each in built.money.view.purchases_of_week(week)}
    listed = [msgspec.structs.asdict(each) | _verdict(purchases.get(each.payment_id)) for each in payments]
    if as_json:
        print_json(listed)
        return
    for each in listed:
        came_of_it = f"{each['verdict'] or 'not decided'}, refunded {each['refunded_cents']}"
        what = f"{each['kind']} {each['amount_cents']} {each['currency']} {each['status']}"
        typer.echo(f"{each['payment_id']} {what}, {came_of_it}, dispute {each['dispute'] or 'none'}")


def list_prizes(context: typer.Context, week: Week, as_json: Json = False) -> None:
    """List the prizes of a week, and how the payment of each stands."""
    weeks.starts_at(week)
    with _projected(context) as built:
        prizes = built.money.view.prizes_of_week(week)
    if as_json:
        print_json([asdict(each) for each in prizes])
        return
    for each in prizes:
        why = f" for {each.reason}" if each.reason else ""
        typer.echo(
            f"{each.entry} {each.pool_name} rank {each.rank} {each.amount_cents} {each.currency} {each.state}{why}"
        )


def hold(context: typer.Context, entry: Entry, reason: Reason) -> None:
    """Keep a prize back until an operator releases it."""
    _do(
        context,
        entry,
        lambda built, terms, who: prize_paying.hold_prize(
            built.ledger, terms, why=reason, actor=who, request=f"hold/{entry}"
        ),
    )


def release(context: typer.Context, entry: Entry, reason: Reason) -> None:
    """Have what holds a prize count no longer, or one that failed tried again."""
    _do(
        context,
        entry,
        lambda built, terms, who: prize_paying.release_prize(
            built.ledger, terms, why=reason, actor=who, request=f"release/{entry}"
        ),
    )


def _numbers(total: Sum) -> tuple[int, int, int]:
    return total.number, total.cents, total.refunded_cents


def _verdict(purchase: Purchase | None) -> dict[str, str | None]:
    if purchase is None:
        return {"verdict": None, "reason": None}
    return {"verdict": purchase.verdict, "reason": purchase.reason}


async def _reconciled(built: Core, week: str) -> Reconciliation:
    try:
        return await reconcile(built.ledger, built.money.view, built.money.provider, week=week, now=built.clock())
    finally:
        await built.money.close()


def _do(
    context: typer.Context,
    entry: UUID,
    act: Callable[[Core, PrizeTerms, str], Future[Fact] | Future[Fact | None]],
) -> None:
    with _projected(context) as built:
        prize = built.money.view.prize(entry)
        if prize is None:
            raise typer.BadParameter(f"entry {entry} has won no prize")
        terms = PrizeTerms(entry=entry, week=prize.week, amount_cents=prize.amount_cents, currency=prize.currency)
        fact = act(built, terms, f"operator:{getpass.getuser()}").result()
    typer.echo(f"{fact.event.TOPIC} at {fact.token}" if fact is not None else "it is held already")


@contextmanager
def _projected(context: typer.Context) -> Iterator[Core]:
    """Give the ledger with its projections up to date."""
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        while built.projections.step():
            pass
        yield built
