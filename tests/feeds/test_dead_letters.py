"""What could not be applied can be tried again beside the feed, and dropped; what became of it is kept, and why."""

from __future__ import annotations

import threading
from datetime import timedelta

import psycopg
import pytest

from feeds.dead_letters import DeadLetterMoved, DeadLetterResolved, DeadLetters, UnknownDeadLetter
from feeds.inbox import Inbox
from feeds.ingest import Ingest, Retried, Taken
from feeds.messages import parse
from ledger.case import ReasonNeeded
from ledger.events import CaseClosed, CaseOpened
from ledger.ids import OFFICE
from tests.feeds.small_week import SmallWeek, at

WHO = "operator:ann"


@pytest.fixture
def letters(week: SmallWeek) -> DeadLetters:
    """The dead letters of a week, as another process than the feed's has them."""
    return DeadLetters(week.ledger, Inbox(week.datastore), week.new_ingest())


def noted(week: SmallWeek) -> list[tuple[str, str, str, str]]:
    """What operators did, by the office's log: what it is about, why, what came of it, and who did it."""
    outcomes = {event.case_id: "" for event in week.events(CaseOpened, OFFICE)}
    for fact in week.facts(CaseClosed, week=OFFICE):
        assert isinstance(fact.event, CaseClosed)
        outcomes[fact.stream] = fact.event.outcome
    actors = [fact.actor for fact in week.facts(CaseOpened, week=OFFICE)]
    opened = zip(week.events(CaseOpened, OFFICE), actors, strict=True)
    return [(event.subject, event.reason, outcomes[event.case_id], actor) for event, actor in opened]


def test_a_letter_is_tried_again_until_it_can_be_applied(week: SmallWeek, letters: DeadLetters) -> None:
    """A failure counts and says why; a success stands with who, why and when; the same request is done once."""
    body = week.message("result", "g1", revision=1, certainty="official", home_score=3, away_score=0)
    week.hear(body)
    (letter,) = letters.unresolved()
    failed = letters.retry(letter.id, actor=WHO, request="r1", seen=letter.version)
    assert (failed.resolved, failed.tries, failed.version) == (None, 1, 2)
    assert letters.retry(letter.id, actor=WHO, request="r1", seen=letter.version).tries == 1
    with pytest.raises(DeadLetterMoved, match="version 2, not 1"):
        letters.retry(letter.id, actor=WHO, request="r2", seen=letter.version)
    dropped = letters.drop(letter.id, reason="no such game", actor=WHO, request="d1")
    assert letters.drop(letter.id, reason="no such game", actor=WHO, request="d1", seen=1) == dropped
    assert (dropped.resolved, dropped.resolved_by, dropped.body) == ("dropped", WHO, body)
    week.listed("g1")
    assert week.listing("g1") and letters.letter(letter.id) == dropped
    week.live_until(at("Thu 23:15"))
    done = letters.retry(letter.id, actor=WHO, request="r3", reason="it was played after all")
    assert (done.resolved, done.resolved_why) == ("applied", "it was played after all")
    assert (done.resolved_at, done.version) == (week.clock(), dropped.version + 1)
    subject = f"dead-letter:{letter.id}"
    assert noted(week) == [
        (subject, "tried again", failed.reason, WHO),
        (subject, "no such game", "dropped", WHO),
        (subject, "it was played after all", "applied", WHO),
    ]
    for act in (letters.retry, letters.drop):
        with pytest.raises(DeadLetterResolved, match="is applied already"):
            act(letter.id, actor=WHO, request="r4", reason="again")


def test_what_cannot_be_read_stays_dead_and_nothing_is_dropped_without_a_reason(
    week: SmallWeek, letters: DeadLetters
) -> None:
    """And there is nothing to do about a letter that there is not."""
    week.hear(b"{}")
    (letter,) = letters.page(with_resolved=False)
    assert letters.retry(letter.id, actor=WHO, request="r1").reason == "v must be 1"
    with pytest.raises(ReasonNeeded):
        letters.drop(letter.id, reason=" ", actor=WHO, request="d1")
    assert [each.id for each in letters.unresolved()] == [letter.id]
    with pytest.raises(UnknownDeadLetter):
        letters.retry(letter.id + 1, actor=WHO, request="r2")


def test_what_its_game_brought_back_says_so(week: SmallWeek, letters: DeadLetters) -> None:
    """The feed resolves what waited for a game."""
    week.quote("g1")
    week.game("g1")
    (letter,) = letters.page(with_resolved=True)
    assert (letter.resolved, letter.resolved_by, letters.unresolved()) == ("applied", "feed", [])


def test_a_letter_that_is_tried_again_cannot_be_dropped_meanwhile(week: SmallWeek) -> None:
    """Who drops it then hears that it was applied, and no case says anything else."""
    body = week.message("quote", "g1", market="spread", line="-6.0", prices={"home": -110, "away": -110})
    week.hear(body)
    refused = list[DeadLetterResolved]()

    def drop() -> None:
        try:
            DeadLetters(week.ledger, Inbox(week.datastore), week.ingest).drop(1, reason="no", actor=WHO, request="d")
        except DeadLetterResolved as error:
            refused.append(error)

    dropping = threading.Thread(target=drop)

    class Hasty(Ingest):
        def retry(self, body: bytes) -> Retried:
            dropping.start()
            dropping.join(0.05)
            week.game("g1")
            return super().retry(body)

    hasty = Hasty(week.ledger, Inbox(week.datastore), clock=week.clock)
    tried = DeadLetters(week.ledger, Inbox(week.datastore), hasty).retry(1, actor=WHO, request="r")
    dropping.join()
    assert (tried.resolved, len(refused)) == ("applied", 1)
    assert "dropped" not in [outcome for _, _, outcome, _ in noted(week)]


def test_a_game_is_one_processes_at_a_time(week: SmallWeek) -> None:
    """A message waits for another process that has its game, sees what was done there, and is not tried for ever."""
    week.listed("g1")
    other, impatient = Inbox(week.datastore), Inbox(week.datastore, patience_seconds=1)
    older = week.message("market", "g1", market="total", status="suspended")
    newer = week.message("market", "g1", market="total", status="open", at=week.clock() + timedelta(minutes=1))
    message, began, taken = parse(newer), threading.Event(), list[Taken]()

    def take() -> None:
        began.set()
        taken.append(week.hear(older))

    with other.alone_with(message, body=newer) as is_outdated:
        assert not is_outdated
        thread = threading.Thread(target=take)
        thread.start()
        began.wait()
        with pytest.raises(psycopg.errors.LockNotAvailable), impatient.alone_with(message, body=newer):
            raise AssertionError("two have the same game")
        assert taken == []
        assert Ingest(week.ledger, other, clock=week.clock).take(week.message("quote", "g2"), subject="s") is Taken.DEAD
        other.remember(message, body=newer)
    thread.join()
    assert taken == [Taken.REPEATED]
    with impatient.alone_with(message, body=newer) as is_outdated:
        assert is_outdated
