"""An account: one entry's credits and bets for one week."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from ledger.aggregate import Aggregate, LedgerError
from ledger.events import (
    AccountOpened,
    BetLost,
    BetWon,
    BoughtBack,
    CreditsGranted,
    PayoutCorrected,
    PrizeAwarded,
    StakePlaced,
    StakeReturned,
)
from ledger.facts import Fact, Record, fact_of, read_as
from ledger.game import Offer
from ledger.grading import Outcome, Terms
from ledger.ids import bet_id as id_of_bet
from ledger.odds import payout
from ledger.rules import Rules
from ledger.slip import slip_key


class AccountNotOpen(LedgerError):
    """The entry has no account: it was not part of the week's draw."""

    code = "account_not_open"


class InsufficientCredits(LedgerError):
    """The stake is larger than the available credits."""

    code = "insufficient_credits"


class StakeOutOfRange(LedgerError):
    """The stake, or the price it is taken at, is outside what the week's rules allow."""

    code = "stake_out_of_range"


class KeyReused(LedgerError):
    """The idempotency key named another bet before: a new bet needs a new key."""

    code = "idempotency_key_reused"


class BuyBackRefused(LedgerError):
    """The entry may not buy back (any more). `reason` is `late`, `second` or `not_bust`."""

    code = "buy_back_refused"

    def __init__(self, text: str, *, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class Bet:
    """A placed bet: its frozen terms, and how it was last resolved (`outcome` None while open)."""

    __slots__ = ("outcome", "placed", "resolution")

    def __init__(self, placed: Fact) -> None:
        self.placed = placed
        self.outcome: Outcome | None = None
        self.resolution = 0

    @property
    def stake(self) -> StakePlaced:
        """The event that placed the bet."""
        assert isinstance(self.placed.event, StakePlaced)
        return self.placed.event

    @property
    def terms(self) -> Terms:
        """What the bet is graded by."""
        stake = self.stake
        return Terms(
            market=stake.market,
            outcome=stake.outcome,
            line=stake.line,
            price=stake.price,
            stake=stake.stake,
            recorded_at=self.placed.at,
        )


class _Taken(msgspec.Struct, gc=False):
    """What the account itself needs of a StakePlaced."""

    available: int
    bet_id: UUID


class Account(Aggregate):
    """The ledger account of an entry. `available` may fall below zero through a correction only.

    `bets` and `slips` are those in memory: a book that is short of it has the account forget them, down to a print of
    each, and recalls what a decision names. A new stake needs no more than the prints.
    """

    def __init__(self) -> None:
        self.opened: AccountOpened | None = None
        self.available = 0
        self.open_stakes = 0
        self.bets: dict[UUID, Bet] = {}
        # The keys of bet slips, with the whole request that each named.
        self.slips: dict[str, str] = {}
        # Prints, side by side: of bets forgotten that are open, and of all else that was forgotten.
        self._open = b""
        self._past = b""
        # What became of bets after they were forgotten: the log need not say so yet when they are recalled.
        self._closed: tuple[tuple[UUID, Outcome, int], ...] = ()
        self.bought_back: Fact | None = None
        self.prize: Fact | None = None

    def open(self, *, pool_id: UUID, pool_name: str, grant: int) -> None:
        """Deal the entry into a pool and give it the week's credits; an open account stays as it is."""
        if self.opened is None:
            self.trigger(AccountOpened(pool_id=pool_id, pool_name=pool_name))
            self.trigger(CreditsGranted(amount=grant, available=self.available + grant))

    def placed(self, *, bet_id: UUID, market_id: UUID, odds_id: UUID, outcome: str, stake: int) -> Fact | None:
        """Return the first answer to a request that comes again, or None for a new one; raises KeyReused."""
        bet = self.bets.get(bet_id)
        if bet is None:
            return None
        first = bet.stake
        if (first.market_id, first.odds_id, first.outcome, first.stake) != (
            market_id,
            odds_id,
            outcome,
            stake,
        ):
            raise KeyReused(f"bet {bet_id} was placed with other terms: send a new bet with a new Idempotency-Key")
        return bet.placed

    def require_key(self, key: str, *, slip: str | None = None) -> None:
        """Refuse a key that named another slip, or a single bet where `slip` is the request. Raises KeyReused."""
        named = self.slips.get(key)
        if named not in (None, slip):
            raise KeyReused(f"the key {key!r} was used for another bet slip: send a new request with a new key")
        if slip is not None and id_of_bet(self.id, key) in self.bets:
            raise KeyReused(f"the key {key!r} was used for a single bet: send a new slip with a new key")

    def require_stake(self, *, stake: int, price: int, available: int, rules: Rules) -> None:
        """Refuse a stake that the account cannot place; `available` is what other stakes leave it."""
        if self.opened is None:
            raise AccountNotOpen(f"entry {self.id} has no account in this week")
        if stake < rules.stake_min or (rules.stake_max is not None and stake > rules.stake_max):
            most = "" if rules.stake_max is None else f" and at most {rules.stake_max}"
            raise StakeOutOfRange(f"a stake is at least {rules.stake_min}{most} credits, not {stake}")
        if abs(price) > rules.price_max:
            raise StakeOutOfRange(f"prices beyond {rules.price_max} take no stakes: {price}")
        if stake > available:
            raise InsufficientCredits(f"{stake} credits were staked, {available} are available")

    def place_stake(self, *, bet_id: UUID, offer: Offer, stake: int, rules: Rules) -> Fact:
        """Take the stake and freeze the terms on offer."""
        self.require_stake(stake=stake, price=offer.price, available=self.available, rules=rules)
        return self.trigger(
            StakePlaced(
                available=self.available - stake,
                bet_id=bet_id,
                game_id=offer.game_id,
                line=offer.line,
                market=offer.market,
                market_id=offer.market_id,
                odds_id=offer.odds_id,
                outcome=offer.outcome,
                potential_payout=payout(stake, offer.price),
                price=offer.price,
                stake=stake,
            )
        )

    def resolve(self, *, bet_id: UUID, outcome: Outcome, resolution: int) -> Fact | None:
        """Pay, lose, return or correct a bet under a resolution; None where it stands so already.

        A bet that was forgotten need not be recalled while it is open.
        """
        bet = self.bets.get(bet_id)
        if bet is not None and resolution <= bet.resolution:
            return None
        if bet is not None and bet.outcome is not None:
            return self._correct(bet, outcome, resolution)
        match outcome.verdict:
            case "won":
                available = self.available + outcome.payout
                return self.trigger(
                    BetWon(available=available, bet_id=bet_id, payout=outcome.payout, resolution=resolution)
                )
            case "lost":
                return self.trigger(BetLost(available=self.available, bet_id=bet_id, resolution=resolution))
            case "push" | "void":
                return self.trigger(
                    StakeReturned(
                        amount=outcome.payout,
                        available=self.available + outcome.payout,
                        bet_id=bet_id,
                        reason=outcome.reason or "push",
                        resolution=resolution,
                    )
                )

    def _correct(self, bet: Bet, outcome: Outcome, resolution: int) -> Fact | None:
        before = bet.outcome
        assert before is not None
        if (before.verdict, before.payout) == (outcome.verdict, outcome.payout):
            return None
        return self.trigger(
            PayoutCorrected(
                available=self.available + outcome.payout - before.payout,
                bet_id=bet.stake.bet_id,
                from_outcome=before.verdict,
                from_payout=before.payout,
                reason=outcome.reason or "result",
                resolution=resolution,
                to_outcome=outcome.verdict,
                to_payout=outcome.payout,
            )
        )

    @property
    def is_bust(self) -> bool:
        """No credits available and no open stake that could bring any."""
        return self.available <= 0 and self.open_stakes == 0

    def require_buy_back(self, *, at: datetime, until: datetime) -> None:
        """Refuse a buy-back unless it is in time (`until` is exclusive), the first, and the account is bust."""
        if at >= until:
            raise BuyBackRefused(f"{at.isoformat()} is too late: buy-backs end at {until.isoformat()}", reason="late")
        if self.bought_back is not None:
            raise BuyBackRefused(f"entry {self.id} has bought back already in this week", reason="second")
        if self.opened is None or not self.is_bust:
            has = (
                f"{self.available} credits available and {self.open_stakes} open bets" if self.opened else "no account"
            )
            raise BuyBackRefused(f"entry {self.id} is not bust: it has {has}", reason="not_bust")

    def buy_back(self, *, payment_id: str, paid_at: datetime, cutoff: datetime, amount: int) -> Fact:
        """Credit a paid buy-back: when bust, once, paid before the cutoff (exclusive)."""
        self.require_buy_back(at=paid_at, until=cutoff)
        return self.trigger(BoughtBack(amount=amount, available=self.available + amount, payment_id=payment_id))

    def award_prize(self, *, rank: int, amount_cents: int, currency: str) -> Fact:
        """Award the prize of the week, which moves no credits; an award that was made stands, whatever is asked."""
        return self.prize or self.trigger(PrizeAwarded(amount_cents=amount_cents, currency=currency, rank=rank))

    def apply(self, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case StakePlaced(bet_id=bet_id, available=available):
                self.available = available
                self.bets[bet_id] = Bet(fact)
                self.open_stakes += 1
                slip = slip_key(fact.request)
                if slip is not None:
                    self.slips[slip] = fact.request
            case BetWon(available=available, payout=paid, resolution=resolution) as event:
                self._close(event.bet_id, Outcome("won", paid), resolution, available)
            case BetLost(available=available, resolution=resolution) as event:
                self._close(event.bet_id, Outcome("lost", 0), resolution, available)
            case StakeReturned(amount=amount, available=available, resolution=resolution) as event:
                verdict = "push" if event.reason == "push" else "void"
                self._close(event.bet_id, Outcome(verdict, amount, event.reason), resolution, available)  # type: ignore[arg-type]
            case PayoutCorrected(bet_id=bet_id, available=available) as event:
                self.available = available
                if bet_id in self.bets or not self.has_forgotten([bet_id]):
                    outcome = Outcome(event.to_outcome, event.to_payout)  # type: ignore[arg-type]
                    self._resolve(bet_id, outcome, event.resolution)
            case AccountOpened() as event:
                self.opened = event
            case CreditsGranted(available=available):
                self.available = available
            case BoughtBack(available=available):
                self.available = available
                self.bought_back = fact
            case PrizeAwarded():
                self.prize = fact

    def fold_print(self, record: Record) -> None:
        """Fold a stored event as `fold` does; of a stake keep its print only, as if it were forgotten at once."""
        is_next = record.version == self.version + 1
        if not is_next or record.topic != StakePlaced.TOPIC or record.schema != StakePlaced.SCHEMA:
            self.fold(fact_of(record, keeps_record=False))
            return
        taken = read_as(_Taken, record.state)
        self.available = taken.available
        self.open_stakes += 1
        self._open += _print(taken.bet_id)
        slip = slip_key(record.request)
        if slip is not None and not self.has_forgotten([single := id_of_bet(self.id, slip)]):
            self._past += _print(single)
        self.version = record.version

    def _close(self, bet_id: UUID, outcome: Outcome, resolution: int, available: int) -> None:
        mark = b"" if bet_id in self.bets else _print(bet_id)
        if mark and mark in self._open:
            self._open = self._open.replace(mark, b"", 1)
            self._past += mark
            self._closed += ((bet_id, outcome, resolution),)
        else:
            self._resolve(bet_id, outcome, resolution)
        self.available = available
        self.open_stakes -= 1

    def _resolve(self, bet_id: UUID, outcome: Outcome, resolution: int) -> None:
        bet = self.bets[bet_id]
        bet.outcome = outcome
        bet.resolution = resolution

    def forget_bets(self) -> None:
        """Keep a print of each bet and slip. All of them must be in the log, to be recalled."""
        for bet_id, bet in self.bets.items():
            if bet.outcome is None:
                self._open += _print(bet_id)
            else:
                self._past += _print(bet_id)
        # A slip's key can be told from a bet's by the id that a single bet under it would have.
        self._past += b"".join([_print(id_of_bet(self.id, key)) for key in self.slips])
        self.bets, self.slips, self._closed = {}, {}, ()

    @property
    def remembers_bets(self) -> bool:
        """Whether there is anything to forget."""
        return bool(self.bets or self._closed)

    def has_forgotten(self, bet_ids: Iterable[UUID]) -> bool:
        """Say whether any of these bets, or a slip under the key of one, may have been forgotten."""
        if self._open or self._past:
            for bet_id in bet_ids:
                mark = _print(bet_id)
                if mark in self._open or mark in self._past:
                    return True
        return False

    def has_forgotten_open(self, bet_id: UUID) -> bool:
        """Say whether a bet that was forgotten is open: its StakePlaced says all of it."""
        return bool(self._open) and _print(bet_id) in self._open

    def recall(self, read: Account) -> None:
        """Have all bets and slips again, from the account as it was `read`; those not in the log yet are here."""
        self.bets, self.slips = read.bets | self.bets, read.slips | self.slips
        for bet_id, outcome, resolution in self._closed:
            if self.bets[bet_id].outcome is None:
                self._resolve(bet_id, outcome, resolution)
        self._open = self._past = b""
        self._closed = ()


def _print(bet_id: UUID) -> bytes:
    """Return eight bytes for a bet, which hardly any other has; they hold in this process only.

    Players choose what their bets' ids are made of. Python keys the hashes of bytes, but not those of UUIDs: two bets
    of one print could be made at will.
    """
    return hash(bet_id.int.to_bytes(16)).to_bytes(8, signed=True)
