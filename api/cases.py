"""Cases on the wire: the change that an operator wants, what its preview shows, and what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from api.http.moments import GivenMoment, Moment
from api.http.reading import Shown
from ledger.events import Regulation
from ledger.facts import Fact
from ledger.ids import position_token
from ledger.instants import Instant
from ledger.proposal import Change, ChangeKind
from projections.cases import Case
from projections.effects import EntryChange, Preview

CHANGES_SHOWN: Final = 100
CaseState = Literal["open", "proposed", "approved", "applied", "closed"]
Score = Annotated[StrictInt, Field(ge=0, le=10_000, examples=[27])]


class RegulationScore(BaseModel):
    """The score at the end of regulation time, for leagues that settle on it."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)

    home: Score
    away: Score


class ChangeWanted(BaseModel):
    """A change; what its `kind` has no use for is left out.

    `result`: the game's `status` is final with a score, cancelled, abandoned, or `operator`, which returns all stakes;
    it beats every feed until it is lifted. `start`: the game really started at `started_at`. `void`: those bets so far
    are void that fit all that is given of `market_id`, `bet_id`, `placed_from` and, exclusive, `placed_until`. `lift`:
    the void of the case `lifts` or, without it, the operator's result counts no longer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ChangeKind
    game_id: UUID
    market_id: UUID | None = None
    bet_id: UUID | None = None
    placed_from: GivenMoment | None = None
    placed_until: GivenMoment | None = None
    status: Literal["final", "cancelled", "abandoned", "operator"] | None = None
    home_score: Score | None = None
    away_score: Score | None = None
    regulation: RegulationScore | None = None
    started_at: GivenMoment | None = None
    lifts: UUID | None = None

    def as_change(self) -> Change:
        """Return it as the ledger takes it."""
        given: dict[str, Any] = dict(self)
        for name in ("placed_from", "placed_until", "started_at"):
            given[name] = given[name] and Instant.of(given[name])
        given["regulation"] = self.regulation and Regulation(home=self.regulation.home, away=self.regulation.away)
        return Change(**given)


class ChangeShown(Shown):
    """A change that was previewed or proposed, as `ChangeWanted` has it."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    kind: ChangeKind
    game_id: UUID
    market_id: UUID | None
    bet_id: UUID | None
    placed_from: Moment | None
    placed_until: Moment | None
    status: str | None
    home_score: int | None
    away_score: int | None
    regulation: RegulationScore | None
    started_at: Moment | None
    lifts: UUID | None


class EffectShown(Shown):
    """What a change comes to, in whole credits.

    `bets` change; `moved` sums up the differences, each taken as positive; those bets pay `paid_before` and
    `paid_after`. So many accounts fall below zero, entries change their rank, and prizes change.
    """

    bets: int = Field(examples=[12])
    moved: int = Field(examples=[840])
    paid_before: int = Field(examples=[1140])
    paid_after: int = Field(examples=[300])
    below_zero: int = Field(examples=[1])
    ranks: int = Field(examples=[7])
    prizes: int = Field(examples=[2])


class BetChangeShown(Shown):
    """A bet that changes. Outcomes are placed, won, lost, push or void; a bet that is placed pays 0 so far."""

    bet_id: UUID
    entry: UUID
    from_outcome: str = Field(examples=["won"])
    from_payout: int = Field(examples=[95])
    to_outcome: str = Field(examples=["lost"])
    to_payout: int = Field(examples=[0])
    reason: str = Field(examples=["result"])


class EntryChangeShown(Shown):
    """What changes for an entry: its credits, its rank, or the cents of its prize, 0 being none."""

    entry: UUID
    pool_name: str = Field(examples=["W2026-47-A"])
    before: int
    after: int


class LeftOff(BaseModel):
    """How many more changes of each kind there are than those listed."""

    bets: int = 0
    credits: int = 0
    ranks: int = 0
    prizes: int = 0
    below_zero: int = 0


class PreviewShown(BaseModel):
    """What a change would do to the week as its log was at `position`; nothing was written.

    `resolution` is the game's that it was made on: once that moves on, the preview is outdated. `is_final`: the week
    is over, so the change would be recorded and move nothing. `needs_approval`: a second operator has to agree. Each
    list has the first 100 of what changes, and `more` says how many more there are; `effect` sums all of it up. Prizes
    are those that the week would award as it stands. Who falls below zero is among `credits`, too.
    """

    week: str = Field(examples=["2026-W47"])
    position: str = Field(examples=["2026-W47:5123"])
    change: ChangeShown
    effect: EffectShown
    resolution: int
    is_final: bool
    needs_approval: bool
    preview_hash: str
    bets: list[BetChangeShown]
    credits: list[EntryChangeShown]
    ranks: list[EntryChangeShown]
    prizes: list[EntryChangeShown]
    below_zero: list[EntryChangeShown]
    more: LeftOff

    @classmethod
    def of(cls, preview: Preview, *, needs_approval: bool) -> Self:
        """Show a preview."""
        names = ("bets", "credits", "ranks", "prizes", "below_zero")
        found: dict[str, Sequence[Any]] = {name: getattr(preview, name) for name in names}
        return cls(
            week=preview.week,
            position=position_token(preview.week, preview.position),
            change=ChangeShown.of(preview.change),
            effect=EffectShown.of(preview.effect),
            resolution=preview.resolution,
            is_final=preview.is_final,
            needs_approval=needs_approval,
            preview_hash=preview.preview_hash,
            bets=[BetChangeShown.of(change) for change in preview.bets[:CHANGES_SHOWN]],
            more=LeftOff(**{name: max(0, len(each) - CHANGES_SHOWN) for name, each in found.items()}),
            **{name: _entries(found[name]) for name in names[1:]},
        )


class SettledShown(BaseModel):
    """What settled a game: the word of a source, `operator` being an operator's.

    `source` is null where an operator's word was released, and another one says the same.
    """

    source: str | None = Field(examples=["operator"])
    status: str = Field(examples=["final"])
    certainty: str = Field(examples=["official"])
    home_score: int | None
    away_score: int | None
    regulation: RegulationScore | None


class CaseStep(BaseModel):
    """Something that was done in a case. `who` is what operators call each other; the ledger has `actor` only."""

    event: str = Field(examples=["case.approved"])
    actor: str = Field(examples=["operator:4f8e9b7a-6a1c-4a56-9d0f-0a4a5a2a8d11"])
    who: str = Field(examples=["op@example.org"])
    at: Moment
    position: str = Field(examples=["2026-W47:5123"])
    request: str

    @classmethod
    def of(cls, fact: Fact, names: Mapping[str, str]) -> Self:
        """Show a step; `names` are what operators call each other, by actor."""
        return cls(
            event=fact.event.TOPIC,
            actor=fact.actor,
            who=names.get(fact.actor, fact.actor),
            at=fact.at,
            position=fact.token,
            request=fact.request,
        )


class CaseListed(Shown):
    """A case. `week` is the log that it is kept in, `office` where it concerns no week; `reason` is public with it.

    `state`: open, proposed, approved, applied, or closed without a change. `before` is what settled the game when the
    change was carried out, `after` what did from then on.
    """

    case_id: UUID
    week: str = Field(examples=["2026-W47"])
    subject: str = Field(examples=["game:0b0f5e63-6c9c-5d0b-8f5e-3f1f0d8b7a10"])
    reason: str = Field(examples=["The league corrected the score."])
    state: CaseState
    opened_at: Moment
    opened_by: str = Field(examples=["operator:4f8e9b7a-6a1c-4a56-9d0f-0a4a5a2a8d11"])
    closed_at: Moment | None
    outcome: str | None = Field(examples=["applied"])
    change: ChangeShown | None
    effect: EffectShown | None
    needs_approval: bool | None
    preview_hash: str | None
    before: SettledShown | None
    after: SettledShown | None
    position: str = Field(examples=["2026-W47:5123"])

    @classmethod
    def shown(cls, row: Case, **more: Any) -> Self:
        """Show a case as the read model has it."""
        settled = {name: _settled(getattr(row, name)) for name in ("before", "after")}
        effect = None if row.effect is None else EffectShown(**msgspec.json.decode(row.effect))
        change = None if row.change is None else ChangeShown(**msgspec.json.decode(row.change))
        return cls.of(row, week=row.log, change=change, effect=effect, **settled, **more)


class CaseShown(CaseListed):
    """A case with all that was done in it, oldest first. Its ETag is what a change of it wants as `If-Match`."""

    steps: list[CaseStep]


class CaseDone(BaseModel):
    """What was done in a case; `position` is a token to read the case with (`?after=`)."""

    case_id: UUID
    week: str = Field(examples=["2026-W47"])
    event: str = Field(examples=["case.opened"])
    position: str = Field(examples=["2026-W47:5123"])
    recorded_at: Moment

    @classmethod
    def of(cls, fact: Fact, **more: Any) -> Self:
        """Show a step, from its fact alone: so a repetition is answered as the first time."""
        return cls(
            case_id=fact.stream,
            week=fact.log,
            event=fact.event.TOPIC,
            position=fact.token,
            recorded_at=fact.at,
            **more,
        )


class CaseProposal(CaseDone):
    """What was proposed comes to this; whoever approves it names its `preview_hash`."""

    effect: EffectShown
    resolution: int
    needs_approval: bool
    preview_hash: str


class CaseApplication(CaseDone):
    """How the change was carried out: `applied`, or `recorded` where the week was final, and nothing moved."""

    outcome: str = Field(examples=["applied"])


def _entries(changes: Sequence[EntryChange]) -> list[EntryChangeShown]:
    return [EntryChangeShown.of(change) for change in changes[:CHANGES_SHOWN]]


def _settled(text: str | None) -> SettledShown | None:
    return None if text is None else SettledShown(**msgspec.json.decode(text))
