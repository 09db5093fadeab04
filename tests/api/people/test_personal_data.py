"""The export of all that is kept about a person: complete, by what the database says of itself."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import psycopg

from api.identity.proofs import Purpose
from api.people.personal_data import TABLES, WITHHELD, tables_about
from ledger.facts import export_line
from ledger.ids import registration_stream
from tests.api.selling import Shop
from tests.api.world import WEEK, User, World

REFERRING = """
    SELECT DISTINCT conrelid::regclass::text FROM pg_constraint
    WHERE contype = 'f' AND confrelid = 'players'::regclass
"""
COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"


def export(user: User) -> dict[str, Any]:
    answer = user.get("/api/me/export")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_every_table_about_a_person_is_exported(dsn: str) -> None:
    """A new table that refers to players is in the export, or this fails; `entries` refers to them without a key."""
    with psycopg.connect(dsn) as connection:
        referring = {table for (table,) in connection.execute(REFERRING)}
    assert referring | {"players", "entries"} == set(TABLES)


def test_every_column_is_exported_or_withheld_on_purpose(shop: Shop) -> None:
    """Each column of those tables is shown to the person, but for hashes of secrets."""
    operator, ann = shop.operator(), everywhere(shop)
    keys = operator.post("/api/admin/keys", json={"role": "auditor", "name": "dashboard"})
    assert keys.status_code == 201
    exported = tables_about(shop.ledger, ann.id)
    exported["api_keys"] = tables_about(shop.ledger, operator.id)["api_keys"]
    with shop.ledger.datastore.connection() as connection:
        for table in TABLES:
            columns = {row["column_name"] for row in connection.execute(COLUMNS, (table,))}
            assert exported[table], f"{table} has no row: let everywhere() make one"
            withheld = {column for column in columns if f"{table}.{column}" in WITHHELD}
            assert set(exported[table][0]) == columns - withheld, table


def everywhere(shop: Shop) -> User:
    """Somebody of whom each table knows something."""
    shop.open_week()
    ann = shop.signup("Ann")
    shop.bought(ann, "subscription")
    shop.ask(shop.services.money.payout_desk.account_page(ann.id, return_url="https://app.example.org/"))
    ann.post(f"/api/weeks/{WEEK}/entry", headers={"X-Device-Id": "a-phone-of-anns"})
    ann.request("PUT", "/api/me/limits", json={"weekly_cents": 2000, "monthly_cents": None})
    ann.post("/api/me/cool-off", json={"days": 1, "confirm": True})
    shop.services.proofs.issue(player_id=ann.id, purpose=Purpose.VERIFY_EMAIL)
    shop.operator().get(f"/api/admin/players/{ann.id}?reason=ticket")
    return ann


def test_the_export_shows_no_secret(shop: Shop) -> None:
    """Neither hashes nor tokens, nor what the device was called."""
    ann = everywhere(shop)
    text = json.dumps(export(ann))
    player = shop.services.players.player(ann.id)
    assert player is not None
    for secret in (player.password_hash, ann.token, ann.refresh_token, "a-phone-of-anns"):
        assert secret not in text
    assert player.email in text


def test_the_export_has_the_facts_of_the_ledger(world: World) -> None:
    """Enrolment and account of each week, as the lines of the public export, in their order."""
    ann, _ = world.playing("Ann", "Bob")
    ann.bet(world.market().bet(stake=70))
    (week,) = export(ann)["weeks"]
    entry = UUID(week["entry"])
    lines = [json.loads(export_line(record)) for record in world.ledger.recorder(WEEK).read_all()]
    streams = {str(entry), str(registration_stream(entry))}
    assert week["facts"] == [line for line in lines if line["stream"] in streams]
    assert [fact["type"] for fact in week["facts"]] == [
        "entry.enrolled",
        "account.opened",
        "account.credits_granted",
        "account.stake_placed",
    ]


def test_the_export_says_who_looked_at_the_person(world: World) -> None:
    """An operator's look is in it, with its reason; an operator has an export too."""
    ann, operator = world.signup("Ann"), world.operator()
    operator.get(f"/api/admin/players/{ann.id}?reason=ticket 4711")
    (note,) = export(ann)["tables"]["people_log"]
    assert (note["act"], note["reason"]) == ("looked at the player", "ticket 4711")
    assert UUID(note["operator_id"]) == operator.id
    assert export(operator)["tables"]["players"][0]["role"] == "operator"


def test_what_was_paid_is_nobodys_after_an_erasure(shop: Shop) -> None:
    """Who paid is forgotten; the ledger keeps that it was paid, as auditors need."""
    ann = everywhere(shop)
    (payment,) = ann.get("/api/payments").json()["data"]
    # The pause that is in force bars nobody from erasing the account.
    assert ann.post("/api/me/deletion", json={"password": "correct horse"}).status_code == 200
    assert not any(tables_about(shop.ledger, ann.id).values())
    kept = shop.services.views.payments.payment(UUID(payment["payment_id"]))
    assert kept is not None
    assert (kept.status, kept.amount_cents) == ("paid", 400)
