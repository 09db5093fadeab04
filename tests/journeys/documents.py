"""Documents whose examples are run: the blocks of a page, what it shows of their answers, and the shell for them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.journeys.program import ROOT, environment

SHOWN_URL = "http://127.0.0.1:8000"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "-- block {} --"
_LEAVES_ONE_BEHIND = re.compile(r" &$", re.MULTILINE)
_PATIENCE_SECONDS = 60


class Block(NamedTuple):
    """A block of code of a page, and the lines that the page shows of what it prints: `…` stands for anything."""

    page: str
    language: str
    code: str
    shown: list[str]


def blocks(page: str, *, language: str, section: str = "") -> list[Block]:
    """Return the blocks in a language of a page, or of the part of it under a heading.

    What a block prints is shown in the block of text right behind it.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    if section:
        text = re.split(r"^## ", text.partition(f"## {section}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    fences = list(_FENCE.finditer(text))
    found = []
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        if fence[1] == language:
            shows = (
                following is not None and following[1] == "text" and not text[fence.end() : following.start()].strip()
            )
            shown = following[2].splitlines() if shows and following is not None else []
            found.append(Block(page, language, fence[2], shown))
    return found


def run(found: list[Block], *, url: str, folder: Path, seconds: float = _PATIENCE_SECONDS, **variables: str) -> None:
    """Run blocks one after another, in one shell or one interpreter, and hold what they print against the page.

    A command that a block leaves in the background may print what is shown until everything has been seen.
    """
    assert found, "the page has no such blocks"
    script = folder / f"walk.{found[0].language}"
    script.write_text(_script(found).replace(SHOWN_URL, url), encoding="utf-8")
    interpreter = [sys.executable, "-u"] if found[0].language == "python" else ["sh", "-eu"]
    printed = _printed(
        [*interpreter, str(script)],
        folder,
        variables,
        [line for block in found for line in block.shown],
        seconds=seconds,
    )
    parts = re.split(_MARK.format(r"\d+") + "\n", printed)[1:]
    assert len(parts) == len(found), printed
    for number, block in enumerate(found):
        part = "".join(parts[number:]) if _LEAVES_ONE_BEHIND.search(block.code) else parts[number]
        position = 0
        for line in block.shown:
            matched = _pattern(line).search(part, position)
            assert matched is not None, f"{block.page} shows {line!r}, but the block printed:\n{part}"
            position = matched.end()


def _script(found: list[Block]) -> str:
    say = "print({!r})\n" if found[0].language == "python" else "printf '\\n%s\\n' '{}'\n"
    return "".join(say.format(_MARK.format(number)) + block.code for number, block in enumerate(found, 1))


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile("[^\n]*?".join(re.escape(part) for part in line.split("…")))


def _printed(
    command: list[str], folder: Path, variables: Mapping[str, str], shown: list[str], *, seconds: float
) -> str:
    """Run a command to its end and until all that is shown was printed, and end what it left behind."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment() | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "NO_PROXY": "*", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said: list[str] = []
    complete = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        missing = list(shown)
        with process.stdout as lines:
            for line in lines:
                said.append(line)
                while missing and _pattern(missing[0]).search(line):
                    missing.pop(0)
                if not missing:
                    complete.set()
        complete.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    code = process.wait(timeout=seconds)
    complete.wait(timeout=_PATIENCE_SECONDS if code == 0 else 0)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    reader.join(timeout=_PATIENCE_SECONDS)
    assert code == 0, "".join(said)
    return "".join(said)
