"""Every event there is, on one page: what happened, frozen for ever.

An event is its data alone; log, position, stream, version and time belong to its envelope (`ledger.facts`).
Topics, fields and schema numbers are held by `tests/ledger/event_contract.json`. A field is never renamed or
reused: a new meaning is a new schema number, with an upcast (`ledger.facts.UPCASTS`) from the old one.
Credits are whole numbers; money ends in `_cents`. `available` is the balance after the movement. A `line` is
the home handicap (spread) or the sum (total) as a decimal string.
"""

from __future__ import annotations

from functools import cache
from typing import ClassVar
from uuid import UUID

import msgspec

from ledger.instants import Instant
from ledger.rules import Rules


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The base of all events; `TOPIC` and `SCHEMA` name the type wherever it is stored or sent."""

    TOPIC: ClassVar[str]
    SCHEMA: ClassVar[int] = 1


@cache
def event_types() -> dict[str, type[Event]]:
    """Return the event class of each topic."""
    return {cls.TOPIC: cls for cls in Event.__subclasses__()}


# The week.


class WeekOpened(Event, frozen=True, kw_only=True):
    """A week began to take enrolments, under these rules and bound to this seed."""

    TOPIC = "week.opened"
    ends_at: Instant
    rules: Rules
    rules_hash: str
    seed_commitment: str
    starts_at: Instant
    week: str


class Beacon(msgspec.Struct, frozen=True, kw_only=True):
    """A round of a public randomness beacon that was still to come when the roster was frozen."""

    chain: str
    round: int


class RosterFrozen(Event, frozen=True, kw_only=True):
    """Who plays is fixed: all entries enrolled and not withdrawn up to `position`."""

    TOPIC = "week.roster_frozen"
    beacon: Beacon | None
    position: int
    roster_hash: str
    size: int


class DrawnPool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool that the draw made; who is in it follows from the roster and the seed."""

    name: str
    pool_id: UUID
    size: int


class PoolsDrawn(Event, frozen=True, kw_only=True):
    """The seed was revealed and the pools follow from it."""

    TOPIC = "week.pools_drawn"
    algorithm: str
    pools: tuple[DrawnPool, ...]
    randomness: str
    seed: str
    signature: str


class WeekGrouped(Event, frozen=True, kw_only=True):
    """Every account is open and granted: bets may be placed."""

    TOPIC = "week.grouped"


class WeekClosed(Event, frozen=True, kw_only=True):
    """The week ended: no stake after this; games that have started play on."""

    TOPIC = "week.closed"


class WeekSettled(Event, frozen=True, kw_only=True):
    """All games are resolved and escrow is zero, for the `n`-th time in this week."""

    TOPIC = "week.settled"
    n: int
    standings_hash: str


class WeekFinalised(Event, frozen=True, kw_only=True):
    """The correction window is over: nothing moves in this week any more."""

    TOPIC = "week.finalised"
    standings_hash: str


class WeekSealed(Event, frozen=True, kw_only=True):
    """The book is closed: the last event of the log."""

    TOPIC = "week.sealed"


# Entries and accounts.


class EntryEnrolled(Event, frozen=True, kw_only=True):
    """A player takes part in the week, as this entry, under these rules.

    `entry` is in the data because the stream's id is derived from it one way: the roster is read from the log.
    """

    TOPIC = "entry.enrolled"
    entry: UUID
    payment_id: str | None
    rules_hash: str
    via: str


class EntryWithdrawn(Event, frozen=True, kw_only=True):
    """The entry no longer takes part."""

    TOPIC = "entry.withdrawn"
    reason: str


class AccountOpened(Event, frozen=True, kw_only=True):
    """The entry was dealt into a pool."""

    TOPIC = "account.opened"
    pool_id: UUID
    pool_name: str


class CreditsGranted(Event, frozen=True, kw_only=True):
    """The week's credits were given."""

    TOPIC = "account.credits_granted"
    amount: int
    available: int


class StakePlaced(Event, frozen=True, kw_only=True):
    """A bet was placed: the stake left the balance, the terms are frozen."""

    TOPIC = "account.stake_placed"
    available: int
    bet_id: UUID
    game_id: UUID
    line: str | None
    market: str
    market_id: UUID
    odds_id: UUID
    outcome: str
    potential_payout: int
    price: int
    stake: int


class BetWon(Event, frozen=True, kw_only=True):
    """The bet won: `payout` holds the stake."""

    TOPIC = "account.bet_won"
    available: int
    bet_id: UUID
    payout: int
    resolution: int


class BetLost(Event, frozen=True, kw_only=True):
    """The bet lost: the stake went to the house when it was placed, nothing moves."""

    TOPIC = "account.bet_lost"
    available: int
    bet_id: UUID
    resolution: int


class StakeReturned(Event, frozen=True, kw_only=True):
    """The stake came back; `reason` is push, cancelled, postponed, late, no_result or operator."""

    TOPIC = "account.stake_returned"
    amount: int
    available: int
    bet_id: UUID
    reason: str
    resolution: int


class PayoutCorrected(Event, frozen=True, kw_only=True):
    """A later resolution changed the bet's outcome or payout; the difference moved."""

    TOPIC = "account.payout_corrected"
    available: int
    bet_id: UUID
    from_outcome: str
    from_payout: int
    reason: str
    resolution: int
    to_outcome: str
    to_payout: int


class BoughtBack(Event, frozen=True, kw_only=True):
    """A bust entry bought its way back, once."""

    TOPIC = "account.bought_back"
    amount: int
    available: int
    payment_id: str


class PrizeAwarded(Event, frozen=True, kw_only=True):
    """The entry won a prize in its pool."""

    TOPIC = "account.prize_awarded"
    amount_cents: int
    currency: str
    rank: int


# Games.


class GameScheduled(Event, frozen=True, kw_only=True):
    """A game was listed in the week that holds its scheduled start."""

    TOPIC = "game.scheduled"
    away: str
    external_id: str
    home: str
    league: str
    source: str
    starts_at: Instant


class GameRescheduled(Event, frozen=True, kw_only=True):
    """The start moved within the week: bets stand."""

    TOPIC = "game.rescheduled"
    starts_at: Instant


class GameMovedOut(Event, frozen=True, kw_only=True):
    """The start moved out of the week: this listing is over."""

    TOPIC = "game.moved_out"
    starts_at: Instant


class MarketQuoted(Event, frozen=True, kw_only=True):
    """A new line or new prices are on offer."""

    TOPIC = "game.market_quoted"
    at: Instant
    line: str | None
    market: str
    market_id: UUID
    odds_id: UUID
    prices: dict[str, int]
    source: str


class MarketSuspended(Event, frozen=True, kw_only=True):
    """Stakes are stopped on one market, or on all of the game's (`market_id` null)."""

    TOPIC = "game.market_suspended"
    market_id: UUID | None
    why: str


class MarketReopened(Event, frozen=True, kw_only=True):
    """Stakes may go on, on one market or on all that were suspended (`market_id` null)."""

    TOPIC = "game.market_reopened"
    market_id: UUID | None
    why: str


class GameLocked(Event, frozen=True, kw_only=True):
    """The game takes no more stakes; `started_at` is its real start where that is known."""

    TOPIC = "game.locked"
    started_at: Instant | None
    why: str


class GameUnlocked(Event, frozen=True, kw_only=True):
    """The lock was lifted."""

    TOPIC = "game.unlocked"
    why: str


# Settlement.


class Regulation(msgspec.Struct, frozen=True, kw_only=True):
    """The score at the end of regulation time, for leagues that settle on it."""

    away: int
    home: int


class ResultRecorded(Event, frozen=True, kw_only=True):
    """A source said how a game ended.

    `applied`: what it says is what now settles the game. `resolution`: our number of what settles the game, where
    this record changed it; else null.
    """

    TOPIC = "settlement.result_recorded"
    applied: bool
    away_score: int | None
    certainty: str
    game_id: UUID
    home_score: int | None
    regulation: Regulation | None
    resolution: int | None
    revision: int
    source: str
    status: str


class ChunkSettled(Event, frozen=True, kw_only=True):
    """The bets placed at positions `from` to `to` were settled under a resolution."""

    TOPIC = "settlement.chunk_settled"
    bets: int
    from_: int = msgspec.field(name="from")
    paid: int
    resolution: int
    to: int


class SettlementCompleted(Event, frozen=True, kw_only=True):
    """All bets up to `cut`, the position of the event that brought the resolution, are settled.

    `bets` counts those that the resolution says anything of, and they were `paid` so much: all of them once there is a
    result, before it those that are void. `staked` is what was staked on the game up to the cut.
    """

    TOPIC = "settlement.completed"
    bets: int
    cut: int
    paid: int
    resolution: int
    staked: int


class BetsVoided(Event, frozen=True, kw_only=True):
    """By an operator's ruling, bets on a game placed before this event are void, whatever its result is.

    They are those that fit all the selectors that are given: `bet_id`, `market_id`, recorded at or after `placed_from`,
    and before `placed_until`. `applied` and `resolution` as in ResultRecorded: false and null once the week is final.
    """

    TOPIC = "settlement.bets_voided"
    applied: bool
    bet_id: UUID | None
    case_id: UUID
    game_id: UUID
    market_id: UUID | None
    placed_from: Instant | None
    placed_until: Instant | None
    resolution: int | None


class RulingLifted(Event, frozen=True, kw_only=True):
    """A ruling counts no longer: the void of the case `case_id` or, where that is null, the operator's result.

    The end of a void is a new resolution. The operator's result leaves the game to what was said beside it: where that
    differs, it is recorded again right behind this event, which brings the resolution.
    """

    TOPIC = "settlement.ruling_lifted"
    applied: bool
    case_id: UUID | None
    game_id: UUID
    resolution: int | None


# Cases, payments and the office, written by operators and at the edge of money.


class CaseOpened(Event, frozen=True, kw_only=True):
    """An operator disputes something, or gives the reason of what they do; `subject` says what it is about."""

    TOPIC = "case.opened"
    case_id: UUID
    reason: str
    subject: str


class CaseProposed(Event, frozen=True, kw_only=True):
    """A change was proposed, with the hash of what its preview showed; `change` is a `ledger.proposal.Proposal`."""

    TOPIC = "case.proposed"
    change: str
    preview_hash: str


class CaseApproved(Event, frozen=True, kw_only=True):
    """Another operator agreed to what was proposed last."""

    TOPIC = "case.approved"


class CaseApplied(Event, frozen=True, kw_only=True):
    """The change was carried out by compensating events."""

    TOPIC = "case.applied"


class CaseClosed(Event, frozen=True, kw_only=True):
    """The case is over."""

    TOPIC = "case.closed"
    outcome: str


class PaymentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What every event of a payment tells; `paid_at` is the provider's time, null while unpaid."""

    amount_cents: int
    currency: str
    entry: UUID | None
    kind: str
    paid_at: Instant | None
    payment_id: str
    week: str | None


class CheckoutOpened(PaymentEvent, Event, frozen=True, kw_only=True):
    """A checkout was opened."""

    TOPIC = "payment.checkout_opened"


class PaymentPaid(PaymentEvent, Event, frozen=True, kw_only=True):
    """The provider has the money."""

    TOPIC = "payment.paid"


class PaymentExpired(PaymentEvent, Event, frozen=True, kw_only=True):
    """The checkout lapsed unpaid."""

    TOPIC = "payment.expired"


class PaymentFailed(PaymentEvent, Event, frozen=True, kw_only=True):
    """The payment failed."""

    TOPIC = "payment.failed"


class PaymentRefunded(PaymentEvent, Event, frozen=True, kw_only=True):
    """So much of the money went back: `amount_cents` is what is given back this time."""

    TOPIC = "payment.refunded"


class RefundFailed(PaymentEvent, Event, frozen=True, kw_only=True):
    """So much of what had been refunded came back to us: it did not reach the payer."""

    TOPIC = "payment.refund_failed"


class PaymentDisputed(PaymentEvent, Event, frozen=True, kw_only=True):
    """The payer disputes the payment."""

    TOPIC = "payment.disputed"


class DisputeClosed(PaymentEvent, Event, frozen=True, kw_only=True):
    """A dispute ended: `outcome` is `won` where the money stays, `lost` where it went back."""

    TOPIC = "payment.dispute_closed"
    outcome: str


class PaymentAccepted(Event, frozen=True, kw_only=True):
    """What was paid for was given, in the same append. In the week's log, as a purchase, not in the office."""

    TOPIC = "payment.accepted"
    entry: UUID
    kind: str
    payment_id: str


class PaymentRefused(Event, frozen=True, kw_only=True):
    """What was paid for is not given, or was given back, so the money goes back. In the week's log."""

    TOPIC = "payment.refused"
    kind: str
    payment_id: str
    reason: str


class PrizeHeld(PaymentEvent, Event, frozen=True, kw_only=True):
    """A prize waits. `reason`: payout_account, identity, tax, dispute, erased, or operator, who says `why`."""

    TOPIC = "payment.prize_held"
    SCHEMA = 2
    reason: str
    why: str


class PrizeReleased(PaymentEvent, Event, frozen=True, kw_only=True):
    """An operator has what held a prize, or made it fail, count no longer: `reason` is that, `why` the operator's."""

    TOPIC = "payment.prize_released"
    reason: str
    why: str


class PrizeFailed(PaymentEvent, Event, frozen=True, kw_only=True):
    """The provider refused to pay a prize, or it came back; an operator has it tried again."""

    TOPIC = "payment.prize_failed"
    reason: str


class PrizePaid(PaymentEvent, Event, frozen=True, kw_only=True):
    """A prize left for its winner."""

    TOPIC = "payment.prize_paid"


class RuleSetPublished(Event, frozen=True, kw_only=True):
    """A rule set may be used by weeks to come."""

    TOPIC = "office.rule_set_published"
    rules: Rules
    rules_hash: str
    version: str


class SeedChainAnchored(Event, frozen=True, kw_only=True):
    """A new season's chain of seeds begins: `anchor` is the first week's commitment."""

    TOPIC = "office.seed_chain_anchored"
    anchor: str
    length: int


class KeyAdded(Event, frozen=True, kw_only=True):
    """A public key that signs checkpoints came into use."""

    TOPIC = "office.key_added"
    key_id: str
    public_key: str
    purpose: str


class KeyRetired(Event, frozen=True, kw_only=True):
    """A key signs nothing from here on."""

    TOPIC = "office.key_retired"
    key_id: str


class WeekListed(Event, frozen=True, kw_only=True):
    """A week is final: its size and root, so that the list of weeks proves complete."""

    TOPIC = "office.week_finalised"
    root: str
    size: int
    week: str
