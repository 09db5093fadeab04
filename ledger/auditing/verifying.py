"""Verification: one pass over a log, in which its tree grows and every check sees every event that it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ledger.auditing.board import Board
from ledger.auditing.books import Books
from ledger.auditing.cases import Cases
from ledger.auditing.checks import Checks
from ledger.auditing.continuity import Continuity
from ledger.auditing.draws import DrawCheck
from ledger.auditing.findings import Check, Finding
from ledger.auditing.gates import Gates
from ledger.auditing.ids import Ids
from ledger.auditing.lines import Leaf, is_canonical
from ledger.auditing.office import OfficeBook, WeekInOffice
from ledger.auditing.payments import Payments
from ledger.auditing.prizes import Prizes
from ledger.auditing.results import Results
from ledger.auditing.rulings import Rulings
from ledger.auditing.settlement import Settlements
from ledger.auditing.sources import Source
from ledger.auditing.standings import Standings
from ledger.auditing.tree import TreeCheck
from ledger.auditing.week import WeekStates
from ledger.facts import Fact, UnknownTopic, UnreadableEvent, canonical, fact_of
from ledger.ids import OFFICE, position_token

Progress = Callable[[int, int], None]
_STEP = 1_000


def checks_of(log: str) -> list[Check]:
    """Return the checks that a log can be held against by itself. Some look at what those before them have folded."""
    if log == OFFICE:
        return [Continuity(log), OfficeBook(), Cases(log)]
    board, books, cases = Board(log), Books(), Cases(log)
    results = Results(board)
    return [
        Continuity(log),
        WeekStates(log, board),
        Ids(log),
        DrawCheck(),
        Gates(board),
        cases,
        Rulings(board, results, cases),
        board,
        books,
        Payments(),
        Settlements(board, books.bets, results),
        Standings(log, books),
        Prizes(log, books),
    ]


def verify(
    source: Source, tree: TreeCheck, checks: Iterable[Check], *, progress: Progress, office: WeekInOffice | None = None
) -> Iterator[Finding]:
    """Yield all that is wrong with a log, in order of position; what is missing comes last.

    `checks` are those of `checks_of`, and more; `office` is the week as the office has it, where its log is at hand.
    """
    held = Checks(*checks, *([office] if office else []))
    listed = office.listed.size if office and office.listed else 0
    for leaf in source.leaves():
        yield from tree.take(leaf.line)
        size = tree.tree.size
        fact, trouble = _fact(leaf)
        if fact is None or trouble:
            yield Finding("line", position_token(source.log, size), trouble)
        if fact is not None:
            yield from held.take(fact)
        if size == listed and office is not None:
            yield from office.root(size, tree.tree.root())
        if size % _STEP == 0:
            progress(size, source.size)
    progress(tree.tree.size, source.size)
    if tree.tree.size != source.size:
        at = position_token(source.log, tree.tree.size)
        yield Finding("position", at, f"is the last event, and there should be {source.size}")
    yield from tree.end()
    yield from held.end()


def first_of_each_kind(findings: Iterable[Finding]) -> list[Finding]:
    """Return the first finding of each kind, in the order in which they were found."""
    first: dict[str, Finding] = {}
    for finding in findings:
        first.setdefault(finding.kind, finding)
    return list(first.values())


def _fact(leaf: Leaf) -> tuple[Fact | None, str]:
    """Return the fact of a leaf, None where it cannot be read, and what is wrong with how it is written."""
    if leaf.record is None:
        return None, leaf.trouble
    try:
        fact = fact_of(leaf.record)
    except (UnknownTopic, UnreadableEvent) as error:
        return None, str(error)
    # What is written anew the same way needs no second look; data of another schema does.
    state = leaf.record.state
    if canonical(fact.event) != state and not is_canonical(state):
        return fact, "is not canonical: its data is written in another way than RFC 8785 has it"
    return fact, ""
