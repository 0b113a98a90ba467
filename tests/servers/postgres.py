"""A PostgreSQL of our own for the length of the tests: unprivileged, without a network port, thrown away at the end."""

from __future__ import annotations

import atexit
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from glob import glob
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
_SETTINGS = (*_FAST, "listen_addresses=", "timezone=UTC", "log_timezone=UTC", "max_connections=20")
_STARTS_WITHIN = 30.0  # seconds


def missing() -> str:
    """Why there can be no PostgreSQL here, "" if there can."""
    if not _binaries():
        return "no PostgreSQL is installed (/usr/lib/postgresql/*/bin/initdb)"
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed"
    return ""


def _binaries() -> Path | None:
    found = sorted(
        glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4])
    )
    return Path(found[-1]).parent if found else None


class Cluster:
    """A running PostgreSQL. ``folder`` has its socket; `database` makes an empty database."""

    def __init__(self) -> None:
        binaries = _binaries()
        assert binaries is not None
        # The path of a socket may have no more than some hundred characters.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._names = count(1)
        self._free: list[str] = []
        self._as: dict[str, Any] = {"cwd": self.folder, "stdout": subprocess.DEVNULL}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        data = self.folder / "data"
        initdb = [str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres"]
        initdb += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(initdb, check=True, stderr=subprocess.DEVNULL, **self._as)
        command = [str(binaries / "postgres"), "-D", str(data), "-k", str(self.folder)]
        for setting in _SETTINGS:
            command += ["-c", setting]
        with (self.folder / "log").open("wb") as log:
            self._server = subprocess.Popen(command, stderr=log, start_new_session=True, **self._as)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it and remove what it wrote."""
        self._server.send_signal(signal.SIGQUIT)  # at once: nothing in it is worth saving
        self._server.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection of the superuser, each statement a transaction of its own."""
        import psycopg

        return psycopg.connect(
            host=str(self.folder), dbname=database, user="postgres", autocommit=True
        )

    def role(self, name: str, attributes: str) -> None:
        """A role that all databases have."""
        with self.connect("postgres") as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,))
            if known.fetchone() is None:
                connection.execute(f"CREATE ROLE {name} {attributes}".encode())

    @contextmanager
    def database(self) -> Iterator[str]:
        """The name of an empty database. It is cleaned and lent again, since making one takes its time."""
        name = self._free.pop() if self._free else self._made()
        yield name
        with self.connect(name) as connection:
            schemas = connection.execute(
                "SELECT quote_ident(nspname) FROM pg_namespace"
                " WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'"
            ).fetchall()
            for (schema,) in schemas:
                connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
            connection.execute("CREATE SCHEMA public")
        self._free.append(name)

    def _made(self) -> str:
        name = f"test{next(self._names)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        return name

    def _wait(self) -> None:
        import psycopg

        until = time.monotonic() + _STARTS_WITHIN
        while True:
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError:
                if self._server.poll() is not None or time.monotonic() > until:
                    log = (self.folder / "log").read_text("utf-8", "replace")
                    raise AssertionError(f"PostgreSQL did not start: {log[-2000:]}") from None
                time.sleep(0.02)


@cache
def cluster() -> Cluster:
    """The one that all tests of this process share, started when the first asks and stopped at the end."""
    made = Cluster()
    atexit.register(made.stop)
    return made
