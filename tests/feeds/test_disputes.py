"""Disputes from the case to the ruling: who must agree, what is answered again, and what a change no longer fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from feeds.disputes import Disputes
from ledger.case import CaseNotOpen, PreviewOutdated, SecondOperatorNeeded
from ledger.closing import finalise_week
from ledger.events import CaseApplied, CaseClosed, PayoutCorrected
from ledger.facts import Fact
from ledger.ids import market_id
from ledger.proposal import Change, Proposal
from projections.cases import Cases
from projections.effects import Preview
from projections.previews import Previews
from tests.feeds.conftest import MakeWeek
from tests.feeds.disputing import ANN, BEN, begin, carry_through, disputes, hash_of, shown, state
from tests.feeds.small_week import ENDS_AT, WEEK, SmallWeek, at


def played(week: SmallWeek) -> UUID:
    """Kim won and Lou lost on a game that is settled; returns the game."""
    begin(week)
    week.listed("first", at("Thu 20:15"))
    week.listed("second", at("Sat 20:15"))
    week.bet("kim", "first", "spread", "home", 200)
    week.bet("lou", "first", "spread", "away", 100)
    week.live_until(at("Thu 23:00"))
    week.result("first", 27, 20)
    week.react()
    return week.listing("first").game_id


def flipped(game: UUID) -> Change:
    return Change(kind="result", game_id=game, status="final", home_score=20, away_score=27)


def test_a_change_that_moves_much_needs_another_operator(make_week: MakeWeek) -> None:
    """Above the limit, and not at it; who proposed it does not approve it, and each step comes again as it was."""
    week = make_week()
    game = played(week)
    assert not disputes(week, approval_above=571).proposal(_preview(week, game)).needs_approval
    it = disputes(week, approval_above=570)
    case = it.open(week=WEEK, subject=f"game:{game}", reason="swapped sides", actor=ANN, request="1").stream
    proposed = it.propose(week=WEEK, case_id=case, change=flipped(game), actor=ANN, request="2")
    assert Proposal.parse(proposed.event.change).needs_approval  # type: ignore[attr-defined]
    with pytest.raises(SecondOperatorNeeded):
        it.apply(week=WEEK, case_id=case, actor=ANN)
    with pytest.raises(SecondOperatorNeeded):
        it.approve(week=WEEK, case_id=case, preview_hash=hash_of(proposed), actor=ANN, request="3")
    it.approve(week=WEEK, case_id=case, preview_hash=hash_of(proposed), actor=BEN, request="3")
    overtaken = Disputes(week.ledger, Overtaken(week, it, case), approval_above=570)
    answer = overtaken.apply(week=WEEK, case_id=case, actor=ANN)
    assert {fact.actor for fact in answer} == {BEN}
    assert not it.follow(week=WEEK, game_id=game, timeout_seconds=0)
    week.settler.step()
    assert it.follow(week=WEEK, game_id=game, timeout_seconds=0)
    head = week.head()
    assert it.apply(week=WEEK, case_id=case, actor=ANN) == answer
    assert it.propose(week=WEEK, case_id=case, change=flipped(game), actor=ANN, request="2") == proposed
    with pytest.raises(CaseNotOpen):
        it.propose(week=WEEK, case_id=case, change=flipped(game), actor=ANN, request="4")
    assert week.head() == head
    assert (week.available("kim"), week.available("lou")) == (800, 1090)
    _case_tells_the_story(week, case)
    week.audit()


class Overtaken(Previews):
    """Previews of an operator whom another one overtakes, who applies the case just before."""

    def __init__(self, week: SmallWeek, it: Disputes, case: UUID) -> None:
        super().__init__(week.ledger, projections=week.runner)
        self._it, self._case = it, case

    def preview(self, week: str, change: Change) -> Preview:
        self._it.apply(week=week, case_id=self._case, actor=BEN)
        return super().preview(week, change)


def _preview(week: SmallWeek, game: UUID) -> Preview:
    return disputes(week).preview(week=WEEK, change=flipped(game))


def _case_tells_the_story(week: SmallWeek, case: UUID) -> None:
    """The projection of the case has before and after, and the payouts name its ruling as their cause."""
    week.runner.catch_up()
    row = Cases(week.datastore).case(case)
    assert row is not None
    assert (row.state, row.outcome, row.approved_by, row.ruling_resolution) == ("applied", "applied", BEN, 2)
    assert '"home_score":27' in (row.before or "")
    assert '"source":"operator"' in (row.after or "")
    assert {fact.cause for fact in week.facts(PayoutCorrected)} == {f"{WEEK}:{row.ruling_position}"}


def test_a_proposal_is_refused_where_its_preview_has_become_another(make_week: MakeWeek) -> None:
    """What the operator saw is no longer what would happen; and a case may be closed without a change."""
    week = make_week()
    game = played(week)
    it = disputes(week)
    seen = it.preview(week=WEEK, change=flipped(game)).preview_hash
    case = it.open(week=WEEK, subject=f"game:{game}", reason="swapped sides", actor=ANN, request="1").stream
    stale = it.propose(week=WEEK, case_id=case, change=flipped(game), actor=ANN, request="2", preview_hash=seen)
    week.result("first", 21, 20, revision=2)
    with pytest.raises(PreviewOutdated, match=seen):
        it.propose(week=WEEK, case_id=case, change=flipped(game), actor=ANN, request="3", preview_hash=seen)
    it.approve(week=WEEK, case_id=case, preview_hash=hash_of(stale), actor=BEN, request="4")
    with pytest.raises(PreviewOutdated):
        it.apply(week=WEEK, case_id=case, actor=ANN)
    closed = it.close(week=WEEK, case_id=case, outcome="the feed was right", actor=BEN, request="5")
    assert closed.event == CaseClosed(outcome="the feed was right")
    assert week.events(CaseApplied) == []


def test_a_void_names_the_bets_that_were_seen_and_no_others(make_week: MakeWeek) -> None:
    """A bet that was placed between preview and ruling has the operator look again; then both are returned."""
    week = make_week()
    played(week)
    second = week.listing("second").game_id
    void = Change(kind="void", game_id=second, market_id=market_id(second, "total"))
    it = disputes(week)
    week.bet("kim", "second", "total", "over", 10)
    case = it.open(week=WEEK, subject=f"game:{second}", reason="wrong line", actor=ANN, request="1").stream
    it.propose(week=WEEK, case_id=case, change=void, actor=ANN, request="2")
    week.bet("lou", "second", "total", "over", 5)
    with pytest.raises(PreviewOutdated, match="suspend the market"):
        it.apply(week=WEEK, case_id=case, actor=ANN)
    _is_held_against_a_result_too(week, it, second)
    it.propose(week=WEEK, case_id=case, change=void, actor=ANN, request="3")
    late = meanwhile(week, lambda: week.bet("nia", "second", "total", "over", 1))
    with pytest.raises(PreviewOutdated, match="just now"):
        late.apply(week=WEEK, case_id=case, actor=ANN)
    it.propose(week=WEEK, case_id=case, change=void, actor=ANN, request="4")
    had = week.available("kim"), week.available("lou")
    answer = it.apply(week=WEEK, case_id=case, actor=ANN)
    week.settler.step()
    assert (week.available("kim"), week.available("lou")) == (had[0] + 10, had[1] + 5)
    assert it.apply(week=WEEK, case_id=case, actor=ANN) == answer


def _is_held_against_a_result_too(week: SmallWeek, it: Disputes, game: UUID) -> None:
    """What is shown to move little, and needs no second operator for that, moves much once others bet."""
    case = it.open(week=WEEK, subject=f"game:{game}", reason="called off", actor=ANN, request="10").stream
    off = Change(kind="result", game_id=game, status="cancelled")
    assert not _needs_approval(it.propose(week=WEEK, case_id=case, change=off, actor=ANN, request="11"))
    bet = week.bet("max", "second", "spread", "home", 900)
    with pytest.raises(PreviewOutdated):
        it.apply(week=WEEK, case_id=case, actor=ANN)
    assert week.outcome(bet)[0] == "placed"


def _needs_approval(proposed: Fact) -> bool:
    return Proposal.parse(proposed.event.change).needs_approval  # type: ignore[attr-defined]


class Interrupted:
    """The projections of a week in which something happens once, just when a ruling is looked at for the last time."""

    def __init__(self, week: SmallWeek, act: Callable[[], object]) -> None:
        self._week = week
        self._acts = [act]

    def wait_for(self, log: str, position: int, *, timeout: float, names: Sequence[str] | None = None) -> bool:
        while self._acts:
            self._acts.pop()()
        return self._week.runner.wait_for(log, position, timeout=timeout, names=names)


def meanwhile(week: SmallWeek, act: Callable[[], object]) -> Disputes:
    """Disputes in which something happens between the look at a ruling and the ruling."""
    return Disputes(week.ledger, Previews(week.ledger, projections=Interrupted(week, act)), approval_above=100)


def test_a_release_leaves_the_game_to_the_word_that_was_seen_and_to_no_other(make_week: MakeWeek) -> None:
    """What a feed says beside an operator's result brings no resolution, and still is not what was agreed to."""
    week = make_week()
    game = played(week)
    it = disputes(week)
    carry_through(it, Change(kind="result", game_id=game, status="final", home_score=30, away_score=20))
    case = it.open(week=WEEK, subject=f"game:{game}", reason="released", actor=ANN, request="1").stream
    release = Change(kind="lift", game_id=game)
    assert not _needs_approval(it.propose(week=WEEK, case_id=case, change=release, actor=ANN, request="2"))
    late = meanwhile(week, lambda: week.result("first", 10, 20, revision=3))
    week.result("first", 28, 20, revision=2)
    had = state(week)
    with pytest.raises(PreviewOutdated, match="just now"):
        late.apply(week=WEEK, case_id=case, actor=ANN)
    with pytest.raises(PreviewOutdated):
        it.apply(week=WEEK, case_id=case, actor=ANN)
    anew = it.propose(week=WEEK, case_id=case, change=release, actor=ANN, request="3")
    assert _needs_approval(anew)
    assert state(week) == had
    # The settler, at work all the while, is nobody's word.
    it.approve(week=WEEK, case_id=case, preview_hash=hash_of(anew), actor=BEN, request="4")
    assert len(meanwhile(week, week.settler.step).apply(week=WEEK, case_id=case, actor=ANN)) == 2


class Busy:
    """The projections of a week in which something happens just when a preview waits for them."""

    def __init__(self, week: SmallWeek) -> None:
        self._week = week

    def wait_for(self, log: str, position: int, *, timeout: float, names: Sequence[str] | None = None) -> bool:
        for player in ("kim", "max", "oli"):
            self._week.bet(player, "second", "total", "over", self._week.available(player))
        return self._week.runner.wait_for(log, position, timeout=timeout, names=names)


def test_a_preview_shows_one_moment_whatever_comes_while_it_is_made(make_week: MakeWeek) -> None:
    """Bets on another game, of those who bet on this one and of those who did not, are not in it."""
    week = make_week()
    change = flipped(played(week))
    before = disputes(week).preview(week=WEEK, change=change)
    busy = Previews(week.ledger, projections=Busy(week)).preview(WEEK, change)
    assert week.head() == busy.position + 3
    assert busy == before
    assert shown(disputes(week).preview(week=WEEK, change=change))["credits"] != shown(before)["credits"]


def test_a_ruling_after_the_week_is_final_is_recorded_and_moves_nothing(make_week: MakeWeek) -> None:
    """Its preview says so, and the case has it as its outcome; so has one that was proposed before that."""
    week = make_week()
    game = played(week)
    it = disputes(week, approval_above=1_000)
    early = it.open(week=WEEK, subject=f"game:{game}", reason="too late", actor=ANN, request="1").stream
    void = Change(kind="void", game_id=game, market_id=market_id(game, "spread"))
    it.propose(week=WEEK, case_id=early, change=void, actor=ANN, request="2")
    week.live_until(ENDS_AT + timedelta(hours=73))
    finalise_week(week.ledger, week=WEEK, actor=ANN, request="3", override=True)
    before = state(week)
    assert it.apply(week=WEEK, case_id=early, actor=ANN)[1].event == CaseClosed(outcome="recorded")
    week.play_out()
    preview = it.preview(week=WEEK, change=flipped(game))
    assert (preview.is_final, preview.bets, preview.effect.moved) == (True, [], 0)
    case, [applied, closed] = carry_through(it, flipped(game))
    assert (applied.event, closed.event) == (CaseApplied(), CaseClosed(outcome="recorded"))
    week.settler.step()
    assert state(week) == before
    row = Cases(week.datastore).case(case)
    assert row is not None
    assert (row.state, row.outcome, row.before == row.after) == ("applied", "recorded", True)
