"""Promises of the command line as a whole: what it lists is there, and nobody waits for the imports of others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fairpool import cli
from fairpool.commands import audit
from fairpool.commands.lazy import Lazy

ROOT = Path(__file__).parents[2]
# The web server, Stripe's client, NATS', an HTTP client and Parquet: each takes long to import.
HEAVY = ("fastapi", "httpx", "nats", "pyarrow", "stripe", "uvicorn")


@pytest.mark.parametrize("command", [*cli.COMMANDS, *audit.COMMANDS], ids=lambda command: command.place)
def test_what_is_listed_of_a_command_is_what_it_says_of_itself(command: Lazy) -> None:
    """The list of commands is made without importing them, and is right nevertheless."""
    loaded = command.load()
    assert " ".join((loaded.help or "").split("\n\n")[0].split()) == command.help


def test_every_command_is_listed() -> None:
    """The help names all commands, in the order of the table."""
    told = CliRunner().invoke(cli.application(), ["--help"]).output
    places = [told.find(f"│ {command.name} ") for command in cli.COMMANDS]
    assert -1 not in places and places == sorted(places)


def test_nobody_waits_for_the_imports_of_others() -> None:
    """A command of operators starts without the web server, the payment provider's client and the like."""
    program = f"import sys; from fairpool.commands import week; print([m for m in {HEAVY} if m in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


def test_what_a_user_can_mend_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error that somebody can mend ends in its message and exit code 1, without a traceback."""
    monkeypatch.setattr(sys, "argv", ["fairpool", "week", "show", "2026-W99"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("fairpool: '2026-W99'")


def test_an_unknown_command_is_answered_with_the_ones_that_look_like_it() -> None:
    """A slip of the finger gets a suggestion."""
    told = CliRunner().invoke(cli.application(), ["migrat"])
    assert told.exit_code == 2 and "Did you mean 'migrate'" in " ".join(told.output.replace("│", " ").split())


def test_a_command_asks_for_its_arguments_under_its_own_name() -> None:
    """The usage line of a command names the whole way to it."""
    told = CliRunner().invoke(cli.application(), ["audit", "verify", "--help"], prog_name="fairpool")
    assert "Usage: fairpool audit verify [OPTIONS]" in told.output
