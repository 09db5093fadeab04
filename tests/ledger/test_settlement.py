"""What settles a game follows from who said what; its bets are settled in order, once under each resolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ledger.events import ChunkSettled, Event, Regulation, ResultRecorded, SettlementCompleted
from ledger.facts import Fact
from ledger.game import Game
from ledger.grading import FinalScore, Result
from ledger.ids import settlement_stream
from ledger.rules import Rules
from ledger.settlement import CLOCK, OPERATOR, ConflictingResult, Settlement, StaleChunk, Word
from tests.examples import GAME, KICK_OFF, RULES, game_scheduled, recorded, word
from tests.given import Given
from tests.given import given as given_any

ON_PROVISIONAL = Rules(settles_on_provisional=True)


def given(*history: Event) -> Given[Settlement]:
    return given_any(Settlement, *history, stream=settlement_stream(GAME))


def saying(said: Word, *, rules: Rules = RULES, final: bool = False) -> Callable[[Settlement], Fact | None]:
    return lambda settlement: settlement.record(said, rules=rules, final=final)


def status(status: str, **changes: Any) -> Word:
    """A status message: it has no score and no revision of its own."""
    return word(None, None, **{"status": status, "revision": None} | changes)


def status_recorded(status: str, **changes: Any) -> ResultRecorded:
    return recorded(None, None, **{"status": status} | changes)


OFFICIAL = recorded()
PROVISIONAL = recorded(certainty="provisional", applied=False, resolution=None)
POSTPONED = status_recorded("postponed", revision=0)
NO_RESULT = status_recorded("no_result", source=CLOCK, revision=0)
BY_OPERATOR = recorded(20, 17, source=OPERATOR)

PRECEDENCE: list[tuple[str, tuple[Event, ...], Word, dict[str, Any]]] = [
    ("official settles", (), word(), {}),
    ("provisional waits", (), word(certainty="provisional"), {"applied": False, "resolution": None}),
    ("equal official after provisional", (PROVISIONAL,), word(), {}),
    ("other official after provisional", (PROVISIONAL,), word(21, 20), {}),
    ("official of a lower revision after provisional", (PROVISIONAL,), word(21, 20, revision=0), {}),
    (
        "later provisional after official",
        (OFFICIAL,),
        word(21, 20, certainty="provisional", revision=2),
        {"applied": False, "resolution": None},
    ),
    ("later official, other content", (OFFICIAL,), word(21, 20, revision=2), {"resolution": 2}),
    ("later official, same content", (OFFICIAL,), word(revision=2), {"resolution": None}),
    ("gap in the revisions", (OFFICIAL,), word(21, 20, revision=40), {"resolution": 2}),
    (
        "regulation said later",
        (OFFICIAL,),
        word(revision=2, regulation=(34, 34)),
        {"resolution": 2},
    ),
    ("cancelled after the result", (OFFICIAL,), status("cancelled"), {"resolution": 2, "revision": 1}),
    ("abandoned before any result", (), status("abandoned"), {"revision": 0}),
    (
        "result after the cancellation",
        (OFFICIAL, status_recorded("cancelled", resolution=2)),
        word(revision=2),
        {"resolution": 3},
    ),
    (
        "result after a cancellation without any",
        (status_recorded("cancelled", revision=0),),
        word(),
        {"resolution": 2},
    ),
    ("clock with nothing said", (), status("no_result", source=CLOCK), {"revision": 0}),
    (
        "clock with a provisional result",
        (PROVISIONAL,),
        word(source=CLOCK, revision=None),
        {"revision": 0},
    ),
    ("official after the clock's void", (NO_RESULT,), word(), {"resolution": 2}),
    ("provisional after the clock's void", (NO_RESULT,), word(certainty="provisional"), {"resolution": 2}),
    (
        "equal official after the clock's provisional",
        (PROVISIONAL, recorded(source=CLOCK, revision=0)),
        word(),
        {"resolution": None},
    ),
    ("operator over official", (OFFICIAL,), word(20, 17, source=OPERATOR), {"resolution": 2}),
    (
        "official under an operator",
        (BY_OPERATOR,),
        word(),
        {"applied": False, "resolution": None},
    ),
    ("operator again", (BY_OPERATOR,), word(21, 17, source=OPERATOR, revision=2), {"resolution": 2}),
    ("operator voids", (OFFICIAL,), status("operator", source=OPERATOR), {"resolution": 2, "revision": 1}),
    ("official after the move out", (POSTPONED,), word(), {"applied": False, "resolution": None}),
    ("operator after the move out", (POSTPONED,), word(source=OPERATOR), {"resolution": 2}),
    ("move out after the result", (OFFICIAL,), status("postponed"), {"resolution": 2, "revision": 1}),
]


@pytest.mark.parametrize(
    ("history", "said", "changes"), [case[1:] for case in PRECEDENCE], ids=[case[0] for case in PRECEDENCE]
)
def test_what_settles_follows_from_precedence(history: tuple[Event, ...], said: Word, changes: dict[str, Any]) -> None:
    """Operator, then postponed, then official, then provisional where it counts, then the clock."""
    fields = {
        "status": said.status,
        "source": said.source,
        "certainty": said.certainty,
        "revision": said.revision,
        "regulation": said.regulation and Regulation(home=said.regulation[0], away=said.regulation[1]),
    }
    event = recorded(said.home_score, said.away_score, **fields | changes)
    given(*history).when(saying(said)).then(event)


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ((OFFICIAL,), word()),
        ((PROVISIONAL,), word(certainty="provisional")),
        ((recorded(revision=3),), word(20, 17, revision=2)),
        ((OFFICIAL,), word(certainty="provisional")),
        ((OFFICIAL,), word(20, 17, certainty="provisional")),
        ((OFFICIAL,), word(20, 17, revision=0)),
        ((PROVISIONAL, OFFICIAL), word(certainty="provisional")),
        ((OFFICIAL, status_recorded("cancelled", resolution=2)), word()),
        ((OFFICIAL, status_recorded("cancelled", resolution=2)), status("cancelled")),
        ((POSTPONED,), status("postponed")),
        ((NO_RESULT,), status("no_result", source=CLOCK)),
    ],
)
def test_repeat_or_older_word_is_no_event(history: tuple[Event, ...], said: Word) -> None:
    """What was said already, and what was said before something newer, changes nothing."""
    given(*history).when(saying(said)).then()


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ((OFFICIAL,), word(35, 31)),
        ((OFFICIAL,), word(regulation=(34, 34))),
        ((PROVISIONAL,), word(35, 31, certainty="provisional")),
        ((OFFICIAL, recorded(21, 20, revision=2, resolution=2)), word(21, 19, revision=2)),
    ],
)
def test_two_contents_under_one_revision_are_refused(history: tuple[Event, ...], said: Word) -> None:
    """Neither can be trusted: the message goes to the dead letters, and what settles stays."""
    given(*history).when(saying(said)).raises(ConflictingResult, "gave revision . .* twice")


def test_provisional_settles_where_the_rules_say_so() -> None:
    """The official word then changes something only where it says something else."""
    settled = recorded(certainty="provisional")
    given().when(saying(word(certainty="provisional"), rules=ON_PROVISIONAL)).then(settled)
    given(settled).when(saying(word(), rules=ON_PROVISIONAL)).then(recorded(resolution=None))
    given(settled).when(saying(word(21, 20), rules=ON_PROVISIONAL)).then(recorded(21, 20, resolution=2))


def test_provisional_that_stood_at_the_deadline_is_still_followed() -> None:
    """Once the deadline has passed, a later provisional word counts too."""
    history = (PROVISIONAL, recorded(source=CLOCK, revision=0))
    later = recorded(21, 20, certainty="provisional", revision=2, resolution=2)
    given(*history).when(saying(word(21, 20, certainty="provisional", revision=2))).then(later)


@pytest.mark.parametrize("history", [(), (OFFICIAL,), (PROVISIONAL,)])
@pytest.mark.parametrize("said", [word(21, 20, revision=2), status("cancelled", revision=2), word(source=OPERATOR)])
def test_word_after_the_final_week_is_kept_and_moves_nothing(history: tuple[Event, ...], said: Word) -> None:
    """It is recorded, not applied, and brings no resolution."""
    before = given(*history).aggregate.resolution
    kept = recorded(
        said.home_score,
        said.away_score,
        applied=False,
        resolution=None,
        revision=said.revision,
        source=said.source,
        status=said.status,
    )
    settlement = given(*history).when(saying(said, final=True)).then(kept)
    assert settlement.resolution == before


def test_real_start_learnt_afterwards_settles_again_under_the_same_result() -> None:
    """The record is repeated under a new resolution; without one there is nothing to reconsider."""
    given(OFFICIAL).when(lambda settlement: settlement.reconsider()).then(recorded(resolution=2))
    given(PROVISIONAL).when(lambda settlement: settlement.reconsider()).then()


def test_reconsidering_keeps_the_latest_word() -> None:
    """A revision that repeated the content is not forgotten: its redelivery is still a repeat."""
    history = (OFFICIAL, recorded(revision=2, resolution=None))
    again = recorded(revision=2, resolution=2)
    given(*history).when(lambda settlement: settlement.reconsider()).then(again)
    given(*history, again).when(saying(word(revision=2))).then()


def graded_on(*history: Event, league: str = "NFL", game: tuple[Event, ...] = ()) -> Result | None:
    listed = given_any(Game, game_scheduled(league=league), *game, stream=GAME).aggregate
    return given(*history).aggregate.result(listed, RULES)


def test_bets_are_graded_on_the_score_that_counts() -> None:
    """With overtime in a US league, at the end of regulation time in soccer where it was said."""
    after_extra_time = recorded(2, 1, regulation=Regulation(home=1, away=1))
    assert graded_on(OFFICIAL) == Result("final", FinalScore(35, 34), None)
    assert graded_on(after_extra_time) == Result("final", FinalScore(2, 1), None)
    assert graded_on(after_extra_time, league="EPL") == Result("final", FinalScore(1, 1), None)
    assert graded_on(recorded(2, 1), league="EPL") == Result("final", FinalScore(2, 1), None)


@pytest.mark.parametrize("said", ["cancelled", "abandoned", "postponed", "no_result", "operator"])
def test_bets_on_a_game_without_a_result_are_graded_on_its_status(said: str) -> None:
    """There is no score then."""
    assert graded_on(status_recorded(said)) == Result(said, None, None)


def test_bets_are_graded_on_the_real_start() -> None:
    """It makes late bets void."""
    lock = given_any(Game, game_scheduled(), stream=GAME).aggregate.lock(why="in progress", started_at=KICK_OFF)
    assert lock is not None
    assert graded_on(OFFICIAL, game=(lock.event,)) == Result("final", FinalScore(35, 34), KICK_OFF)


def chunk(from_: int, to: int, *, resolution: int = 1, bets: int = 2, paid: int = 100) -> ChunkSettled:
    return ChunkSettled(bets=bets, from_=from_, paid=paid, resolution=resolution, to=to)


def settling(event: ChunkSettled) -> Callable[[Settlement], Fact]:
    return lambda settlement: settlement.settle_chunk(
        resolution=event.resolution, from_=event.from_, to=event.to, bets=event.bets, paid=event.paid
    )


def completed(cut: int, *, resolution: int = 1, bets: int = 4, paid: int = 200) -> SettlementCompleted:
    return SettlementCompleted(bets=bets, cut=cut, paid=paid, resolution=resolution, staked=150)


def completing(resolution: int = 1) -> Callable[[Settlement], Fact]:
    return lambda settlement: settlement.complete(resolution=resolution, staked=150)


HELD_BACK = tuple(
    recorded(certainty="provisional", applied=False, resolution=None, revision=revision) for revision in (1, 2, 3)
)
AT_4 = (*HELD_BACK, OFFICIAL)
"""A resolution recorded at position 4, so that bets at 1 to 4 are settled under it."""


def test_bets_are_settled_to_the_cut_chunk_by_chunk() -> None:
    """Each chunk begins where the last one ended; the completion adds them up, once."""
    assert given(*AT_4).aggregate.cut == 4
    given(*AT_4).when(settling(chunk(1, 2))).then(chunk(1, 2))
    given(*AT_4, chunk(1, 2)).when(settling(chunk(3, 4))).then(chunk(3, 4))
    done = given(*AT_4, chunk(1, 2), chunk(3, 4)).when(completing()).then(completed(4))
    assert done.is_resolved
    given(*AT_4, chunk(1, 2), chunk(3, 4), completed(4)).when(completing()).then()


@pytest.mark.parametrize(
    ("history", "event"),
    [
        (AT_4, chunk(2, 4)),
        (AT_4, chunk(1, 4, resolution=2)),
        ((*AT_4, chunk(1, 2)), chunk(1, 2)),
        ((*AT_4, chunk(1, 2)), chunk(4, 4)),
        ((*AT_4, chunk(1, 4), completed(4, bets=2, paid=100)), chunk(5, 6)),
        ((*AT_4, chunk(1, 2), recorded(21, 20, revision=2, resolution=2)), chunk(3, 4)),
        (HELD_BACK, chunk(1, 2)),
        (HELD_BACK, chunk(1, 2, resolution=0)),
    ],
    ids=["gap", "not yet", "repeated", "leap", "completed", "superseded", "no resolution", "resolution 0"],
)
def test_chunk_that_is_not_next_is_refused(history: tuple[Event, ...], event: ChunkSettled) -> None:
    """A settler that was overtaken, or repeats itself, settles nothing."""
    given(*history).when(settling(event)).raises(StaleChunk)


@pytest.mark.parametrize(
    ("history", "resolution"),
    [(AT_4, 1), ((*AT_4, chunk(1, 2)), 1), ((*AT_4, chunk(1, 4)), 2), (HELD_BACK, 1), (HELD_BACK, 0)],
)
def test_settlement_is_complete_only_at_its_cut(history: tuple[Event, ...], resolution: int) -> None:
    """Not before every bet up to it is settled, and not under another resolution."""
    given(*history).when(completing(resolution)).raises(StaleChunk)


def test_newer_resolution_starts_over() -> None:
    """The chunks of the older one count for nothing, and the whole log up to the new cut is settled again."""
    superseded = (*AT_4, chunk(1, 2), recorded(21, 20, revision=2, resolution=2))
    assert given(*superseded).aggregate.cut == 6
    given(*superseded).when(settling(chunk(1, 6, resolution=2))).then(chunk(1, 6, resolution=2))
    again = (*superseded, chunk(1, 6, resolution=2, bets=3, paid=70))
    done = given(*again).when(completing(2)).then(completed(6, resolution=2, bets=3, paid=70))
    assert done.is_resolved


def test_correction_of_a_completed_settlement_makes_it_unresolved_again() -> None:
    """A week waits for it once more."""
    history = (*AT_4, chunk(1, 4), completed(4, bets=2, paid=100))
    assert given(*history).aggregate.is_resolved
    assert not given(*history, recorded(21, 20, revision=2, resolution=2)).aggregate.is_resolved
    assert given(*history, recorded(revision=2, resolution=None)).aggregate.is_resolved
