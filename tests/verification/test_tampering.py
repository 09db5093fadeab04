"""What was changed afterwards is caught and named, also where whoever did it owns the key and signs everything anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import ids
from ledger.beacon import QUICKNET
from ledger.draw import roster_hash
from ledger.instants import instant_text
from ledger.proofs.notes import Signer, join_notes
from ledger.standings import standings_hash
from tests.examples import STARTS_AT, WEEK, at
from tests.played_week import ORIGIN, SIGNER, checkpoints
from tests.verification.conftest import Played
from tests.verification.copies import Copy, Line, sizes
from tests.verification.stranger import verify

OTHER = Signer(ORIGIN, bytes(32))


def delete_a_payout(copy: Copy) -> None:
    copy.events.remove(copy.of("account.bet_won"))


def delete_a_bet_with_all_that_came_of_it(copy: Copy) -> None:
    """As if the bet had never been: the balances behind it fit."""
    lost = copy.of("account.bet_lost")
    stake = next(event for event in copy.events if event["data"].get("bet_id") == lost["data"]["bet_id"])
    copy.fit_balances(stake["stream"], stake["data"]["stake"], behind=stake["position"])
    copy.events = [event for event in copy.events if event["data"].get("bet_id") != lost["data"]["bet_id"]]


def swap_a_stake_and_the_result(copy: Copy) -> None:
    """The stake comes behind what it was a bet on."""
    result = copy.of("settlement.result_recorded", 1)
    stake = next(event for event in copy.events if event["data"].get("game_id") == result["data"]["game_id"])
    first, second = copy.events.index(stake), copy.events.index(result)
    copy.events[first], copy.events[second] = result | {"recorded_at": stake["recorded_at"]}, stake
    stake["recorded_at"] = result["recorded_at"]


def move_a_stake_behind_the_lock(copy: Copy) -> None:
    stake = copy.events.pop(copy.events.index(copy.of("account.stake_placed")))
    lock = next(e for e in copy.events if e["type"] == "game.locked" and e["stream"] == stake["data"]["game_id"])
    stake["recorded_at"] = lock["recorded_at"]
    copy.events.insert(copy.events.index(lock) + 1, stake)


def insert_a_grant(copy: Copy) -> None:
    """An entry is given its credits once more, and has them ever after."""
    grant = copy.of("account.credits_granted")
    copy.fit_balances(grant["stream"], 1000, behind=grant["position"] + 1)
    copy.events.insert(grant["position"], grant | {"data": {"amount": 1000, "available": 2000}})


def raise_a_payout(copy: Copy) -> None:
    """With the chunk, the total, every balance behind it and the standings."""
    won = copy.of("account.bet_won")
    won["data"]["payout"] += 100
    copy.fit_balances(won["stream"], 100, behind=won["position"])
    chunk = [event for event in copy.events[: won["position"]] if event["type"] == "settlement.chunk_settled"][-1]
    chunk["data"]["paid"] += 100
    completed = next(event for event in copy.behind(chunk) if event["type"] == "settlement.completed")
    completed["data"]["paid"] += 100
    fit_standings(copy)


def alter_a_result(copy: Copy) -> None:
    copy.of("settlement.result_recorded", 0)["data"]["home_score"] = 3
    for number in (1, 2):
        copy.of("settlement.result_recorded", number)["data"]["home_score"] += 14


def claim_another_resolution(copy: Copy) -> None:
    applied = next(event for event in copy.events if event["data"].get("applied"))
    applied["data"] |= {"applied": False, "resolution": None}


def give_another_reason(copy: Copy) -> None:
    copy.of("account.stake_returned")["data"]["reason"] = "operator"


def resolve_a_bet_twice(copy: Copy) -> None:
    won = copy.of("account.bet_won")
    again = won | {"data": won["data"] | {"available": won["data"]["available"] + won["data"]["payout"]}}
    copy.fit_balances(won["stream"], won["data"]["payout"], behind=won["position"] + 1)
    copy.events.insert(won["position"], again)


def better_a_price(copy: Copy) -> None:
    stake = copy.of("account.stake_placed")
    stake["data"]["price"] = 900


def enrol_behind_the_freeze(copy: Copy) -> None:
    """A roster entry is added once the commitment, and the roster, are known."""
    copy.events.insert(copy.of("week.roster_frozen")["position"], _enrolment(copy.of("entry.enrolled")))


def enrol_before_the_freeze(copy: Copy) -> None:
    """The roster's hash and size fit, and the pools stay as they were."""
    frozen = copy.of("week.roster_frozen")
    copy.events.insert(frozen["position"] - 1, _enrolment(copy.of("entry.enrolled"), frozen["recorded_at"]))
    withdrawn = {event["stream"] for event in copy.events if event["type"] == "entry.withdrawn"}
    roster = [
        UUID(event["data"]["entry"])
        for event in copy.events
        if event["type"] == "entry.enrolled" and event["stream"] not in withdrawn
    ]
    frozen["data"] |= {"roster_hash": roster_hash(WEEK, roster), "size": len(roster)}
    frozen["data"]["position"] += 1


def swap_two_pools(copy: Copy) -> None:
    one, other = copy.of("account.opened", 0), copy.of("account.opened", -1)
    one["data"], other["data"] = other["data"], one["data"]
    fit_standings(copy)


def reveal_another_seed(copy: Copy) -> None:
    copy.of("week.pools_drawn")["data"]["seed"] = "00" * 32


def raise_a_prize(copy: Copy) -> None:
    copy.of("account.prize_awarded")["data"]["amount_cents"] += 1


def keep_a_prize_back(copy: Copy) -> None:
    copy.events.remove(copy.of("account.prize_awarded", -1))


def claim_other_standings(copy: Copy) -> None:
    copy.of("week.settled")["data"]["standings_hash"] = "00" * 32


def change_the_rules(copy: Copy) -> None:
    copy.of("week.opened")["data"]["rules"]["grant"] = 2000


def end_the_corrections_early(copy: Copy) -> None:
    final = copy.of("week.finalised")
    for event in [final, *copy.behind(final)]:
        event["recorded_at"] = copy.of("week.settled", -1)["recorded_at"]


def buy_back_twice(copy: Copy) -> None:
    """The second time under another payment, which is accepted as well."""
    accepted, bought = copy.of("payment.accepted"), copy.of("account.bought_back")
    payment = UUID(int=7)
    more = {"payment_id": str(payment)}
    again = accepted | {"data": accepted["data"] | more, "stream": str(ids.purchase_stream(payment))}
    once_more = bought | {"data": bought["data"] | more | {"available": bought["data"]["available"] + 1000}}
    copy.fit_balances(bought["stream"], 1000, behind=bought["position"] + 1)
    copy.events[bought["position"] : bought["position"]] = [again, once_more]


def turn_back_the_clock(copy: Copy) -> None:
    copy.of("week.grouped")["recorded_at"] = copy.of("week.opened")["recorded_at"]


def fit_standings(copy: Copy) -> None:
    """Claim the standings that the stated balances come to."""
    pools: dict[str, dict[UUID, int]] = {}
    pool_of: dict[str, str] = {}
    for event in copy.events:
        data: dict[str, Any] = event["data"]
        pool_of |= {event["stream"]: data["pool_name"]} if event["type"] == "account.opened" else {}
        if event["stream"] in pool_of and "available" in data:
            pools.setdefault(pool_of[event["stream"]], {})[UUID(event["stream"])] = data["available"]
        if "standings_hash" in data:
            data["standings_hash"] = standings_hash(WEEK, pools)


def _enrolment(like: Line, at: str | None = None) -> Line:
    entry = UUID(int=99, version=4)
    return like | {
        "data": like["data"] | {"entry": str(entry)},
        "recorded_at": at or like["recorded_at"],
        "stream": str(ids.registration_stream(entry)),
    }


TAMPERINGS: dict[Callable[[Copy], None], set[str]] = {
    delete_a_payout: {"books", "settlement", "standings"},
    delete_a_bet_with_all_that_came_of_it: {"settlement", "standings"},
    swap_a_stake_and_the_result: {"gate", "settlement"},
    move_a_stake_behind_the_lock: {"gate"},
    insert_a_grant: {"books"},
    raise_a_payout: {"settlement"},
    alter_a_result: {"settlement"},
    claim_another_resolution: {"settlement"},
    give_another_reason: {"settlement"},
    resolve_a_bet_twice: {"books"},
    better_a_price: {"gate", "settlement"},
    enrol_behind_the_freeze: {"draw"},
    enrol_before_the_freeze: {"draw"},
    swap_two_pools: {"draw"},
    reveal_another_seed: {"draw"},
    raise_a_prize: {"prizes"},
    keep_a_prize_back: {"prizes"},
    claim_other_standings: {"standings"},
    change_the_rules: {"week", "books"},
    end_the_corrections_early: {"week"},
    buy_back_twice: {"books", "standings"},
    turn_back_the_clock: {"time"},
}


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_operator_who_signs_everything_anew_is_caught(
    played: Played, tmp_path: Path, tamper: Callable[[Copy], None]
) -> None:
    """Tree, checkpoints and manifest fit what was made of the log: the rules do not."""
    copy = played.copy()
    tamper(copy)
    copy.renumber()
    told = verify(copy.write(tmp_path, signer=SIGNER))
    assert told.code == 1
    assert TAMPERINGS[tamper] <= set(told.kinds), told.out
    assert not {"manifest", "line", "position", "version", "tree", "checkpoint"} & set(told.kinds), told.out


@pytest.mark.parametrize("tamper", [delete_a_payout, swap_two_pools, insert_a_grant, raise_a_payout, alter_a_result])
def test_log_changed_behind_its_checkpoints_is_caught(
    played: Played, tmp_path: Path, tamper: Callable[[Copy], None]
) -> None:
    """The hash of the file, and the roots that were signed, are those of the honest log."""
    copy = played.copy()
    tamper(copy)
    copy.renumber()
    told = verify(copy.write(tmp_path))
    assert {"manifest", "tree"} | TAMPERINGS[tamper] <= set(told.kinds), told.out


ROUND = QUICKNET.round_after(STARTS_AT)
BEACON = {"chain": QUICKNET.hash, "round": ROUND}
SIGNATURE = bytes(range(48))


def drawn_with_a_beacon(played: Played) -> Copy:
    """The log up to the draw, as it would be with a round of a beacon."""
    copy = Copy(played.lines[: played.copy().of("week.pools_drawn")["position"]])
    drawn = copy.of("week.pools_drawn")
    copy.of("week.roster_frozen")["data"]["beacon"] = BEACON
    drawn["data"] |= {"randomness": hashlib.sha256(SIGNATURE).hexdigest(), "signature": SIGNATURE.hex()}
    drawn["recorded_at"] = instant_text(QUICKNET.time_of(ROUND))
    return copy


def test_beacon_is_part_of_the_draw_and_left_to_others_to_ask(played: Played, tmp_path: Path) -> None:
    """Sizes and names are the same with any beacon; whether its signature is drand's, a note leaves to ask."""
    told = verify(drawn_with_a_beacon(played).write(tmp_path, signer=SIGNER))
    assert (told.code, told.out.startswith("verified ")) == (0, True)
    assert f"note: ask a relay of drand, or a program that checks BLS, whether round {ROUND} of" in told.err
    assert SIGNATURE.hex() in told.err


@pytest.mark.parametrize(
    ("topic", "data"),
    [
        ("week.roster_frozen", {"beacon": {"chain": QUICKNET.hash, "round": 657413}}),
        ("week.roster_frozen", {"beacon": {"chain": "00" * 32, "round": ROUND}}),
        ("week.roster_frozen", {"beacon": None}),
        ("week.roster_frozen", {"beacon": BEACON | {"round": QUICKNET.round_after(at("Tue 00:00"))}}),
        ("week.pools_drawn", {"signature": "01"}),
        ("week.pools_drawn", {"signature": "", "randomness": ""}),
        ("week.pools_drawn", {"randomness": "00" * 32}),
    ],
)
def test_beacon_that_was_known_or_is_made_up_is_caught(
    played: Played, tmp_path: Path, topic: str, data: dict[str, object]
) -> None:
    """A round of the past, another chain, none after all, one still to come, randomness that is not the signature's."""
    copy = drawn_with_a_beacon(played)
    copy.of(topic)["data"] |= data
    assert "draw" in verify(copy.write(tmp_path, signer=SIGNER)).kinds


def test_gap_is_named_by_its_position(played: Played, tmp_path: Path) -> None:
    """An event that is gone leaves a position, and a version of its stream, out."""
    copy = played.copy()
    delete_a_payout(copy)
    told = verify(copy.write(tmp_path, signer=SIGNER))
    assert {"position", "version"} <= set(told.kinds)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_bit_of_the_events_counts(played: Played, tmp_path: Path, place: float, bit: int) -> None:
    """Whichever is turned over, the file is not the one of the manifest, and the events not those that were signed."""
    events = bytearray((played.folder / "events.jsonl").read_bytes())
    events[int(place * len(events))] ^= 1 << bit
    (tmp_path / "events.jsonl").write_bytes(events)
    for name in ("checkpoints.txt", "manifest.json"):
        (tmp_path / name).write_bytes((played.folder / name).read_bytes())
    assert {"manifest", "tree"} <= set(verify(tmp_path).kinds)


def test_line_that_says_the_same_in_other_bytes_is_named(played: Played, tmp_path: Path) -> None:
    """A space, another order, a name that stands twice, a fraction, an unknown field or type: none is a line."""
    honest = played.lines[0]
    for number, line in enumerate(
        (
            honest.replace(b'":', b'": ', 1),
            b'{"actor":"x",' + honest[1:],
            honest.replace(b'"position":1,', b'"position":1.0,'),
            honest.replace(b'"week.opened"', b'"week.renamed"'),
            honest.replace(b'"week":"2026-W47"', b'"week":"2026-W47","why":""'),
            honest.replace(b"2026-11", b"2026-13", 1),
        )
    ):
        assert line != honest
        copy = played.copy()
        folder = copy.write(tmp_path / str(number))
        (folder / "events.jsonl").write_bytes(b"\n".join([line, *played.lines[1:], b""]))
        assert "line" in verify(folder).kinds, line


@pytest.mark.parametrize("signer", [OTHER, Signer("elsewhere.test", bytes(range(32)))], ids=["other key", "other name"])
def test_checkpoints_by_another_key_are_none(played: Played, tmp_path: Path, signer: Signer) -> None:
    """Whoever has no key may write checkpoints, and nobody believes them."""
    assert "checkpoint" in verify(played.copy().write(tmp_path, signer=signer)).kinds


def test_checkpoint_rewritten_without_the_key_is_caught(played: Played, tmp_path: Path) -> None:
    """The root of a tampered log under the signature of the honest one."""
    copy = played.copy()
    raise_a_payout(copy)
    forged = checkpoints(copy.lines, sizes(len(copy.lines)))
    notes = [
        text.partition("\n\n")[0] + "\n\n" + honest.partition("\n\n")[2]
        for text, honest in zip(forged, copy.notes, strict=True)
    ]
    folder = copy.write(tmp_path, signer=SIGNER)
    (folder / "checkpoints.txt").write_text(join_notes(notes))
    told = verify(folder)
    assert "is wrong" in next(line for line in told.out.splitlines() if line.startswith("checkpoint: "))


def test_checkpoint_of_another_log_counts_for_nothing(played: Played, tmp_path: Path) -> None:
    """It is signed by the key, and of another week."""
    copy = played.copy()
    copy.notes = checkpoints(played.lines, [len(played.lines)], log="2026-W48")
    assert "checkpoint" in verify(copy.write(tmp_path)).kinds


def test_checkpoint_that_covers_more_than_there_is_shows_what_is_withheld(played: Played, tmp_path: Path) -> None:
    """The end of the log is left out, and a checkpoint of it is there."""
    copy = Copy(played.lines[:100])
    copy.notes = checkpoints(played.lines, [50, 120])
    assert "tree" in verify(copy.write(tmp_path)).kinds


@pytest.mark.parametrize(
    "field", ["root", "size", "counts", "last_recorded_at", "checkpoint", "origin", "log", "format"]
)
def test_manifest_says_what_the_folder_comes_to(played: Played, tmp_path: Path, field: str) -> None:
    """A manifest that was changed is named, whatever of it was."""
    folder = played.copy().write(tmp_path)
    said = json.loads((folder / "manifest.json").read_bytes())
    said[field] = {"root": "00" * 32, "size": 1, "counts": {}, "checkpoint": None}.get(field, said["first_recorded_at"])
    (folder / "manifest.json").write_text(json.dumps(said, sort_keys=True, separators=(",", ":")) + "\n")
    assert "manifest" in verify(folder).kinds


def test_hash_in_the_manifest_is_held_against_the_file(played: Played, tmp_path: Path) -> None:
    """One wrong hash, one wrong number of rows, and one file that is not there."""
    folder = played.copy().write(tmp_path)
    honest = (folder / "manifest.json").read_bytes()
    digest = json.loads(honest)["files"]["events.jsonl"]["sha256"].encode()
    for damaged in (
        honest.replace(digest, b"00" * 32),
        honest.replace(b'"rows":%d' % len(played.lines), b'"rows":1'),
        honest.replace(b'"files":{', b'"files":{"a.csv":{"bytes":1,"rows":1,"sha256":"00"},'),
        honest[:-1],
    ):
        assert damaged != honest
        (folder / "manifest.json").write_bytes(damaged)
        assert verify(folder).kinds == ["manifest"]


def test_hostile_text_does_not_reach_the_terminal(played: Played, tmp_path: Path) -> None:
    """What is printed of an export is printable."""
    copy = played.copy()
    copy.of("week.opened")["data"]["week"] = "\x1b[2J"
    told = verify(copy.write(tmp_path, signer=SIGNER))
    assert told.code == 1
    assert told.out.replace("\n", "").isprintable()
