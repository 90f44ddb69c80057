"""Bring everything up, keep it up, and take it down in order (`make up`, `make demo`).

Start: lock, PostgreSQL, Redis, `manage.py prepare`, sandbox and `manage.py seed` (demo only), workers, beat, web.
Stop: the reverse, so that work in progress finds its database until it is done.

The lock is an flock on a descriptor that every child inherits. It is therefore free only when all of
them are gone, also after the supervisor itself was killed: whoever takes it finds nothing running.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ohmycoins import env as environment
from ohmycoins.local import postgres, redis
from ohmycoins.local.orphan import SUPERVISOR
from ohmycoins.local.paths import Layout, layout
from ohmycoins.local.process import Child, StartError
from ohmycoins.sandbox import server as sandbox

# What the sandbox lets in with; the real sources would not.
DEMO_CREDENTIALS = {
    "SEC_USER_AGENT": "OhMyCoins demo demo@example.com", "CRYPTOPANIC_API_KEY": "demo-key",
    "REDDIT_CLIENT_ID": "demo", "REDDIT_CLIENT_SECRET": "demo",
}  # fmt: skip
RESTART_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
SETTLED_SECONDS = 60.0
DRAIN_SECONDS = 90.0
# Collectors wait for sources: threads, enough for each to have its own, so that a slow source holds up no
# other. What else there is to do is little, and spares a process of its own here.
WORKERS = {
    "orders": ("-Q", "orders,decisions", "-c", "2"),
    "collect": ("-Q", "collect,default,lab", "-P", "threads", "-c", "10"),
}


@dataclass(slots=True)
class Service:
    """Keep one child running: how to start it, and how often it has failed lately."""

    start: Callable[[], Child]
    child: Child
    failures: int = 0
    retry_at: float = 0.0
    started_at: float = field(default_factory=time.monotonic)

    def keep(self, now: float) -> None:
        """Restart the child when it has ended, waiting longer after each failure in a row."""
        if self.child.alive:
            if now - self.started_at > SETTLED_SECONDS:
                self.failures = 0
            return
        if not self.retry_at:
            pause = RESTART_SECONDS[min(self.failures, len(RESTART_SECONDS) - 1)]
            self.failures, self.retry_at = self.failures + 1, now + pause
            say(f"{self.child.name} ended; starting it again in {pause:.0f} s")
        elif now >= self.retry_at:
            self.retry_at = 0.0
            try:
                self.child = self.start()
            except StartError as error:
                say(str(error))
            self.started_at = now


def say(text: str) -> None:
    print(f"{'up':<15} | {text}", flush=True)


class Supervisor:
    """Run one data directory's services until told to stop."""

    def __init__(self, *, demo: bool) -> None:
        self.demo = demo
        if demo:
            os.environ.setdefault("OMC_DATA_DIR", ".data/demo")
        environment.load()
        # Said once here rather than by every process: root is fine for a try, not for keeps.
        os.environ.setdefault("PYTHONWARNINGS", "ignore:You're running the worker with superuser privileges")
        self.layout: Layout = layout(environment.data_dir())
        self.host = environment.env.str("OMC_HOST", default="127.0.0.1")
        self.port = environment.env.int("OMC_PORT", default=8000)
        self.stopping = threading.Event()
        self.services: list[Service] = []
        self.lock: int = -1

    def run(self) -> int:
        """Start all, wait for Ctrl-C, stop all; return the exit status."""
        for received in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(received, lambda *_: self.stopping.set())
        try:
            self._take_lock()
            os.environ[SUPERVISOR] = str(os.getpid())
            self._start_all()
            while not self.stopping.wait(0.5):
                for service in self.services:
                    service.keep(time.monotonic())
        except StartError as error:
            if not self.stopping.is_set():
                say(f"ERROR: {error}")
                return 1
        finally:
            self._stop_all()
        return 0

    def _take_lock(self) -> None:
        self.layout.data.mkdir(parents=True, exist_ok=True)
        self.layout.logs.mkdir(exist_ok=True)
        self.lock = os.open(self.layout.lock, os.O_RDWR | os.O_CREAT, 0o600)
        deadline, told = time.monotonic() + DRAIN_SECONDS, False
        while not self.stopping.is_set():
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                owner = self.layout.lock.read_text().strip()
                if owner and _running(int(owner)):
                    raise StartError(
                        f"already running here (process {owner}): stop it with Ctrl-C, or give this one"
                        " another OMC_DATA_DIR and OMC_PORT"
                    ) from None
                if time.monotonic() > deadline:
                    raise StartError(
                        "processes of an earlier run are still alive and hold its data: end them first"
                    ) from None
                if not told:
                    say("waiting for what an earlier run left behind to finish")
                    told = True
                time.sleep(0.2)
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, str(os.getpid()).encode(), 0)

    def _start_all(self) -> None:
        self._require_free_port(self.host, self.port)
        kept = (self.lock,)
        if not environment.env.str("DATABASE_URL", default=""):
            say(f"starting PostgreSQL in {self.layout.postgres}")
            self._add(lambda: postgres.start(self.layout, keep_fds=kept))
        if not environment.env.str("REDIS_URL", default=""):
            self._add(lambda: redis.start(self.layout, keep_fds=kept))
        self._prepare()
        if self.demo:
            self._start_sandbox()
            self._seed()
        self._count_anew()
        python = [sys.executable, "-m"]
        celery = [*python, "celery", "--quiet", "-A", "ohmycoins"]
        for name, options in WORKERS.items():
            command = [
                *celery,
                "worker",
                "-l",
                "WARNING",
                "-n",
                f"{name}@%h",
                "--prefetch-multiplier",
                "1",
                *options,
            ]
            self._add_command(f"worker-{name}", command)
        self._add_command("beat", [*celery, "beat", "--pidfile=", "-l", "WARNING"])
        self._add_command(
            "web",
            [*python, "gunicorn", "ohmycoins.wsgi", "--config", "python:ohmycoins.local.gunicorn",
             "--bind", f"{self.host}:{self.port}"],
        )  # fmt: skip
        self._announce()

    def _add(self, start: Callable[[], Child]) -> None:
        if self.stopping.is_set():
            raise StartError("stopped while starting")
        self.services.append(Service(start=start, child=start()))

    def _add_command(self, name: str, command: list[str]) -> None:
        def start() -> Child:
            child = Child(
                name=name,
                command=command,
                env=dict(os.environ),
                cwd=environment.BASE_DIR,
                keep_fds=(self.lock,),
            )
            child.start()
            return child

        self._add(start)

    def _start_sandbox(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._add_command("sandbox", [sys.executable, "manage.py", "sandbox", "--port", str(port)])
        os.environ |= sandbox.environment(f"http://127.0.0.1:{port}") | DEMO_CREDENTIALS
        os.environ.setdefault("OMC_ALERT_HOSTS", "127.0.0.1")  # where the sandbox's inbox is
        if not self.layout.redis_address.exists():  # live trading wants a real Redis
            os.environ.setdefault("TRADING_MODE", "live")
            subprocess.run(
                [sys.executable, "manage.py", "connect_sandbox"], check=False, cwd=environment.BASE_DIR
            )

    def _count_anew(self) -> None:
        """Have the processes count in files of this run alone; those of earlier ones are all gone (the lock)."""
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.layout.metrics)
        self.layout.metrics.mkdir(exist_ok=True)
        for file in self.layout.metrics.glob("*.db"):
            file.unlink()

    def _seed(self) -> None:
        """Load the past that the sandbox goes on from, unless it is there; in a process that ends."""
        seeding = subprocess.Popen([sys.executable, "manage.py", "seed"], cwd=environment.BASE_DIR)
        while seeding.poll() is None:
            if self.stopping.wait(0.2):
                seeding.terminate()
                seeding.wait()
        if seeding.returncode and not self.stopping.is_set():
            say("there is no demo data, or not all of it: see above")

    def _prepare(self) -> None:
        """Migrate, create what is missing, and print the login; in a process that ends."""
        done = subprocess.run([sys.executable, "manage.py", "prepare"], check=False, cwd=environment.BASE_DIR)
        if done.returncode:
            raise StartError("the database could not be prepared: see above")

    def _require_free_port(self, host: str, port: int) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise StartError(
                    f"cannot listen on {host}:{port} ({error.strerror}): choose another with OMC_PORT=…"
                ) from error

    def _announce(self) -> None:
        base = f"http://{self.host}:{self.port}"
        deadline = time.monotonic() + 90
        while not self.stopping.wait(0.2) and time.monotonic() < deadline:
            if _status(f"{base}/health") == 200:
                say(f"ready: {base}/admin/ (operators)  {base}/api/v1/docs (API)  {base}/health")
                say("Ctrl-C stops everything")
                return
        if not self.stopping.is_set():
            say(f"not healthy yet: see {base}/health and the output above")

    def _stop_all(self) -> None:
        """Stop beat and web first, then the workers side by side, then what they depend on."""
        by_name = {service.child.name: service.child for service in self.services}
        if by_name:
            say("stopping")
        workers = [child for name, child in by_name.items() if name.startswith("worker-")]
        for group in (
            [by_name.get("beat"), by_name.get("web")],
            workers,
            [by_name.get("sandbox"), by_name.get("redis")],
            [by_name.get("postgres")],
        ):
            threads = [threading.Thread(target=child.stop) for child in group if child]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if by_name:
            say("stopped")


def _running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not Path(f"/proc/{pid}/stat").exists() or " Z " not in Path(f"/proc/{pid}/stat").read_text()


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own loopback address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
