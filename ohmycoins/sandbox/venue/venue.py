"""Simulate CoinSpot as a venue: one lock around accounts, book, faults and what is still to come.

Late effects are kept in a queue and take place, as of the moment they were due, before anything else is
looked at; so no thread races with the requests. Nothing is written to a client under the lock.
"""

import heapq
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

from ohmycoins.core import clock
from ohmycoins.core.money import ZERO
from ohmycoins.sandbox.chance import digits
from ohmycoins.sandbox.messages import Answer, Request, as_exact_json
from ohmycoins.sandbox.venue.account import AUD, Account, Keys, Made, Order, Refusal, Transfer, Truth
from ohmycoins.sandbox.venue.book import Wanted
from ohmycoins.sandbox.venue.calls import FULL, PATHS
from ohmycoins.sandbox.venue.exchange import Exchange
from ohmycoins.sandbox.venue.faults import Attempt, suffer
from ohmycoins.sandbox.venue.kinds import ANY, Fates
from ohmycoins.sandbox.venue.options import Options, read_options
from ohmycoins.sandbox.venue.prices import MovableMarket

DEMO = Keys("demo-key", "demo-secret", "demo-ro-key", "demo-ro-secret")
DEMO_BALANCES = {"AUD": Decimal(50_000), "BTC": Decimal("0.25"), "ETH": Decimal(2)}
INCOMING = ("deposit", "receive")
TRANSFERS = (*INCOMING, "withdraw", "send")


class NoAccount(LookupError):
    """The venue has no account of this key."""


class Venue:
    """The venue, its controls for tests, and its faults. Every method may be called from any thread."""

    def __init__(self, market: MovableMarket) -> None:
        self._market = market
        self._lock = threading.Lock()
        self._started = count()
        self.reset()

    def reset(self) -> None:
        """Forget everything but the demo account, which starts anew."""
        with self._lock:
            self._exchange = Exchange(self._market)
            self._fates = Fates()
            self._due: list[tuple[datetime, int, Callable[[datetime], object]]] = []
            self._market.give(dict.fromkeys(self._market.given))
            self._open(DEMO, DEMO_BALANCES, {})

    def answer(self, request: Request) -> Answer | None:
        """Answer a signed call; None for a path that is not the venue's."""
        if not request.path.startswith(FULL):
            return None
        if request.path not in PATHS:
            return as_exact_json({"status": "error", "message": "Not found"}, status=404)
        if request.method != "POST":
            return as_exact_json({"status": "error", "message": "Method not allowed"}, status=405)
        with self._lock:
            self._catch_up(request.now)
            return self._receive(request)

    def open_account(
        self,
        *,
        key: str,
        secret: str,
        read_only_key: str,
        read_only_secret: str,
        balances: Mapping[str, Decimal],
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Open an account, in place of an earlier one of the same key. Raises BadOption."""
        read = read_options(options or {})
        with self._lock:
            self._open(Keys(key, secret, read_only_key, read_only_secret), balances, read)

    def keys(self) -> list[str]:
        """Give the trading key of every account."""
        with self._lock:
            return list(self._exchange.accounts)

    def options(self, key: str | None = None) -> Options:
        """Give the venue's options, or those that hold for an account. Raises NoAccount."""
        with self._lock:
            return self._exchange.options if key is None else self._exchange.options_of(self._account(key))

    def set_options(self, key: str | None = None, **given: Any) -> None:
        """Change options of the venue, or of one account alone. Raises BadOption, NoAccount."""
        read = read_options(given)
        with self._lock:
            if key is None:
                self._exchange.options = self._exchange.options.changed(given)
            else:
                account = self._account(key)
                account.options = {**account.options, **read}

    def set_prices(self, prices: Mapping[str, Any]) -> None:
        """Set {coin: {"bid": …, "ask": …}} by hand, None ends that. Raises ValueError."""
        with self._lock:
            self._market.give(prices)

    def script(self, key: str, faults: Iterable[str | None], *, ends: str | tuple[str, ...] = ANY) -> None:
        """Let the next calls of a key, to paths with these ends, suffer exactly these faults; None is none.

        Raises UnknownFault.
        """
        with self._lock:
            self._fates.script(key, faults, (ends,) if isinstance(ends, str) else ends)

    def settle(self, now: datetime | None = None) -> None:
        """Do what is due, and fill what the market has reached."""
        with self._lock:
            self._catch_up(now or clock.now())

    def truth(self, key: str) -> Truth:
        """Give everything about an account, after doing what is due. Raises NoAccount."""
        with self._lock:
            account = self._account(key)
            self._catch_up(clock.now())
            return account.truth()

    def transfer(self, key: str, kind: str, amount: Decimal, coin: str = AUD) -> Transfer:
        """Let cash (deposit, withdraw) or coins (send, receive) come or go. Raises Refusal, NoAccount."""
        if kind not in TRANSFERS or (coin == AUD) != (kind in ("deposit", "withdraw")) or amount <= 0:
            raise Refusal(f"Invalid {kind}")
        with self._lock:
            account, now = self._account(key), clock.now()
            self._catch_up(now)
            if kind not in INCOMING:
                account.require(coin, amount)
            account.change(coin, amount if kind in INCOMING else -amount)
            identity = digits(self._market.seed, key, "transfer", len(account.transfers), length=16)
            made = Transfer(id=identity, kind=kind, coin=coin, amount=amount, at=now)
            account.transfers.append(made)
            return made

    def place(self, key: str, *, side: str, coin: str, amount: Decimal, rate: Decimal) -> Order:
        """Place an order by hand, as in the app: without a nonce. Raises Refusal, NoAccount."""
        with self._lock:
            account, now = self._account(key), clock.now()
            self._catch_up(now)
            wanted = Wanted(side=side, coin=coin, amount=amount, rate=rate)
            return self._exchange.book.place(account, wanted, self._exchange.options_of(account), now)

    def cancel(self, key: str, order_id: str) -> None:
        """Cancel an order by hand. Raises Refusal, NoAccount."""
        with self._lock:
            account = self._account(key)
            self._catch_up(clock.now())
            self._exchange.book.cancel(account, order_id)

    def _open(self, keys: Keys, balances: Mapping[str, Decimal], options: Mapping[str, Any]) -> None:
        self._fates.forget(keys.key, keys.read_only_key)
        account = Account(keys=keys, balances={AUD: ZERO, **balances}, options=options)
        self._exchange.accounts[keys.key] = account

    def _account(self, key: str) -> Account:
        try:
            return self._exchange.accounts[key]
        except KeyError:
            raise NoAccount(f"there is no account {key!r}") from None

    def _receive(self, request: Request) -> Answer:
        key = request.headers.get("key", "")
        account = self._exchange.find(key)
        if account is None:
            return self._exchange.carry_out(request, request.now)
        options = self._exchange.options_of(account)
        fate = self._fates.next(
            key, request.path, seed=options.fault_seed, chance=options.fault_chance, kinds=options.fault_kinds
        )
        made = Made(number=fate.number, key=key, path=request.path, fault=fate.fault, at=request.now)
        account.calls.append(made)
        due_at = request.now + options.delay
        attempt = Attempt(self._exchange, request, fate.dice, lambda action: self._put_off(due_at, action))
        return suffer(fate.fault, attempt)

    def _put_off(self, due_at: datetime, action: Callable[[datetime], object]) -> None:
        heapq.heappush(self._due, (due_at, next(self._started), action))

    def _catch_up(self, now: datetime) -> None:
        """Do what was put off until now, in order and as of its time; then let the book fill."""
        while self._due and self._due[0][0] <= now:
            due_at, _, action = heapq.heappop(self._due)
            action(due_at)
        self._exchange.settle(now)
