"""The chain of secret seeds: each week's commitment is the seed revealed the week before (`ledger.draw`)."""

from __future__ import annotations

from ledger.aggregate import LedgerError
from ledger.draw import commitment, secret


class SeedNotOurs(LedgerError):
    """No seed of this chain opens the commitment: the master secret was replaced, or the chain is used up."""

    code = "wrong_seed"


class SeedChain:
    """A season's seeds, computed from one master secret of 32 random bytes and never stored."""

    def __init__(self, master: bytes, length: int = 520) -> None:
        self._master = master
        self.length = length

    @property
    def anchor(self) -> str:
        """The first week's commitment, in hex: it may be published, and fixes every seed to come."""
        return secret(self._master, self.length).hex()

    def opening(self, commitment_hex: str) -> bytes:
        """Return the seed that opens a commitment; raises SeedNotOurs."""
        seed = self._master
        for _ in range(self.length):
            below = commitment(seed)
            if below.hex() == commitment_hex:
                return seed
            seed = below
        raise SeedNotOurs(f"no seed of this chain opens {commitment_hex}: start with the master secret that made it")
