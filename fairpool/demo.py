"""The demo: a week played through the real API, NATS and store, in simulated time, audited, and shown to strangers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from fairpool import audit, loop
from fairpool.clocks import HandClock
from fairpool.core import Core, core, payments
from fairpool.crowd import Crowd, crowd, entry_ids, next_id
from fairpool.plan import Plan, starts_of
from fairpool.play import Play, mark_simulated
from fairpool.sandbox.sandbox import Sandbox
from fairpool.sandbox.standing_in import point_at, standing_in
from fairpool.servers import servers
from fairpool.settings import Settings
from fairpool.showcase import Scene, Showcase, buy_entries, claim_prizes
from fairpool.strangers import Strangers, invite
from fairpool.streams import feed_consumer, ledger_stream
from fairpool.web import serving
from feeds.ingest import Taken
from feeds.payments.reconcile import Reconciliation, reconcile
from ledger import drawing
from ledger.mendable import Mendable
from ledger.replay import Replay
from ledger.rules import Prize, Rules
from ledger.weeks import ends_at, starts_at, week_at
from projections.rebuild import Rebuilt, rebuild

Tell = Callable[[str, int, int], None]
RULES: Final = Rules(
    prizes=(Prize(rank=1, amount_cents=5_000), Prize(rank=2, amount_cents=3_000), Prize(rank=3, amount_cents=2_000))
)


class WeekPlayedAlready(Mendable):
    """The data directory holds the week already: play it in another one."""


@dataclass(slots=True)
class Outcome:
    """What a demo came to: the object that `--json` prints, and what stands behind it."""

    report: dict[str, Any]
    audit: audit.Audit
    reconciliation: Reconciliation
    rebuilt: Sequence[Rebuilt]
    strangers: Strangers

    @property
    def is_ok(self) -> bool:
        """Whether nobody who checked it found a difference."""
        nothing_differs = not any(each.flip.differing for each in self.rebuilt)
        return self.audit.is_ok and self.reconciliation.is_ok and nothing_differs and self.strangers.are_content


@dataclass(slots=True)
class _Stopwatch:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[part] = round(time.perf_counter() - began, 2)


def play(settings: Settings, chosen: Plan, *, tell: Tell) -> Outcome:
    """Play the plan on servers of its own and return what came of it; raises WeekPlayedAlready."""
    watch = _Stopwatch()
    clock = HandClock(starts_at(chosen.week) - timedelta(hours=1))
    ids = entry_ids(chosen.seed)
    with watch.time("start"):
        tell("starting the servers", 0, 0)
    with (
        servers(settings) as addresses,
        standing_in(settings, clock) as (settings, sandbox),
        core(
            settings,
            addresses.dsn,
            clock=clock,
            new_id=lambda: next_id(ids),
            master=sha256(f"fairpool/demo/{chosen.seed}".encode()).digest(),
        ) as built,
    ):
        if chosen.week in built.ledger.weeks():
            raise WeekPlayedAlready(f"{settings.data} holds week {chosen.week} already: choose another --data")
        mark_simulated(built)
        built.start("projections", built.projections.run)
        built.start("notary", built.notary.run)
        return loop.run(_play(built, addresses.nats_url, sandbox, chosen, clock, watch, tell))


async def _play(
    built: Core, nats_url: str, sandbox: Sandbox, chosen: Plan, clock: HandClock, watch: _Stopwatch, tell: Tell
) -> Outcome:
    async with (
        feed_consumer(built, nats_url) as (publisher, consumer),
        ledger_stream(built, nats_url),
        payments(built, works=False),
    ):
        stage = Play(built, clock=clock, lines=chosen.lines, publisher=publisher, consumer=consumer)
        await asyncio.to_thread(
            drawing.open_week, built.ledger, week=chosen.week, rules=RULES, actor="operator:demo", request="demo"
        )
        async with serving(built) as url, crowd(url, size=chosen.players, seed=chosen.seed) as players:
            point_at(sandbox, url)
            with watch.time("sign-up"):
                tell("signing up and paying for passes", 0, 0)
                await players.sign_up()
                await buy_entries(players, week=chosen.week)
                await stage.react()
            with watch.time("week"):
                rebuilt = await _live(stage, players, chosen, built, tell)
            with watch.time("settlement"):
                tell("settling and closing the week", 0, 0)
                over = ends_at(chosen.week) + RULES.correction_limit + timedelta(hours=1)
                await stage.advance(max([over, *(line.at for line in chosen.lines[-1:])]))
            with watch.time("prizes"):
                tell("paying prizes", 0, 0)
                await claim_prizes(players)
                await stage.react()
        with watch.time("audit"):
            audited, reconciled = await _audit(built, chosen.week, tell)
        with watch.time("strangers"):
            tell("showing the export to strangers", 0, 0)
            folder = built.settings.data / "exports"
            strangers = await asyncio.to_thread(invite, built, week=chosen.week, folder=folder)
    report = _report(built, chosen, audited, reconciled, rebuilt, strangers, watch)
    return Outcome(report, audited, reconciled, rebuilt, strangers)


async def _live(stage: Play, players: Crowd, chosen: Plan, built: Core, tell: Tell) -> list[Rebuilt]:
    """Live through the week: place the bets, the same number in each round, and do what money does.

    In the middle of it all projections are rebuilt while players bet; returns what that came to.
    """
    showcase = Showcase(players, week=chosen.week, lines=chosen.lines, bets=chosen.bets)
    bets, rounds = chosen.bets - showcase.players, chosen.rounds
    rebuilt: list[Rebuilt] = []
    for number, instant in enumerate(rounds):
        await _until(stage, showcase.scenes(), after=rounds[number - 1] if number else instant, until=instant)
        due = bets * (number + 1) // len(rounds) - bets * number // len(rounds)
        picks = await players.picks(chosen.days) if players.size else []
        betting = players.bet(count=due, picks=picks, grant=RULES.grant, but=showcase.players)
        if number == len(rounds) // 2:
            _, rebuilt = await asyncio.gather(betting, asyncio.to_thread(rebuild, built.ledger.datastore))
        else:
            await betting
        tell("betting", number + 1, len(rounds))
    await _until(stage, showcase.scenes(), after=rounds[-1], until=ends_at(chosen.week))
    return rebuilt


async def _until(stage: Play, scenes: Sequence[Scene], *, after: datetime, until: datetime) -> None:
    """Live until an instant, and play the scenes on the way."""
    for scene in scenes:
        if after < scene.at <= until:
            await stage.advance(scene.at)
            await scene.play()
            await stage.react()
    await stage.advance(until)


async def _audit(built: Core, week: str, tell: Tell) -> tuple[audit.Audit, Reconciliation]:
    """Replay the week's log, and hold the provider's books against ours, after a look for what its messages missed."""
    assert built.money.worker is not None and built.money.provider is not None
    await built.money.worker.sweep()
    recorder = built.ledger.recorder(week)
    audited = await asyncio.to_thread(
        audit.replay, recorder, progress=lambda done, total: tell("auditing", done, total)
    )
    return audited, await reconcile(built.ledger, built.money.view, built.money.provider, week=week, now=built.clock())


def _report(
    built: Core,
    chosen: Plan,
    audited: audit.Audit,
    reconciled: Reconciliation,
    rebuilt: Sequence[Rebuilt],
    strangers: Strangers,
    watch: _Stopwatch,
) -> dict[str, Any]:
    """Return what design §10 says that `--json` prints."""
    replayed: Replay = audited.replay
    bets = replayed.bets
    games = _settled_games(built, chosen.week)
    counts = built.ingest.counts
    return {
        "week": chosen.week,
        "players": chosen.players,
        "pools": [len(standings) for standings in replayed.standings().values()],
        "bets": {
            "placed": bets.total(),
            "won": bets["won"],
            "lost": bets["lost"],
            "returned": bets["push"] + bets["void"],
        },
        "credits": audit.credits(audited.total),
        "games": {**games, "other_week": sum(week_at(at) != chosen.week for at in starts_of(chosen.lines).values())},
        "messages": {
            "applied": counts[Taken.APPLIED],
            "repeated": counts[Taken.REPEATED],
            "dead": counts[Taken.DEAD],
        },
        "standings_hash": replayed.standings_hash,
        "audit": {"ok": audited.is_ok},
        "payments": _payments(built, chosen.week, reconciled),
        "rebuild": {
            "projections": len(rebuilt),
            "rows_differing": sum(each.flip.differing for each in rebuilt),
        },
        "strangers": _strangers(strangers),
        "seconds": {**watch.seconds, "longest flip": round(max(each.flip.held_ms for each in rebuilt) / 1000, 3)},
    }


def _payments(built: Core, week: str, reconciled: Reconciliation) -> dict[str, Any]:
    """Return what was paid, refunded and won, in numbers and cents."""
    purchases = Counter((each.kind, each.verdict) for each in built.money.view.purchases_of_week(week))
    prizes = {each.state: each for each in built.money.view.prize_totals(week)}
    return {
        "passes": purchases["weekly_pass", "accepted"],
        "buy_backs": purchases["buy_back", "accepted"],
        "refunded": purchases["weekly_pass", "refused"] + purchases["buy_back", "refused"],
        "prizes": {state: total.number for state, total in prizes.items()},
        "prizes_paid_cents": prizes["paid"].amount_cents if "paid" in prizes else 0,
        "reconciled": reconciled.is_ok,
    }


def _strangers(strangers: Strangers) -> dict[str, Any]:
    """Return what verify_week.py found, and who added up the journal."""
    journal = strangers.journal
    return {
        "verified": None if strangers.verdict is None else strangers.verdict.is_ok,
        "journal": None if journal is None else {"by": journal.by, "agrees": journal.agrees},
    }


def _settled_games(built: Core, week: str) -> dict[str, int]:
    """Count the games that were settled by a score, and those that were void."""
    statuses = built.ledger.desk(week).ask(
        lambda on: [settlement.status for settlement in on.settlements(on.games())], actor="demo", request="report"
    )
    by_score = [status == "final" for status in statuses.result()]
    return {"settled": by_score.count(True), "void": by_score.count(False)}
