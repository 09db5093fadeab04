"""Payees: into which account a winner is paid, whether it is known who that is, and what the tax office asks for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from feeds.payments.provider import About, IdentityCheck, PayoutAccount, Provider
from feeds.payments.till import PaymentsOff
from feeds.payments.until_still import until_still
from ledger.aggregate import LedgerError
from ledger.datastore import Datastore, cursor_on
from ledger.payment import PaymentMoved
from ledger.sql import queries


class PayeeGone(LedgerError):
    """There is no such player (any more)."""

    code = "unknown_player"


@dataclass(frozen=True, slots=True)
class Payee:
    """How a player is paid. `identity_number` counts the checks of identity that were begun."""

    player_id: UUID
    account_ref: str | None = None
    account_is_active: bool = False
    identity_ref: str | None = None
    identity_status: str | None = None
    identity_number: int = 0
    tax_form_at: datetime | None = None
    version: int = 0


class Payees:
    """Reads and writes how players are paid."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("feeds.payments", "payees.sql")

    def payee(self, player_id: UUID) -> Payee:
        """Return how a player is paid; who was never paid is nobody yet."""
        return self._find("payee", player_id=player_id) or Payee(player_id)

    def called(self, ref: str) -> Payee | None:
        """Return whose account, or check of identity, the provider calls so."""
        return self._find("called", ref=ref)

    def awaited(self) -> list[tuple[About, str]]:
        """Return the accounts and checks of identity that winners have not done, by what is known, and their refs."""
        with self._datastore.connection() as connection:
            return cursor_on(connection).execute(self._sql["awaited"]).fetchall()

    def ensure(self, player_id: UUID) -> Payee:
        """Return how a player is paid, and make room for it; raises PayeeGone."""
        try:
            self._run("ensure", player_id=player_id)
        except psycopg.errors.ForeignKeyViolation as error:
            raise PayeeGone(f"there is no player {player_id}") from error
        return self.payee(player_id)

    def keep_account(self, payee: Payee, account: PayoutAccount) -> None:
        """Keep a player's account; raises PaymentMoved where somebody kept something since `payee` was read."""
        self._keep("keep_account", payee, ref=account.ref, is_active=account.is_active)

    def keep_identity(self, payee: Payee, check: IdentityCheck, *, number: int) -> None:
        """Keep a player's check of identity; raises PaymentMoved where somebody kept something since."""
        self._keep("keep_identity", payee, ref=check.ref, status=check.status, number=number)

    def note_tax_form(self, player_id: UUID, at: datetime, *, on: psycopg.Connection[Any] | None = None) -> None:
        """Note that what the tax office asks for is there, in the transaction of `on` if told; raises PayeeGone."""
        values = {"player_id": player_id, "at": at}
        try:
            if on is None:
                self._run("note_tax_form", **values)
            else:
                on.execute(self._sql["note_tax_form"], values)
        except psycopg.errors.ForeignKeyViolation as error:
            raise PayeeGone(f"there is no player {player_id}") from error

    def _keep(self, query: str, payee: Payee, **values: Any) -> None:
        if self._run(query, player_id=payee.player_id, version=payee.version, **values) == 0:
            raise PaymentMoved(f"what is known of payee {payee.player_id} has changed meanwhile: ask again")

    def _find(self, query: str, **parameters: Any) -> Payee | None:
        with self._datastore.connection() as connection:
            return connection.cursor(row_factory=class_row(Payee)).execute(self._sql[query], parameters).fetchone()

    def _run(self, query: str, **parameters: Any) -> int:
        with self._datastore.connection() as connection:
            return connection.execute(self._sql[query], parameters).rowcount


class PayoutDesk:
    """Where a winner says how to be paid: the provider asks for what it must know, on pages of its own."""

    def __init__(self, payees: Payees, *, provider: Provider | None, is_on: bool) -> None:
        self._payees = payees
        self._provider = provider if is_on else None

    @property
    def is_on(self) -> bool:
        """Whether prizes are paid here."""
        return self._provider is not None

    async def account_page(self, player_id: UUID, *, return_url: str) -> str:
        """Return the page on which a player opens, or completes, an account; raises PaymentsOff, PayeeGone."""
        provider = self._require_on()
        ref = await until_still(lambda: self._account_ref(provider, player_id))
        return await provider.account_page(ref, return_url=return_url)

    async def identity_page(self, player_id: UUID, *, return_url: str) -> str | None:
        """Return the page on which a player's identity is checked, None where it is known; raises as `account_page`."""
        provider = self._require_on()
        return await until_still(lambda: self._check_url(provider, player_id, return_url))

    async def _account_ref(self, provider: Provider, player_id: UUID) -> str:
        payee = await asyncio.to_thread(self._payees.ensure, player_id)
        if payee.account_ref is not None:
            return payee.account_ref
        account = await provider.open_account(player_id)
        await asyncio.to_thread(self._payees.keep_account, payee, account)
        return account.ref

    async def _check_url(self, provider: Provider, player_id: UUID, return_url: str) -> str | None:
        payee = await asyncio.to_thread(self._payees.ensure, player_id)
        if payee.identity_status == "verified":
            return None
        number = payee.identity_number + (payee.identity_status in (None, "failed"))
        check = await provider.open_identity_check(player_id, number=number, return_url=return_url)
        if check.status == "failed":
            # That it failed was not heard of yet.
            number += 1
            check = await provider.open_identity_check(player_id, number=number, return_url=return_url)
        if (payee.identity_ref, payee.identity_status) != (check.ref, check.status):
            await asyncio.to_thread(self._payees.keep_identity, payee, check, number=number)
        return check.url

    def _require_on(self) -> Provider:
        if self._provider is None:
            raise PaymentsOff("prizes are not paid here")
        return self._provider
