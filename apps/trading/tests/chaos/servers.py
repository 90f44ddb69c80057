"""Run servers and workers of the chaos run's own, to be killed and started again."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ohmycoins.env import BASE_DIR
from ohmycoins.local import postgres, redis
from ohmycoins.local.paths import Layout
from ohmycoins.local.process import Child, StartError

# A killed server keeps what it committed, as the machine stays up; only a power cut would need fsync.
SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}
ORPHANED_SECONDS = 3.0


@dataclass(slots=True)
class Servers:
    """A PostgreSQL and a Redis in one directory. Every method is called from the main thread."""

    place: Layout
    postgres: Child | None = None
    redis: Child | None = None

    def start(self) -> None:
        self.postgres = postgres.start(self.place, settings=SETTINGS)
        self.redis = redis.start(self.place)

    def restart_postgres(self) -> None:
        """Kill PostgreSQL with all its backends, and start it: it recovers what was committed."""
        _kill(self.postgres)
        for _ in range(50):
            try:
                self.postgres = postgres.start(self.place, settings=SETTINGS)
                return
            except StartError:  # a backend still holds the shared memory
                time.sleep(0.2)
        raise StartError("PostgreSQL did not come back")

    def restart_redis(self, *, away_seconds: float) -> None:
        """Kill Redis, and start it after a while."""
        _kill(self.redis)
        time.sleep(away_seconds)
        self.redis = redis.start(self.place)

    def stop(self) -> None:
        for child in (self.redis, self.postgres):
            if child:
                child.stop()


@dataclass(slots=True)
class Workers:
    """Celery workers, each with its children in a process group of its own."""

    count: int
    env: dict[str, str]
    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    orphans: list[tuple[float, int]] = field(default_factory=list)
    started: int = 0

    def keep(self) -> None:
        """Start what is missing, and end orphans whose time is up."""
        for number in range(self.count):
            name = f"chaos{number}"
            if name not in self.running or self.running[name].poll() is not None:
                self.running[name] = self._start(name)
        now = time.monotonic()
        for ends_at, group in [orphan for orphan in self.orphans if orphan[0] <= now]:
            _kill_group(group)
            self.orphans.remove((ends_at, group))

    def kill(self, number: int, *, with_children: bool) -> None:
        """Kill a worker; its children at once, or as orphans that go on for a while."""
        process = self.running.pop(f"chaos{number}")
        if with_children:
            _kill_group(process.pid)
        else:
            process.kill()
            self.orphans.append((time.monotonic() + ORPHANED_SECONDS, process.pid))
        process.wait()

    def stop(self) -> None:
        for process in self.running.values():
            _kill_group(process.pid)
            process.wait()
        for _, group in self.orphans:
            _kill_group(group)
        self.running.clear()
        self.orphans.clear()

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        self.started += 1
        command = [
            sys.executable, "-m", "celery", "--quiet", "-A", "apps.trading.tests.chaos.worker", "worker", "-Q", "orders",
            "-c", "2", "-l", "WARNING", "-n", f"{name}@%h", "--prefetch-multiplier", "1", "--without-gossip",
            "--without-mingle",
        ]  # fmt: skip
        with (self.logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=BASE_DIR, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True, env={**os.environ, **self.env, "CHAOS_WORKER": f"{name} {self.started}"},
            )  # fmt: skip


def _kill(child: Child | None) -> None:
    """Kill a server and everything that it started."""
    if child is None or child.process is None:
        return
    with suppress(psutil.NoSuchProcess):
        family = [*psutil.Process(child.process.pid).children(recursive=True)]
        child.process.kill()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        child.process.wait()
        psutil.wait_procs(family, timeout=5)


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
