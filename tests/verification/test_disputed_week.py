"""Operators' rulings, held by both verifiers: an honest week is silent, and each rule that is broken is named by both.

Whoever tampers here owns the key, and signs everything anew: the stranger's program and the service's own audit find
the same difference at the same event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.ids import OFFICE
from tests.database import Database
from tests.disputed_week import disputed_week
from tests.examples import WEEK
from tests.fairpool.broken_rules import Lines, findings
from tests.played_week import SIGNER, export_lines
from tests.verification.copies import Copy, Line
from tests.verification.disputes import BROKEN, Disputed, Tampered
from tests.verification.stranger import verify


@pytest.fixture(scope="module")
def disputed(database: Database) -> Iterator[Disputed]:
    """One week in which operators ruled, for all tests here."""
    database.empty()
    with disputed_week(database.dsn) as week:
        lines, office = export_lines(week.datastore), export_lines(week.datastore, OFFICE)
        yield Disputed(lines, office, {name: str(case) for name, case in week.cases.items()})


def test_honest_week_with_disputes_is_silent(disputed: Disputed, tmp_path: Path) -> None:
    """Its log and the office's, to both verifiers."""
    assert findings(Lines(disputed.lines)) == []
    assert findings(Lines(disputed.office, OFFICE)) == []
    for name, lines in (("week", disputed.lines), ("office", disputed.office)):
        told = verify(Copy(lines).write(tmp_path / name))
        assert (told.code, told.err) == (0, ""), told.out


def test_week_in_dispute_is_verified_up_to_where_it_is_cut(disputed: Disputed, tmp_path: Path) -> None:
    """Also between a ruling and the end of its case."""
    final = Copy(disputed.lines).of("week.finalised")["position"]
    ruling = Tampered(disputed).rulings("stadium closed")[0]["position"]
    for size in [*range(61, final, 31), ruling, ruling + 1, ruling + 2]:
        told = verify(Copy(disputed.lines[:size]).write(tmp_path / str(size)))
        assert (told.code, told.err) == (0, ""), (size, told.out)


@pytest.mark.parametrize(
    ("kind", "tamper"),
    [pytest.param(kind, tamper, id=tamper.__name__) for kind, tampers in BROKEN.items() for tamper in tampers],
)
def test_broken_rule_is_named_by_both_verifiers(
    disputed: Disputed, tmp_path: Path, kind: str, tamper: Callable[[Tampered], Line]
) -> None:
    """By its kind, at the event where it shows; what was signed anew fits."""
    copy = Tampered(disputed)
    shows = tamper(copy)
    copy.renumber()
    token = f"{WEEK}:{shows['position']}"
    told = verify(copy.write(tmp_path, signer=SIGNER)).out
    found = findings(Lines(copy.lines))
    assert f"{kind}: {token}: " in told, told
    assert (kind, token) in {(finding.kind, finding.at) for finding in found}, "\n".join(map(str, found[:9]))
    assert not {"line", "position", "version", "tree"} & {line.partition(":")[0] for line in told.splitlines()}, told


def test_voided_bet_that_is_left_open_is_caught(disputed: Disputed, tmp_path: Path) -> None:
    """With its balance: the audit names the chunk that leaves it open, the stranger the end that says all is done."""
    copy = Tampered(disputed)
    returned = copy.settling("one bet", "account.stake_returned")
    chunk = copy.settling("one bet", "settlement.chunk_settled", 1)
    completed = copy.settling("one bet", "settlement.completed")
    copy.fit_balances(returned["stream"], -returned["data"]["amount"], behind=returned["position"])
    copy.events.remove(returned)
    copy.renumber()
    assert f"settlement: {WEEK}:{completed['position']}: " in verify(copy.write(tmp_path, signer=SIGNER)).out
    assert f"{WEEK}:{chunk['position']}" in {each.at for each in findings(Lines(copy.lines))}


def test_week_is_not_settled_while_a_game_has_voids_alone(disputed: Disputed, tmp_path: Path) -> None:
    """Its resolutions are complete, and no source said how it ended."""
    copy = Tampered(disputed)
    void = copy.rulings("one bet")[0]
    result = next(e for e in copy.events if (e["type"], e["stream"]) == ("settlement.result_recorded", void["stream"]))
    settled = copy.of("week.settled")
    copy.events = [*copy.events[: copy.events.index(result)], copy.of("week.closed"), settled]
    copy.renumber()
    token, game = f"{WEEK}:{settled['position']}", void["data"]["game_id"]
    assert f"settlement: {token}: game {game} is not resolved" in verify(copy.write(tmp_path, signer=SIGNER)).out
    assert f"settlement: {token}: the week is settled while game {game} is not" in map(str, findings(Lines(copy.lines)))
