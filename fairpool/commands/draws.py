"""`fairpool audit draw`: a week's draw done over from its log, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import typer

from fairpool.commands.output import print_json
from fairpool.core import core
from fairpool.servers import database
from fairpool.verifying.seeds import revealed_before
from ledger import weeks
from ledger.auditing.draws import EVENTS, Draw, Flaw
from ledger.auditing.seeds import chain_flaws, link
from ledger.draw import pool_sizes, score
from ledger.events import PoolsDrawn, RosterFrozen, SeedChainAnchored
from ledger.facts import Fact, fact_of
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.recorder import LogNotOpen


class Step(NamedTuple):
    """A step of the draw: what was found, None where the draw has not come to it, and what is wrong with it."""

    name: str
    found: str | None
    flaws: tuple[Flaw, ...]

    @property
    def verdict(self) -> str:
        """What it comes to."""
        return "WRONG" if self.flaws else "ok" if self.found else "to come"


class Audited(NamedTuple):
    """A draw, done over, with what it rests on in other logs."""

    draw: Draw
    anchors: tuple[Fact, ...]
    flaws: tuple[Flaw, ...]

    def steps(self) -> list[Step]:
        """Return the steps in order, each with what is wrong in it."""
        found = {
            "commitment": _commitment(self),
            "chain": _chain(self),
            "roster": _roster(self),
            "beacon": _beacon(self),
            "seed": _seed(self),
            "pools": _pools(self),
            "accounts": _accounts(self),
        }
        return [
            Step(name, text, tuple(flaw for flaw in self.flaws if flaw.step == name)) for name, text in found.items()
        ]


def draw(
    context: typer.Context,
    week: Annotated[str, typer.Argument(help="A week such as 2026-W47.")],
    entry: Annotated[UUID | None, typer.Option(help="Show this entry's own score, place and pool.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Do a week's draw over from its log, and say step by step whether it comes out the same."""
    weeks.starts_at(week)
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        audited = audit_draw(built.ledger, week)
    steps = audited.steps()
    is_ok = not any(step.flaws for step in steps)
    own = None if entry is None else _own(audited.draw, entry)
    if as_json:
        told = [
            {"step": step.name, "verdict": step.verdict, "found": step.found, "wrong": [_told(f) for f in step.flaws]}
            for step in steps
        ]
        print_json({"week": week, "ok": is_ok, "steps": told} | ({} if own is None else {"entry": own}))
    else:
        _show(steps, own)
    if not is_ok:
        raise typer.Exit(1)


def audit_draw(ledger: Ledger, week: str) -> Audited:
    """Do the draw of a week over, beside the week before it and the office's log. Raises LogNotOpen."""
    found, flaws = Draw(), list[Flaw]()
    for record in ledger.recorder(week).read_topics(*(event.TOPIC for event in EVENTS)):
        flaws += found.take(fact_of(record, keeps_record=False))
    if found.opened is None:
        raise LogNotOpen(f"week {week} is not open: nothing binds its draw")
    records = ledger.recorder(OFFICE).read_topics(SeedChainAnchored.TOPIC)
    anchors = tuple(fact_of(record) for record in records)
    flaws += chain_flaws(found.opened, revealed=revealed_before(ledger, week), anchors=anchors)
    return Audited(found, anchors, tuple(flaws))


def _commitment(audited: Audited) -> str:
    opened = audited.draw.opened
    assert opened is not None
    seed = audited.draw.opening.seed_commitment
    return f"{seed} in {opened.token}, recorded {opened.at}, registration until {audited.draw.opening.starts_at}"


def _chain(audited: Audited) -> str:
    found = link(audited.draw.opening.seed_commitment, audited.anchors)
    if found is None:
        return "no chain that the office has anchored"
    event = found.anchor.event
    assert isinstance(event, SeedChainAnchored)
    return f"{found.step} hashes above anchor {event.anchor} in {found.anchor.token}"


def _roster(audited: Audited) -> str | None:
    frozen = audited.draw.frozen
    if frozen is None:
        return None
    assert isinstance(frozen.event, RosterFrozen)
    return f"{len(audited.draw.roster)} entries, {frozen.event.roster_hash}, frozen in {frozen.token} at {frozen.at}"


def _beacon(audited: Audited) -> str | None:
    frozen, drawn = audited.draw.frozen, audited.draw.drawn
    if frozen is None:
        return None
    assert isinstance(frozen.event, RosterFrozen)
    named = frozen.event.beacon
    if named is None:
        return "none: the draw rests on the seed alone"
    chain = audited.draw.chain
    name = f"{chain.name} at {chain.time_of(named.round)}" if chain else named.chain
    said = drawn.event.randomness if drawn and isinstance(drawn.event, PoolsDrawn) else "awaited"
    return f"round {named.round} of {name}: {said}"


def _seed(audited: Audited) -> str | None:
    drawn = audited.draw.drawn
    if drawn is None:
        return None
    assert isinstance(drawn.event, PoolsDrawn)
    return f"{drawn.event.seed} in {drawn.token}"


def _pools(audited: Audited) -> str | None:
    found = audited.draw
    if found.drawn is None:
        return None
    sizes = pool_sizes(len(found.order), found.rules.pool_max)
    return f"{len(sizes)} of {', '.join(map(str, sizes)) or 'nobody'}, key {found.key.hex()}"


def _accounts(audited: Audited) -> str | None:
    return f"{len(audited.draw.seated)} opened in their pools" if audited.draw.grouped else None


def _own(found: Draw, entry: UUID) -> dict[str, Any]:
    """Return how an entry came out of the draw; only its pool where it came late, nothing where it did not play."""
    place = found.order.index(entry) + 1 if entry in found.order else None
    own = score(found.key, entry).hex() if place else None
    return {"entry": str(entry), "score": own, "place": place, "pool": found.pool_of.get(entry)}


def _show(steps: list[Step], own: Mapping[str, Any] | None) -> None:
    for step in steps:
        typer.echo(f"{step.name}: {step.verdict}" + (f": {step.found}" if step.found else ""))
        for flaw in step.flaws:
            typer.echo(f"  {_told(flaw)}")
    if own is not None:
        drawn = f"score {own['score']}, place {own['place']}" if own["place"] else "not drawn"
        typer.echo(f"entry {own['entry']}: {drawn}, pool {own['pool'] or 'none'}")


def _told(flaw: Flaw) -> str:
    return f"{flaw.at}: {flaw.text}"
