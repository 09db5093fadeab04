"""Receipts and proofs over HTTP: what is answered is checked as a stranger would, with nothing but the keys."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from feeds.checkpoints import Checkpoints
from feeds.notary import Notary
from ledger import publishing
from ledger.events import BetWon, StakePlaced
from ledger.facts import export_line
from ledger.ids import OFFICE
from ledger.proofs.merkle import HASH_BYTES, leaf_hash, node_hash, root_at, verify_consistency
from ledger.proofs.notes import Checkpoint, Signer, Verifier, open_checkpoint, split_notes
from ledger.proofs.receipts import check_bet
from projections.tree import Trees
from tests.api.world import WEEK, World

SIGNER = Signer("fairpool.test", bytes(range(32)))


class Signing:
    """A notary beside the service, which signs when it is told to."""

    def __init__(self, world: World, folder: Path) -> None:
        datastore = world.ledger.datastore
        self._world = world
        self._notary = Notary(
            world.ledger,
            trees=Trees(datastore),
            checkpoints=Checkpoints(datastore),
            signer=lambda: SIGNER,
            folder=folder,
        )

    def sign(self) -> None:
        """Sign what has happened so far."""
        self._world.project()
        self._notary.step(now=0, forced=True)


@pytest.fixture
def signing(world: World, tmp_path: Path) -> Signing:
    """A notary that has signed nothing yet."""
    return Signing(world, tmp_path)


def keys(world: World) -> list[Verifier]:
    """The keys that the service publishes."""
    return [Verifier.parse(key["public_key"]) for key in world.client.get("/api/keys").json()["data"]]


def test_a_receipt_proves_a_bet_and_what_came_of_it(world: World, signing: Signing) -> None:
    """It holds offline, under the published key: first the stake, and once it is settled the payout as well."""
    (ann,) = world.playing("Ann")
    market = world.market()
    bet = ann.bet(market.bet(stake=50)).json()
    signing.sign()
    placed = ann.get(f"/api/bets/{bet['bet_id']}/receipt")
    assert (placed.status_code, placed.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    proven = check_bet(placed.text, keys(world))
    assert (str(proven.bet_id), proven.terms.stake, proven.payout) == (bet["bet_id"], 50, None)
    assert proven.facts[0].token == bet["position"]

    world.settle(market.game_id, home=20, away=10, bets=[bet])
    signing.sign()
    settled = ann.get(f"/api/bets/{bet['bet_id']}/receipt")
    proven = check_bet(settled.text, keys(world))
    assert [type(fact.event) for fact in proven.facts] == [StakePlaced, BetWon]
    assert (proven.payout, proven.checkpoint.origin) == (95, f"fairpool.test/{WEEK}")
    assert check_bet(placed.text, keys(world)).payout is None


def test_a_receipt_waits_for_a_checkpoint_that_covers_all_of_the_bet(world: World, signing: Signing) -> None:
    """Until then it is refused, with a hint when to ask again: one that left out the payout would mislead."""
    (ann,) = world.playing("Ann")
    market = world.market()
    bet = ann.bet(market.bet()).json()
    path = f"/api/bets/{bet['bet_id']}/receipt?after={bet['position']}"
    world.project()
    for settle in (True, False):
        waits = ann.get(path)
        assert (waits.status_code, waits.json()["code"], waits.headers["Retry-After"]) == (409, "not_signed_yet", "5")
        signing.sign()
        answer = ann.get(path)
        assert answer.status_code == 200
        if settle:
            world.settle(market.game_id, home=20, away=10, bets=[bet])
            world.project()
    assert ann.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_a_receipt_is_for_the_bets_player_and_for_auditors(world: World, signing: Signing) -> None:
    """To other players the bet is not there; auditors get the same bytes as its player."""
    ann, bob = world.playing("Ann", "Bob")
    bet = ann.bet(world.market().bet()).json()
    signing.sign()
    path = f"/api/bets/{bet['bet_id']}/receipt"
    own, auditors = ann.get(path), world.staff("auditor").get(path)
    assert (auditors.status_code, auditors.content) == (200, own.content)
    for refused in (bob.get(path), world.signup("Eve").get(path), ann.get(f"/api/bets/{uuid4()}/receipt")):
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_bet")


def test_checkpoints_follow_on_each_other(world: World, signing: Signing) -> None:
    """Every checkpoint is signed by the published key, and each log is proved to begin with what it was before."""
    world.open_week()
    signing.sign()
    for name in ("Ann", "Bob"):
        world.enrolled(name)
        signing.sign()
    world.draw()
    signing.sign()
    listed = split_notes(world.client.get(f"/api/logs/{WEEK}/checkpoints").text)
    checkpoints = [open_checkpoint(note, keys(world)) for note in listed]
    assert len(checkpoints) >= 4
    assert [each.size for each in checkpoints] == sorted({each.size for each in checkpoints})
    for old, new in pairwise(checkpoints):
        verify_consistency(old=old.size, old_root=old.root, size=new.size, root=new.root, proof=proof(world, old, new))
    newest = world.client.get(f"/api/logs/{WEEK}/checkpoint")
    assert newest.text == listed[-1]
    assert newest.headers["Cache-Control"] == "public, no-cache"
    again = {"If-None-Match": newest.headers["ETag"]}
    assert world.client.get(f"/api/logs/{WEEK}/checkpoint", headers=again).status_code == 304
    query: dict[str, int] = {"after": checkpoints[0].size, "limit": 2}
    assert split_notes(world.client.get(f"/api/logs/{WEEK}/checkpoints", params=query).text) == listed[1:3]
    query = {"after": checkpoints[-1].size}
    assert world.client.get(f"/api/logs/{WEEK}/checkpoints", params=query).text == ""


def proof(world: World, old: Checkpoint, new: Checkpoint) -> list[bytes]:
    """The service's proof that one checkpoint follows on another."""
    sizes = {"old": old.size, "size": new.size}
    answer = world.client.get(f"/api/logs/{WEEK}/consistency", params=sizes).json()
    assert {name: answer[name] for name in sizes} == sizes
    return [base64.b64decode(each) for each in answer["hashes"]]


def test_there_is_no_proof_between_sizes_that_the_log_never_had(world: World, signing: Signing) -> None:
    """What cannot be proved is refused as a request, and is no fault of the service."""
    world.open_week()
    signing.sign()
    for old, size, status in ((2, 1, 404), (1, 9_999, 404), (0, 1, 422), (1, "x", 422)):
        sizes: dict[str, Any] = {"old": old, "size": size}
        assert world.client.get(f"/api/logs/{WEEK}/consistency", params=sizes).status_code == status


def test_the_tree_is_read_in_tiles(world: World, signing: Signing) -> None:
    """From the tiles alone, full and partial, comes the root of the checkpoint; leaves are the export's lines."""
    world.open_week()
    game = world.game()
    for minute in range(256):
        world.quote(game, line=f"-{minute}.5", minutes=minute)
    signing.sign()
    checkpoint = open_checkpoint(world.client.get(f"/api/logs/{WEEK}/checkpoint").text, keys(world))
    partial = checkpoint.size - 256
    leaves = tile(world, "0/000") + tile(world, f"0/001.p/{partial}")
    assert leaves == [leaf_hash(export_line(record)) for record in world.ledger.recorder(WEEK).read_all()]
    assert tile(world, f"0/001.p/{partial - 1}") == leaves[256:-1]
    nodes = {(0, index): leaf for index, leaf in enumerate(leaves)} | {(8, 0): tile(world, "1/000.p/1")[0]}

    def node(level: int, index: int) -> bytes:
        known = nodes.get((level, index))
        return known or node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    assert root_at(node, checkpoint.size) == checkpoint.root


def tile(world: World, path: str) -> list[bytes]:
    """The hashes in a tile."""
    answer = world.client.get(f"/api/logs/{WEEK}/tile/{path}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/octet-stream"), answer.text
    assert "immutable" in answer.headers["Cache-Control"]
    return [answer.content[place : place + HASH_BYTES] for place in range(0, len(answer.content), HASH_BYTES)]


def test_tiles_that_are_not_there_are_not_answered(world: World, signing: Signing) -> None:
    """No tile is empty, none is given wider than it is, and each has one name."""
    world.open_week()
    signing.sign()
    for path in ("0/000", "0/000.p/200", "0/000.p/999", "0/001.p/1", "0/x001/234", "1/000.p/1", "63/000"):
        assert world.client.get(f"/api/logs/{WEEK}/tile/{path}").json()["code"] == "not_found", path
    for path in ("64/000", "0/000.p/0", "0/0", "0/001/234", "0/٠٠٠", "entries/000"):
        assert world.client.get(f"/api/logs/{WEEK}/tile/{path}").json()["code"] == "invalid_request", path


def test_logs_that_are_not_there_have_no_proofs(world: World) -> None:
    """A week that is not open has no log; one that is open and not signed yet says so."""
    for path in ("checkpoint", "checkpoints", "consistency?old=1&size=1", "tile/0/000"):
        missing = world.client.get(f"/api/logs/{WEEK}/{path}")
        assert (missing.status_code, missing.json()["code"]) == (404, "unknown_log")
    world.open_week()
    early = world.client.get(f"/api/logs/{WEEK}/checkpoint")
    assert (early.status_code, early.json()["code"], early.headers["Retry-After"]) == (409, "not_signed_yet", "5")
    assert world.client.get(f"/api/logs/{WEEK}/checkpoints").text == ""


def test_keys_are_published_before_they_sign_and_stay_when_retired(world: World, signing: Signing) -> None:
    """Who checks an old checkpoint finds its key, and since when it signs no more."""
    assert world.client.get("/api/keys").json() == {"data": []}
    world.open_week()
    signing.sign()
    key_id = SIGNER.verifier.key_id.hex()
    (key,) = world.client.get("/api/keys").json()["data"]
    assert (key["key_id"], key["public_key"], key["purpose"]) == (key_id, str(SIGNER.verifier), "checkpoints")
    assert key["retired_at"] is None
    publishing.retire_key(world.ledger, key_id=key_id, actor=OFFICE, request="retire")
    (retired,) = world.client.get("/api/keys").json()["data"]
    assert retired["retired_at"] is not None
    assert retired == key | {"retired_at": retired["retired_at"]}
