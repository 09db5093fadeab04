"""Promises of the benchmarks' frame, on made-up figures: nothing here depends on how quick anything is."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner

from fairpool import cli
from fairpool.commands import bench
from tests.benchmarks import machine, measuring, pages, plots, results, run, svg, table
from tests.benchmarks.figures import Figure, Ground, Round, Sample, Series
from tests.benchmarks.results import Layer, Measured

STAKES = Figure("1", "stakes", "the plan's SQL", "stakes/s", reach=4, dream=6)
DELAY = Figure("5", "p99 of bets", "the peer's", "ms", reach=1, dream=0.5, at_least=False)
LARGE = Figure("11", "stakes, large log", "small log", "stakes/s", reach=0.85, dream=0.95)
MEMORY = Figure("m1", "API process", "limit", "MB", reach=1, dream=0.5, at_least=False)
# Twice the machine was slow: each median by itself would say 6, the pairs say 5.
DRIFTING = [Sample(50, 10), Sample(60, 20), Sample(30, 5)]
SERVER = {"fsync": "on", "synchronous_commit": "on", "postgresql": "18.4"}
MACHINE = {
    "cpu": "made up",
    "cores": 2,
    "memory_mb": 2048,
    "kernel": "Linux",
    "file_system": "ext4",
    "fdatasync_us": 90,
}
SETTINGS = {**SERVER, "commit": "0123456789ab", "quick": True, "rounds": 2}
STAKES_MEASURED = Measured("stakes", (STAKES, LARGE), {"1": DRIFTING, "11": [Sample(8, 10)]})
WEB_BROKEN = Measured("web", (DELAY,), {"5": [Sample(1, 2)]}, error="Refused: 503")


def report(*measured: Measured) -> dict[str, object]:
    return results.report(results.rows(measured), machine=MACHINE, settings=SETTINGS)


def test_a_ratio_is_the_median_of_the_pairs() -> None:
    """What drifts from round to round, drifts for both: the ratio is that of pairs, with its spread."""
    row = results.row(STAKES, DRIFTING)
    assert (row.ours, row.theirs, row.ratio, row.spread, row.rounds) == (50, 10, 5, (3, 6), 3)
    assert row.met and not results.row(STAKES, [Sample(39, 10)]).met


def test_a_figure_may_be_one_that_is_to_be_small() -> None:
    """Of delays and memory the reach is the most that is allowed."""
    assert results.row(DELAY, [Sample(9, 9)]).met
    assert not results.row(DELAY, [Sample(10, 9)]).met


def test_rows_stand_in_the_order_of_their_ids_and_can_be_chosen() -> None:
    """Numbers come in their order, and memory last."""
    measured = [Measured("memory", (MEMORY,)), WEB_BROKEN, STAKES_MEASURED]
    assert [row.id for row in results.rows(measured)] == ["1", "5", "11", "m1"]
    assert [row.id for row in results.rows(measured, only=frozenset({"11", "m1"}))] == ["11", "m1"]


def test_a_benchmark_that_broke_off_meets_nothing_and_says_why() -> None:
    """Its rounds until then stay; one that did not even name its figures is a row by its own name."""
    broken, missing = results.rows([WEB_BROKEN, Measured("draw", error="ModuleNotFoundError: draw")])[::-1]
    assert (broken.id, broken.ratio, broken.met, broken.error) == ("5", 0.5, False, "Refused: 503")
    assert (missing.id, missing.ratio, missing.met) == ("draw", None, False)


def test_the_report_has_the_shape_that_programs_rely_on() -> None:
    """Three keys; rows have id, work, peer, ours, theirs, ratio, reach and met; an error only where there was one."""
    made = json.loads(json.dumps(report(STAKES_MEASURED, WEB_BROKEN)))
    assert list(made) == ["rows", "machine", "settings"]
    for row in made["rows"]:
        assert {"id", "work", "peer", "ours", "theirs", "ratio", "reach", "met"} <= set(row)
    assert [row["id"] for row in made["rows"] if "error" in row] == ["5"]


def test_what_was_measured_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The file between the processes keeps figures, rounds, series, layers and settings."""
    layer = Layer("In the ledger", "decide", ("1", "256"), (20.0, 10.5), "the event alone", (2.0, 2.0))
    line = Series("Cost", "wall", "events", "µs", ((1, 2.0), (10, 3.0)))
    whole = Measured("stakes", (STAKES,), {"1": DRIFTING}, [line], [layer], dict(SERVER), None)
    whole.save(tmp_path / "measured.json")
    assert Measured.load(tmp_path / "measured.json") == whole


def test_the_table_shows_every_figure_on_what_it_was_measured_and_what_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where there is no terminal, nothing is cut."""
    table.show(report(STAKES_MEASURED, WEB_BROKEN))
    told = capsys.readouterr().out
    for text in (
        "the plan's SQL",
        "3 – 6",
        "≥ 4",
        "≤ 1",
        "yes",
        "failed",
        "5 failed: Refused: 503",
        "fsync on",
        "90 µs",
    ):
        assert text in told


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.123456, "0.123"), (12.345, "12.3"), (27_432.1, "27,432"), (5, "5")]
)
def test_numbers_have_the_digits_that_count(value: float | None, text: str) -> None:
    """Three digits, or all before the point."""
    assert table.number(value) == text


def test_pages_and_plots_are_written_and_are_the_same_each_time(tmp_path: Path) -> None:
    """A folder gets the table, the report, the layers and a plot for each name, as well-formed SVG."""
    lines = [
        Series("Bets by processes", label, "processes", "bets/s", ((1, 900), (2, 1_500))) for label in ("many", "few")
    ]
    layers = [
        Layer("One bet", "decide", ("1", "256"), (20.0, 10.5), "the event alone", (2.0, 2.0)),
        Layer("One bet", "in all", ("1", "256"), (500.0, 50.0)),
    ]
    measured = [Measured("scaling", series=lines, layers=layers), STAKES_MEASURED, WEB_BROKEN]
    for folder in (tmp_path / "one", tmp_path / "other"):
        pages.write(folder, report(*measured), measured)
    names = ["bets-by-processes.svg", "figures.json", "figures.md", "figures.svg", "layers.md"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == names
    for name in names:
        text = (tmp_path / "one" / name).read_text()
        assert text == (tmp_path / "other" / name).read_text()
        if name.endswith(".svg"):
            assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "| decide | 20 | 10.5 |  |" in (tmp_path / "one" / "layers.md").read_text()
    assert "| – the event alone | 2 | 2 | 5.25× |" in (tmp_path / "one" / "layers.md").read_text()


def test_axes_have_round_numbers() -> None:
    """Linear ones begin at zero and end above the greatest value; logarithmic ones have whole powers."""
    assert svg.steps(21_400) == [0, 5_000, 10_000, 15_000, 20_000, 25_000]
    assert svg.steps(1.0) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert svg.powers(20_000, 1_000_000) == [10_000, 100_000, 1_000_000]
    assert svg.powers(0.3, 4, base=2) == [0.25, 0.5, 1, 2, 4]
    assert [svg.short(value) for value in (0.5, 250, 20_000, 1e7)] == ["0.5", "250", "20k", "10M"]


def test_bars_of_figures_that_are_reached_go_to_the_right() -> None:
    """A figure that is to be small goes to the right where it is small."""
    rows = results.report(
        [results.row(DELAY, [Sample(1, 4)]), results.row(STAKES, [Sample(1, 1)])], machine={}, settings={}
    )["rows"]
    good, bad = (bar for bar in ElementTree.fromstring(plots.ratios(rows)).iter() if "bar" in bar.get("class", ""))
    assert float(good.attrib["x"]) == float(bad.attrib["x"]) + float(bad.attrib["width"])


@pytest.fixture(name="measure")
def measure_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Measured]]:
    """Run a made-up benchmark in this process, without a server."""

    @contextmanager
    def no_server(folder: Path) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(dsn="")

    monkeypatch.setattr(measuring, "EmbeddedPostgres", no_server)
    monkeypatch.setattr(measuring, "server_settings", lambda dsn: dict(SERVER))

    def measured(name: str = "made_up", **contents: object) -> Measured:
        if contents:
            monkeypatch.setitem(sys.modules, f"tests.benchmarks.{name}", SimpleNamespace(**contents))
        monkeypatch.setattr(sys, "argv", ["measuring", name, str(tmp_path), "--rounds=3", "--plots"])
        code = measuring.main()
        found = Measured.load(tmp_path / measuring.OUT)
        assert code == int(found.error is not None)
        return found

    yield measured


def rounds_of(*samples: dict[str, Sample]) -> Callable[[Ground], object]:
    """A benchmark whose rounds measure these samples, and which then breaks off."""

    @contextmanager
    def rounds(ground: Ground) -> Iterator[Round]:
        yield iter(samples).__next__

    return rounds


def test_a_benchmark_is_measured_in_rounds(measure: Callable[..., Measured]) -> None:
    """Each round is one sample of each figure; series come behind, and the server's settings are noted."""
    line = Series("Cost", "wall", "events", "µs", ((1, 2.0),))
    taken = [{"1": Sample(number, 1)} for number in (1, 2, 3)]
    found = measure(FIGURES=(STAKES,), rounds=rounds_of(*taken), series=lambda ground: iter([line]))
    assert found.samples == {"1": [Sample(1, 1), Sample(2, 1), Sample(3, 1)]}
    assert (found.series, found.settings, found.error) == ([line], SERVER, None)


def test_a_benchmark_that_fails_keeps_the_rounds_that_it_measured(measure: Callable[..., Measured]) -> None:
    """Why it broke off is noted."""
    found = measure(FIGURES=(STAKES,), rounds=rounds_of({"1": Sample(8, 2)}))
    assert (found.samples, found.error) == ({"1": [Sample(8, 2)]}, "StopIteration: ")


def test_a_round_that_measures_other_figures_is_an_error(measure: Callable[..., Measured]) -> None:
    """No figure goes missing unseen."""
    found = measure(FIGURES=(STAKES, DELAY), rounds=rounds_of({"1": Sample(8, 2)}))
    assert found.error == "ValueError: a round measured ['1'], and the figures are ['1', '5']"


def test_a_benchmark_that_is_not_there_is_an_error(measure: Callable[..., Measured]) -> None:
    """It is told by its name."""
    assert "No module named 'tests.benchmarks.never_written'" in str(measure("never_written").error)


def test_a_run_goes_on_behind_a_failure_and_ends_with_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All others are measured; standard output has the report and nothing else."""
    made = {"stakes": STAKES_MEASURED, "web": WEB_BROKEN}
    monkeypatch.setattr(machine, "machine", lambda folder: MACHINE)
    monkeypatch.setattr(run, "measure", lambda name, asked, folder: made[name])
    assert run.main(["web", "stakes", "--json", "--quick"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in told["rows"]] == ["1", "5", "11"]
    assert (told["settings"]["quick"], told["settings"]["rounds"]) == (True, 2)
    assert run.main(["stakes", "--json"]) == 0


def test_a_figure_that_nobody_has_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A slip in --only does not cost a run."""
    assert run.main(["--only", "1,99"]) == 1
    assert capsys.readouterr().err.startswith("bench: no figure is called 99: there are 1, 2, 11")


def test_each_benchmark_measures_the_figures_that_the_run_expects_of_it() -> None:
    """The run knows who measures what without importing it."""
    measured = {name: import_module(f"tests.benchmarks.{name}").FIGURES for name in run.BENCHMARKS}
    assert {name: tuple(figure.id for figure in figures) for name, figures in measured.items()} == run.BENCHMARKS


def test_only_the_benchmarks_of_the_figures_wanted_run() -> None:
    """Who works on one figure does not wait for all; plots add what is measured for them."""
    wanted = run.Asked(only=frozenset({"11", "3"}), rounds=5)
    assert wanted.benchmarks == ["stakes", "web"]
    assert run.Asked(only=frozenset({"3"}), rounds=5, plots=Path("docs")).benchmarks == ["web", *run.PLOTTED]


def test_a_program_that_hangs_is_ended_with_all_it_started() -> None:
    """A benchmark has a limit, and leaves no process behind."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as held:
        # Whoever lives holds the pipe open, the shell's own child as well.
        hanging = ["sh", "-c", "sleep 1000 & wait"]
        error = run.end_of(hanging, environment=os.environ, seconds=0, keeps=(writing,))
        os.close(writing)
        assert held.read() == ""
    assert error == "took longer than 0 s"


def test_a_program_that_fails_is_told_by_its_exit_code() -> None:
    """A crash without a word is heard of."""
    assert run.end_of(["false"], environment=os.environ, seconds=60) == "ended with exit code 1"


def test_a_server_that_does_not_wait_for_the_disk_is_refused(dsn: str) -> None:
    """Nothing is measured on it."""
    with pytest.raises(machine.NotDurable, match="synchronous_commit off"):
        machine.server_settings(make_conninfo(dsn, options="-c synchronous_commit=off"))


def test_a_folder_in_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There fsync costs nothing, and no figure would be true."""
    monkeypatch.setattr(machine, "file_system", lambda folder: "tmpfs")
    with pytest.raises(machine.NotDurable, match="set TMPDIR"):
        machine.machine(tmp_path)


def test_the_command_becomes_the_run_in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options are handed on; a folder for plots is named from where the command was given."""
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, command: became.append(command))
    monkeypatch.chdir(Path(__file__).parent)
    options = ["--quick", "--json", "--only=1,m1", "--rounds=3"]
    told = CliRunner().invoke(cli.application(), ["bench", *options, "--plots=out"])
    assert told.exit_code == 0, told.output
    out = Path(__file__).parent / "out"
    assert became == [[sys.executable, "-m", "tests.benchmarks.run", *options, f"--plots={out}"]]
    assert Path.cwd() == machine.ROOT


def test_outside_a_checkout_the_command_says_where_the_benchmarks_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are no part of the installed package."""
    monkeypatch.setattr(bench, "RUN", "tests.benchmarks.never_written")
    told = CliRunner().invoke(cli.application(), ["bench"])
    assert isinstance(told.exception, bench.NoCheckout) and "in a checkout" in str(told.exception)
