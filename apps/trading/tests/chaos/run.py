"""Drive one seed: people who trade, prices that move, servers and workers that die; then judge.

The simulated venue runs in this process and holds the truth. This process is the web server and beat, too:
it accepts orders through the services, and publishes the poll as beat would. It survives its servers.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal as D
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.db.models import Q
from kombu.exceptions import OperationalError as BrokerError

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.models import LatestPrice
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Credential, Event, Fill, Holding, Order
from apps.trading.records import BUY, SELL, Ticket
from apps.trading.services.accounts import open_account
from apps.trading.services.cancel import cancel_order
from apps.trading.services.credentials import store_credentials
from apps.trading.services.invariants import check_invariants
from apps.trading.services.place import place_order
from apps.trading.services.review import decide_review
from apps.trading.states import IN_FLIGHT, RESTING, Status, values
from apps.trading.tests.chaos.oracle import is_drained, judge, judge_midway, told
from apps.trading.tests.chaos.servers import Servers, Workers
from apps.trading.tests.chaos.worker import STEPS
from apps.trading.tests.factories import set_limits
from ohmycoins.core import clock, outbox
from ohmycoins.core.errors import Conflict
from ohmycoins.sandbox.server import Sandbox
from ohmycoins.sandbox.venue.account import Refusal, Truth
from ohmycoins.sandbox.venue.kinds import KINDS

PRICES = {"BTC": 100_000, "ETH": 5_000, "SOL": 250, "XRP": 4, "ADA": 1, "DOGE": 2}
CASH, COINS_AUD = 100_000, 50_000  # what an account starts with, in AUD and in each coin
FAULT_CHANCE = 0.38
LISTING_LAG, DELAY = 0.2, 0.4
# On the quiet accounts nothing but the fence keeps a submit that is held up so long from being accepted:
# until then, no other call is sent there.
LONG_DELAY, QUIET_SECONDS = 5.0, 7.0
POLL_SECONDS, LOOK_SECONDS, PRICE_SECONDS = 0.3, 2.0, 1.0
RESTART_SECONDS, WORKER_KILL_SECONDS = (4.0, 8.0), (6.0, 14.0)
WORKERS = 2
MOST_WAITING = 3
DRAIN_SECONDS, JUDGE_SECONDS, PATIENCE_SECONDS = 90.0, 30.0, 30.0
MOST_MINUTES = 60.0
# What a task may end in while its database or broker is away.
EXPECTED = {
    "OperationalError", "InterfaceError", "ConnectionError", "TimeoutError", "SoftTimeLimitExceeded", "WorkerLostError",
}  # fmt: skip
# The account whose limit two orders at once are placed against.
LIMIT_PERCENT, NEARLY_ALL = 20, D("0.6")

Result = TypeVar("Result")


@dataclass(slots=True)
class Trader:
    """An account here and at the venue."""

    key: str
    account: Account
    role: str
    names_trades: bool
    next_at: float = 0.0


@dataclass(slots=True)
class Run:
    """One seed's run."""

    seed: int
    orders: int
    servers: Servers
    sandbox: Sandbox
    without: str = ""
    dice: random.Random = field(init=False)
    traders: list[Trader] = field(default_factory=list)
    workers: Workers = field(init=False)
    log: Path = field(init=False)
    peace: Path = field(init=False)
    """Nobody is killed any more once this file is there."""
    breaches: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    prices: dict[str, D] = field(default_factory=dict)
    placed: int = 0
    by_hand: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        logs = self.servers.place.logs
        self.log, self.peace = logs / f"chaos-{self.seed}.jsonl", logs / f"peace-{self.seed}"
        self.log.touch()
        given = {
            "CHAOS_SEED": str(self.seed), "CHAOS_LOG": str(self.log), "CHAOS_PEACE": str(self.peace),
            "CHAOS_WITHOUT": self.without, "LOG_LEVEL": "INFO",
        }  # fmt: skip
        self.workers = Workers(WORKERS, given, logs)

    def run(self) -> list[str]:
        """Trade, drain and judge; give the breaches."""
        began = time.monotonic()
        try:
            self.set_up()
            self.trade()
            self.seconds["trading"] = time.monotonic() - began
            self.drain()
            self.conclude()
        finally:
            self.workers.stop()
            self.retire()
        self.seconds["all"] = time.monotonic() - began
        return list(dict.fromkeys(self.breaches))

    # Before ----------------------------------------------------------------------------------------------

    def set_up(self) -> None:
        venue = self.sandbox.venue
        venue.set_options(
            fault_chance=0, fault_seed=self.seed, listing_lag_seconds=LISTING_LAG, delay_seconds=DELAY
        )
        self.prices = {coin: D(price) for coin, price in PRICES.items()}
        self.publish_prices()
        for coin in self.prices:
            make_price(coin, bid=str(self.prices[coin]), ask=str(self.ask(coin)))
        roles: dict[str, dict[str, Any]] = {
            f"busy-{number}": {"completed_ids": ids, "depth": depth}
            for number, (ids, depth) in enumerate(product(("none", "order"), ("1", "0.6", "0.4")))
        } | {
            f"quiet-{number}": {
                "delay_seconds": LONG_DELAY, "fault_kinds": [kind for kind in KINDS if kind != "late_commit"],
            }
            for number in range(3)
        } | {
            "limit": {"completed_ids": "order"},
        }  # fmt: skip
        self.traders = [self.open_account(role, options) for role, options in roles.items()]
        self.workers.keep()
        self.wait_until_connected()
        venue.set_options(fault_chance=FAULT_CHANCE)

    def open_account(self, role: str, options: dict[str, Any]) -> Trader:
        name = f"{role}-{self.seed}"
        keys = {
            "api_key": f"key-{name}-0123456789", "api_secret": f"secret-{name}-0123456789",
            "read_only_key": f"ro-key-{name}-0123456789", "read_only_secret": f"ro-secret-{name}-0123456789",
        }  # fmt: skip
        coins = (
            {} if role.startswith("limit") else {coin: D(COINS_AUD) / price for coin, price in PRICES.items()}
        )
        self.sandbox.venue.open_account(
            key=keys["api_key"], secret=keys["api_secret"], read_only_key=keys["read_only_key"],
            read_only_secret=keys["read_only_secret"], balances={"AUD": D(CASH), **coins}, options=options,
        )  # fmt: skip
        account = open_account(user=UserFactory(email=f"{name}@example.com"), name=name, venue="coinspot")
        store_credentials(account, **keys, actor="chaos")
        now = clock.now()
        Credential.objects.filter(account=account).update(validated_at=now)
        Account.objects.filter(pk=account.pk).update(status="active", activated_at=now, next_reconcile_at=now)
        set_limits(
            account, position=LIMIT_PERCENT if role.startswith("limit") else 100, loss=100, algorithm=100
        )
        return Trader(keys["api_key"], account, role, options.get("completed_ids") == "order")

    def wait_until_connected(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS * 2
        while Account.objects.filter(pk__in=self.ids, connected_at=None).exists():
            if time.monotonic() > deadline:
                raise RuntimeError(f"seed {self.seed}: the accounts were never read")
            self.poll()
            time.sleep(POLL_SECONDS)

    # While orders are made ---------------------------------------------------------------------------------

    def trade(self) -> None:
        """Do a little of everything until enough orders were accepted."""
        deadline = time.monotonic() + MOST_MINUTES * 60
        timers = {
            "poll": Timer(self.poll, POLL_SECONDS), "prices": Timer(self.move_prices, PRICE_SECONDS),
            "look": Timer(self.look, LOOK_SECONDS), "cancel": Timer(self.cancel, 0.7),
            "by hand": Timer(self.trade_by_hand, 2.0), "person": Timer(self.review, 1.5),
            "restart": Timer(self.restart_a_server, RESTART_SECONDS, self.dice),
            "kill": Timer(self.kill_a_worker, WORKER_KILL_SECONDS, self.dice),
        }  # fmt: skip
        while self.placed < self.orders:
            if time.monotonic() > deadline:
                self.breaches.append(
                    f"only {self.placed} of {self.orders} orders in {MOST_MINUTES:.0f} minutes"
                )
                return
            self.workers.keep()
            for timer in timers.values():
                timer.tick()
            for trader in self.traders:
                self.place(trader)
            time.sleep(0.05)

    def poll(self) -> None:
        """Publish what beat would."""
        try:
            outbox.publish("trading.poll", expires=1)
        except (BrokerError, OSError):
            self.counts["polls lost"] += 1

    def place(self, trader: Trader) -> None:
        """Place what the account's role asks for, if it is time."""
        if time.monotonic() < trader.next_at:
            return
        in_flight = surely(lambda: list(
            Order.objects.filter(account=trader.account, status__in=values(IN_FLIGHT - RESTING), origin="ours")
            .values_list("status", flat=True)
        ))  # fmt: skip
        waiting = [status for status in in_flight if status != Status.NEEDS_REVIEW]
        if trader.role.startswith("busy"):
            if len(waiting) < MOST_WAITING:
                self.accept(trader, self.ticket())
        elif trader.role.startswith("quiet"):
            if not waiting:
                # Held up on its way in most cases; then nothing else is sent until it would have arrived.
                fault = (
                    self.dice.choice(["late_arrival", "late_arrival", None])
                    if trader.next_at
                    else "late_arrival"
                )
                self.sandbox.venue.script(trader.key, [fault], ends=("/my/buy", "/my/sell"))
                self.accept(trader, self.ticket(resting=True))
                trader.next_at = time.monotonic() + QUIET_SECONDS
        else:
            self.place_two(trader)
            trader.next_at = time.monotonic() + 1.0

    def ticket(self, *, resting: bool = False) -> Ticket:
        """Draw what to ask for: at market, near it, or where it rests."""
        coin, side = self.dice.choice(list(PRICES)), self.dice.choice([BUY, SELL])
        amount = self.dice.choice([100, 200, 500]) / self.prices[coin]
        quantity = amount.quantize(D("0.0001")) or D("0.0001")
        away = self.dice.choice([2, 5]) if resting else self.dice.choice([None, None, -1, 0, 1, 3])
        if away is None:
            return Ticket(coin, side, "market", quantity=quantity)
        return Ticket(coin, side, "limit", quantity=quantity, price=self.price(coin, side, away))

    def accept(self, trader: Trader, ticket: Ticket) -> Order | None:
        """Place an order as a user does, again with the same key where no answer came."""
        key = f"{self.seed}-{trader.key}-{self.counts['asked']}"
        self.counts["asked"] += 1
        try:
            order = surely(
                lambda: place_order(
                    user=trader.account.user, account=trader.account, ticket=ticket, idempotency_key=key
                )
            )
        except IntegrityError as error:
            self.breaches.append(f"place_order ended in {type(error).__name__}: {str(error).splitlines()[0]}")
            return None
        if order.status == Status.DENIED:
            self.counts[f"denied {order.denials[0]['code']}"] += 1
        else:
            self.placed += 1
        return order

    def place_two(self, trader: Trader) -> None:
        """Place two orders at once of which the account's limit allows one, and cancel them."""
        open_orders = surely(
            lambda: list(Order.objects.filter(account=trader.account, status__in=values(IN_FLIGHT)))
        )
        if open_orders:
            for order in open_orders:
                self.cancel_one(order)
            return
        for held in surely(lambda: list(Holding.objects.filter(account=trader.account, quantity__gt=0))):
            self.accept(trader, Ticket(held.coin_type, SELL, "market", quantity=held.quantity))
            return
        price = self.price("BTC", BUY, 10)
        quantity = (NEARLY_ALL * CASH * LIMIT_PERCENT / 100 / price).quantize(D("0.0001"))
        ticket, together = Ticket("BTC", BUY, "limit", quantity=quantity, price=price), threading.Barrier(2)

        def accept(_: int) -> Order | None:
            try:
                together.wait(5)
                return self.accept(trader, ticket)
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            made = [order for order in pool.map(accept, range(2)) if order and order.status != Status.DENIED]
        self.counts["pairs"] += 1
        if len(made) > 1:
            self.breaches.append(
                f"two orders passed a limit that allows one: {told(made[0])}, {told(made[1])}"
            )

    def cancel(self) -> None:
        waiting = [Status.PENDING, Status.SUBMITTING, Status.UNKNOWN, *RESTING]
        own = Q(account_id__in=self.ids, status__in=waiting, origin="ours")
        orders = surely(lambda: list(Order.objects.filter(own).order_by("id")))
        if orders and self.dice.random() < 0.8:
            self.cancel_one(self.dice.choice(orders))

    def cancel_one(self, order: Order) -> None:
        with suppress(Conflict):
            surely(lambda: cancel_order(order.pk, actor="user:1"))
            self.counts["cancels"] += 1

    def trade_by_hand(self) -> None:
        """Trade, cancel or transfer at the venue itself, as in its app."""
        trader = self.dice.choice([trader for trader in self.traders if trader.role.startswith("busy")])
        coin, side = self.dice.choice(list(PRICES)), self.dice.choice([BUY, SELL])
        what = self.dice.choice(["place", "place", "deposit", "receive", "withdraw", "cancel"])
        venue = self.sandbox.venue
        self.by_hand += 1
        amount = (300 / self.prices[coin]).quantize(D("0.0001")) + self.by_hand * D("0.00000011")
        with suppress(Refusal):
            if what == "place":
                rate = self.price(coin, side, self.dice.choice([-1, 2, 4]))
                venue.place(trader.key, side=side, coin=coin, amount=amount, rate=rate)
            elif what == "cancel":
                made = [order for order in venue.truth(trader.key).orders if order.state == "open"]
                if made:
                    venue.cancel(trader.key, self.dice.choice(made).id)
            elif what == "receive":
                venue.transfer(trader.key, what, amount, coin)
            else:
                venue.transfer(trader.key, what, D(100) + self.by_hand)
            self.counts[f"by hand: {what}"] += 1

    def review(self) -> None:
        """Say what became of orders in review, as a person does who looks at the venue."""
        orders = surely(
            lambda: list(
                Order.objects.filter(account_id__in=self.ids, status=Status.NEEDS_REVIEW).order_by("id")
            )
        )
        for order in orders:
            trader = next(trader for trader in self.traders if trader.account.pk == order.account_id)
            made = [
                there for there in self.truth(trader).orders if there.nonce and there.nonce == order.nonce
            ]
            offered = [
                each["name"] for each in order.candidates if made and each.get("venue_order_id") == made[0].id
            ]
            verdict = offered[0] if offered else None if made else "not_placed"
            if verdict and order.venue_order_id is None:
                with suppress(Conflict):
                    surely(
                        lambda o=order, v=verdict: decide_review(
                            o.pk, verdict=v, actor="user:1", reason="seen"
                        )
                    )
                    self.counts["reviews decided"] += 1

    def restart_a_server(self) -> None:
        if self.counts["restarts of Redis"] <= self.counts["restarts of PostgreSQL"]:
            self.servers.restart_redis(away_seconds=self.dice.choice([0.0, 1.0]))
            self.counts["restarts of Redis"] += 1
        else:
            self.servers.restart_postgres()
            self.counts["restarts of PostgreSQL"] += 1

    def kill_a_worker(self) -> None:
        self.workers.kill(self.dice.randrange(WORKERS), with_children=self.dice.random() < 0.5)
        self.counts["workers killed"] += 1

    def move_prices(self) -> None:
        for coin in self.prices:
            self.prices[coin] = (self.prices[coin] * self.dice.randint(997, 1003) / 1000).quantize(
                D("0.0001")
            )
        self.publish_prices()
        now = clock.now()
        for coin, bid in self.prices.items():
            surely(lambda c=coin, b=bid: LatestPrice.objects.filter(coin_type=c, market="AUD").update(
                bid=b, ask=self.ask(c), last=b, observed_at=now
            ))  # fmt: skip

    def publish_prices(self) -> None:
        self.sandbox.venue.set_prices(
            {coin: {"bid": bid, "ask": self.ask(coin)} for coin, bid in self.prices.items()}
        )

    def look(self) -> None:
        """Check what must hold at every moment."""
        self.breaches += [
            f"midway: {breach}" for breach in surely(lambda: check_invariants(self.ids, chains=False))
        ]
        for trader in self.traders:
            # Rows first: an order that the venue takes meanwhile would look as if nobody had claimed it.
            self.breaches += surely(lambda t=trader: judge_midway(t.account.pk, lambda: self.truth(t)))
        self.counts["looks"] += 1

    # Afterwards ------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """End all faults and deaths, and let everything that is under way end."""
        for trader in self.traders:
            self.sandbox.venue.set_options(trader.key, fault_chance=0)
            self.sandbox.venue._fates.forget(trader.key)
        self.sandbox.venue.set_options(fault_chance=0)
        self.peace.touch()
        for trader in self.traders:
            for call in self.truth(trader).calls:
                self.counts["calls"] += 1
                self.counts["faults"] += bool(call.fault)
                self.counts[f"fault {call.fault}"] += bool(call.fault)
        began, quiet_since, before = time.monotonic(), time.monotonic(), None
        while time.monotonic() - began < DRAIN_SECONDS:
            self.workers.keep()
            self.poll()
            self.review()
            self.move_prices()
            time.sleep(POLL_SECONDS)
            now = surely(self.progress)
            if now != before or not now[0]:
                before, quiet_since = now, time.monotonic()
            # Long enough for several readings, also of an account that is read ten times less often.
            if (
                time.monotonic() - quiet_since
                > settings.OMC_RECONCILE_SECONDS * 12 + settings.OMC_SETTLE_SECONDS * 2
            ):
                break
        self.seconds["draining"] = time.monotonic() - began

    def progress(self) -> tuple[bool, int, int]:
        drained = all(is_drained(account_id) for account_id in self.ids)
        mine = Q(account_id__in=self.ids)
        return drained, Event.objects.filter(mine).count(), Fill.objects.filter(mine).count()

    def conclude(self) -> None:
        """Compare with the truth, and count."""
        latest_commit = timedelta(seconds=DELAY + 1)
        for trader in self.traders:
            self.breaches += judge(
                trader.account.pk, self.truth(trader), latest_commit=latest_commit,
                names_trades=trader.names_trades,
            )  # fmt: skip
        self.breaches += [str(breach) for breach in check_invariants(self.ids, now=clock.now())]
        for order in Order.objects.filter(account_id__in=self.ids):
            self.states[f"{order.origin} {order.status}"] += 1
        for line in self.log.read_text().splitlines():
            said = json.loads(line)
            if "killed" in said:
                self.kills[said["killed"]] += 1
            elif said["failed"] in EXPECTED and "deadlock" not in said["message"]:
                waited = " (lock timeout)" if "lock timeout" in said["message"] else ""
                self.counts[f"tasks ended by {said['failed']}{waited}"] += 1
            else:
                self.breaches.append(f"a task ended in {said['failed']}: {said['message']}")

    def retire(self) -> None:
        """Let nobody work on the accounts any more: the next seed has its own."""
        surely(lambda: Account.objects.filter(pk__in=self.ids).update(next_reconcile_at=None))

    def report(self) -> str:
        """Tell what happened, in a few lines."""
        named = {name: self.counts[name] for name in sorted(self.counts) if not name.startswith("fault ")}
        kinds = {
            name.removeprefix("fault "): n
            for name, n in self.counts.items()
            if n and name.startswith("fault ")
        }
        missed = [step for step in STEPS if not self.kills[step]]
        share = self.counts["faults"] / max(self.counts["calls"], 1)
        return "\n".join([
            f"seed {self.seed}: {self.placed} orders accepted in {self.seconds.get('trading', 0):.0f} s,"
            f" drained in {self.seconds.get('draining', 0):.0f} s, {self.seconds.get('all', 0):.0f} s in all",
            f"  states   {_pairs(self.states)}",
            f"  faults   {share:.0%} of {self.counts['calls']} calls: {_pairs(kinds)}",
            f"  kills    {self.kills.total()} at steps: {_pairs(self.kills)}",
            f"  not hit  {', '.join(missed) or 'none'}",
            f"  and      {_pairs(named)}",
        ])  # fmt: skip

    # How -------------------------------------------------------------------------------------------------

    @property
    def ids(self) -> list[int]:
        return [trader.account.pk for trader in self.traders]

    def truth(self, trader: Trader) -> Truth:
        return self.sandbox.venue.truth(trader.key)

    def ask(self, coin: str) -> D:
        return (self.prices[coin] * D("1.002")).quantize(D("0.0001"))

    def price(self, coin: str, side: str, away: int) -> D:
        """Give a price `away` percent from the market, to the side where an order rests."""
        return (self.prices[coin] * (100 - away if side == BUY else 100 + away) / 100).quantize(D("0.01"))


class Timer:
    """Call something every so often, or at random moments between two periods."""

    def __init__(
        self,
        action: Callable[[], None],
        seconds: float | tuple[float, float],
        dice: random.Random | None = None,
    ) -> None:
        self.action, self.seconds, self.dice = action, seconds, dice
        self.next_at = time.monotonic() + (self._period() if dice else 0)

    def tick(self) -> None:
        if time.monotonic() >= self.next_at:
            self.action()
            self.next_at = time.monotonic() + self._period()

    def _period(self) -> float:
        return self.dice.uniform(*self.seconds) if self.dice else self.seconds  # type: ignore[misc,return-value]


def surely(act: Callable[[], Result]) -> Result:
    """Do something again and again while the database is away; it must bear being done twice."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _pairs(counted: dict[str, int] | Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counted.items())) or "none"
