"""Asking the witnesses, when all is over: their words on the log, the money, and the stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from feeds.jetstream import connected
from feeds.ledger_stream import LEDGER
from feeds.messages import encode
from ledger.ids import OFFICE
from tests.faults import oracles
from tests.faults.ground import Ground
from tests.faults.journal import Told
from tests.faults.oracles import Findings, Verdicts

Json = dict[str, Any]
_FETCH: Final = 1_000


def ask_all(ground: Ground, told: Told) -> tuple[Verdicts, list[Findings]]:
    """Export the log, and have everybody look at it."""
    week, office = (_exported(ground, log) for log in (ground.week, OFFICE))
    [path] = week.glob("*.jsonl")
    events = oracles.read_log(path)
    feed = ground.folder / "feed.jsonl"
    feed.write_bytes(b"".join(encode(message) + b"\n" for message in ground.games.said))
    lines = path.read_bytes().splitlines()
    money = [json.loads(line) for line in _money(ground)]
    return oracles.judge(told, events), [
        _journal(told),
        oracles.gapless(events),
        oracles.conserved(events),
        oracles.settled_again(path, feed),
        oracles.verified(week, office),
        oracles.paid_once(_payments(ground), _refunds(ground), money),
        oracles.prizes_once(_transfers(ground), events),
        oracles.published(ground.week, asyncio.run(_stream(ground)), lines),
        command(ground, "audit", "verify", "--all"),
        command(ground, "payments", "reconcile", ground.week),
    ]


def command(ground: Ground, *words: str) -> Findings:
    """Have a command of the program look: it ends with 0 where nothing differs."""
    done = ground.service.run(*words)
    found = Findings(f"fairpool {' '.join(words)}", f"exit code {done.returncode}")
    if done.returncode:
        found.wrong.append((done.stdout + done.stderr).strip()[-2_000:])
    return found


def processes(ground: Ground, codes: dict[str, int | None]) -> Findings:
    """No process has ended by itself, and in the end each ended in order."""
    found = Findings("the processes", f"{len(codes)} roles, {sum(p.killed for p in ground.service.everybody)} kills")
    for each in ground.service.everybody:
        found.wrong += [f"{each.name} ended by itself with {code}: {each.said[-1_500:]}" for code in each.deaths]
    found.wrong += [f"{name} did not end in order: {code}" for name, code in codes.items() if code != 0]
    return found


def _journal(told: Told) -> Findings:
    """Every wish has come to an end, and nobody got an answer that nobody should get."""
    found = Findings("the journal", f"{len(told.wishes)} bets asked for")
    found.wrong += [f"{wish.key} was never answered" for wish in told.wishes.values() if wish.standing == "open"]
    found.wrong += [f"answered out of order: {odd}" for odd in told.odd]
    return found


def _exported(ground: Ground, log: str) -> Path:
    folder = ground.folder / log
    done = ground.service.run("audit", "export", log, "--out", f"{folder}/")
    assert done.returncode == 0, done.stderr
    return folder


def _money(ground: Ground) -> Iterator[str]:
    """Yield what all logs say of payments, as JSON."""
    rows = ground.postgres.ask(
        "SELECT topic, convert_from(state, 'UTF8') FROM events WHERE topic IN ('payment.accepted', 'payment.refused')"
    )
    for topic, state in rows:
        yield f'{{"type": "{topic}", "data": {state}}}'


def _payments(ground: Ground) -> list[Json]:
    sessions = ground.sandbox.objects("checkout.session")
    paid = [session for session in sessions if session["payment_status"] == "paid"]
    return [
        {"payment_id": each["client_reference_id"], "amount": each["amount_total"], "intent": each["payment_intent"]}
        for each in paid
    ]


def _refunds(ground: Ground) -> list[Json]:
    of_intent = {payment["intent"]: payment["payment_id"] for payment in _payments(ground)}
    refunds = [each for each in ground.sandbox.objects("refund") if each["status"] == "succeeded"]
    return [{"payment_id": of_intent[each["payment_intent"]], "amount": each["amount"]} for each in refunds]


def _transfers(ground: Ground) -> list[Json]:
    return [
        {"entry": each["transfer_group"].rpartition("/")[2], "amount": each["amount"]}
        for each in ground.sandbox.objects("transfer")
    ]


async def _stream(ground: Ground) -> dict[int, bytes]:
    """Return what the stream holds of the week, by position; what it holds twice appears once too often."""
    found: dict[int, bytes] = {}
    async with connected(ground.nats.url) as client:
        context = client.jetstream(timeout=10)
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE)
        subject = f"ledger.{ground.week}.*.*"
        subscription = await context.pull_subscribe(subject, stream=LEDGER, config=config)
        info = await subscription.consumer_info()
        left = info.num_pending or 0
        while left > 0:
            for message in await subscription.fetch(min(left, _FETCH), timeout=10):
                position = json.loads(message.data)["position"]
                # A second copy takes the place of a position that no event has.
                found[-position if position in found else position] = message.data
                left -= 1
    return found
