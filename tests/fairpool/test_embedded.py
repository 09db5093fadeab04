"""The embedded servers, started for real."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nats
import psycopg
import pytest

from fairpool import embedded_server
from fairpool.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServerError, EmbeddedServers
from fairpool.embedded_postgres import PACKAGE, PROGRAMS
from fairpool.guardian import owner_of

ROOT = Path(__file__).parents[2]
NOBODY = 65534
PATIENCE_SECONDS = 30

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who may become another user")
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the death of a parent")
needs_proc = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs /proc to see processes")

# Starts both servers, writes a row, tells where it is, and serves until its input ends.
PROGRAM = """
import json, os, sys
from pathlib import Path
import psycopg
from fairpool.embedded import EmbeddedServers

with EmbeddedServers(Path(sys.argv[1])) as servers:
    with psycopg.connect(servers.dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("INSERT INTO note VALUES ('kept')")
    print(json.dumps({"dsn": servers.dsn, "url": servers.url}), flush=True)
    try:
        sys.stdin.read()
    except KeyboardInterrupt:
        with psycopg.connect(servers.dsn) as connection:
            print(connection.execute("SELECT count(*) FROM note").fetchone()[0], flush=True)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose name would trip up careless quoting."""
    return tmp_path_factory.mktemp("embedded") / "data folder's \u20ac"


@pytest.fixture(scope="module")
def servers(data: Path) -> Iterator[EmbeddedServers]:
    """Running servers for the tests that only look."""
    with EmbeddedServers(data) as running:
        yield running


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a cluster that holds one row; whoever uses it leaves it stopped and sound."""
    data = tmp_path_factory.mktemp("made")
    with EmbeddedPostgres(data) as postgres:
        query(postgres.dsn, "CREATE TABLE note (text text)")
        query(postgres.dsn, "INSERT INTO note VALUES ('kept')")
    return data


def query(dsn: str, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(text)
        return list(cursor.fetchall()) if cursor.description else []


def notes(dsn: str) -> list[str]:
    return [text for (text,) in query(dsn, "SELECT text FROM note")]


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (done := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return done


def processes_in(folder: Path) -> set[int]:
    """The processes whose working folder is `folder` or below, as is that of each server and its guardian."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            home = Path(os.readlink(process / "cwd"))
        except OSError:
            continue
        if home.is_relative_to(folder.resolve()):
            found.add(int(process.name))
    return found


def guardians_in(folder: Path) -> set[int]:
    return {pid for pid in processes_in(folder) if b"guardian.py" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def postmaster(data: Path) -> int:
    return int((data / "postgres" / "cluster" / "postmaster.pid").read_text().splitlines()[0])


@contextmanager
def program(data: Path, *, python: str = sys.executable, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """PROGRAM in a session of its own, which has written its row; killed at exit if it still runs."""
    child = subprocess.Popen(
        [python, "-c", PROGRAM, str(data)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def told(child: subprocess.Popen[str]) -> dict[str, str]:
    """What the program says once its row is written."""
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line, "the program ended before its servers ran"
    addresses: dict[str, str] = json.loads(line)
    return addresses


def test_a_database_outlives_a_restart(made: Path) -> None:
    """What was committed before a stop is there after the next start, under the same password."""
    with EmbeddedPostgres(made) as postgres:
        first = postgres.dsn
        assert notes(first) == ["kept"]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(first)
    with EmbeddedPostgres(made) as postgres:
        assert notes(postgres.dsn) == ["kept"]
        assert postgres.dsn.rpartition("@")[0] == first.rpartition("@")[0]


def test_a_stream_outlives_a_restart(tmp_path: Path) -> None:
    """A message acknowledged by JetStream before a stop is there after the next start."""

    async def publish(url: str) -> None:
        client = await nats.connect(url)
        stream = client.jetstream()
        await stream.add_stream(name="SPORTS", subjects=["sports.>"])
        await stream.publish("sports.nfl", b"kept")
        await client.close()

    async def read(url: str) -> bytes | None:
        client = await nats.connect(url)
        message = await client.jetstream().get_msg("SPORTS", 1)
        await client.close()
        return message.data

    with EmbeddedNats(tmp_path) as server:
        asyncio.run(publish(server.url))
    with EmbeddedNats(tmp_path) as server:
        assert asyncio.run(read(server.url)) == b"kept"


def test_postgres_18_runs_durably_and_on_loopback_only(servers: EmbeddedServers) -> None:
    """Each setting that durability and privacy rest on is what the design says."""
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        "password_encryption": "scram-sha-256",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
    }
    assert {name: query(servers.dsn, f"SHOW {name}")[0][0] for name in expected} == expected
    ((version,),) = query(servers.dsn, "SHOW server_version_num")
    assert version.startswith("18")


def test_the_database_sorts_by_code_point_in_every_place(servers: EmbeddedServers) -> None:
    """The collation is PostgreSQL's own C.UTF-8, not the machine's."""
    assert query(
        servers.dsn,
        "SELECT datlocprovider::text, datlocale FROM pg_database WHERE datname = current_database()",
    ) == [("b", "C.UTF-8")]


def test_a_wrong_password_is_refused_by_postgres(servers: EmbeddedServers) -> None:
    """Another user of the machine gets no connection without the password."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(servers.dsn, password="wrong")


def test_a_wrong_password_is_refused_by_nats(servers: EmbeddedServers) -> None:
    """Another user of the machine gets no connection without the password."""

    place = urlsplit(servers.url)
    wish = json.dumps({"user": place.username, "pass": "wrong"})
    with (
        socket.create_connection((place.hostname, place.port), timeout=PATIENCE_SECONDS) as connection,
        connection.makefile("rb") as lines,
    ):
        assert lines.readline().startswith(b"INFO ")
        connection.sendall(f"CONNECT {wish}\r\nPING\r\n".encode())
        assert lines.readline() == b"-ERR 'Authorization Violation'\r\n"


@pytest.mark.usefixtures("servers")
def test_secrets_can_be_read_by_their_owner_only(data: Path) -> None:
    """Passwords, the configuration that holds one, logs and the cluster are closed to other users."""
    postgres = ["postgres/password", "postgres/server.log", "postgres/cluster"]
    nats_server = ["nats/password", "nats/server.log", "nats/nats.conf", "nats/jetstream"]
    names = postgres + nats_server
    assert {name: stat.S_IMODE((data / name).stat().st_mode) & 0o077 for name in names} == dict.fromkeys(names, 0)


@pytest.mark.parametrize("server", [EmbeddedPostgres, EmbeddedNats])
def test_a_second_start_on_a_folder_in_use_is_refused(
    servers: EmbeddedServers, data: Path, server: type[EmbeddedPostgres | EmbeddedNats]
) -> None:
    """The refusal comes at once, names the process that uses the folder, and leaves that one unharmed."""
    with pytest.raises(EmbeddedServerError, match=f"in use by process {os.getpid()}"), server(data):
        pass
    assert query(servers.dsn, "SELECT 1") == [(1,)]


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


def test_the_data_outlives_a_crash_of_postgres(made: Path) -> None:
    """After `kill -9` of the server itself the next start recovers what was committed."""
    with EmbeddedPostgres(made) as postgres:
        query(postgres.dsn, "CREATE TABLE late AS SELECT 1")
        os.kill(postmaster(made), signal.SIGKILL)
    with EmbeddedPostgres(made) as postgres:
        assert query(postgres.dsn, "TABLE late") == [(1,)]


def test_an_interrupt_leaves_the_servers_to_the_program(tmp_path: Path) -> None:
    """Ctrl-C, which the terminal sends to the whole group, lets the program use its servers to wind up."""
    with program(tmp_path) as child:
        told(child)
        os.killpg(child.pid, signal.SIGINT)
        assert child.stdout is not None
        assert child.stdout.readline() == "1\n"
        assert child.wait(timeout=PATIENCE_SECONDS) == 0


def test_a_pid_file_of_a_dead_server_does_not_prevent_a_start(made: Path) -> None:
    """A left-over pid file is no obstacle even if its pid belongs to another process by now."""
    cluster = made / "postgres" / "cluster"
    with EmbeddedPostgres(made):
        left_over = (cluster / "postmaster.pid").read_text().splitlines()
    with subprocess.Popen(["sleep", "60"], **owner_of(cluster)) as other:
        try:
            (cluster / "postmaster.pid").write_text("\n".join([str(other.pid), *left_over[1:]]) + "\n")
            with EmbeddedPostgres(made) as postgres:
                assert notes(postgres.dsn) == ["kept"]
        finally:
            other.kill()


@pytest.mark.parametrize("server", [EmbeddedPostgres, EmbeddedNats])
def test_a_port_taken_meanwhile_is_left_for_another(
    made: Path, monkeypatch: pytest.MonkeyPatch, server: type[EmbeddedPostgres | EmbeddedNats]
) -> None:
    """If somebody takes the chosen port before the server does, it starts on the next one."""
    free = embedded_server.free_port()
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        ports = iter([somebody.getsockname()[1], free])
        monkeypatch.setattr(embedded_server, "free_port", lambda: next(ports))
        with server(made) as started:
            address = started.dsn if isinstance(started, EmbeddedPostgres) else started.url
            assert urlsplit(address).port == free


def test_a_server_that_ends_at_once_is_reported_with_its_log(made: Path) -> None:
    """The error says what the server itself wrote last, and the folder can be used again."""
    settings = made / "postgres" / "cluster" / "postgresql.auto.conf"
    sound = settings.read_text()
    settings.write_text("no_such_setting = 1\n")
    with (
        pytest.raises(EmbeddedServerError, match=r"(?s)PostgreSQL ended while starting.*no_such_setting"),
        EmbeddedPostgres(made),
    ):
        pass
    settings.write_text(sound)
    with EmbeddedPostgres(made) as postgres:
        assert notes(postgres.dsn) == ["kept"]


def test_a_lost_password_is_reported_and_the_data_kept(made: Path, tmp_path: Path) -> None:
    """Without its password file the cluster is refused untouched; with the file back it opens."""
    password = made / "postgres" / "password"
    away = password.rename(tmp_path / "away")
    with pytest.raises(EmbeddedServerError, match="password is missing"), EmbeddedPostgres(made):
        pass
    away.rename(password)
    with EmbeddedPostgres(made) as postgres:
        assert notes(postgres.dsn) == ["kept"]


def test_a_broken_off_first_start_is_taken_up_afresh(tmp_path: Path) -> None:
    """A half-made cluster is never used: it is removed and another one made."""
    half = tmp_path / "postgres" / "new-half"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path) as postgres:
        assert query(postgres.dsn, "SELECT 1") == [(1,)]
        assert not half.exists()


@needs_proc
def test_if_one_server_cannot_start_the_other_is_stopped(tmp_path: Path) -> None:
    """A failed start of the pair leaves nothing running."""
    with (
        EmbeddedNats(tmp_path),
        pytest.raises(EmbeddedServerError, match="nats is in use"),
        EmbeddedServers(tmp_path),
    ):
        pass
    assert processes_in(tmp_path) == set()


@only_root
def test_root_keeps_its_data_in_a_folder_closed_to_others(tmp_path: Path) -> None:
    """Below a folder that only root may enter everything works, and that folder stays closed."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedServers(closed / "data") as servers:
        assert query(servers.dsn, "SELECT 1") == [(1,)]
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert (closed / "data" / "postgres" / "cluster").stat().st_uid != 0


@only_root
def test_root_runs_binaries_installed_where_others_cannot_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Binaries in a closed folder are run from a copy, which is gone after the stop."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    copy_installed_wheel(closed)
    temporary = Path(tempfile.gettempdir())
    before = set(temporary.glob("fairpool-postgres-*"))
    monkeypatch.syspath_prepend(closed)
    with EmbeddedPostgres(tmp_path / "data") as postgres:
        (copy,) = set(temporary.glob("fairpool-postgres-*")) - before
        executable = Path(f"/proc/{postmaster(tmp_path / 'data')}/exe").resolve()
        assert executable == copy / PROGRAMS / "postgres"
        assert query(postgres.dsn, "SELECT 1") == [(1,)]
    assert not copy.exists()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def copy_installed_wheel(target: Path) -> None:
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    packages = Path(spec.origin).parents[1]
    for name in (PACKAGE, f"{PACKAGE}.libs"):
        shutil.copytree(packages / name, target / name, ignore=shutil.ignore_patterns("pginstall", "*.a", "include"))


@only_root
@needs_proc
def test_an_ordinary_user_needs_nothing_from_root() -> None:
    """A user without rights runs both servers as itself, and leaves no process after `kill -9`."""
    python = interpreter_for(NOBODY)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.chown(home, NOBODY, NOBODY)
        with program(home, python=python, user=NOBODY, group=NOBODY, extra_groups=[]) as child:
            told(child)
            assert Path(f"/proc/{postmaster(home)}").stat().st_uid == NOBODY
            assert {path.stat().st_uid for path in home.rglob("*")} == {NOBODY}
            child.kill()
            assert eventually(lambda: processes_in(home) == set())


def interpreter_for(uid: int) -> str:
    """A Python of our version that user `uid` can run the program with; without one, the test is skipped."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in filter(None, (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin"))):
        try:
            subprocess.run(
                [python, "-c", "import fairpool.embedded"],
                env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
                cwd="/",
                user=uid,
                group=uid,
                extra_groups=[],
                check=True,
                capture_output=True,
            )
        except (PermissionError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip(f"uid {uid} may not enter the folders of any {version} that could run the program")
