"""The house rules, as functions that find what breaks them. Each complaint says what to do instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("api", "fairpool", "feeds", "ledger", "projections")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

BANNED_TEXT = {
    r"\b(TODO|FIXME|XXX|HACK)\b": "do it now, or open an issue",
    r"# type: ignore(?!\[)": "name the one error that is meant: type: ignore[code]",
    r"# noqa(?!: [A-Z]+\d)": "name the one rule that is meant: noqa: CODE",
    r"(pypi|npmjs|crates|golang)\.(org|io|com)|pythonhosted": "name packages, not the host of a registry",
    r"(?<![\w.:/~}-])/(home|root|Users|work|mnt|srv)/": "no path of one machine: derive it, or make it a setting",
}
EDGE_CALLS = {
    "datetime.now": "pass the instant in",
    "datetime.utcnow": "pass the instant in",
    "datetime.today": "pass the instant in",
    "date.today": "pass the day in",
    "time.time": "pass the instant in; to wait, time.monotonic",
    "os.urandom": "pass what must be random in",
}
EDGE_NAMES = {
    "uuid1": "pass the id in, or derive it with uuid5",
    "uuid4": "pass the id in, or derive it with uuid5",
    "random": "pass a seeded random.Random in",
    "secrets": "pass the secret in",
}
LIBRARY_HOMES = {
    "eventsourcing": ("ledger/aggregate.py", "ledger/recorder.py", "ledger/datastore.py"),
    "nats": ("feeds/",),
    "pyarrow": ("fairpool/exports/parquet.py",),
    "stripe": ("feeds/payments/", "fairpool/sandbox/"),
    "fastapi": ("api/",),
    "typer": ("fairpool/",),
}
SQL = re.compile(
    r"^\s*(SELECT\s|INSERT INTO\s|UPDATE \w+ SET\s|DELETE FROM\s|TRUNCATE\s|(CREATE|ALTER|DROP) (TABLE|DATABASE))"
)
QUERY_RUNNERS = ("_all", "_one", "_number", "_records", "_rows", "_run")
ASSERTING = re.compile(r"raises|then|fail|warns|(assert|check|expect)\w*")


class Breach(NamedTuple):
    """A place where a rule is broken, and what to do instead."""

    path: str
    line: int
    advice: str

    def __str__(self) -> str:
        """Return it as compilers do, so that an editor finds the place."""
        return f"{self.path}:{self.line}: {self.advice}"


@dataclass(frozen=True)
class Module:
    """A Python file of the project."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The file as Python reads it."""
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All that stands in the file."""
        return list(ast.walk(self.tree))

    @property
    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """All functions and methods."""
        return (node for node in self.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

    def breach(self, node: ast.AST, advice: str) -> Breach:
        """Complain about a place in this file."""
        return Breach(self.path, getattr(node, "lineno", 1), advice)


@dataclass(frozen=True)
class Project:
    """The files of a checkout."""

    root: Path

    @cached_property
    def modules(self) -> list[Module]:
        """The packages and their tests."""
        return [Module(self._name(path), path.read_text(encoding="utf-8")) for path in self._files((".py",))]

    @property
    def code(self) -> list[Module]:
        """The packages alone."""
        return [module for module in self.modules if module.path.startswith(PACKAGES)]

    @property
    def tests(self) -> list[Module]:
        """The test modules."""
        return [module for module in self.modules if Path(module.path).name.startswith("test_")]

    @property
    def queries(self) -> Iterator[tuple[str, str]]:
        """Path and text of each file of named queries."""
        for path in self._files((".sql",)):
            if path.parent.name != "migrations":
                yield self._name(path), path.read_text(encoding="utf-8")

    @property
    def texts(self) -> Iterator[tuple[str, str]]:
        """Path and text of everything that people write."""
        loose = [path for path in self.root.iterdir() if path.is_file()]
        written = (
            *(".py", ".sql", ".md", ".html", ".css", ".js", ".ts", ".json", ".toml", ".yml", ".conf"),
            *(".example", ".lock", ""),
        )
        for path in sorted({*loose, *self._files(written)}):
            if path.suffix in written:
                yield self._name(path), path.read_text(encoding="utf-8")

    def _files(self, suffixes: tuple[str, ...]) -> list[Path]:
        folders = (*PACKAGES, "tests", "docs", "deploy", ".ci")
        found = (path for folder in folders for path in sorted((self.root / folder).rglob("*")))
        return [
            path for path in found if path.is_file() and path.suffix in suffixes and "node_modules" not in path.parts
        ]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def files_are_short(project: Project) -> Iterator[Breach]:
    """A file is read in one sitting."""
    for module in project.modules:
        lines = module.text.count("\n")
        if lines > FILE_LINES_MAX:
            yield Breach(module.path, lines, f"{lines} lines, above {FILE_LINES_MAX}: split it by what it is about")


def functions_are_short(project: Project) -> Iterator[Breach]:
    """A function fits on a screen."""
    for module in project.modules:
        for function in module.functions:
            lines = (function.end_lineno or 0) - function.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                advice = f"{function.name} has {lines} lines, above {FUNCTION_LINES_MAX}: give its parts names"
                yield module.breach(function, advice)


def annotations_are_lazy(project: Project) -> Iterator[Breach]:
    """Every module may name types that come later, on every Python that we support."""
    for module in project.modules:
        defines = any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in module.nodes)
        if defines and "from __future__ import annotations\n" not in module.text:
            yield Breach(module.path, 1, "begin with: from __future__ import annotations")


def nothing_is_left_over(project: Project) -> Iterator[Breach]:
    """No notes to ourselves, no blanket silencing, nothing of one machine or one registry."""
    for path, text in project.texts:
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, advice in BANNED_TEXT.items():
                if re.search(pattern, line):
                    yield Breach(path, number, advice)


def nothing_is_unfinished_or_swallowed(project: Project) -> Iterator[Breach]:
    """What is called does its work, what is said goes to a reader, what fails is heard of."""
    for module in project.code:
        for node in module.nodes:
            match node:
                case ast.Name(id="NotImplementedError"):
                    yield module.breach(node, "write it, or make the method abstract")
                case ast.Call(func=ast.Name(id="print")):
                    yield module.breach(node, "write to sys.stdout where output is the job, else log")
                case ast.ExceptHandler(type=None):
                    yield module.breach(node, "name the error that is expected")
                case ast.ExceptHandler(
                    type=ast.Name(id="Exception" | "BaseException"), body=[ast.Pass() | ast.Continue()]
                ):
                    yield module.breach(node, "let it rise, or name the error that is expected")
                case ast.Call(func=ast.Name(id="suppress"), args=[ast.Name(id="Exception" | "BaseException")]):
                    yield module.breach(node, "let it rise, or name the error that is expected")


def time_and_chance_come_from_outside(project: Project) -> Iterator[Breach]:
    """Instants, ids and random numbers are passed in, so that every run can be repeated."""
    for module in project.code:
        for node in module.nodes:
            match node:
                case ast.Attribute(value=ast.Name(id=owner), attr=name) if f"{owner}.{name}" in EDGE_CALLS:
                    yield module.breach(node, EDGE_CALLS[f"{owner}.{name}"])
                case ast.Import(names=names) | ast.ImportFrom(module="uuid", names=names):
                    for imported in names:
                        if imported.name in EDGE_NAMES:
                            yield module.breach(node, EDGE_NAMES[imported.name])
                case ast.ImportFrom(module="random" | "secrets" as source):
                    yield module.breach(node, EDGE_NAMES[source])


def libraries_stay_behind_their_doors(project: Project) -> Iterator[Breach]:
    """A library that may be exchanged is known to few files."""
    for module in project.code:
        for node in module.nodes:
            for name in _imported(node):
                homes = LIBRARY_HOMES.get(name.split(".")[0])
                if homes is not None and not module.path.startswith(homes):
                    yield module.breach(
                        node, f"{name} is imported in {', '.join(homes)} only: go through what is there"
                    )


def sql_stands_in_sql_files(project: Project) -> Iterator[Breach]:
    """A query has a name, a purpose and a file of its own kind."""
    for module in project.code:
        for node in module.nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
                yield module.breach(node, "give the query a name in the .sql file beside its reader")


def queries_say_what_they_are_for(project: Project) -> Iterator[Breach]:
    """A line of purpose stands under each query's name."""
    for path, text in project.queries:
        for found in re.finditer(r"^-- name: (\w+)\n(?!-- \w)", text, re.MULTILINE):
            line = text.count("\n", 0, found.start()) + 1
            yield Breach(path, line, f"say in a comment line under its name what {found[1]} is for")


def queries_are_read_by_their_names(project: Project) -> Iterator[Breach]:
    """Each query is run by the module beside it, each name that is run exists, the method bears it."""
    modules = {module.path: module for module in project.modules}
    for path, text in project.queries:
        names = re.findall(r"^-- name: (\w+)$", text, re.MULTILINE)
        reader = modules.get(path.removesuffix(".sql") + ".py")
        if reader is None:
            yield Breach(path, 1, f"queries are read by the module beside them: there is no {path[:-4]}.py")
            continue
        used = {node.value for node in reader.nodes if isinstance(node, ast.Constant)}
        for name in names:
            if name not in used and not name.startswith("schema"):
                yield Breach(path, 1, f"nothing in {reader.path} runs {name}: drop it")
        for function in reader.functions:
            for node, name in _queries_run(function):
                if name not in names:
                    yield reader.breach(node, f"there is no query {name} in {path}")
                elif isinstance(node, ast.Call) and function.name.lstrip("_") != name:
                    yield reader.breach(node, f"call the method as its query, {name}")


def modules_hold_no_state(project: Project) -> Iterator[Breach]:
    """What changes belongs to an object that somebody made; a module holds constants."""
    makers = {"dict", "list", "set", "defaultdict", "deque", "Counter", "count"}
    for module in project.code:
        for node in module.nodes:
            if isinstance(node, ast.Global):
                yield module.breach(node, "keep the state in an object, and pass that")
        for node in module.tree.body:
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=value)
                ):
                    built = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in makers
                    display = isinstance(
                        value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
                    )
                    if built or (display and not name.isupper() and name != "__all__"):
                        yield module.breach(node, f"{name}: a constant in capitals, or a field of an object")


def tests_promise_and_assert(project: Project) -> Iterator[Breach]:
    """A test opens with what it promises, and can fail."""
    for module in project.tests:
        for function in module.functions:
            if not function.name.startswith("test_"):
                continue
            if not ast.get_docstring(function):
                yield module.breach(function, f"open {function.name} with one line that says what it promises")
            if not any(_asserts(node) for node in ast.walk(function)):
                yield module.breach(function, f"{function.name} asserts nothing: let it be able to fail")


RULES: tuple[Callable[[Project], Iterator[Breach]], ...] = (
    files_are_short,
    functions_are_short,
    annotations_are_lazy,
    nothing_is_left_over,
    nothing_is_unfinished_or_swallowed,
    time_and_chance_come_from_outside,
    libraries_stay_behind_their_doors,
    sql_stands_in_sql_files,
    queries_say_what_they_are_for,
    queries_are_read_by_their_names,
    modules_hold_no_state,
    tests_promise_and_assert,
)


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(name), level=0):
            return [name]
    return []


def _queries_run(function: ast.AST) -> Iterator[tuple[ast.Subscript | ast.Call, str]]:
    """Yield the names that a function looks up in a mapping of queries, or gives a method that runs them."""
    for node in ast.walk(function):
        match node:
            case ast.Subscript(value=ast.Attribute(attr="sql" | "_sql"), slice=ast.Constant(value=str(name))):
                yield node, name
            case ast.Subscript(value=ast.Call(func=ast.Name(id="queries")), slice=ast.Constant(value=str(name))):
                yield node, name
            case ast.Call(func=ast.Attribute(attr=runner), args=[ast.Constant(value=str(name)), *_]):
                if runner in QUERY_RUNNERS:
                    yield node, name


def _asserts(node: ast.AST) -> bool:
    match node:
        case ast.Assert():
            return True
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return ASSERTING.fullmatch(name) is not None
    return False
