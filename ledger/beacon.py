"""The beacon: public randomness that nobody knows when the roster is frozen (see `ledger.draw`).

It is a chain of drand, which signs the number of a round at the round's time. The randomness of a round is the
SHA-256 of its signature, and the signature is checked against the chain's key: by BLS on BLS12-381, signatures in G1
and keys in G2, messages hashed to the curve as RFC 9380 has it (drand's scheme `bls-unchained-g1-rfc9380`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol

from ledger.aggregate import LedgerError
from ledger.instants import Instant

HEADWAY: Final = timedelta(minutes=5)
_DOMAIN: Final = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"


class RoundAwaited(LedgerError):
    """The draw waits for a round of the beacon, and for no other: `until` is when to ask again, if that is known."""

    code = "beacon_awaited"

    def __init__(self, detail: str, *, until: datetime | None = None) -> None:
        super().__init__(detail)
        self.until = until


class Chain(NamedTuple):
    """A chain of a beacon: round 1 comes at `genesis` (seconds since 1970), and one each `period` seconds."""

    name: str
    hash: str
    genesis: int
    period: int
    public_key: str

    def round_after(self, instant: datetime) -> int:
        """Return the round of a roster that is frozen at an instant: the first one that is five minutes away."""
        periods = -((self._start - (instant + HEADWAY)) // timedelta(seconds=self.period))
        return max(1, periods + 1)

    def time_of(self, round: int) -> Instant:
        """Return when a round comes."""
        return Instant.of(self._start + (round - 1) * timedelta(seconds=self.period))

    @property
    def _start(self) -> datetime:
        return datetime.fromtimestamp(self.genesis, UTC)


class Reading(NamedTuple):
    """What a beacon says at a round, in hex."""

    randomness: str
    signature: str


class Beacon(Protocol):
    """Whoever can say what a chain said at a round."""

    @property
    def chain(self) -> Chain:
        """The chain that is read."""

    def read(self, round: int) -> Reading:
        """Return what the chain said at a round, checked by `fault`; raises RoundAwaited while that is not known."""


QUICKNET: Final = Chain(
    name="quicknet",
    hash="52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    genesis=1_692_803_367,
    period=3,
    public_key=(
        "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c"
        "8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb"
        "5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
    ),
)


def known_chains() -> Mapping[str, Chain]:
    """Return the chains that a draw may name, by hash."""
    return {QUICKNET.hash: QUICKNET}


def fault(chain: Chain, round: int, reading: Reading) -> str | None:
    """Say what is wrong with a reading, None if it is what the chain said at that round and nobody could make up."""
    # Only who has a beacon waits for the import of its curve.
    from py_arkworks_bls12381 import GT, G1Point, G2Point

    try:
        signature = bytes.fromhex(reading.signature)
        signed: G1Point | None = G1Point.from_compressed_bytes(signature)
    except ValueError:
        signed, signature = None, b""
    if signed is None or signature.hex() != reading.signature:
        return f"{reading.signature!r} is no signature"
    if hashlib.sha256(signature).hexdigest() != reading.randomness:
        return "the randomness is not the sha256 of the signature"
    message = G1Point.hash_to_curve(hashlib.sha256(round.to_bytes(8, "big")).digest(), _DOMAIN)
    key = G2Point.from_compressed_bytes(bytes.fromhex(chain.public_key))
    if not GT.pairing_check([signed, -message], [G2Point(), key]):
        return f"the signature is not that of round {round} of {chain.name}"
    return None
