"""Say where the embedded services keep their files and sockets.

Standard library only: settings import this to derive the default `DATABASE_URL` and `REDIS_URL`,
so that every `manage.py` process finds the servers without starting or importing them.
"""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

# A unix socket's path holds 103 bytes on macOS (107 on Linux), its closing NUL apart.
SOCKET_PATH_LIMIT = 103
POSTGRES_SOCKET = ".s.PGSQL.5432"
# Where anyone may walk and only the owner of a directory may remove it; the first survives a reboot.
SHELTER, SHORT = Path("/var/tmp"), Path("/tmp")  # noqa: S108 - our own directories there are 0700


@dataclass(frozen=True, slots=True)
class Layout:
    """Name every place that belongs to one data directory."""

    data: Path
    """What `OMC_DATA_DIR` names: the lock, generated secrets, logs."""
    home: Path
    """The servers' own files: `data`, or a private directory where they cannot reach `data`."""
    run: Path
    """The sockets, in a directory of mode 0700."""

    @property
    def lock(self) -> Path:
        return self.data / "lock"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def metrics(self) -> Path:
        """Hold what each process counts (`apps.monitoring.metrics`)."""
        return self.data / "metrics"

    @property
    def postgres(self) -> Path:
        return self.home / "pg"

    @property
    def redis(self) -> Path:
        return self.home / "redis"

    @property
    def redis_socket(self) -> Path:
        return self.run / "redis.sock"

    @property
    def redis_address(self) -> Path:
        """Hold the URL of the stand-in Redis while one is running (see `local.redis`)."""
        return self.run / "redis.url"

    def database_url(self, name: str = "ohmycoins") -> str:
        return f"postgres://postgres@{quote(str(self.run), safe='')}/{name}"

    def redis_url(self) -> str:
        if self.redis_address.exists():
            return self.redis_address.read_text().strip()
        return f"unix://{self.redis_socket}"


def layout(data_dir: Path) -> Layout:
    """Lay out `data_dir`; a function of the path, the user and the parents' modes alone."""
    data = data_dir.resolve()
    # PostgreSQL refuses to run as root, so root starts it as another user, who must be able to walk
    # to its files. Where a parent is closed we move the files rather than loosen its mode.
    home = data if os.geteuid() != 0 or walkable(data.parent) else SHELTER / _private_name(data)
    run = home / "run"
    if len(os.fsencode(run / POSTGRES_SOCKET)) > SOCKET_PATH_LIMIT:
        run = SHORT / _private_name(data)
    return Layout(data=data, home=home, run=run)


def walkable(path: Path) -> bool:
    """Tell whether any user may traverse `path` and all its parents (those that exist)."""
    return all(
        stat.S_IMODE(part.stat().st_mode) & stat.S_IXOTH for part in (path, *path.parents) if part.exists()
    )


def _private_name(data: Path) -> str:
    return f"omc-{os.geteuid()}-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"
