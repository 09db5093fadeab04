"""People: what is known of a player as a person, how it changes, and how it is erased."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from api.http.newest_first import page_parameters
from api.http.places import Paging
from api.identity.players import normalised
from api.people.pseudonyms import Pseudonyms
from api.refusal import Refusal
from ledger.datastore import Datastore, cursor_on
from ledger.entries import Entry
from ledger.sql import queries

Kind = Literal["cool_off", "self_exclusion", "suspension"]


class UnknownPlayer(Refusal):
    """There is no such player, or not any more."""

    def __init__(self, player_id: UUID) -> None:
        super().__init__("unknown_player", f"There is no player {player_id}.")


@dataclass(frozen=True, slots=True)
class Person:
    """A player as a person. `jurisdiction` is an ISO 3166-1 or -2 code; it and the date of birth may be unknown."""

    id: UUID
    email: str
    name: str
    role: str
    created_at: datetime
    date_of_birth: date | None
    jurisdiction: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A player in an operator's list."""

    id: UUID
    email: str
    name: str
    role: str
    created_at: datetime
    is_restricted: bool
    shares_device: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be set of a person; None leaves it as it is."""

    name: str | None = None
    date_of_birth: date | None = None
    jurisdiction: str | None = None


class People:
    """Reads, changes and erases people. `now` is the clock by which restrictions end."""

    def __init__(self, datastore: Datastore, *, pseudonyms: Pseudonyms, now: Callable[[], datetime]) -> None:
        self._datastore = datastore
        self._sql = queries("api.people", "registry.sql")
        self._pseudonyms = pseudonyms
        self._now = now

    def person(self, player_id: UUID) -> Person:
        """Return a person; raises UnknownPlayer."""
        with self._datastore.connection() as connection:
            return self._person("person", connection, player_id)

    def describe(self, player_id: UUID, changes: Changes) -> Person:
        """Set a name, and what was not known before.

        Raises UnknownPlayer, or Refusal `already_set`, and then changes nothing.
        """
        with self._datastore.connection() as connection, connection.transaction():
            person = self._person("describe", connection, player_id, **asdict(changes))
            for field in ("date_of_birth", "jurisdiction"):
                wanted = getattr(changes, field)
                if wanted is not None and wanted != getattr(person, field):
                    raise Refusal("already_set", f"Your {field} was set before: ask us to correct it.")
        return person

    def correct(self, player_id: UUID, changes: Changes, *, on: Connection[Any]) -> Person:
        """Replace what is given, in the transaction of `on`; raises UnknownPlayer."""
        return self._person("correct", on, player_id, **asdict(changes))

    def erase(self, player_id: UUID) -> list[Entry]:
        """Erase a person, all that refers to them, and the link to their entries, which it returns.

        The ledger stays as it is, and keeps the entries as nobody's. Restrictions in force are kept under a pseudonym
        of the e-mail address, so that nobody gets rid of them by signing up anew. Raises UnknownPlayer.
        """
        at = self._now()
        with self._datastore.connection() as connection, connection.transaction():
            person = self._person("hold_person", connection, player_id)
            address = self._pseudonyms.address(person.email)
            connection.execute(self._sql["forget_ended_restrictions"], {"at": at})
            connection.execute(
                self._sql["keep_restrictions"], {"player_id": player_id, "address_hash": address, "at": at}
            )
            entries = self._forget_entries(player_id, connection)
            connection.execute(self._sql["forget_person"], {"player_id": player_id})
        return entries + self.forget_entries(player_id)

    def forget_entries(self, player_id: UUID) -> list[Entry]:
        """Cut the link from somebody who was erased to entries that came about meanwhile, and return those."""
        with self._datastore.connection() as connection:
            return self._forget_entries(player_id, connection)

    def restrictions_left_behind(self, email: str, *, on: Connection[Any]) -> list[tuple[Kind, datetime | None]]:
        """Take back what an erased person with the same address left behind: kinds and ends of what has not ended.

        It is gone from there with the transaction of `on`.
        """
        parameters = {"address_hash": self._pseudonyms.address(email)}
        found = cursor_on(on).execute(self._sql["take_back_restrictions"], parameters).fetchall()
        return [(kind, ends_at) for kind, ends_at in found if ends_at is None or ends_at > self._now()]

    def page(
        self,
        paging: Paging,
        *,
        devices_since: datetime,
        email: str | None = None,
        name: str | None = None,
        entry: UUID | None = None,
        shares_device: bool | None = None,
    ) -> list[Listed]:
        """Return a page of players, newest first: by address, part of a name, entry, devices shared since then."""
        values = {
            "email": normalised(email) if email is not None else None,
            "name": name,
            "entry": entry,
            "shares_device": shares_device,
            "oldest": devices_since,
            "at": self._now(),
            **page_parameters(paging),
        }
        with self._datastore.connection() as connection:
            return connection.cursor(row_factory=class_row(Listed)).execute(self._sql["page"], values).fetchall()

    def _forget_entries(self, player_id: UUID, connection: Connection[Any]) -> list[Entry]:
        rows = cursor_on(connection).execute(self._sql["forget_entries"], {"player_id": player_id}).fetchall()
        return [Entry(*row) for row in rows]

    def _person(self, query: str, connection: Connection[Any], player_id: UUID, **values: Any) -> Person:
        cursor = connection.cursor(row_factory=class_row(Person))
        person = cursor.execute(self._sql[query], {"player_id": player_id, **values}).fetchone()
        if person is None:
            raise UnknownPlayer(player_id)
        return person
