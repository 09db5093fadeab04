"""The catalogue of projections, and what holds for each of them."""

from __future__ import annotations

import ast
import inspect
import random
import textwrap
from typing import Any

import pytest

from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries
from projections.accounts import Accounts
from projections.bets import Bets
from projections.board import Board
from projections.cases import Cases
from projections.catalogue import UnknownProjection, migrations, projections
from projections.journal import Journal
from projections.leaderboard import Leaderboard
from projections.payments import PaymentsView
from projections.pools import Pools
from projections.projection import Projection
from projections.registrations import Registrations
from projections.rows import Row, Rows, columns
from projections.settlements import Settlements
from projections.tree import Trees
from projections.view import View
from projections.weeks import Weeks
from tests.projections.book import KINDS_OF_MOVES, Book, fold, random_week
from tests.projections.case_book import random_cases
from tests.projections.office import random_office

VIEWS: tuple[type[View], ...] = (
    Weeks,
    Pools,
    Accounts,
    Bets,
    Leaderboard,
    Board,
    Settlements,
    Registrations,
    PaymentsView,
    Cases,
    Trees,
    Journal,
)


@pytest.mark.parametrize("projection", projections(), ids=lambda projection: projection.name)
def test_a_projection_is_given_the_events_that_it_folds(projection: Projection) -> None:
    """`FOLDS` names those that `keys` and `apply` look for, so that none of them passes by unseen."""
    if not projection.READS_EVENTS:
        return
    source = ast.parse(textwrap.dedent(inspect.getsource(type(projection))))
    patterns = [node.cls for node in ast.walk(source) if isinstance(node, ast.MatchClass)]
    sought = {pattern.id for pattern in patterns if isinstance(pattern, ast.Name)} - {"UUID"}
    assert sought
    module = inspect.getmodule(type(projection))
    assert all(issubclass(getattr(module, name), projection.FOLDS) for name in sought)
    assert {kind.__name__ for kind in projection.FOLDS} <= sought


def test_projections_are_found_by_their_names() -> None:
    """All in one order, and each alone."""
    names = [projection.name for projection in projections()]
    assert names == [
        "weeks",
        "pools",
        "accounts",
        "bets",
        "leaderboard",
        "board",
        "settlements",
        "registrations",
        "payments",
        "cases",
        "tree",
        "journal",
    ]
    assert [projection.name for projection in projections("bets")] == ["bets"]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    """The operator sees what to choose from."""
    with pytest.raises(UnknownProjection, match=r"'bet': choose weeks, pools.*bets"):
        projections("bet")


def test_every_table_has_a_migration_of_its_own_name() -> None:
    """The positions first, then one per projection, and what it has; no name twice, as each runs once."""
    names = [migration.name for migration in migrations()]
    assert names[0] == "projections/positions.sql#schema"
    assert len(names) == len(set(names))
    for projection in projections():
        made = names.index(f"projections/{projection.name}.sql#schema")
        tables = ", ".join(row_type.TABLE for row_type in projection.tables)
        assert names.index(f"projections/{projection.name} has {tables}") > made


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.NAME)
def test_a_query_has_the_name_of_the_method_that_runs_it(view: type[View]) -> None:
    """And each method has its query."""
    asked = {name for name in queries("projections", f"{view.NAME}.sql") if not name.startswith("schema")}
    assert asked == {name for name in vars(view) if not name.startswith("_") and name != "NAME"}


@pytest.mark.parametrize("projection", projections(), ids=lambda projection: projection.name)
def test_a_row_has_the_columns_of_its_table(projection: Projection, datastore: Datastore) -> None:
    """The same names, and the primary key that a rebuild of one log relies on."""
    for row_type in projection.tables:
        with datastore.connection() as connection:
            cursor = cursor_on(connection)
            found = cursor.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
                (row_type.TABLE,),
            ).fetchall()
            keys = cursor.execute(
                "SELECT a.attname FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)"
                " JOIN pg_attribute a USING (attnum)"
                " WHERE i.indrelid = %s::regclass AND i.indisprimary AND a.attrelid = i.indrelid ORDER BY place",
                (row_type.TABLE,),
            ).fetchall()
        assert tuple(name for (name,) in found) == columns(row_type)
        assert [name for (name,) in keys] == [row_type.KEY, "log"]


@pytest.mark.parametrize("projection", projections(), ids=lambda projection: projection.name)
def test_keys_name_every_row_that_a_fact_needs(projection: Projection) -> None:
    """Fact by fact, with nothing loaded but what `keys` names, the rows become those of one fold."""
    chance = random.Random(1)
    moves = [(chance.randrange(KINDS_OF_MOVES), chance.randrange(50), chance.randrange(500)) for _ in range(600)]
    for book in (random_week("2026-W47", moves), random_cases(moves), random_office(moves)):
        expected = fold(projection, book.facts)
        assert fold_singly(projection, book) == {each: expected.all(each) for each in projection.tables}


def fold_singly(projection: Projection, book: Book) -> dict[type[Row], dict[Any, Row]]:
    tables: dict[type[Row], dict[Any, Row]] = {row_type: {} for row_type in projection.tables}
    for fact in book.facts:
        touched = projection.touched([fact])
        rows = Rows({row_type: {key: tables[row_type].get(key) for key in touched[row_type]} for row_type in touched})
        projection.fold(rows, [fact])
        for row_type, added, changed, removed in rows.changes():
            tables[row_type] |= {row.key: row for row in added + changed}
            for key in removed:
                del tables[row_type][key]
    return tables
