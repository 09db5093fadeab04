"""No server outlives its program, and none is stopped before it: killed, interrupted and stopped for real."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from fairpool import embedded_server
from fairpool.embedded import EmbeddedPostgres, EmbeddedServerError, EmbeddedServers
from tests.fairpool.programs import (
    PATIENCE_SECONDS,
    eventually,
    guardians_in,
    needs_proc,
    notes,
    only_linux,
    postmaster,
    processes_in,
    program,
    told,
)


@needs_proc
def test_nothing_runs_on_after_a_stop(tmp_path: Path) -> None:
    """Leaving the block ends the servers and their guardians."""
    with EmbeddedServers(tmp_path):
        assert len(guardians_in(tmp_path)) == 2
    assert processes_in(tmp_path) == set()


@needs_proc
def test_a_killed_program_leaves_no_process_and_loses_no_row(tmp_path: Path) -> None:
    """After `kill -9` of the program its servers end by themselves, and the next start finds the data."""
    with program(tmp_path) as child:
        told(child)
        assert len(guardians_in(tmp_path)) == 2
        child.kill()
        assert eventually(lambda: processes_in(tmp_path) == set())
    with EmbeddedPostgres(tmp_path) as postgres:
        assert notes(postgres.dsn) == ["kept"]


def test_a_killed_program_can_be_started_again_at_once(tmp_path: Path) -> None:
    """A start right after `kill -9` waits for the old servers to end instead of being refused."""
    with program(tmp_path) as child:
        told(child)
        child.kill()
        child.wait()
        with EmbeddedServers(tmp_path) as servers:
            assert notes(servers.dsn) == ["kept"]


@needs_proc
@only_linux
def test_a_start_waits_for_the_server_of_a_killed_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an old server lives, with or without its guardian, no second one starts on its data."""
    with program(tmp_path) as child:
        told(child)
        server = postmaster(tmp_path)
        os.kill(server, signal.SIGSTOP)
        try:
            for pid in guardians_in(tmp_path):
                os.kill(pid, signal.SIGKILL)
            child.kill()
            child.wait()
            with monkeypatch.context() as hurried:
                hurried.setattr(embedded_server, "START_SECONDS", 0.2)
                with pytest.raises(EmbeddedServerError, match="still runs"), EmbeddedPostgres(tmp_path):
                    pass
        finally:
            os.kill(server, signal.SIGCONT)
        with EmbeddedPostgres(tmp_path) as postgres:
            assert notes(postgres.dsn) == ["kept"]


@needs_proc
@only_linux
def test_servers_end_even_if_their_guardians_are_killed_too(tmp_path: Path) -> None:
    """After `kill -9` of program and guardians no server is left over, and the data is there."""
    with program(tmp_path) as child:
        told(child)
        for pid in guardians_in(tmp_path):
            os.kill(pid, signal.SIGKILL)
        child.kill()
        assert eventually(lambda: processes_in(tmp_path) == set())
    with EmbeddedPostgres(tmp_path) as postgres:
        assert notes(postgres.dsn) == ["kept"]


def test_an_interrupt_leaves_the_servers_to_the_program(tmp_path: Path) -> None:
    """Ctrl-C, which the terminal sends to the whole group, lets the program use its servers to wind up."""
    with program(tmp_path) as child:
        told(child)
        os.killpg(child.pid, signal.SIGINT)
        assert child.stdout is not None
        assert child.stdout.readline() == "1\n"
        assert child.wait(timeout=PATIENCE_SECONDS) == 0
