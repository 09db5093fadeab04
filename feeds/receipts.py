"""Receipts of bets, made from the log, its tree and its newest checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from feeds.checkpoints import Checkpoints
from ledger.aggregate import LedgerError
from ledger.facts import decode, export_line
from ledger.ids import position_token
from ledger.ledger import Ledger
from ledger.proofs.merkle import inclusion_proof
from ledger.proofs.receipts import Receipt, bet_of, join
from projections.bets import Bet
from projections.tree import Trees


class UnknownBet(LedgerError):
    """The ledger has no such bet, or the read models have not come to it."""

    code = "unknown_bet"


class NotSignedYet(LedgerError):
    """The newest signed checkpoint does not cover this yet: ask again in some seconds."""

    code = "not_signed_yet"


@dataclass(frozen=True, slots=True)
class Receipts:
    """What receipts are made from."""

    ledger: Ledger
    trees: Trees
    checkpoints: Checkpoints

    def of_bet(self, bet: Bet) -> str:
        """Return the receipt of a bet with all that the log says of it; raises NotSignedYet."""
        records = [
            record
            for record in self.ledger.recorder(bet.log).read_streams([bet.entry])
            if bet_of(decode(record)) == bet.bet_id
        ]
        last = records[-1].position
        signed = self.checkpoints.covering(bet.log, last)
        if signed is None or self.trees.size(bet.log) < signed.size:
            raise NotSignedYet(f"No signed checkpoint covers {position_token(bet.log, last)} yet: ask again soon.")
        node = self.trees.node(bet.log)
        receipts = []
        for record in records:
            index = record.position - 1
            proof = inclusion_proof(node, index=index, size=signed.size)
            receipts.append(Receipt(export_line(record), index, tuple(proof), signed.note))
        return join(receipts)
