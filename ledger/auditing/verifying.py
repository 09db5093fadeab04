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
from ledger.auditing.looking import looks
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
from ledger.ids import OFFICE, position_token

Progress = Callable[[int, int], None]


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
        Gates(board, books.bets),
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
    source: Source,
    tree: TreeCheck,
    checks: Iterable[Check],
    *,
    progress: Progress,
    office: WeekInOffice | None = None,
    beside: bool | None = None,
) -> Iterator[Finding]:
    """Yield all that is wrong with a log, in order of position; what is missing comes last.

    `checks` are those of `checks_of`, and more; `office` is the week as the office has it, where its log is at hand.
    `beside` is as for `looks`, and so is what this raises.
    """
    held, read = Checks(*checks, *([office] if office else [])), 0
    for look in looks(source, tree, office, beside=beside):
        yield from look.findings
        if look.facts is not None:
            yield from held.take(look.facts)
            read += len(look.facts)
        for judged, trouble in look.judged:
            read += 1
            if trouble:
                yield Finding("line", position_token(source.log, read), trouble)
            if judged is not None:
                yield from held.take([judged])
        progress(read, source.size)
    if office is not None:
        office.size = read
    yield from held.end()


def first_of_each_kind(findings: Iterable[Finding]) -> list[Finding]:
    """Return the first finding of each kind, in the order in which they were found."""
    first: dict[str, Finding] = {}
    for finding in findings:
        first.setdefault(finding.kind, finding)
    return list(first.values())
