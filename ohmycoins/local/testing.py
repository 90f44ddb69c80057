"""Start the real PostgreSQL and Redis for a pytest run; loaded early by `-p` in pyproject.toml.

pytest-django reads the settings before any conftest, so the servers' addresses must be in the
environment by then. `DATABASE_URL` and `REDIS_URL`, when set, are used instead.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ohmycoins.local import postgres, redis
from ohmycoins.local.paths import Layout, layout
from ohmycoins.local.process import Child


@contextmanager
def servers(*, settings: dict[str, str] | None = None) -> Iterator[Layout]:
    """Run a PostgreSQL and a Redis in a directory of their own and point the environment at them."""
    # Not pytest's own directory: as root the servers run as another user, who must reach it.
    home = Path(tempfile.mkdtemp(prefix="omc-test-", dir="/tmp"))
    home.chmod(0o711)
    place = layout(home / "data")
    place.data.mkdir(mode=0o711)
    place.logs.mkdir()
    os.environ["OMC_DATA_DIR"] = str(place.data)
    started: list[Child] = []
    try:
        if not os.environ.get("DATABASE_URL"):
            started.append(postgres.start(place, settings=settings or postgres.THROW_AWAY))
            os.environ["DATABASE_URL"] = place.database_url()
        if not os.environ.get("REDIS_URL"):
            started.append(redis.start(place))
            os.environ["REDIS_URL"] = place.redis_url()
        yield place
    finally:
        for child in reversed(started):
            child.stop()
        shutil.rmtree(home, ignore_errors=True)


class _Plugin:
    """Hold the servers for the length of the run."""

    def __init__(self) -> None:
        self.context = servers()

    def pytest_unconfigure(self) -> None:
        self.context.__exit__(None, None, None)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str], parser: Any) -> None:
    if early_config.known_args_namespace.help or early_config.known_args_namespace.version:
        return
    plugin = _Plugin()
    plugin.context.__enter__()
    early_config.pluginmanager.register(plugin, "ohmycoins-servers")


if __name__ == "__main__":  # `python -m ohmycoins.local.testing COMMAND…`: run a command beside the servers
    import subprocess
    import sys

    with servers():
        sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)
