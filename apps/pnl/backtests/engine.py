"""Decide and trade, step by step, in what a market knew; pure.

What decides is the rule itself, through `trading.deciding`; what may be ordered the rules of
`trading.safety`; what is filled the paper venue. Only the counting that the services do in rows is done here
in memory, at the same places and with the same roundings. Each step, in this order: days that ended are
closed, slices that are due are placed, orders at rest are looked at, the rule is asked, its order is
executed, and equity is followed.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.pnl.backtests.account import Order
from apps.pnl.backtests.plan import Market, Plan
from apps.pnl.backtests.slicing import Sliced
from apps.pnl.backtests.state import State
from apps.pnl.periods import local_day, midnight
from apps.trading import deciding, safety
from apps.trading.algorithms.base import HOLD, Signal
from apps.trading.algorithms.snapshot import Snapshot
from apps.trading.algorithms.view import Book, Position, View
from apps.trading.records import BUY, SELL, Denial, Quote, Standing, Ticket
from apps.trading.venues.paper import PaperVenue
from ohmycoins.core.money import ZERO, round_aud

Guard = Callable[[datetime], AbstractContextManager[None]]


class RuleFailed(Exception):
    """The rule raised an error, or said something that cannot be meant."""


class Engine:
    """Run a plan in a market, from a state on. `guard` surrounds the rule: it may ask nothing but its view."""

    def __init__(
        self, plan: Plan, market: Market, venue: PaperVenue, *, state: State | None = None,
        guard: Guard = lambda _: nullcontext(),
    ) -> None:  # fmt: skip
        self.plan, self.market, self.venue, self.guard = plan, market, venue, guard
        self.state = state or State.of(plan)

    @property
    def is_done(self) -> bool:
        return self.state.step > self.plan.steps

    def run(self, has_time: Callable[[], bool] = lambda: True) -> bool:
        """Go on until the end, or until there is no time left; tell whether it is done. Raises RuleFailed."""
        while not self.is_done:
            self._step()
            if not has_time():
                break
        return self.is_done

    def _step(self) -> None:
        plan, state = self.plan, self.state
        is_last = state.step == plan.steps
        now = plan.end if is_last else plan.start + state.step * plan.step
        self._catch_up(now)
        self.market.move(now)
        if state.holding.waiting:
            state.holding.buy(self.market.quote, self.venue.fee_rate)
        if state.account.orders:
            self._look_at_resting(now)
        if not is_last:
            self._decide(now)
        self._follow(now)
        state.step += 1

    def _catch_up(self, now: datetime) -> None:
        """Do what is due up to `now`, in its time: days that end, and slices."""
        state = self.state
        while True:
            slices = min((each.next_at for each in state.slices), default=None)
            due = state.next_midnight if slices is None else min(state.next_midnight, slices)
            if due > now:
                return
            self.market.move(due)
            if due == state.next_midnight:
                self._end_day(due)
            else:
                self._place_slices(due)

    def _end_day(self, at: datetime) -> None:
        """Close a local day: what it ended with is what the next one begins with."""
        state = self.state
        ended = local_day(at, self.plan.timezone) - timedelta(days=1)
        equity = state.account.cash_aud + self.positions_value()
        state.days.append((ended, equity, state.holding.equity(self.market.quote)))
        state.day_start_aud, state.reduce_only = self._worth(), False
        state.next_midnight = midnight(ended + timedelta(days=2), self.plan.zone)

    def _decide(self, now: datetime) -> None:
        """Ask the rule, and trade as it says as far as that is allowed."""
        plan, state = self.plan, self.state
        if plan.loss_limit_aud is not None:
            self._begin_book_day(now)
        known = Snapshot.of(plan.inputs, self.market)  # the market itself would lead to what is to come
        book = self._book()
        view = View(now=now, parameters=plan.parameters, book=book, inputs=plan.inputs, known=known)
        try:
            with self.guard(now):
                signal = deciding.decide(plan.rule, view)
        except Exception as error:  # the rule's, whatever it is
            raise RuleFailed(f"{plan.rule.slug} at {now.isoformat()}: {_said(error)}") from error
        state.decisions[signal.action] = state.decisions.get(signal.action, 0) + 1
        if signal.action == HOLD:
            return
        # Sales pass the gate whatever their inputs are.
        verdicts = deciding.judge_inputs(plan.inputs, known, now) if signal.action == BUY else ()
        denials = deciding.gate(signal, verdicts, in_flight=bool(state.account.orders or state.slices))
        sized = None if denials else deciding.size_of(signal, book)
        if isinstance(sized, Denial):
            denials = (sized,)
        self._count(denials)
        if isinstance(sized, Ticket):
            self._trade(sized, signal, now)

    def _trade(self, ticket: Ticket, signal: Signal, now: datetime) -> None:
        """Place an order, whole or in slices of which the first one is due now."""
        if self.plan.slices == 1:
            self._place(ticket, now, signal.ledger, signal.reason)
            return
        self.state.slices.append(
            Sliced.of(ticket, self.plan.slices, at=now, ledger=signal.ledger, reason=signal.reason)
        )
        self._place_slices(now)

    def _place_slices(self, now: datetime) -> None:
        """Place the slices that are due; one that is denied ends its order."""
        kept = []
        for each in self.state.slices:
            left: Sliced | None = each
            if each.next_at <= now:
                ticket, left = each.take(now + self.plan.slice_every)
                if not self._place(ticket, now, each.ledger, each.reason):
                    left = None
            if left is not None:
                kept.append(left)
        self.state.slices = kept

    def _place(self, ticket: Ticket, now: datetime, ledger: str, reason: str) -> bool:
        """Check an order by every rule and execute it at once; tell whether it was accepted."""
        state, coin = self.state, ticket.coin_type
        quote = self.market.quote(coin)
        standing = self._standing(ticket, now)
        found = safety.check_market(
            ticket, known=coin in self.plan.coins, quote=quote, mode=self.venue.mode, now=now
        )
        sizing = safety.size(ticket, quote, self.venue.fee_rate) if quote else None
        denials = safety.check(ticket, sizing, standing, found)
        if 0 < standing.day_loss_aud >= standing.max_loss_aud:
            state.reduce_only = True
        self._count(denials)
        if denials or sizing is None or quote is None:
            return False
        order = Order(
            coin_type=coin, side=ticket.side, quantity=sizing.quantity, limit_price=sizing.limit_price,
            valued_price=sizing.valued_price, reserved_aud=sizing.reserved_aud,
            reserved_quantity=sizing.reserved_quantity, ledger=ledger, reason=reason,
        )  # fmt: skip
        depth = self.market.levels(coin, order.side)
        for execution in self.venue.arrive(
            side=order.side, quantity=order.quantity, limit_price=order.limit_price, quote=quote,
            levels=depth[0] if depth else None,
        ):  # fmt: skip
            state.account.fill(order, execution, fee_rate=self.venue.fee_rate, at=now)
        if order.quantity:
            state.account.orders.append(order)
        return True

    def _look_at_resting(self, now: datetime) -> None:
        """Fill what the market has reached of orders at rest, each recorded order book taken from once."""
        account = self.state.account
        for order in account.orders:
            quote, depth = self.market.quote(order.coin_type), self.market.levels(order.coin_type, order.side)
            if quote is None or (depth and order.filled_at and depth[1] <= order.filled_at):
                continue
            for execution in self.venue.rest(
                side=order.side, quantity=order.quantity, limit_price=order.limit_price, quote=quote,
                levels=depth[0] if depth else None,
            ):  # fmt: skip
                account.fill(order, execution, fee_rate=self.venue.fee_rate, at=now)
        account.orders = [order for order in account.orders if order.quantity]

    def _begin_book_day(self, now: datetime) -> None:
        """Note what the book began its local day with, if nobody looked at it yet."""
        state, today = self.state, local_day(now, self.plan.timezone)
        if state.book_day != today:
            state.book_day, state.book_value, state.book_spent = today, self._value(), state.account.spent_aud

    def _standing(self, ticket: Ticket, now: datetime) -> Standing:
        """Count how the account stands towards an order, as `trading.services.standing` does."""
        state, plan, account, coin = self.state, self.plan, self.state.account, ticket.coin_type
        self._begin_book_day(now)
        here: dict[str, Any] = {
            "status": "reduce_only" if state.reduce_only else "active",
            "available_aud": account.cash_aud - account.reserved_aud,
            "available_quantity": account.held.get(coin, ZERO) - account.reserved_quantity(coin),
        }
        if ticket.side == SELL:
            return Standing(**here)
        value, worth = self._value(), self._worth()
        lost = state.book_value + round_aud(account.spent_aud - state.book_spent) - value
        return Standing(
            **here, equity_aud=worth, position_aud=self._value_of(coin) + account.coming_aud(coin),
            algorithm_aud=value + account.coming_aud(), day_start_aud=state.day_start_aud,
            day_loss_aud=round_aud(state.day_start_aud - worth), bounds=plan.bounds,
            position_limit_aud=plan.position_limit_aud, loss_limit_aud=plan.loss_limit_aud, book_loss_aud=lost,
        )  # fmt: skip

    def _book(self) -> Book:
        """Show what the rule has, as `trading.services.books` does."""
        account, plan = self.state.account, self.plan
        worth = self._worth()
        return Book(
            cash_aud=account.cash_aud - account.reserved_aud if account.orders else account.cash_aud,
            equity_aud=worth,
            budget_aud=deciding.budget_of(worth, plan.bounds, plan.position_limit_aud),
            positions={coin: self._position(coin) for coin in sorted(account.held)},
            coin_limit_aud=deciding.coin_limit_of(worth, plan.bounds),
        )  # fmt: skip

    def _position(self, coin_type: str) -> Position:
        """Show a coin that is held; what orders at rest and slices to come sell is sold already."""
        account = self.state.account
        to_come = sum(
            (each.to_sell for each in self.state.slices if each.ticket.coin_type == coin_type), ZERO
        )
        return Position.of(
            account.held[coin_type], selling=account.reserved_quantity(coin_type) + to_come,
            value_aud=self._value_of(coin_type), bought_at=account.bought_at.get(coin_type),
        )  # fmt: skip

    def _mark(self, coin_type: str) -> Decimal:
        quote: Quote | None = self.market.quote(coin_type)
        return quote.mark if quote else ZERO

    def _value_of(self, coin_type: str) -> Decimal:
        held = self.state.account.held.get(coin_type)
        return round_aud(held * self._mark(coin_type)) if held else ZERO

    def _value(self) -> Decimal:
        """Value the coins as safety does: each coin once."""
        return sum((self._value_of(coin) for coin in self.state.account.held), ZERO)

    def _worth(self) -> Decimal:
        return self.state.account.cash_aud + self._value()

    def positions_value(self) -> Decimal:
        """Value the coins as P&L does: each ledger's share of a coin rounded for itself."""
        shares = self.state.account.shares
        return sum((round_aud(some * self._mark(coin)) for (coin, _), some in shares.items()), ZERO)

    def _follow(self, now: datetime) -> None:
        """Follow equity, and how much of it was in coins since the last step."""
        state = self.state
        state.exposure.add(state.value, state.equity, now - state.counted_at)
        state.value = self.positions_value()
        state.equity, state.counted_at = state.account.cash_aud + state.value, now
        state.curve.add(now, state.equity)

    def _count(self, denials: tuple[Denial, ...]) -> None:
        for denial in denials:
            self.state.denials[denial.code] = self.state.denials.get(denial.code, 0) + 1


def _said(error: Exception) -> str:
    """Say what a rule raised, without where."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
