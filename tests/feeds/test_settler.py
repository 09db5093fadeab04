"""The settler may be killed, doubled or overtaken anywhere: each bet is resolved once, and corrected at most once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest

from feeds.settler import ProjectionBehind, Settler
from ledger.datastore import Datastore
from ledger.events import (
    BetLost,
    BetWon,
    ChunkSettled,
    PayoutCorrected,
    ResultRecorded,
    SettlementCompleted,
    StakeReturned,
)
from ledger.ledger import Ledger
from ledger.settling import PlacedBet
from projections.bets import Bets
from projections.catalogue import projections
from tests.feeds.conftest import MakeWeek
from tests.feeds.small_week import NEXT_WEEK, WEEK, SmallWeek, SteppedRunner, at

KICK_OFF = at("Thu 20:15")
BETS, CHUNK = 7, 2


class Killed(Exception):
    """The process ends here."""


class WatchedBets(Bets):
    """The bets projection, with something that happens each time the settler is about to take the next step."""

    def __init__(self, datastore: Datastore, before_step: Callable[[int], object]) -> None:
        super().__init__(datastore)
        self._before_step = before_step
        self._steps = 0

    def open_or_settled_bets_of_game(
        self, log: str, game_id: UUID, *, after_position: int, cut: int, limit: int
    ) -> list[PlacedBet]:
        self._step()
        return super().open_or_settled_bets_of_game(log, game_id, after_position=after_position, cut=cut, limit=limit)

    def staked_on_game(self, log: str, game_id: UUID, *, cut: int) -> int:
        self._step()
        return super().staked_on_game(log, game_id, cut=cut)

    def _step(self) -> None:
        self._steps += 1
        self._before_step(self._steps)


def watched(week: SmallWeek, before_step: Callable[[int], object], *, chunk: int = CHUNK) -> Settler:
    bets = WatchedBets(week.datastore, before_step)
    return Settler(week.ledger, bets=bets, projections=week.runner, bets_a_chunk=chunk)


def played(week: SmallWeek, *names: str, at_score: tuple[int, int] = (27, 20)) -> list[UUID]:
    """Games with seven bets each, four on the home side and three on the away side, and their result."""
    bets = []
    for name in names:
        week.listed(name)
        sides = ["home", "away"] * 3 + ["home"]
        bets += [week.bet(("ann", "bob")[n % 2], name, "spread", side, 10) for n, side in enumerate(sides)]
    week.clock.set(KICK_OFF)
    for name in names:
        week.result(name, *at_score)
    return bets


def resolved(week: SmallWeek) -> Counter[UUID]:
    return Counter(
        [event.bet_id for event in week.events(BetWon)]
        + [event.bet_id for event in week.events(BetLost)]
        + [event.bet_id for event in week.events(StakeReturned)]
    )


def chunks(week: SmallWeek, name: str) -> list[tuple[int, int, int]]:
    """Resolution, first and last position of each chunk of a game."""
    game = week.listing(name).game_id
    [stream] = {fact.stream for fact in week.facts(ResultRecorded) if fact.event.game_id == game}  # type: ignore[attr-defined]
    facts = [fact.event for fact in week.facts(ChunkSettled) if fact.stream == stream]
    return [(event.resolution, event.from_, event.to) for event in facts if isinstance(event, ChunkSettled)]


def test_a_game_is_settled_in_chunks_by_position_and_completed_once(week: SmallWeek) -> None:
    """The chunks cover all positions up to the result without gap or overlap, and add up to the completion."""
    bets = played(week, "g1")
    settler = week.new_settler(CHUNK)
    assert (settler.step(), settler.step()) == (1, 0)
    covered = chunks(week, "g1")
    assert len(covered) == BETS // CHUNK + 1
    assert [first for _, first, _ in covered] == [1, *(last + 1 for _, _, last in covered[:-1])]
    [completed] = week.events(SettlementCompleted)
    assert (completed.cut, completed.bets) == (covered[-1][2], BETS)
    assert (completed.staked, completed.paid) == (70, 4 * 19)
    assert resolved(week) == Counter(bets)
    week.audit()


def test_a_game_without_bets_is_completed_too(week: SmallWeek) -> None:
    """One empty chunk up to the result, so that the week can be settled."""
    week.game("g1")
    week.live_until(KICK_OFF)
    week.result("g1", 27, 20)
    assert week.settler.step() == 1
    [completed] = week.events(SettlementCompleted)
    assert (completed.bets, completed.staked, completed.paid, len(chunks(week, "g1"))) == (0, 0, 0, 1)


def test_a_settler_killed_at_any_step_is_resumed_by_the_next(week: SmallWeek) -> None:
    """Before each chunk and before the completion: a new process goes on there, and resolves each bet once."""
    steps = range(1, BETS // CHUNK + 3)
    names = [f"g{step}" for step in steps]
    bets = played(week, *names)

    def kill_at(step: int) -> Callable[[int], None]:
        def before(now: int) -> None:
            if now == step:
                raise Killed

        return before

    for step, name in zip(steps, names, strict=True):
        listing = week.listing(name)
        with pytest.raises(Killed):
            watched(week, kill_at(step)).settle(week=listing.week, game_id=listing.game_id)
        assert len(chunks(week, name)) == step - 1
    assert week.events(SettlementCompleted) == []
    assert week.new_settler(CHUNK).step() == len(names)
    assert resolved(week) == Counter(bets)
    assert {len(chunks(week, name)) for name in names} == {BETS // CHUNK + 1}
    assert [completed.bets for completed in week.events(SettlementCompleted)] == [BETS] * len(names)
    assert week.new_settler(CHUNK).step() == 0
    week.audit()


def test_a_newer_resolution_abandons_the_chunks_of_the_older(week: SmallWeek) -> None:
    """A correction in the middle of the settlement starts it over: bets settled before are corrected, others not."""
    bets = played(week, "g1")

    def correct(step: int) -> None:
        if step == 3:
            week.result("g1", 25, 20, revision=2)

    watched(week, correct).step()
    assert [resolution for resolution, *_ in chunks(week, "g1")] == [1] * 2 + [2] * 4
    assert [(each.resolution, each.bets) for each in week.events(SettlementCompleted)] == [(2, BETS)]
    assert resolved(week) == Counter(bets)
    assert [each.bet_id for each in week.events(PayoutCorrected)] == bets[:4]
    assert [week.outcome(bet)[0] for bet in bets] == ["lost", "won"] * 3 + ["lost"]
    week.audit()


def test_a_correction_before_the_completion_leaves_nothing_of_the_older_open(week: SmallWeek) -> None:
    """It comes after the last chunk: only the newer resolution is ever completed."""
    bets = played(week, "g1")

    def correct(step: int) -> None:
        if step == 5:
            week.result("g1", 26, 20, revision=2)

    watched(week, correct).step()
    assert [(each.resolution, each.paid) for each in week.events(SettlementCompleted)] == [(2, 70)]
    assert {week.outcome(bet) for bet in bets} == {("push", None, 10)}
    week.audit()


def test_bets_go_on_on_other_games_while_one_is_settled(week: SmallWeek) -> None:
    """Between two chunks the same players stake what they just won."""
    week.listed("g2", at("Sat 20:15"))
    bets = played(week, "g1")
    others = []

    def stake(step: int) -> None:
        others.append(week.bet("ann", "g2", "total", "over", week.available("ann") // 2))

    watched(week, stake).step()
    assert len(others) == BETS // CHUNK + 2
    assert {week.outcome(bet)[0] for bet in others} == {"placed"}
    assert resolved(week) == Counter(bets)
    week.play_out()


@contextmanager
def another_process(dsn: str, week: SmallWeek) -> Iterator[Settler]:
    """A settler with connections, desks and projections of its own, on the same database."""
    datastore = Datastore(dsn)
    ledger = Ledger(
        datastore,
        clock=week.clock,
        new_id=uuid4,
        seeds=week.ledger.seeds,
        on_death=week.deaths.append,
    )
    runner = SteppedRunner(datastore, projections())
    yield Settler(ledger, bets=Bets(datastore), projections=runner, bets_a_chunk=CHUNK)
    ledger.close()


def test_two_settlers_at_once_settle_each_bet_once(dsn: str, make_week: MakeWeek) -> None:
    """In two processes, from the same start: they get in each other's way, and nowhere else."""
    week = make_week()
    week.begin("ann", "bob")
    names = [f"g{number}" for number in range(3)]
    bets = played(week, *names)
    start = threading.Barrier(2)
    with another_process(dsn, week) as other:

        def settle(settler: Settler) -> None:
            start.wait()
            settler.step()

        threads = [threading.Thread(target=settle, args=[each]) for each in (week.new_settler(CHUNK), other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert resolved(week) == Counter(bets)
    assert [completed.bets for completed in week.events(SettlementCompleted)] == [BETS] * 3
    for name in names:
        covered = chunks(week, name)
        assert [first for _, first, _ in covered] == [1, *(last + 1 for _, _, last in covered[:-1])]
    week.play_out()


def test_a_settler_overtaken_between_two_chunks_goes_on_behind_the_other(week: SmallWeek) -> None:
    """Its stale chunk is refused whole, and what is left to do is done."""
    bets = played(week, "g1")
    listing = week.listing("g1")

    def overtake(step: int) -> None:
        if step == 2:
            week.new_settler(3).settle(week=listing.week, game_id=listing.game_id)

    watched(week, overtake).step()
    assert resolved(week) == Counter(bets)
    assert len(week.events(SettlementCompleted)) == 1
    week.audit()


def test_settlement_waits_for_a_projection_that_stopped_in_that_week_only(make_week: MakeWeek) -> None:
    """It says which, settles nothing on what it cannot see, and goes on once the projection does."""
    week = make_week(opens_weeks=True)
    week.begin("ann", "bob")
    week.game("g2", at("Thu 20:15", week=NEXT_WEEK))
    bets = played(week, "g1")
    week.result("g2", 27, 20)
    with week.datastore.connection() as connection, connection.transaction():
        week.runner.positions.lock_free(connection, WEEK)
        week.runner.positions.stop(connection, WEEK, ["bets"], "a poison event")
    with pytest.raises(ProjectionBehind, match=WEEK):
        week.settler.step()
    assert week.facts(ChunkSettled, SettlementCompleted) == []
    assert len(week.facts(SettlementCompleted, week=NEXT_WEEK)) == 1
    week.runner.positions.retry()
    assert week.settler.step() == 1
    assert resolved(week) == Counter(bets)


def test_run_settles_what_comes_until_it_is_stopped(week: SmallWeek) -> None:
    """Also after a failure that passes: the loop ends by the signal to stop, and by nothing else."""
    bets = played(week, "g1")
    stop = threading.Event()
    failures = iter([ProjectionBehind("the projection is behind")])

    def stop_at_the_end(step: int) -> None:
        for failure in failures:
            raise failure
        if step == BETS // CHUNK + 3:
            stop.set()

    watched(week, stop_at_the_end).run(stop, poll_seconds=0)
    assert resolved(week) == Counter(bets)
    assert len(week.events(SettlementCompleted)) == 1
