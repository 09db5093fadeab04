"""The draw of a week, recomputed from its log: nobody is believed but the events before it.

A withheld seed. The seeds are a chain, in which each is the sha256 of the next, and its end, the anchor, is in the
office's log before the first week opens. Each week is bound to its seed by the one revealed before, so there is one
seed that can open a week, and one draw: "losing" a seed that gives unwelcome pools gains nothing but a week that stands
frozen and undrawn in its log, where everybody sees it, and the week after it cannot open. Whoever later holds any seed
further along the chain hashes it down to the withheld one, and shows which pools it would have made. What cannot be
shown is a seed of a chain of which nothing further is ever revealed: then a second `office.seed_chain_anchored` stands
in the office's log, for all to ask why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

from ledger import draw
from ledger.auditing.findings import Check, Finding
from ledger.beacon import Chain, Reading, fault, known_chains
from ledger.events import (
    AccountOpened,
    DrawnPool,
    EntryEnrolled,
    EntryWithdrawn,
    Event,
    PoolsDrawn,
    RosterFrozen,
    WeekGrouped,
    WeekOpened,
)
from ledger.facts import Fact
from ledger.ids import pool_id
from ledger.rules import Rules

Step: TypeAlias = Literal["commitment", "chain", "roster", "beacon", "seed", "pools", "accounts"]
EVENTS: Final[tuple[type[Event], ...]] = (
    WeekOpened,
    EntryEnrolled,
    EntryWithdrawn,
    RosterFrozen,
    PoolsDrawn,
    AccountOpened,
    WeekGrouped,
)


class Flaw(NamedTuple):
    """What is wrong with a draw: in which step, at which token, and what."""

    step: Step
    at: str
    text: str


class Draw:
    """A draw as its week's facts tell it, which are taken in order; what it keeps grows with the roster only.

    `chain` is the beacon's, where a round of it could be named; `roster` are the entries drawn, `key` is the shuffle's,
    `order` the entries by their scores and `pool_of` where each belongs; `seated` have their accounts.
    """

    def __init__(self) -> None:
        self.opened: Fact | None = None
        self.frozen: Fact | None = None
        self.drawn: Fact | None = None
        self.grouped: Fact | None = None
        self.chain: Chain | None = None
        self.roster: list[UUID] = []
        self.key = b""
        self.order: tuple[UUID, ...] = ()
        self.pool_of: dict[UUID, str] = {}
        self.seated: set[UUID] = set()
        self._enrolled: dict[UUID, UUID] = {}
        self._changed_at = 0
        self._late: set[UUID] = set()
        self._sizes: dict[str, int] = {}

    def take(self, fact: Fact) -> Iterator[Flaw]:
        """Take the next fact, of any type, and yield what is wrong with it."""
        match fact.event:
            case WeekOpened() as opened if self.opened is None:
                self.opened = fact
                yield from self._commit(fact, opened)
            case EntryEnrolled() | EntryWithdrawn() if self.opened is not None:
                yield from self._change(fact)
            case RosterFrozen() as frozen if self.opened is not None and self.frozen is None:
                yield from self._freeze(fact, frozen)
            case PoolsDrawn() as drawn if self.frozen is not None and self.drawn is None:
                self.drawn = fact
                yield from self._deal(fact, drawn)
            case AccountOpened() as account:
                yield from self._seat(fact, account)
            case WeekGrouped() if self.grouped is None:
                self.grouped = fact
                yield from self._conclude(fact)
            case _ if isinstance(fact.event, EVENTS):
                yield Flaw("commitment", fact.token, f"{fact.event.TOPIC} comes out of turn")

    @property
    def opening(self) -> WeekOpened:
        """The week's opening; to be asked for once it was taken."""
        assert self.opened is not None
        assert isinstance(self.opened.event, WeekOpened)
        return self.opened.event

    @property
    def rules(self) -> Rules:
        """The rules of the week."""
        return self.opening.rules

    def _commit(self, fact: Fact, opened: WeekOpened) -> Iterator[Flaw]:
        if len(opened.seed_commitment) != 64 or bytes_of(opened.seed_commitment) is None:
            yield Flaw("commitment", fact.token, f"{opened.seed_commitment!r} is no sha256")
        if fact.at >= opened.starts_at:
            yield Flaw("commitment", fact.token, f"the commitment came when registration was over: {opened.starts_at}")

    def _change(self, fact: Fact) -> Iterator[Flaw]:
        """Take an enrolment or a withdrawal."""
        self._changed_at = fact.position
        what = "enrolled" if isinstance(fact.event, EntryEnrolled) else "withdrawn"
        if self.frozen is not None:
            yield from self._come_late(fact)
            return
        if fact.at >= self.opening.starts_at:
            yield Flaw("roster", fact.token, f"an entry is {what} after the week's start")
        if isinstance(fact.event, EntryEnrolled):
            self._enrolled[fact.stream] = fact.event.entry
        elif self._enrolled.pop(fact.stream, None) is None:
            yield Flaw("roster", fact.token, "an entry is withdrawn that was not enrolled")

    def _come_late(self, fact: Fact) -> Iterator[Flaw]:
        if not isinstance(fact.event, EntryEnrolled):
            yield Flaw("roster", fact.token, "an entry is withdrawn after the roster was frozen")
        elif self.grouped is None or not self.rules.late_entry:
            yield Flaw("roster", fact.token, f"entry {fact.event.entry} is enrolled after the roster was frozen")
        else:
            self._late.add(fact.event.entry)

    def _freeze(self, fact: Fact, frozen: RosterFrozen) -> Iterator[Flaw]:
        self.frozen = fact
        self.roster = list(self._enrolled.values())
        self._enrolled = {}
        if fact.at < self.opening.starts_at:
            yield Flaw("roster", fact.token, f"the roster is frozen before the week's start, {self.opening.starts_at}")
        if not self._changed_at <= frozen.position < fact.position:
            yield Flaw("roster", fact.token, f"the roster changed behind position {frozen.position}")
        if frozen.size != len(self.roster):
            yield Flaw("roster", fact.token, f"{frozen.size} entries are frozen, {len(self.roster)} are enrolled")
        found = _or_why(lambda: draw.roster_hash(self.opening.week, self.roster))
        if found != frozen.roster_hash:
            yield Flaw("roster", fact.token, f"the roster's hash is {frozen.roster_hash}, recomputed {found}")
        if frozen.beacon is not None:
            yield from self._name_round(fact, frozen.beacon.chain, frozen.beacon.round)

    def _name_round(self, fact: Fact, hash: str, round: int) -> Iterator[Flaw]:
        chain = known_chains().get(hash)
        if chain is None:
            yield Flaw("beacon", fact.token, f"chain {hash} is not known")
        elif not 0 < round <= chain.round_after(fact.at):
            yield Flaw("beacon", fact.token, f"round {round} is not the first one that was five minutes away")
        elif chain.time_of(round) <= fact.at:
            yield Flaw("beacon", fact.token, f"round {round} was known already: it came at {chain.time_of(round)}")
        if chain is not None and 0 < round <= chain.round_after(fact.at):
            self.chain = chain

    def _deal(self, fact: Fact, drawn: PoolsDrawn) -> Iterator[Flaw]:
        assert self.frozen is not None
        frozen = self.frozen.event
        assert isinstance(frozen, RosterFrozen)
        yield from self._read_beacon(fact, frozen, drawn)
        seed = bytes_of(drawn.seed) or b""
        if draw.commitment(seed).hex() != self.opening.seed_commitment:
            yield Flaw("seed", fact.token, f"seed {drawn.seed} does not open commitment {self.opening.seed_commitment}")
        if drawn.algorithm != draw.ALGORITHM:
            yield Flaw("pools", fact.token, f"the algorithm is {drawn.algorithm!r}, {draw.ALGORITHM} was to be used")
        try:
            pools = self._shuffle(seed, frozen, drawn.randomness)
        except ValueError as error:
            yield Flaw("pools", fact.token, f"nothing can be drawn: {error}")
            return
        if drawn.pools != pools:
            stated, found = ([f"{pool.name} of {pool.size}" for pool in each] for each in (drawn.pools, pools))
            yield Flaw("pools", fact.token, f"the pools are {', '.join(stated)}; recomputed {', '.join(found)}")

    def _read_beacon(self, fact: Fact, frozen: RosterFrozen, drawn: PoolsDrawn) -> Iterator[Flaw]:
        if frozen.beacon is None:
            if drawn.randomness or drawn.signature:
                yield Flaw("beacon", fact.token, "the draw uses a beacon that the roster was not frozen with")
            return
        if self.chain is None:
            return
        round, comes_at = frozen.beacon.round, self.chain.time_of(frozen.beacon.round)
        if fact.at < comes_at:
            yield Flaw("beacon", fact.token, f"it is drawn before round {round} came, at {comes_at}")
        if wrong := fault(self.chain, round, Reading(drawn.randomness, drawn.signature)):
            yield Flaw("beacon", fact.token, wrong)

    def _shuffle(self, seed: bytes, frozen: RosterFrozen, randomness: str) -> tuple[DrawnPool, ...]:
        """Deal anew, remember who belongs where, and return the pools; raises ValueError where that cannot be."""
        week, beacon = self.opening.week, frozen.beacon
        self.key = draw.shuffle_key(
            seed=seed,
            week=week,
            roster_hash=draw.roster_hash(week, self.roster),
            chain=beacon.chain if beacon else "",
            round=beacon.round if beacon else 0,
            randomness_hex=randomness,
        )
        self.order = draw.shuffle(self.key, self.roster)
        pools = draw.cut(week, self.order, self.rules.pool_max)
        self.pool_of = {entry: pool.name for pool in pools for entry in pool.entries}
        self._sizes = {pool.name: len(pool.entries) for pool in pools}
        return tuple(DrawnPool(name=name, pool_id=pool_id(week, name), size=n) for name, n in self._sizes.items())

    def _seat(self, fact: Fact, account: AccountOpened) -> Iterator[Flaw]:
        """Take the opening of an account, whose stream is its entry's."""
        entry = fact.stream
        if entry in self._late:
            self._late.remove(entry)
            name = self.pool_of[entry] = _or_why(self._pool_of_late)
            self._sizes[name] = self._sizes.get(name, 0) + 1
        if entry not in self.pool_of:
            yield Flaw("accounts", fact.token, f"entry {entry} has an account and was not drawn")
        elif entry in self.seated:
            yield Flaw("accounts", fact.token, f"entry {entry} has an account already")
        elif account.pool_name != self.pool_of[entry]:
            text = f"entry {entry} is in pool {account.pool_name}, and was dealt into {self.pool_of[entry]}"
            yield Flaw("accounts", fact.token, text)
        elif account.pool_id != pool_id(self.opening.week, account.pool_name):
            yield Flaw("accounts", fact.token, f"{account.pool_id} is not the id of pool {account.pool_name}")
        self.seated.add(entry)

    def _pool_of_late(self) -> str:
        """Return the pool with fewest entries, the first name on a tie, or a new one."""
        free = [(size, len(name), name) for name, size in self._sizes.items() if size < self.rules.pool_max]
        return min(free)[2] if free else draw.pool_name(self.opening.week, len(self._sizes))

    def _conclude(self, fact: Fact) -> Iterator[Flaw]:
        if self.drawn is None:
            yield Flaw("pools", fact.token, "betting opens and no pools were drawn")
        missing = sorted(str(entry) for entry in self.pool_of.keys() - self.seated)
        if missing:
            text = f"betting opens and {len(missing)} entries have no account, among them {missing[0]}"
            yield Flaw("accounts", fact.token, text)


class DrawCheck(Check):
    """Holds a week's draw against what follows from its log: one finding of kind `draw` for each flaw."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = EVENTS

    def __init__(self) -> None:
        self._draw = Draw()

    def take(self, fact: Fact) -> Iterable[Finding]:
        """Take the next fact, and return what is wrong with it."""
        return [Finding("draw", flaw.at, flaw.text) for flaw in self._draw.take(fact)]


def bytes_of(text: str) -> bytes | None:
    """Return what a text in lowercase hex stands for, None where it is no such text."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        return None
    return found if found.hex() == text else None


def _or_why(compute: Callable[[], str]) -> str:
    try:
        return compute()
    except ValueError as error:
        return f"cannot be: {error}"
