"""`make up` as its user meets it: real servers, real workers, real kills.

One installation lives through the whole module, in order: it starts, trades, is killed piece by
piece, and stops. After every kill each order must have one fill, booked once.
"""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal as D
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from ohmycoins.env import BASE_DIR
from ohmycoins.sandbox.server import Sandbox
from ohmycoins.tests.installation import PASSWORD, Installation, installed, matching, sources, wait_for

PAGE = b'{"status":"ok","prices":{"btc":{"bid":"129051.79","ask":"129966.15","last":"130487.3453"}}}'
BOOK = (
    b'{"status":"ok","buyorders":[{"amount":1000,"rate":129051.79,"coin":"BTC","market":"BTC/AUD"}],'
    b'"sellorders":[{"amount":1000,"rate":129966.15,"coin":"BTC","market":"BTC/AUD"}]}'
)


class Prices(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(BOOK if "/orders/open/" in self.path else PAGE)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def source() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Prices)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Stand in for every source but the prices."""
    with sources() as server:
        yield server


@pytest.fixture(scope="module")
def installation(source: str, sandbox: Sandbox) -> Iterator[Installation]:
    with installed(sandbox, source) as found:
        yield found


def test_collects_by_itself_and_says_so(installation: Installation) -> None:
    status = wait_for(
        lambda: (
            (found := installation.call("get", "collectors/coinspot_prices/status").json())["last_success"]
            and found
        )
    )
    assert (status["health"], status["schedule"], status["records_stored"]) == (
        "healthy",
        "interval:1:minutes",
        1,
    )
    (price,) = installation.call("get", "ledgers/exchange/latest").json()["results"]
    assert (price["coin_type"], price["ask"]) == ("BTC", "129966.15")


def test_every_source_is_collected(installation: Installation) -> None:
    def states() -> dict[str, str]:
        found: dict[str, str] = installation.call("get", "collectors/health").json()["collectors"]
        return found

    wait_for(lambda: set(states().values()) == {"healthy"}, 120)
    assert len(states()) == 8


def test_collector_runs_once_at_a_time_and_a_killed_run_is_caught_up(
    installation: Installation, sandbox: Sandbox
) -> None:
    wait_for(lambda: installation.runs("news_rss")[0]["status"] == "success")
    done = installation.runs("news_rss")[0]
    sandbox.set_faults({"news": "drip"})
    installation.query("UPDATE ledgers_source SET paused_until = NULL RETURNING 1")
    for _ in range(4):
        assert installation.call("post", "collectors/news_rss/trigger").status_code == 202
    wait_for(lambda: len(installation.runs("news_rss")) >= 5)
    states = sorted(run["status"] for run in installation.runs("news_rss") if run["id"] > done["id"])
    assert states == ["running", "skipped", "skipped", "skipped"]
    for process in installation.named("collect@"):
        process.kill()
    sandbox.set_faults({"news": None})
    # Its lease is not waited for here: the row is made to look as it will in five minutes.
    installation.query(
        "UPDATE ledgers_collectionrun SET lease_until = now() WHERE status = 'running' RETURNING 1"
    )

    def succeeded() -> Any:
        run = installation.runs("news_rss")[0]
        if run["status"] not in ("running", "success") or run["id"] == done["id"]:
            # A feed that dripped long enough is left alone for a while.
            installation.call("post", "collectors/news_rss/trigger")
            time.sleep(1)
        return run["id"] != done["id"] and run["status"] == "success" and run

    newest = wait_for(succeeded, 90)
    assert newest["id"] > done["id"]
    dead = next(run for run in installation.runs("news_rss") if run["error"].startswith("the worker died"))
    assert dead["status"] == "failed"
    rows, distinct = installation.query("SELECT count(*), count(DISTINCT (item, digest)) FROM ledgers_news")
    assert rows == distinct


def test_order_is_filled_by_a_worker_and_the_money_adds_up(installation: Installation) -> None:
    bought = installation.filled(installation.order(amount_aud="1000"))
    installation.filled(installation.order("sell", quantity=f"{D(bought['quantity']) / 2:.8f}"))
    portfolio = installation.call("get", "floor/portfolio").json()
    figures = {name: D(portfolio[name]) for name in ("cash_aud", "total_cost", "realized_pnl")}
    assert figures["cash_aud"] + figures["total_cost"] - figures["realized_pnl"] == 100_000
    installation.require_once_each()


def test_second_up_in_the_same_folder_says_so_and_exits(installation: Installation) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ohmycoins.local"], cwd=BASE_DIR, env=installation.env, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert installation.supervisor is not None
    assert f"already running here (process {installation.supervisor.pid})" in done.stdout
    assert requests.get(f"{installation.base}/health", timeout=5).status_code == 200


def test_worker_killed_in_the_middle_of_orders_loses_and_doubles_none(installation: Installation) -> None:
    for _ in range(3):
        for _ in range(8):
            installation.order(quantity="0.00001")
        for process in installation.named("orders@"):
            process.kill()
    installation.require_once_each()


def test_redis_killed_loses_no_order(installation: Installation) -> None:
    (server,) = matching(installation.children(), "redis")
    server.kill()
    ids = [installation.order(quantity="0.00001") for _ in range(5)]
    for order_id in ids:
        installation.filled(order_id)
    installation.require_once_each()


def test_supervisor_killed_takes_all_along_and_the_next_up_goes_on(installation: Installation) -> None:
    for _ in range(8):
        installation.order(quantity="0.00001")
    assert installation.supervisor is not None
    installation.supervisor.kill()
    installation.supervisor.wait()
    installation.up()
    installation.require_once_each()


def test_ctrl_c_leaves_no_process_behind(installation: Installation) -> None:
    assert installation.supervisor is not None
    started = installation.children()
    assert len(started) > 8
    installation.supervisor.send_signal(signal.SIGINT)
    assert installation.supervisor.wait(90) == 0
    assert [process for process in started if process.is_running()] == []
    assert installation.processes() == []
    assert installation.log.read_text().rstrip().endswith("stopped")


def test_log_says_nothing_secret(installation: Installation) -> None:
    log = installation.log.read_text()
    assert installation.token not in log
    assert PASSWORD not in log
    assert not re.search(r"Authorization|Bearer [0-9a-f]{8}", log)
