"""The draw gives what its published algorithm gives, for every size of roster."""

from __future__ import annotations

import hashlib
import hmac
from functools import partial
from itertools import pairwise
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.draw import (
    ALGORITHM,
    DrawError,
    commitment,
    cut,
    deal,
    pool_name,
    pool_sizes,
    roster_hash,
    roster_text,
    score,
    secret,
    seed_chain,
    shuffle,
    shuffle_key,
)
from ledger.weeks import WeekIdError

SEED = bytes.fromhex("3f1e2d4c5b6a79880796a5b4c3d2e1f0ffeeddccbbaa99887766554433221100")
# Round 657413 of drand's quicknet and its randomness, a public test vector of drand clients.
CHAIN = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
ROUND = 657413
RANDOMNESS = "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587"
VECTOR_WEEK = "2026-11-23"
VECTOR_ENTRIES = [
    UUID("00112233-4455-6677-8899-aabbccddeeff"),
    UUID("1456abcd-7890-4def-8123-456789abcdef"),
    UUID("9f82aa12-34cd-4a56-9b78-0a1b2c3d4e5f"),
]
VECTOR_ROSTER_HASH = "12d521e41ce8441e56c87caddbe76e0f8f76ba01048a40cb87312c9af27d1b4b"
VECTOR_KEY = bytes.fromhex("0e4a2b279dceb7803381cd03fb2d8781f1ff675420473c0c9a7fd1a79c71e6d7")

rosters = st.lists(st.uuids(), unique=True, max_size=40)


def roster(size: int) -> list[UUID]:
    """As many entries as asked for, always the same."""
    random = Random(size)
    return [UUID(int=random.getrandbits(128), version=4) for _ in range(size)]


def test_published_vector_comes_out() -> None:
    """Commitment, roster hash, key and order are those of the published test vector."""
    assert ALGORITHM == "hmac-sha256-sort-v1"
    assert commitment(SEED).hex() == "eb3e4eebc26e2e834008a30579f11657902b680a86c9ac006a3e2a062a28e79d"
    assert roster_hash(VECTOR_WEEK, VECTOR_ENTRIES) == VECTOR_ROSTER_HASH
    key = shuffle_key(
        seed=SEED,
        week=VECTOR_WEEK,
        roster_hash=VECTOR_ROSTER_HASH,
        chain=CHAIN,
        round=ROUND,
        randomness_hex=RANDOMNESS,
    )
    assert key == VECTOR_KEY
    first, second, third = VECTOR_ENTRIES
    assert shuffle(key, VECTOR_ENTRIES) == (third, first, second)


def test_entries_are_hashed_in_canonical_text() -> None:
    """However an entry's id was written when it was read, it is hashed in lower case with hyphens."""
    shouted = [UUID(f"{{{str(entry).upper()}}}") for entry in VECTOR_ENTRIES]
    assert roster_hash(VECTOR_WEEK, shouted) == VECTOR_ROSTER_HASH


def test_draw_without_a_beacon_leaves_its_lines_empty() -> None:
    """The message then carries an empty chain, round 0 and empty randomness."""
    bare = shuffle_key(seed=SEED, week="2026-W47", roster_hash=VECTOR_ROSTER_HASH)
    message = f"pools/shuffle/hmac-sha256-sort-v1\n2026-W47\n{VECTOR_ROSTER_HASH}\n\n0\n\n".encode()
    # HMAC written out (RFC 2104), for a key shorter than SHA-256's block of 64 bytes.
    padded = SEED.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    assert bare == hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()


def test_everything_that_decides_the_draw_changes_its_key() -> None:
    """Another seed, week, roster, chain, round or randomness is another key."""
    key = partial(
        shuffle_key,
        seed=SEED,
        week="2026-W47",
        roster_hash=VECTOR_ROSTER_HASH,
        chain=CHAIN,
        round=ROUND,
        randomness_hex=RANDOMNESS,
    )
    keys = [
        key(),
        key(seed=commitment(SEED)),
        key(week="2026-W48"),
        key(roster_hash="0" * 64),
        key(chain=""),
        key(round=ROUND + 1),
        key(randomness_hex=""),
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("n", "sizes"),
    [
        (0, ()),
        (1, (1,)),
        (99, (99,)),
        (100, (100,)),
        (101, (51, 50)),
        (200, (100, 100)),
        (201, (67, 67, 67)),
        (250, (84, 83, 83)),
        (100_000, (100,) * 1000),
    ],
)
def test_pools_are_as_few_and_as_even_as_can_be(n: int, sizes: tuple[int, ...]) -> None:
    """Up to a hundred entries make one pool; more are split evenly, the larger pools first."""
    assert pool_sizes(n, 100) == sizes


@given(st.integers(min_value=0, max_value=5000), st.integers(min_value=1, max_value=300))
def test_pool_sizes_hold_everybody(n: int, pool_max: int) -> None:
    """Sizes add up, stay within the maximum, never grow and differ by one at most, in the fewest pools."""
    sizes = pool_sizes(n, pool_max)
    assert sum(sizes) == n
    assert list(sizes) == sorted(sizes, reverse=True)
    assert all(0 < size <= pool_max for size in sizes)
    assert not sizes or sizes[0] - sizes[-1] <= 1
    assert (len(sizes) - 1) * pool_max < n or n == 0


@pytest.mark.parametrize(("n", "pool_max"), [(-1, 100), (10, 0), (10, -5)])
def test_impossible_sizes_are_refused(n: int, pool_max: int) -> None:
    """Fewer than no entries, and pools that hold nobody, are named and refused."""
    with pytest.raises(DrawError, match=f"{n} entries into pools of {pool_max}"):
        pool_sizes(n, pool_max)


@pytest.mark.parametrize(
    ("index", "letters"),
    [
        (0, "A"),
        (1, "B"),
        (25, "Z"),
        (26, "AA"),
        (27, "AB"),
        (51, "AZ"),
        (52, "BA"),
        (701, "ZZ"),
        (702, "AAA"),
    ],
)
def test_pools_are_lettered_like_columns(index: int, letters: str) -> None:
    """A to Z, then AA, AB and so on, after the week."""
    assert pool_name("2026-W47", index) == f"W2026-47-{letters}"


def test_pool_names_keep_the_order_of_the_deal() -> None:
    """Sorted by length and then by letter, a thousand distinct names are in the order of their indices."""
    names = [pool_name("2026-W05", index) for index in range(1000)]
    assert sorted(set(names), key=lambda name: (len(name), name)) == names
    assert names[0] == "W2026-05-A"


def test_pool_of_no_week_has_no_name() -> None:
    """A pool's name is made from the id of a week that exists."""
    with pytest.raises(WeekIdError, match="2026-11-23"):
        pool_name("2026-11-23", 0)


@pytest.mark.parametrize("size", [0, 1, 100, 101, 250, 100_000])
def test_every_entry_is_dealt_into_one_pool(size: int) -> None:
    """Whatever the size of the roster, nobody is left out or dealt twice, and pools are named in order."""
    entries = roster(size)
    pools = deal(week="2026-W47", entries=entries, pool_max=100, seed=SEED)
    assert [len(pool.entries) for pool in pools] == list(pool_sizes(size, 100))
    assert [pool.name for pool in pools] == [pool_name("2026-W47", index) for index in range(len(pools))]
    assert sorted(entry for pool in pools for entry in pool.entries) == sorted(entries)


def test_deal_follows_the_shuffle() -> None:
    """Read one after the other, the pools are the entries in the order of the published algorithm."""
    entries = roster(101)
    key = shuffle_key(
        seed=SEED,
        week="2026-W47",
        roster_hash=roster_hash("2026-W47", entries),
        chain=CHAIN,
        round=ROUND,
        randomness_hex=RANDOMNESS,
    )
    pools = deal(
        week="2026-W47",
        entries=entries,
        pool_max=100,
        seed=SEED,
        chain=CHAIN,
        round=ROUND,
        randomness_hex=RANDOMNESS,
    )
    assert tuple(entry for pool in pools for entry in pool.entries) == shuffle(key, entries)
    assert shuffle(key, entries) != tuple(sorted(entries))


def test_score_sorts_the_entries() -> None:
    """Whoever has the key computes anybody's score with an HMAC, and the pools are cut in order of scores."""
    key = shuffle_key(seed=SEED, week=VECTOR_WEEK, roster_hash=roster_hash(VECTOR_WEEK, VECTOR_ENTRIES))
    scores = {entry: hmac.new(key, str(entry).encode(), hashlib.sha256).digest() for entry in VECTOR_ENTRIES}
    assert {entry: score(key, entry) for entry in VECTOR_ENTRIES} == scores
    order = shuffle(key, VECTOR_ENTRIES)
    assert list(order) == sorted(VECTOR_ENTRIES, key=lambda entry: scores[entry])
    pools = cut("2026-W47", order, 2)
    assert [pool.entries for pool in pools] == [order[:2], order[2:]]


def test_text_of_a_roster_is_what_is_hashed() -> None:
    """Its form, week and size, and then the ids in ascending order, each line ended."""
    text = roster_text("2026-W47", VECTOR_ENTRIES[::-1])
    assert text == "pools/roster/v1\n2026-W47\n3\n" + "".join(f"{entry}\n" for entry in VECTOR_ENTRIES)
    assert hashlib.sha256(text.encode()).hexdigest() == roster_hash("2026-W47", VECTOR_ENTRIES)


@given(rosters, st.randoms(use_true_random=False))
def test_order_of_arrival_plays_no_part(entries: list[UUID], random: Random) -> None:
    """The same entries in any order are the same draw."""
    arrived = random.sample(entries, len(entries))
    dealt = deal(week="2026-W47", entries=entries, pool_max=7, seed=SEED)
    assert deal(week="2026-W47", entries=arrived, pool_max=7, seed=SEED) == dealt
    assert deal(week="2026-W47", entries=set(entries), pool_max=7, seed=SEED) == dealt


def test_entry_cannot_stand_twice_in_a_roster() -> None:
    """A repeated entry is refused by its id, wherever it stands."""
    first, second, third = VECTOR_ENTRIES
    with pytest.raises(DrawError, match=str(second)):
        deal(week="2026-W47", entries=[second, third, first, second], pool_max=100, seed=SEED)


def test_seed_chain_commits_every_week_to_the_next() -> None:
    """Each secret is the published commitment to the one after it, from the anchor up to the master."""
    chain = seed_chain(SEED, 53)
    assert len(chain) == 54
    assert chain[-1] == SEED
    assert all(commitment(after) == before for before, after in pairwise(chain))
    assert len(set(chain)) == len(chain)


def test_secret_of_a_week_needs_no_stored_chain() -> None:
    """Hashing down from the master finds each secret of the chain, the anchor included."""
    chain = seed_chain(SEED, 20)
    assert tuple(secret(SEED, 20 - week) for week in range(21)) == chain


def test_chain_past_its_end_is_refused() -> None:
    """The master is the last seed: a week beyond it gets none, as any would have been revealed before."""
    with pytest.raises(DrawError, match="ended 2 weeks ago"):
        secret(SEED, -2)
