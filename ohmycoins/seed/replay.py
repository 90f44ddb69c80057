"""Let a person trade through the past, by the services that trade in the present.

The problem: orders are checked against the latest prices and dated by the clock, and both are today's.
So the clock is set (`clock.at`), and for this connection alone temporary tables stand before the latest
prices and order books (PostgreSQL finds a temporary table first), holding what was the latest then. No
other process sees any of it, and nothing has to be put back. One transaction holds an account's whole
year: it is there with all its orders or not at all.

Declined: setting the real rows and putting them back before each commit, which locks them against the
collectors and tells everyone else lies if it goes wrong.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any

from django.db import connection, transaction

from apps.accounts.models import User
from apps.pnl.models import BookingFailure
from apps.pnl.services.equity import value_days
from apps.trading.models import Account, Deployment, Event, Order
from apps.trading.records import LIMIT, MARKET, Bounds, Ticket
from apps.trading.services.accounts import open_account
from apps.trading.services.cancel import cancel_order
from apps.trading.services.execute import drain_account
from apps.trading.services.limits import set_limits
from apps.trading.services.place import place_order
from apps.trading.states import IN_FLIGHT, RESTING, TERMINAL, Status, values
from ohmycoins.core import clock
from ohmycoins.core.money import ZERO, floor_quantity
from ohmycoins.sandbox.market import Market
from ohmycoins.seed.algorithms import Numbers, close, decide, deploy_algorithms, go_on
from ohmycoins.seed.entries import prices_at
from ohmycoins.seed.ideas import BUY, OPENING, ROUND, Idea, Outlook
from ohmycoins.seed.marks import ACTOR, EVENT

HOUR = timedelta(hours=1)
LATE_AFTER = timedelta(minutes=5)
MARGIN = Decimal("1.06")  # what a market buy sets aside beyond its amount, and a little
SHADOW = """
    CREATE TEMPORARY TABLE ledgers_latestprice (LIKE ledgers_latestprice);
    CREATE TEMPORARY TABLE ledgers_latestdepth (LIKE ledgers_latestdepth);
"""
UNSHADOW = "DROP TABLE pg_temp.ledgers_latestprice, pg_temp.ledgers_latestdepth"
FORGET_PRICES = "DELETE FROM pg_temp.ledgers_latestprice"
SET_PRICES = """
    INSERT INTO pg_temp.ledgers_latestprice (id, price_id, coin_type, market, bid, ask, last, occurred_at, observed_at)
    SELECT 0, 0, coin_type, 'AUD', bid, ask, last, %(minute)s, %(now)s
    FROM unnest(%(coins)s::text[], %(bids)s::text[]::numeric[], %(asks)s::text[]::numeric[], %(lasts)s::text[]::numeric[])
         AS tick (coin_type, bid, ask, last)
"""
FREE_CASH = """
    SELECT cash_aud - coalesce((SELECT sum(reserved_aud) FROM trading_order
        WHERE account_id = %(account)s AND status = ANY(%(in_flight)s)), 0)
    FROM trading_account WHERE id = %(account)s
"""
FREE_COINS = """
    SELECT coalesce((SELECT sum(quantity) FROM trading_holding
        WHERE account_id = %(account)s AND coin_type = %(coin)s AND algorithm_id IS NOT DISTINCT FROM %(algorithm)s), 0)
        - coalesce((SELECT sum(reserved_quantity) FROM trading_order
        WHERE account_id = %(account)s AND coin_type = %(coin)s AND algorithm_id IS NOT DISTINCT FROM %(algorithm)s
              AND status = ANY(%(in_flight)s)), 0)
"""


class ReplayFailed(Exception):
    """An order of the past came to something that it cannot have come to; nothing of its account is kept."""


@dataclass(slots=True)
class Replay:
    """One account's year: what is still to happen, in the order of time."""

    account: Account
    market: Market
    until: datetime
    deployments: Mapping[int, Deployment]
    """Of the algorithms that have ideas, by number."""
    _agenda: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def run(self, ideas: Sequence[Idea], report: Callable[[int], None]) -> None:
        """Carry ideas out, and what follows from them, until the past ends; report how many are done."""
        for idea in ideas:
            self._plan(idea.at, partial(self._carry_out, idea))
        while self._agenda:
            at, _, act = heappop(self._agenda)
            with clock.at(at):
                _set_prices(self.market, at)
                act()
            report(max(len(ideas) - len(self._agenda), 0))

    def _plan(self, at: datetime, act: Callable[[], None]) -> None:
        if at < self.until:
            heappush(self._agenda, (at, next(self._numbers), act))

    def _carry_out(self, idea: Idea) -> None:
        at, ticket = idea.at, self._ticket(idea)
        if ticket is None:
            return
        is_late = idea.is_late and at + HOUR < self.until
        deployment = self._deployment(idea)
        decision = decide(deployment, idea) if deployment else None
        actor = f"deployment:{deployment.pk}" if deployment else f"user:{self.account.user_id}"
        order = place_order(
            user=self.account.user, account=self.account, ticket=ticket, algorithm_id=self._book(idea),
            ledger=idea.ledger, decision=decision, expires_at=at + LATE_AFTER if is_late else None, actor=actor,
        )  # fmt: skip
        if decision:
            close(decision, idea, ticket, order)
        if order.status == Status.DENIED:
            return
        if is_late:
            self._plan(at + HOUR, self._execute)
            return
        self._execute()
        if idea.better_by and self._rests(order):
            self._wait(order, at, at + idea.patience)

    def _execute(self) -> None:
        drain_account(self.account.pk)

    def _rests(self, order: Order) -> bool:
        return Order.objects.filter(pk=order.pk, status__in=RESTING).exists()

    def _wait(self, order: Order, at: datetime, until: datetime) -> None:
        """Look again in the hour in which the market reaches the order; cancel it when none does in time."""
        limit, coin = order.limit_price or ZERO, order.coin_type
        hour = at.replace(minute=0, second=0, microsecond=0) + HOUR
        while hour < until:
            tick = self.market.tick(coin, hour)
            if Decimal(tick.ask) <= limit if order.side == BUY else Decimal(tick.bid) >= limit:
                self._plan(hour + timedelta(seconds=at.second), self._execute)
                return
            hour += HOUR
        self._plan(until, partial(self._cancel, order))

    def _cancel(self, order: Order) -> None:
        if self._rests(order):
            cancel_order(order.pk, actor=f"user:{self.account.user_id}")

    def _ticket(self, idea: Idea) -> Ticket | None:
        """Say what an idea comes to; None when there is visibly not enough for it."""
        tick = self.market.tick(idea.coin, idea.at)
        limit = _limit(idea, Decimal(tick.ask if idea.side == BUY else tick.bid))
        kind = LIMIT if limit else MARKET
        if idea.side == BUY:
            amount = Decimal(round(OPENING * idea.share / ROUND) * ROUND)
            if amount * MARGIN > self._cash() and not idea.is_bold:
                return None
            if limit is None:
                return Ticket(idea.coin, idea.side, kind, amount_aud=amount)
            return Ticket(idea.coin, idea.side, kind, quantity=floor_quantity(amount / limit), price=limit)
        held = self._held(idea)
        if held <= 0 and not idea.is_bold:
            return None
        wanted = floor_quantity(held * Decimal(str(idea.share))) if held > 0 else Decimal(1)
        return Ticket(idea.coin, idea.side, kind, quantity=wanted, price=limit)

    def _cash(self) -> Decimal:
        """Give the cash that no order in flight has set aside."""
        return _number(FREE_CASH, account=self.account.pk, in_flight=values(IN_FLIGHT))

    def _held(self, idea: Idea) -> Decimal:
        """Give the book's coins that no order in flight is about to sell."""
        return _number(
            FREE_COINS, account=self.account.pk, in_flight=values(IN_FLIGHT), coin=idea.coin,
            algorithm=self._book(idea),
        )  # fmt: skip

    def _deployment(self, idea: Idea) -> Deployment | None:
        return self.deployments[idea.algorithm_id] if idea.algorithm_id else None

    def _book(self, idea: Idea) -> int | None:
        deployment = self._deployment(idea)
        return deployment.algorithm_id if deployment else None


@transaction.atomic
def trade_through(
    user: User, *, name: str, is_default: bool, bounds: Bounds, outlook: Outlook, ideas: Sequence[Idea],
    numbers: Numbers, report: Callable[[int], None],
) -> Account:  # fmt: skip
    """Open a paper account for the user and let it trade through the past; say what each day ended with.

    All or nothing. Raises ReplayFailed, and Conflict when the user has an account of that name.
    """
    market, since, until = outlook.market, outlook.since, outlook.until
    with clock.at(since):
        account = open_account(user=user, name=name, venue="paper", is_default=is_default)
        set_limits(account, bounds=bounds, actor=ACTOR)
        deployments = deploy_algorithms(account, market.seed, numbers)
    with connection.cursor() as cursor:
        cursor.execute(SHADOW)
        Replay(account, market, until, deployments).run(ideas, report)
        cursor.execute(UNSHADOW)
    _require_sound(account)
    with clock.at(until):
        value_days(account)
    go_on(deployments)
    Event.objects.create(
        account=account, type=EVENT, at=clock.now(), actor=ACTOR, reason="demo data",
        inputs={
            "seed": market.seed, "since": since.isoformat(), "until": until.isoformat(),
            "algorithms": list(user.algorithms.order_by("pk").values_list("pk", flat=True)),
        },
    )  # fmt: skip
    account.refresh_from_db()
    return account


def _set_prices(market: Market, at: datetime) -> None:
    prices = prices_at(market, at)
    with connection.cursor() as cursor:
        cursor.execute(FORGET_PRICES)
        cursor.execute(SET_PRICES, {
            "now": at,
            "minute": at.replace(second=0, microsecond=0),
            "coins": [price.coin_type for price in prices],
            "bids": [str(price.bid) for price in prices],
            "asks": [str(price.ask) for price in prices],
            "lasts": [str(price.last) for price in prices],
        })  # fmt: skip


def _number(statement: str, **values: Any) -> Decimal:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        number: Decimal = cursor.fetchone()[0]
        return number


def _limit(idea: Idea, price: Decimal) -> Decimal | None:
    """Give an idea's limit, at as many places as the market's own prices have."""
    if not idea.better_by:
        return None
    away = Decimal(str(-idea.better_by if idea.side == BUY else idea.better_by))
    return (price * (1 + away)).quantize(price, ROUND_HALF_EVEN)


def _require_sound(account: Account) -> None:
    stuck = Order.objects.filter(account=account).exclude(status__in=TERMINAL | RESTING).first()
    if stuck is not None:
        raise ReplayFailed(f"order {stuck.pk} is {stuck.status} and was not executed")
    unbooked = BookingFailure.objects.filter(account=account).first()
    if unbooked is not None:
        raise ReplayFailed(f"a fill was not booked: {unbooked.error}")
