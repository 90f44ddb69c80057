"""How fast rules are tried on a year of ten coins: beside reading the same rows, and beside backtesting.py.

Everything a backtest does is counted: claims, slices of three seconds, checkpoints, trades. backtesting.py
holds one market in memory as floating-point numbers, and has neither limits nor an order book.
"""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from apps.accounts.models import User
from apps.pnl.models import Backtest
from apps.pnl.services.backtest_runs import run_backtests
from apps.pnl.services.backtests import Wish, make_backtest
from benchmarks.measure import Row, cpu_side_by_side

EMAIL = "backtests@example.com"
COINS = tuple(f"B{number}" for number in range(10))
START, YEAR = datetime(2025, 1, 1, tzinfo=UTC), timedelta(days=365)
MINUTES_START = START - YEAR
FAST, SLOW = 10, 30

# Two waves, so that averages cross now and then; the coins are out of step.
WAVES = """round((100 + 20 * sin(n / 900.0 + coin) + 4 * sin(n / 37.0 + 2 * coin))::numeric, 4)"""
PRICES = f"""
    INSERT INTO ledgers_price (coin_type, market, bid, ask, last, crossed, occurred_at, observed_at, origin)
    SELECT 'B' || coin, 'AUD', last - 0.05, last + 0.05, last, false, at, at, 'observed'
    FROM (SELECT coin, %(start)s::timestamptz + n * %(every)s::interval AS at, {WAVES} AS last
          FROM generate_series(0, %(count)s - 1) AS n, generate_series(0, 9) AS coin ORDER BY n, coin) AS tick
"""
CANDLES = f"""
    INSERT INTO ledgers_candle (coin_type, market, "interval", open, high, low, close, readings, occurred_at, observed_at, origin)
    SELECT 'B' || coin, 'AUD', %(interval)s, close, close + 0.2, close - 0.2, close, 1, at, at + %(every)s::interval, 'observed'
    FROM (SELECT coin, %(start)s::timestamptz + n * %(every)s::interval AS at, {WAVES} AS close
          FROM generate_series(0, %(count)s - 1) AS n, generate_series(0, 9) AS coin ORDER BY n, coin) AS candle
"""
READ = """
    SELECT id, occurred_at, observed_at, (bid * 100000000)::bigint, (ask * 100000000)::bigint, (last * 100000000)::bigint
    FROM ledgers_price WHERE occurred_at >= %(start)s AND occurred_at < %(end)s
"""
READ_CANDLES = """
    SELECT id, occurred_at, observed_at, (open * 100000000)::bigint, (high * 100000000)::bigint,
           (low * 100000000)::bigint, (close * 100000000)::bigint
    FROM ledgers_candle WHERE occurred_at >= %(start)s AND occurred_at < %(end)s
"""


def rows() -> Iterator[Row]:
    """Measure a year of hours, coin by coin, and a year of minutes of all coins at once."""
    user = User.objects.create_user(EMAIL, None)
    hours, minutes = YEAR // timedelta(hours=1), YEAR // timedelta(minutes=1)
    _run(PRICES, start=START, every="1 hour", count=hours)
    _run(CANDLES, start=START, every="1 hour", count=hours, interval="hour")
    _run("ANALYZE")
    floor, cost = cpu_side_by_side(
        [lambda: _read(START), lambda: [_backtest(user, (coin,), START, "hour") for coin in COINS]],
        rounds=3,
        batch=1,
    )
    done = hours * len(COINS)
    yield Row.at_most(f"crossover, {done:,} hours / reading them by binary COPY", cost, floor, 60)
    yield Row.at_least("crossover, decisions on hours", done / cost * 1000, 5_000, unit="/s")
    if frames := _frames():
        (peer,) = cpu_side_by_side([lambda: _peer(frames)], rounds=3, batch=1)
        yield Row.at_most(f"crossover, {done:,} hours / backtesting.py", cost, peer, 15)
    _run(PRICES, start=MINUTES_START, every="1 minute", count=minutes)
    _run(CANDLES, start=MINUTES_START, every="5 minutes", count=minutes // 5, interval="5min")
    _run("ANALYZE")
    floor, cost = cpu_side_by_side(
        [lambda: _read(MINUTES_START), lambda: _backtest(user, COINS, MINUTES_START, "minute")],
        rounds=1,
        batch=1,
    )
    done = minutes * len(COINS)
    yield Row.at_most(
        f"{done:,} minutes of 10 coins, {minutes:,} decisions / reading them by binary COPY", cost, floor, 15
    )
    yield Row.at_least("a year of minutes of 10 coins, candles", done / cost * 1000, 50_000, unit="/s")
    yield Row.below("a year of minutes of 10 coins, peak memory", _peak_megabytes(), 512, unit="MB")


def _backtest(user: User, coins: tuple[str, ...], start: datetime, step: str) -> Backtest:
    """Try a crossover of the first coin over a year, as a worker does."""
    interval = "hour" if step == "hour" else "5min"
    wish = Wish(
        slug="moving_average_crossover", coins=coins, start=start, end=start + YEAR, step=step,
        parameters={"coin_type": coins[0], "interval": interval, "fast": FAST, "slow": SLOW, "fraction": "0.5"},
    )  # fmt: skip
    backtest = make_backtest(user=user, wish=wish)
    while run_backtests():
        pass
    backtest.refresh_from_db()
    if backtest.status != Backtest.Status.DONE or not (backtest.metrics or {}).get("total_trades"):
        raise RuntimeError(f"{backtest}: {backtest.error}")
    return backtest


def _read(start: datetime) -> None:
    """Read what a backtest goes by, in whatever order it lies, and do nothing with it."""
    for statement in (READ, READ_CANDLES):
        with (
            connection.cursor() as cursor,
            cursor.copy(
                f"COPY ({statement}) TO STDOUT (FORMAT BINARY)", {"start": start, "end": start + YEAR}
            ) as copy,
        ):
            for _ in copy:
                pass


def _frames() -> list[Any]:
    """Give each coin's hours as backtesting.py takes them; none where it is not installed."""
    try:
        import backtesting  # noqa: F401
        import pandas
    except ImportError:
        print("backtesting.py is not installed, and not measured: make .venv/bench")
        return []
    frames = []
    for coin in COINS:
        with connection.cursor() as cursor:
            cursor.execute(
                'SELECT occurred_at, open::float, high::float, low::float, close::float FROM ledgers_candle'
                " WHERE coin_type = %s AND \"interval\" = 'hour' ORDER BY occurred_at", [coin],
            )  # fmt: skip
            frame = pandas.DataFrame(cursor.fetchall(), columns=["at", "Open", "High", "Low", "Close"])
        frames.append(frame.set_index("at").assign(Volume=0.0))
    return frames


def _peer(frames: list[Any]) -> None:
    """Run the crossover of its own tutorial on each coin, its progress bar aside."""
    from backtesting import Backtest as Peer
    from backtesting import Strategy, backtesting
    from backtesting.lib import crossover
    from backtesting.test import SMA

    backtesting._tqdm = lambda iterable, **_: iterable

    class Crossover(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            self.fast = self.I(SMA, self.data.Close, FAST)
            self.slow = self.I(SMA, self.data.Close, SLOW)

        def next(self) -> None:
            if crossover(self.fast, self.slow):
                self.buy(size=0.2)
            elif crossover(self.slow, self.fast):
                self.position.close()

    for frame in frames:
        Peer(frame, Crossover, cash=100_000, commission=0.001, finalize_trades=True).run()


def _run(statement: str, **given: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET max_parallel_workers_per_gather = 0")
        cursor.execute(statement, given)


def _peak_megabytes() -> float:
    """Run it in a process of its own: this one has had a past."""
    script = (
        "import django, pathlib, re; django.setup()\n"
        "from benchmarks import backtests as b\n"
        f"b._backtest(b.User.objects.get(email={EMAIL!r}), b.COINS, b.MINUTES_START, 'minute')\n"
        "print(re.findall(r'VmHWM:\\s+(\\d+) kB', pathlib.Path('/proc/self/status').read_text())[0])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[-1]) / 1024
