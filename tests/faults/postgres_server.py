"""PostgreSQL servers on hosts and disks of their own: killed, copied, promoted, restored."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from fairpool.embedded_postgres import DATABASE, SETTINGS, USER
from fairpool.embedded_server import server_environment, write_private
from tests.faults.disks import Folder
from tests.faults.hosts import Host
from tests.faults.processes import children, kill_tree, send, wait_until

PASSWORD: Final = "of the faults"
_STARTS_WITHIN_SECONDS: Final = 120.0
_FORM: Final = (
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-locale",
)
_OURS: Final[Mapping[str, str]] = {
    "wal_level": "replica",
    "archive_mode": "on",
    "max_wal_size": "512MB",
    "shared_buffers": "128MB",
    "max_connections": "120",
    "wal_sender_timeout": "3s",
    "wal_receiver_timeout": "3s",
    "wal_receiver_status_interval": "1s",
}
"""What differs from the embedded server's settings: it has a standby and an archive, and shares a small disk."""


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL's programs, and the user that runs them: root's are run as nobody."""

    folder: Path
    user: int | None
    group: int | None

    @classmethod
    def of(cls, folder: Path) -> Programs:
        """Return the programs in a folder, for whoever runs this."""
        if os.geteuid() != 0:
            return cls(folder, None, None)
        nobody = pwd.getpwnam("nobody")
        return cls(folder, nobody.pw_uid, nobody.pw_gid)


class Postgres:
    """One server: its cluster on a disk, reached over a host's cable."""

    def __init__(self, name: str, *, host: Host, disk: Folder, programs: Programs, port: int | None = None) -> None:
        self.name = name
        self.host = host
        self.disk = disk
        self.port = port or host.port()
        self._programs = programs
        self._cluster = disk.path / name
        self._process: subprocess.Popen[bytes] | None = None
        self._log = disk.path.with_name(f"{name}.log")

    @property
    def dsn(self) -> str:
        """Where the superuser reaches it."""
        host, port = self.host.reached_at(self.port)
        return make_conninfo(
            host=host,
            port=port,
            user=USER,
            password=PASSWORD,
            dbname=DATABASE,
            connect_timeout=2,
            tcp_user_timeout=2000,
        )

    def beside(self, name: str, *, port: int) -> Postgres:
        """Return another server on the same host and disk."""
        return Postgres(name, host=self.host, disk=self.disk, programs=self._programs, port=port)

    def create(self) -> None:
        """Make an empty cluster, open to whoever knows the password."""
        secret = self._cluster.with_name("password")
        write_private(secret, PASSWORD)
        self._own(secret)
        self._make_home()
        self._run("initdb", "-D", ".", f"--username={USER}", f"--pwfile={secret}", *_FORM)
        with (self._cluster / "pg_hba.conf").open("a") as rules:
            rules.write("host all all all scram-sha-256\nhost replication all all scram-sha-256\n")
        self.start()
        with psycopg.connect(self.dsn, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}".encode())

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        self.await_answers()

    def launch(self) -> None:
        """Start it."""
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        settings = {**SETTINGS, **_OURS, "listen_addresses": self.host.address, "port": str(self.port)}
        words = [str(self._programs.folder / "postgres"), "-D", "."]
        words += [f"--{name}={value}" for name, value in settings.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(*words), cwd=self._cluster, env=server_environment(), stdout=log, stderr=log
            )

    def kill(self) -> None:
        """Kill it with all of its processes."""
        if self._process is not None:
            kill_tree(self._process)
            self._process = None

    def revive(self) -> None:
        """Wait until it answers. It may have ended for want of a place for its log: then it is started again."""
        if self._process is not None and self._process.poll() is not None:
            self.kill()
            self.launch()
        self.await_answers()

    def pause(self) -> list[int]:
        """Stop its processes where they stand, and return them."""
        assert self._process is not None
        paused = [self._process.pid, *children(self._process.pid)]
        send(signal.SIGSTOP, paused)
        return paused

    def resume(self, paused: list[int]) -> None:
        """Let them go on."""
        send(signal.SIGCONT, paused)

    def await_answers(self) -> float:
        """Wait until it answers, and return how many seconds that took."""
        return wait_until(self.answers, what=f"{self.name} answers", seconds=_STARTS_WITHIN_SECONDS)

    def answers(self) -> bool:
        """Say whether it can be connected to."""
        try:
            psycopg.connect(self.dsn, dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def ask(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query, each in a transaction of its own."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def set(self, **settings: str) -> None:
        """Change settings while it runs."""
        for name, value in settings.items():
            self.ask(f"ALTER SYSTEM SET {name} = '{value}'")
        self.ask("SELECT pg_reload_conf()")

    def set_ledger_clock(self, ahead: float) -> None:
        """Have the ledger's clock be so many seconds ahead of this server's, as the clocks of the service are."""
        self.ask(
            "CREATE OR REPLACE FUNCTION ledger_clock() RETURNS timestamptz LANGUAGE sql VOLATILE"
            f" AS $$ SELECT clock_timestamp() + interval '{ahead} seconds' $$"
        )

    def copy_of(self, primary: Postgres, *, follows: bool) -> None:
        """Become a copy of a running server: a standby where it `follows`, else one to be restored from."""
        shutil.rmtree(self._cluster, ignore_errors=True)
        self._make_home()
        wal = ["--wal-method=stream", "--write-recovery-conf"] if follows else ["--wal-method=none"]
        source = make_conninfo(primary.dsn, dbname="", application_name=self.name)
        self._run("pg_basebackup", "-D", ".", "--checkpoint=fast", "--no-password", f"--dbname={source}", *wal)

    def recover_to(self, position: str, *, archive: Path) -> None:
        """Have the next start restore the cluster from an archive of WAL, up to a position, and open it there."""
        with (self._cluster / "postgresql.auto.conf").open("a") as settings:
            settings.write(
                f"restore_command = 'cp {archive}/%f %p'\nrecovery_target_lsn = '{position}'\n"
                "recovery_target_action = 'promote'\nsynchronous_standby_names = ''\narchive_command = 'true'\n"
            )
        (self._cluster / "recovery.signal").touch()

    def promote(self) -> None:
        """Become the primary."""
        self.ask("SELECT pg_promote()")

    def _make_home(self) -> None:
        self._cluster.mkdir(mode=0o700)
        self._own(self._cluster)

    def _own(self, path: Path) -> None:
        if self._programs.user is not None and self._programs.group is not None:
            os.chown(path, self._programs.user, self._programs.group)

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            self._command(str(self._programs.folder / program), *words),
            cwd=self._cluster,
            env=server_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"

    def _command(self, *words: str) -> list[str]:
        return self.host.command(*words, user=self._programs.user, group=self._programs.group)
