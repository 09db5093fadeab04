"""The project keeps its own rules. What may break one stands in `EXCEPTIONS`, with its reason."""

from __future__ import annotations

import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import house_rules
from tests.house_rules import RULES, Breach, Project

ROOT = Path(__file__).parent.parent
Rule = Callable[[Project], Iterator[Breach]]

EXCEPTIONS = {
    "files_are_short": {
        "docs/verify_week.py": "one file that a stranger reads and runs, with nothing of ours beside it",
        "ledger/events.py": "every event there is, on one page",
    },
    "nothing_is_left_over": {
        "tests/house_rules.py": "names what it looks for",
        "tests/test_house_rules.py": "shows what is looked for",
    },
    "nothing_is_unfinished_or_swallowed": {
        "ledger/aggregate.py": "the base of all aggregates leaves the fold to each",
    },
    "time_and_chance_come_from_outside": {
        "api/http/middleware.py": "the id of a request is for the log of the process, never for the ledger",
        "api/identity/tokens.py": "the default clock of tokens, which the composition root may replace",
        "fairpool/clocks.py": "the one place that asks the system for the time",
        "fairpool/core.py": "the composition root chooses where ids come from",
        "fairpool/crowd.py": "the demo's players draw from a generator with a seed",
        "fairpool/embedded_nats.py": "a server name that no stranger on the port can have",
        "fairpool/embedded_server.py": "the password of a server of our own",
        "fairpool/secrets_file.py": "makes the service's secrets, once",
        "fairpool/web.py": "the composition root chooses where ids come from",
    },
    "queries_are_read_by_their_names": {
        "ledger/recorder.py": "a recorder is of one log: its method is open, the database's function open_log",
    },
    "sql_stands_in_sql_files": {
        "fairpool/embedded_postgres.py": "makes the database before there is one to connect to",
        "ledger/migrate.py": "keeps the list of migrations, which no migration can make",
        "projections/tables.py": "composes statements from the columns of any projection's rows",
    },
}

EXAMPLES = {
    "files_are_short": ("ledger/odds.py", "\n" * 401),
    "functions_are_short": ("ledger/odds.py", "def payout():\n" + "    1\n" * 60),
    "annotations_are_lazy": ("ledger/odds.py", "def payout() -> int: ..."),
    "nothing_is_left_over": ("docs/betting.md", "TODO: say more"),
    "nothing_is_unfinished_or_swallowed": ("feeds/ingest.py", "try:\n    take()\nexcept Exception:\n    pass"),
    "time_and_chance_come_from_outside": ("ledger/week.py", "now = datetime.now(UTC)"),
    "libraries_stay_behind_their_doors": ("api/me.py", "from eventsourcing.domain import Aggregate"),
    "sql_stands_in_sql_files": ("api/me.py", "rows = fetch('SELECT name FROM players')"),
    "queries_say_what_they_are_for": ("projections/bets.sql", "-- name: bet\nSELECT 1"),
    "queries_are_read_by_their_names": ("projections/bets.sql", "-- name: bet\n-- A bet.\nSELECT 1"),
    "modules_hold_no_state": ("feeds/ingest.py", "seen = set()"),
    "tests_promise_and_assert": ("tests/test_me.py", "def test_me():\n    '''It holds.'''\n    call()"),
}


@pytest.fixture(scope="module", name="project")
def this_project() -> Project:
    """This checkout, read once."""
    return Project(ROOT)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_its_rules(project: Project, rule: Rule) -> None:
    """Nothing breaks a rule but what the table of exceptions names."""
    excepted = EXCEPTIONS.get(rule.__name__, {})
    breaches = [str(breach) for breach in rule(project) if breach.path not in excepted]
    assert not breaches, "\n".join([str(rule.__doc__), *breaches])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_an_exception_that_is_no_longer_needed_goes(project: Project, rule: Rule) -> None:
    """The table only gets shorter: each file in it still breaks its rule."""
    breaking = {breach.path for breach in rule(project)}
    assert set(EXCEPTIONS.get(rule.__name__, {})) <= breaking


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_finds_what_breaks_it(tmp_path: Path, rule: Rule) -> None:
    """Each rule complains about an example of what it is there for, and about nothing in an empty project."""
    assert list(rule(Project(tmp_path))) == []
    path, text = EXAMPLES[rule.__name__]
    (tmp_path / path).parent.mkdir()
    (tmp_path / path).write_text(text, encoding="utf-8")
    assert [breach.path for breach in rule(Project(tmp_path))] == [path]


@pytest.mark.parametrize(
    ("reader", "complaint"),
    [
        ("def bet(self): return self._one('bet')", None),
        ("def bet_of(self): return self._one('bet')", "call the method as its query, bet"),
        ("def bet(self): return self._one('bet') or self._one('bets')", "there is no query bets"),
    ],
)
def test_a_query_its_name_and_its_method_are_one(tmp_path: Path, reader: str, complaint: str | None) -> None:
    """A query that is run must exist, and the method that runs it has its name."""
    (tmp_path / "projections").mkdir()
    (tmp_path / "projections" / "bets.sql").write_text("-- name: bet\n-- A bet.\nSELECT 1", encoding="utf-8")
    (tmp_path / "projections" / "bets.py").write_text(reader, encoding="utf-8")
    complaints = [breach.advice for breach in house_rules.queries_are_read_by_their_names(Project(tmp_path))]
    assert (complaint is None and complaints == []) or any(str(complaint) in each for each in complaints)


def test_packages_import_in_one_direction() -> None:
    """The contracts of pyproject.toml hold: ledger, projections, feeds, api, fairpool, each on those before it."""
    linter = Path(sysconfig.get_path("scripts"), "lint-imports")
    ran = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
