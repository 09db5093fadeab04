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
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import nats
import psycopg
import pytest

from fairpool import embedded_server
from fairpool.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServerError, EmbeddedServers
from fairpool.embedded_postgres import PACKAGE, PROGRAMS
from fairpool.guardian import owner_of
from tests.fairpool.programs import (
    PATIENCE_SECONDS,
    ROOT,
    eventually,
    needs_proc,
    notes,
    postmaster,
    processes_in,
    program,
    query,
    told,
)

NOBODY = 65534

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who may become another user")


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


def test_the_data_outlives_a_crash_of_postgres(made: Path) -> None:
    """After `kill -9` of the server itself the next start recovers what was committed."""
    with EmbeddedPostgres(made) as postgres:
        query(postgres.dsn, "CREATE TABLE late AS SELECT 1")
        os.kill(postmaster(made), signal.SIGKILL)
    with EmbeddedPostgres(made) as postgres:
        assert query(postgres.dsn, "TABLE late") == [(1,)]


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
