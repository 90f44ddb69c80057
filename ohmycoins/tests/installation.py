"""Run the product as its user does, in a directory of its own, for tests that look from outside."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import requests

from ohmycoins.env import BASE_DIR
from ohmycoins.local.paths import layout
from ohmycoins.local.supervisor import DEMO_CREDENTIALS
from ohmycoins.sandbox.server import Sandbox

PASSWORD = "correct horse battery"


def wait_for(ready: Callable[[], Any], seconds: float = 60) -> Any:
    """Give the first true value of `ready`, asked every 0.1 s."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := ready():
                return found
        except (requests.RequestException, psycopg.Error):
            pass
        time.sleep(0.1)
    raise AssertionError(f"did not happen within {seconds} s")


def matching(processes: list[psutil.Process], words: str) -> list[psutil.Process]:
    """Keep processes whose command has the words; one may end while it is looked at."""
    found = []
    for process in processes:
        with suppress(psutil.Error):
            if words in " ".join(process.cmdline()):
                found.append(process)
    return found


class Installation:
    """A data directory, and whatever `python -m ohmycoins.local` runs in it."""

    def __init__(self, home: Path, source: str, sandbox: Sandbox) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.home = home
        self.base = f"http://127.0.0.1:{self.port}"
        inherited = {
            name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")
        }
        self.env = inherited | sandbox.environment() | DEMO_CREDENTIALS | {
            "OMC_DATA_DIR": str(home / "data"), "OMC_PORT": str(self.port), "OMC_ADMIN_PASSWORD": PASSWORD,
            "COINSPOT_URL": source, "OMC_ENV_FILE": str(home / "none"), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        self.log = home / "log"
        self.supervisor: psutil.Popen | None = None

    def up(self) -> None:
        self.supervisor = self.spawn()
        try:
            wait_for(lambda: requests.get(f"{self.base}/health", timeout=5).status_code == 200, 90)
        except AssertionError as error:
            running = [(process.pid, " ".join(process.cmdline())[-70:]) for process in self.processes()]
            raise AssertionError(f"{running}\n{self.log.read_text()[-3000:]}") from error

    def spawn(self) -> psutil.Popen:
        with self.log.open("ab") as log:
            return psutil.Popen(
                [sys.executable, "-m", "ohmycoins.local"], cwd=BASE_DIR, env=self.env, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def children(self) -> list[psutil.Process]:
        """Find what the supervisor started, and what that started."""
        assert self.supervisor is not None
        return list(self.supervisor.children(recursive=True))

    def processes(self) -> list[psutil.Process]:
        """Find every process of this installation by its environment, supervised or orphaned."""
        mine = []
        for process in psutil.process_iter():
            try:
                if (
                    process.environ().get("OMC_DATA_DIR") == self.env["OMC_DATA_DIR"]
                    and process.status() != "zombie"
                ):
                    mine.append(process)
            except (psutil.AccessDenied, psutil.NoSuchProcess):
                continue
        return mine

    def named(self, words: str) -> list[psutil.Process]:
        return matching(self.processes(), words)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(
            method, f"{self.base}/api/v1/{path}", headers=self.headers(), timeout=10, **options
        )

    def headers(self) -> dict[str, str]:
        if not hasattr(self, "token"):
            login = {"email": "admin@localhost", "password": PASSWORD}
            self.token = requests.post(f"{self.base}/api/v1/auth/token", json=login, timeout=10).json()[
                "token"
            ]
        return {"Authorization": f"Bearer {self.token}"}

    def manage(self, *command: str) -> str:
        """Run a management command, and give what it says."""
        done = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=BASE_DIR, env=self.env, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def order(self, side: str = "buy", **amounts: str) -> int:
        body = {"coin_type": "BTC", "side": side, "order_type": "market", **amounts}
        answer = self.call("post", "floor/orders", json=body)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["id"])

    def filled(self, order_id: int) -> dict[str, Any]:
        return wait_for(
            lambda: (
                (order := self.call("get", f"floor/orders/{order_id}").json())["status"] == "filled" and order
            )
        )

    def query(self, statement: str) -> Any:
        run = layout(self.home / "data").run
        with psycopg.connect(
            host=str(run), user="postgres", dbname="ohmycoins", connect_timeout=5
        ) as connection:
            return connection.execute(statement).fetchone()  # type: ignore[arg-type]

    def runs(self, collector: str) -> list[dict[str, Any]]:
        """Give the collector's runs, newest first."""
        found: list[dict[str, Any]] = self.call("get", f"collectors/{collector}/runs").json()["results"]
        return found

    def require_once_each(self) -> None:
        """Wait until the queue is empty; then every order has one fill and every fill is booked once."""
        wait_for(
            lambda: self.query(
                "SELECT count(*) = 0 FROM trading_order WHERE status NOT IN ('filled', 'denied')"
            )[0]
        )
        orders, fills, distinct, lots, closings = self.query(
            "SELECT (SELECT count(*) FROM trading_order WHERE status = 'filled'), count(*), count(DISTINCT order_id),"
            " (SELECT count(*) FROM pnl_lot), (SELECT count(*) FROM pnl_closing) FROM trading_fill"
        )
        assert orders == fills == distinct == lots + closings
        cash, cost, gain = self.query(
            "SELECT (SELECT sum(cash_aud) FROM trading_account), (SELECT sum(remaining_cost) FROM pnl_lot),"
            " (SELECT coalesce(sum(realized_pnl), 0) FROM pnl_match)"
        )
        assert cash + cost - gain == 100_000


@contextmanager
def sources() -> Iterator[Sandbox]:
    """Serve the sandbox: every source, and the venue."""
    server = Sandbox(0, seed=42)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def installed(sandbox: Sandbox, prices: str = "") -> Iterator[Installation]:
    """Start an installation whose sources are the sandbox, but for CoinSpot's if `prices` names another server."""
    with tempfile.TemporaryDirectory(prefix="omc-up-", dir="/tmp", ignore_cleanup_errors=True) as home:
        os.chmod(home, 0o711)
        found = Installation(Path(home), prices or sandbox.url, sandbox)
        found.up()
        try:
            yield found
        finally:
            if found.supervisor and found.supervisor.is_running():
                found.supervisor.send_signal(signal.SIGINT)
                found.supervisor.wait(90)
            for process in found.processes():
                process.kill()
