"""The draw: who competes with whom, by an algorithm that anyone can recompute and nobody can steer.

`hmac-sha256-sort-v1` takes four steps. The roster is frozen and its hash recorded. Only then the secret seed
of the week is revealed, whose hash has been public since the week before. Seed, roster and beacon make a key.
The entries are sorted by the HMAC (RFC 2104, SHA-256) of their ids under that key, and cut into pools.

The beacon is a round of a drand chain, named before the roster is frozen and random only afterwards: with it,
not even somebody who knows the seed can gain by adding entries. A draw without a beacon has an empty chain,
round 0 and empty randomness, and rests on the seed alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from uuid import UUID

from ledger.weeks import year_and_number

ALGORITHM: Final = "hmac-sha256-sort-v1"


class DrawError(ValueError):
    """A draw that cannot be: an entry twice in the roster, impossible sizes, a seed chain at its end."""


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool as dealt: its name and its entries, in the order of the draw."""

    name: str
    entries: tuple[UUID, ...]


def deal(
    *,
    week: str,
    entries: Collection[UUID],
    pool_max: int,
    seed: bytes,
    chain: str = "",
    round: int = 0,
    randomness_hex: str = "",
    hashed: str | None = None,
) -> tuple[Pool, ...]:
    """Deal the entries into pools of at most `pool_max`, in whatever order they come. No entries, no pools.

    `chain`, `round` and `randomness_hex` are those of the beacon, `hashed` is the roster's hash where it is known.
    Raises DrawError, or WeekIdError.
    """
    key = shuffle_key(
        seed=seed,
        week=week,
        roster_hash=hashed or roster_hash(week, entries),
        chain=chain,
        round=round,
        randomness_hex=randomness_hex,
    )
    return cut(week, shuffle(key, entries), pool_max)


def cut(week: str, order: Sequence[UUID], pool_max: int) -> tuple[Pool, ...]:
    """Cut the entries, in the order of the draw, into the fewest pools of at most `pool_max`."""
    pools = []
    dealt = 0
    for index, size in enumerate(pool_sizes(len(order), pool_max)):
        pools.append(Pool(pool_name(week, index), tuple(order[dealt : dealt + size])))
        dealt += size
    return tuple(pools)


def roster_hash(week: str, entries: Collection[UUID]) -> str:
    """The SHA-256 of a roster's text, in hex; raises DrawError when an entry stands in it twice."""
    return hashlib.sha256(roster_text(week, entries).encode()).hexdigest()


def roster_text(week: str, entries: Collection[UUID]) -> str:
    """A roster as it is hashed: its week, its size and its entries in ascending order, one a line.

    Raises DrawError when an entry stands in it twice.
    """
    ids = sorted(str(entry) for entry in entries)
    for entry_id, next_id in pairwise(ids):
        if entry_id == next_id:
            raise DrawError(f"entry {entry_id} stands twice in the roster of {week}: list each entry once")
    return f"pools/roster/v1\n{week}\n{len(ids)}\n" + "".join(f"{entry_id}\n" for entry_id in ids)


def shuffle_key(
    *, seed: bytes, week: str, roster_hash: str, chain: str = "", round: int = 0, randomness_hex: str = ""
) -> bytes:
    """The 32-byte key of the shuffle: the HMAC under the seed of all that else decides the draw."""
    message = f"pools/shuffle/{ALGORITHM}\n{week}\n{roster_hash}\n{chain}\n{round}\n{randomness_hex}\n"
    return hmac.digest(seed, message.encode(), "sha256")


def shuffle(key: bytes, entries: Collection[UUID]) -> tuple[UUID, ...]:
    """The entries by the HMAC of their ids under `key`: the order they come in plays no part."""
    texts = ((str(entry), entry) for entry in entries)
    return tuple(entry for _, _, entry in sorted((_score(key, text), text, entry) for text, entry in texts))


def score(key: bytes, entry: UUID) -> bytes:
    """The HMAC of an entry's id under `key`, by which it is sorted: anybody can compute anybody's."""
    return _score(key, str(entry))


def _score(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def pool_sizes(n: int, pool_max: int) -> tuple[int, ...]:
    """The sizes of the fewest pools that hold `n` entries, as even as can be, larger first: 101 is 51, 50."""
    if n < 0 or pool_max < 1:
        raise DrawError(f"{n} entries into pools of {pool_max}: expected 0 or more into pools of 1 or more")
    if n == 0:
        return ()
    pools = -(-n // pool_max)
    size, larger = divmod(n, pools)
    return (size + 1,) * larger + (size,) * (pools - larger)


def pool_name(week: str, index: int) -> str:
    """The name of the pool at `index`: 0 is `W2026-47-A`, 25 `-Z`, 26 `-AA`, lettered like a sheet's columns.

    Raises WeekIdError.
    """
    year, number = year_and_number(week)
    letters = ""
    place = index + 1
    while place > 0:
        place, letter = divmod(place - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"W{year}-{number:02}-{letters}"


def commitment(seed: bytes) -> bytes:
    """The SHA-256 of a seed: published before the draw, it binds the seed that is revealed at it."""
    return hashlib.sha256(seed).digest()


def secret(master: bytes, steps: int) -> bytes:
    """The secret `steps` hashes below `master`: S_i of a chain of length n is `secret(master, n - i)`.

    Raises DrawError past the chain's end, where any answer would be a seed already revealed.
    """
    if steps < 0:
        raise DrawError(f"the seed chain ended {-steps} weeks ago: anchor a new one")
    seed = master
    for _ in range(steps):
        seed = commitment(seed)
    return seed


def seed_chain(master: bytes, length: int) -> tuple[bytes, ...]:
    """The secrets S_0 to S_length of a chain in which S_i is the hash of S_i+1 and S_length is `master`.

    S_0 is the anchor, published before the first week. S_i is the seed of the chain's week i and, revealed
    there, the commitment to week i+1; so a seed that was withheld is still proven by the one after it.
    """
    seeds = [master]
    for _ in range(length):
        seeds.append(commitment(seeds[-1]))
    return tuple(reversed(seeds))
