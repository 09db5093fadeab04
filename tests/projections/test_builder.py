"""The builder: what it takes up, what it leaves to others, and what it makes of those that die or fail."""

from __future__ import annotations

import multiprocessing
import threading
from datetime import UTC, datetime

import psycopg
import pytest

from ledger.datastore import Datastore
from projections.builder import Builder
from projections.catalogue import projections
from projections.generations import ASKED, BUILDING, Act, Generations, RebuildRunning
from projections.rebuild import rebuild, rollback, verify
from tests.projections.book import KINDS_OF_MOVES, random_week
from tests.projections.conftest import Project

MOVES = [(number % KINDS_OF_MOVES, number * 7, number * 11) for number in range(40)]
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def ask(generations: Generations, *labels: str, week: str | None = None, request: str = "") -> None:
    for label in labels:
        generations.ask(label, week=week, act=Act(request=request))


def test_what_somebody_makes_is_left_to_them(dsn: str, datastore: Datastore) -> None:
    """However often it was begun: only what nobody makes any more has died too often."""
    generations, builder = Generations(datastore), Builder(datastore, projections(), dsn=dsn, clock=lambda: NOW)
    ask(generations, "bets")
    for _ in range(3):
        asked = generations.unfinished("bets")
        assert asked is not None
        generations.start(asked, at=NOW)
    with generations.claimed(["bets"]):
        assert builder.step() == 0
        under_way = generations.unfinished("bets")
        assert under_way is not None
        assert under_way.error is None
    assert builder.step() == 0
    dead = generations.unfinished("bets")
    assert dead is not None
    assert "died, 3 times" in str(dead.error)


def test_what_is_done_by_now_is_not_done_again(datastore: Datastore, project: Project) -> None:
    """Of two builders that saw it asked for, the later one makes nothing: the rows from before are still kept."""
    project(random_week("2026-W47", MOVES))
    generations = Generations(datastore)
    ask(generations, "bets")
    chosen = projections("bets")
    assert [each.generation for each in rebuild(datastore, chosen=chosen, asked_only=True)] == [2]
    assert rebuild(datastore, chosen=chosen, asked_only=True) == []
    assert [(each.generation, each.state) for each in generations.generations(["bets"])] == [(1, "kept"), (2, "live")]


def test_a_maker_that_is_killed_or_fails_takes_nobody_along(dsn: str, datastore: Datastore, project: Project) -> None:
    """What was killed is taken up again; what failed, of whatever, says so, and waits to be asked for again."""
    project(random_week("2026-W47", MOVES))
    generations, builder = Generations(datastore), Builder(datastore, projections(), dsn=dsn, clock=lambda: NOW)
    ask(generations, "bets")
    stepping = threading.Thread(target=builder.step)
    stepping.start()
    while not (children := multiprocessing.active_children()):
        assert stepping.is_alive()
    children[0].kill()
    stepping.join()
    waiting = generations.unfinished("bets")
    assert waiting is not None
    assert waiting.error is None
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("ALTER TABLE bets RENAME TO hidden")
        assert builder.step() == 1
        failed = generations.unfinished("bets")
        assert failed is not None
        assert "does not exist" in str(failed.error)
        assert builder.step() == 0
        owner.execute("ALTER TABLE hidden RENAME TO bets")
    ask(generations, "bets")
    again = generations.unfinished("bets")
    assert again is not None
    assert (again.state, again.error, again.tries) == (ASKED, None, 0)


def test_a_changed_table_has_one_shape(dsn: str, datastore: Datastore, project: Project) -> None:
    """Rows of the shape before are not gone back to; a rebuild that was under way begins anew, and has the new one."""
    project(random_week("2026-W47", MOVES))
    rebuild(datastore, name="registrations")
    generations = Generations(datastore)
    ask(generations, "bets")
    asked = generations.unfinished("bets")
    assert asked is not None
    generations.start(asked, at=NOW)
    with psycopg.connect(dsn, autocommit=True) as owner:
        # As if a release had given the live tables the column since.
        owner.execute("ALTER TABLE registrations_g1.registrations DROP COLUMN via")
        owner.execute("ALTER TABLE bets_g2.bets DROP COLUMN stake")
    with pytest.raises(Exception, match="drop it, and rebuild") as refused:
        rollback(datastore, name="registrations")
    assert getattr(refused.value, "code", None) == "projection_stopped"
    assert [each.generation for each in rebuild(datastore, name="bets")] == [2]
    assert verify(datastore) == []


def test_an_act_again_changes_nothing_whatever_came_after_it(datastore: Datastore, project: Project) -> None:
    """There and back, then the first act once more, as a client that heard no answer would: no third turn."""
    project(random_week("2026-W47", MOVES))
    rebuild(datastore, name="weeks")
    for request in ("there", "back"):
        assert rollback(datastore, name="weeks", act=Act(request=request)) is not None
    assert rollback(datastore, name="weeks", act=Act(request="there")) is None
    assert Generations(datastore).live("weeks").generation == 2


def test_two_weeks_asked_for_are_both_made(datastore: Datastore, project: Project) -> None:
    """All are, as long as nothing has begun; one that is being made alone takes no other in, and says so."""
    project(random_week("2026-W47", MOVES))
    generations = Generations(datastore)
    ask(generations, "weeks", week="2026-W47")
    ask(generations, "weeks", week="2026-W47")
    asked = generations.unfinished("weeks")
    assert asked is not None
    assert asked.week == "2026-W47"
    assert generations.start(asked, at=NOW).state == BUILDING
    with pytest.raises(RebuildRunning, match="weeks_g2 is being made of 2026-W47"):
        ask(generations, "weeks")
    ask(generations, "bets", week="2026-W47")
    ask(generations, "bets", week="office")
    both = generations.unfinished("bets")
    assert both is not None
    assert both.week is None
    rebuild(datastore, name="bets", log="2026-W47")
    assert (generations.unfinished("bets"), generations.live("bets").week) == (None, None), "nobody's wish is dropped"
