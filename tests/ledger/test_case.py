"""A case is opened with a reason, holds one proposal at a time, and ends once, by another operator's leave or not."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid5

import pytest

from ledger import ids
from ledger.account import KeyReused
from ledger.aggregate import Context
from ledger.case import (
    Case,
    CaseMoved,
    CaseNotOpen,
    NothingProposed,
    PreviewOutdated,
    ReasonNeeded,
    SecondOperatorNeeded,
    UnknownCase,
    UnknownSubject,
)
from ledger.events import CaseApplied, CaseApproved, CaseClosed, CaseOpened, CaseProposed, Event
from ledger.facts import Fact
from ledger.proposal import Proposal
from tests.examples import GAME, WEEK, proposal
from tests.given import STREAM, Given
from tests.given import given as given_any

ANN, BOB = "operator:ann", "operator:bob"
SUBJECT = f"game:{GAME}"
OPENED = CaseOpened(case_id=STREAM, reason="the feed had the sides swapped", subject=SUBJECT)
ASKED = proposal()
LARGE = proposal(needs_approval=True)


def proposed(what: Proposal = ASKED, seen: str = "p1") -> CaseProposed:
    return CaseProposed(change=what.text, preview_hash=seen)


def given(*history: Event) -> Given[Case]:
    """A case in which Ann did all of this, each by a request of its own: `a1`, `a2`, …"""
    facts = [
        Fact(log=WEEK, stream=STREAM, version=number, event=event, actor=ANN, request=f"a{number}")
        for number, event in enumerate(history, start=1)
    ]
    return given_any(Case, *facts)


def asking(command: Callable[[Case], object], *, actor: str = ANN, request: str = "new") -> Callable[[Case], object]:
    """The command, asked by an operator with a request."""

    def ask(case: Case) -> object:
        case.context = Context(log=WEEK, actor=actor, request=request)
        return command(case)

    return ask


def opening(subject: str = SUBJECT, reason: str = OPENED.reason, **who: str) -> Callable[[Case], object]:
    return asking(lambda case: case.open(subject=subject, reason=reason), **who)


def proposing(what: Proposal = ASKED, seen: str = "p1", **who: str) -> Callable[[Case], object]:
    return asking(lambda case: case.propose(what, preview_hash=seen), **who)


def approving(seen: str = "p1", **who: str) -> Callable[[Case], object]:
    return asking(lambda case: case.approve(preview_hash=seen), **{"actor": BOB} | who)


def closing(outcome: str = "nothing to correct", **who: str) -> Callable[[Case], object]:
    return asking(lambda case: case.close(outcome=outcome), **who)


def applying(resolution: int = 1) -> Callable[[Case], object]:
    def command(case: Case) -> object:
        case.require_ready(resolution=resolution)
        return case.conclude(outcome="applied")

    return asking(command)


APPLIED = (CaseApplied(), CaseClosed(outcome="applied"))
CLOSED = CaseClosed(outcome="nothing to correct")


def test_case_is_opened_with_its_reason() -> None:
    """The reason is kept without the space around it."""
    given().when(opening(reason="  the feed had the sides swapped\n")).then(OPENED)


@pytest.mark.parametrize(
    "subject",
    [SUBJECT, f"market:{GAME}", f"bet:{GAME}", f"week:{WEEK}", "projection:all", "dead-letter:7", "source:nfl"],
)
def test_case_is_about_something_that_has_a_name(subject: str) -> None:
    """A game, a market or a bet by its id; a week, a projection, a dead letter or a source by its name."""
    given().when(opening(subject)).then(CaseOpened(case_id=STREAM, reason=OPENED.reason, subject=subject))


@pytest.mark.parametrize(
    "subject", ["", "game", "game:", "game:g1", f"game:{str(GAME).upper()}", "week:", "week:\0", "player:7"]
)
def test_subject_that_names_nothing_is_refused(subject: str) -> None:
    """Readers look subjects up, so that none may stand in a log that cannot be read."""
    given().when(opening(subject)).raises(UnknownSubject, "nothing that a case can be about")


@pytest.mark.parametrize("reason", [" \n", "x" * 501, "a\0b", "\x1b[2J", "two\nlines", "half a \ud83d"])
def test_case_without_a_reason_is_refused(reason: str) -> None:
    """Nothing is done unexplained, or for a reason that a read model or a terminal would choke on."""
    given().when(opening(reason=reason)).raises(ReasonNeeded)


@pytest.mark.parametrize(
    ("history", "command", "event"),
    [
        ((OPENED,), proposing(), proposed()),
        ((OPENED, proposed()), proposing(LARGE, "p2"), proposed(LARGE, "p2")),
        ((OPENED, proposed()), approving(), CaseApproved()),
        ((OPENED, proposed(), proposed(LARGE, "p2")), approving("p2"), CaseApproved()),
        ((OPENED,), closing(), CLOSED),
        ((OPENED, proposed(), CaseApproved()), closing(), CLOSED),
    ],
)
def test_case_moves_on(history: tuple[Event, ...], command: Callable[[Case], object], event: Event) -> None:
    """A proposal takes the place of the one before, another operator agrees, and a case may end without a change."""
    given(*history).when(command).then(event)


@pytest.mark.parametrize(
    ("history", "command"),
    [
        ((OPENED,), opening(request="a1")),
        ((OPENED, proposed()), proposing(request="a2")),
        ((OPENED, proposed(), proposed(LARGE, "p2")), proposing(request="a2")),
        ((OPENED, proposed(), CaseApproved()), approving(request="a3")),
        ((OPENED, proposed(), CaseApproved()), approving(request="late")),
        ((OPENED, proposed(), CLOSED), proposing(request="a2")),
        ((OPENED, CLOSED), closing(request="a2")),
    ],
)
def test_command_that_comes_again_adds_nothing(history: tuple[Event, ...], command: Callable[[Case], object]) -> None:
    """By its request it finds its first answer, whatever happened since; who approves second adds nothing either."""
    given(*history).when(command).then()


@pytest.mark.parametrize(
    ("history", "command"),
    [
        ((OPENED,), opening(reason="another one", request="a1")),
        ((OPENED, proposed()), proposing(LARGE, request="a2")),
        ((OPENED, CLOSED), closing("another end", request="a2")),
    ],
)
def test_request_that_did_something_else_is_refused(
    history: tuple[Event, ...], command: Callable[[Case], object]
) -> None:
    """A key names one command."""
    given(*history).when(command).raises(KeyReused, "use a new key")


REFUSED: list[tuple[str, tuple[Event, ...], Callable[[Case], object], type[Exception]]] = [
    ("nothing to approve", (OPENED,), approving(), NothingProposed),
    ("nothing to apply", (OPENED,), applying(), NothingProposed),
    ("approval by the proposer", (OPENED, proposed(LARGE)), approving(actor=ANN), SecondOperatorNeeded),
    ("approval of another preview", (OPENED, proposed()), approving("p0"), PreviewOutdated),
    ("large change alone", (OPENED, proposed(LARGE)), applying(), SecondOperatorNeeded),
    (
        "approval of an earlier proposal",
        (OPENED, proposed(LARGE), CaseApproved(), proposed(LARGE, "p2")),
        applying(),
        SecondOperatorNeeded,
    ),
    ("game that moved on", (OPENED, proposed()), applying(resolution=2), PreviewOutdated),
    ("closed before it was applied", (OPENED, proposed(), CLOSED), applying(), CaseNotOpen),
    ("proposal in a closed case", (OPENED, CLOSED), proposing(), CaseNotOpen),
    ("approval in a closed case", (OPENED, proposed(), CLOSED), approving(), CaseNotOpen),
    ("closed twice", (OPENED, CLOSED), closing(), CaseNotOpen),
    ("never opened", (), proposing(), UnknownCase),
]


@pytest.mark.parametrize(("history", "command", "error"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_may_not_happen_is_refused(
    history: tuple[Event, ...], command: Callable[[Case], object], error: type[Exception]
) -> None:
    """Each refusal says which case it is about and leaves no event."""
    given(*history).when(command).raises(error, str(STREAM))


@pytest.mark.parametrize(
    "command",
    [
        lambda case: case.propose(LARGE, preview_hash="p2", seen=1),
        lambda case: case.approve(preview_hash="p1", seen=1),
        lambda case: case.require_ready(resolution=1, seen=1),
        lambda case: case.close(outcome="nothing to correct", seen=1),
    ],
)
def test_operator_who_looked_at_another_version_is_told(command: Callable[[Case], object]) -> None:
    """What they decide on is not what stands there."""
    given(OPENED, proposed()).when(asking(command, actor=BOB)).raises(CaseMoved, "at version 2")


@pytest.mark.parametrize(
    "history",
    [
        (OPENED, proposed()),
        (OPENED, proposed(LARGE), CaseApproved()),
        (OPENED, proposed(LARGE), proposed(seen="p2")),
    ],
)
def test_change_is_carried_out_and_the_case_closed(history: tuple[Event, ...]) -> None:
    """Where it needs nobody's leave, or has it."""
    case = given(*history).when(applying()).then(*APPLIED)
    assert not case.is_open


def test_proposal_is_read_as_it_was_written() -> None:
    """`case.proposed` holds it as canonical JSON, all fields included."""
    case = given(OPENED, proposed(LARGE)).aggregate
    assert case.is_open
    assert case.proposal == LARGE
    assert Proposal.parse(LARGE.text).text == LARGE.text


def test_id_of_a_case_follows_from_its_log_and_request() -> None:
    """So that a request opens one case at most, and auditors can recompute it."""
    assert len({ids.case_id(log, request) for log in (WEEK, ids.OFFICE) for request in ("r1", "r2")}) == 4
    assert ids.case_id(WEEK, "r1") == uuid5(ids.week_stream(WEEK), "case/r1")
