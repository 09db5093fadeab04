"""Commands whose modules are imported when they run: who exports a log does not wait for the web server's imports."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group


class Lazy(NamedTuple):
    """A command by its name. Its place is `module:function`; `module:commands` builds a group.

    `help` is what the list of commands says of it: the first paragraph of the command's own help.
    """

    name: str
    place: str
    help: str

    def load(self) -> TyperCommand | TyperGroup:
        """Import the command."""
        module, _, attribute = self.place.partition(":")
        found = getattr(_imported(module), attribute)
        if attribute == "commands":
            return get_group(found())
        single = typer.Typer(add_completion=False)
        single.command(self.name)(found)
        command = get_command(single)
        assert isinstance(command, TyperCommand)
        return command


@contextmanager
def importing() -> Iterator[None]:
    """Import here. What comes with it stays: to look for garbage in it, then or later, makes a start longer."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _imported(name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    with importing():
        return import_module(name)


class _StandIn(TyperCommand):
    """Is listed in a command's place, and gives way to it when it is run or asked for its help."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        assert self.callback is not None
        command: TyperCommand | TyperGroup = self.callback()
        return command.make_context(info_name, args, parent=parent, **extra)


def add_lazily(group: typer.Typer, commands: Sequence[Lazy]) -> None:
    """Add commands to a group without importing them."""
    for each in commands:
        group.command(each.name, help=each.help, cls=_StandIn)(each.load)
