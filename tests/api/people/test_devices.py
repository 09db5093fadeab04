"""Device signals: who shares a device, hashed and soon forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from api.identity.players import Players
from api.people.devices import KEPT, Devices
from api.people.pseudonyms import Pseudonyms
from ledger.datastore import Datastore
from tests.api.world import WEEK, World

NOW = datetime(2026, 11, 16, 12, tzinfo=UTC)
PHONE, TABLET = "phone-of-ann", "tablet-of-ann"


class Seen:
    """Devices, with a clock that tests set."""

    def __init__(self, datastore: Datastore, key: bytes = bytes(32)) -> None:
        self.at = NOW
        self.devices = Devices(datastore, pseudonyms=Pseudonyms(key), now=lambda: self.at)
        self._players = Players(datastore, new_id=uuid4, now=lambda: NOW)

    def player(self, name: str) -> UUID:
        return self._players.create(email=f"{name}@example.org", name=name, password_hash="").id

    def sharing(self, player: UUID) -> list[str]:
        return [sharing.name for sharing in self.devices.sharing(player)]


@pytest.fixture
def seen(datastore: Datastore) -> Seen:
    return Seen(datastore)


def rows(datastore: Datastore) -> list[dict[str, object]]:
    with datastore.connection() as connection:
        return list(connection.execute("SELECT * FROM devices"))


def test_players_on_one_device_are_seen_together(seen: Seen) -> None:
    """Both ways, with how many devices and when the two last met; those on others are not."""
    ann, bob, cid = (seen.player(name) for name in ("Ann", "Bob", "Cid"))
    for player, device in ((ann, PHONE), (ann, TABLET), (bob, PHONE), (bob, TABLET), (cid, "another-phone")):
        seen.devices.seen(player_id=player, device_id=device)
    (sharing,) = seen.devices.sharing(ann)
    assert (sharing.player_id, sharing.devices, sharing.last_seen) == (bob, 2, NOW)
    assert (seen.sharing(bob), seen.sharing(cid)) == (["Ann"], [])


def test_only_pseudonyms_are_stored(seen: Seen, datastore: Datastore) -> None:
    """The name of a device is nowhere, and another key gives another pseudonym."""
    seen.devices.seen(player_id=seen.player("Ann"), device_id=PHONE)
    (row,) = rows(datastore)
    stored = row["device"]
    assert isinstance(stored, bytes)
    assert (len(stored), PHONE.encode() in stored) == (32, False)
    assert Pseudonyms(bytes(32)).device(PHONE) == stored != Pseudonyms(b"1" * 32).device(PHONE)
    assert Pseudonyms(bytes(32)).address(PHONE) != stored


def test_devices_are_forgotten_after_ninety_days(seen: Seen, datastore: Datastore) -> None:
    """At once for who reads, and for good at the next write."""
    ann, bob = seen.player("Ann"), seen.player("Bob")
    for player in (ann, bob):
        seen.devices.seen(player_id=player, device_id=PHONE)
    seen.at = NOW + KEPT
    assert seen.sharing(ann) == ["Bob"]
    seen.at += timedelta(seconds=1)
    assert seen.sharing(ann) == []
    seen.devices.seen(player_id=ann, device_id=TABLET)
    assert [row["first_seen"] for row in rows(datastore)] == [seen.at]


def test_being_seen_again_is_written_once_an_hour(seen: Seen, datastore: Datastore) -> None:
    """An app that names its device with each request does not cost a write each time."""
    ann = seen.player("Ann")
    for minutes, last_seen in ((0, 0), (59, 0), (61, 61)):
        seen.at = NOW + timedelta(minutes=minutes)
        seen.devices.seen(player_id=ann, device_id=PHONE)
        (row,) = rows(datastore)
        assert (row["first_seen"], row["last_seen"]) == (NOW, NOW + timedelta(minutes=last_seen))


def test_nobody_is_seen_who_is_not_there(seen: Seen, datastore: Datastore) -> None:
    """A program's key, or a player who was erased meanwhile, has no devices."""
    seen.devices.seen(player_id=uuid4(), device_id=PHONE)
    assert rows(datastore) == []


def test_an_enrolment_tells_the_device(world: World) -> None:
    """Where the app names it in X-Device-Id; what cannot be a name is refused."""
    world.open_week()
    ann, bob = world.signup("Ann"), world.signup("Bob")
    for user in (ann, bob):
        assert user.post(f"/api/weeks/{WEEK}/entry", headers={"X-Device-Id": PHONE}).status_code == 201
    assert [each.player_id for each in world.services.devices.sharing(ann.id)] == [bob.id]
    for unfit in ("short", "with spaces", "x" * 201):
        answer = ann.get("/api/me/profile", headers={"X-Device-Id": unfit})
        assert answer.json()["code"] == "invalid_request", unfit
    assert world.client.get("/api/me/profile", headers={"X-Device-Id": PHONE}).status_code == 401
