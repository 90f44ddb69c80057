"""Ask an algorithm, and judge what it says and what it was told; pure.

Live decisions and backtests go through the same functions here, so that a backtest says what trading
would have done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from apps.trading.algorithms.base import HOLD, Algorithm, Input, Known, Series, Signal
from apps.trading.algorithms.rows import Tick
from apps.trading.algorithms.view import Book, Position, View
from apps.trading.records import BUY, MARKET, SELL, Bounds, Denial, Ticket
from apps.trading.safety import COLLAR
from ohmycoins.core.money import CENT, QUANTITY_STEP, ZERO, floor_quantity, plain, round_aud, split
from ohmycoins.core.symbols import is_symbol

SMALLEST_AUD = Decimal(1)  # the venue's own minimum
MOST_SLICES, LONGEST_PAUSE_SECONDS = 100, 86_400
"""Of one order, and between two of them."""
OK, STALE, MISSING, BAD = "ok", "stale", "missing", "bad"
NOTHING = Position(ZERO, ZERO, None)
MOST = Decimal(10) ** 12
"""Coins, or AUD, of one signal."""
_CODES = {STALE: "STALE_INPUT", MISSING: "MISSING_INPUT", BAD: "BAD_INPUT"}


class BadSignal(Exception):
    """An algorithm said something that cannot be meant."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a declared input can be believed."""

    series: str
    """Its label, such as `candles:BTC:hour`."""
    state: str
    """ok, stale, missing or bad."""
    max_age: timedelta
    newest_at: datetime | None = None
    """When its newest row occurred."""
    age: timedelta | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "series": self.series,
            "state": self.state,
            "newest_at": self.newest_at.isoformat() if self.newest_at else None,
            "age_seconds": round(self.age.total_seconds()) if self.age is not None else None,
            "max_age_seconds": round(self.max_age.total_seconds()),
        }


def judge_inputs(inputs: Sequence[Input], known: Known, now: datetime) -> tuple[Verdict, ...]:
    """Say of each input whether it is there, fresh and sound."""
    return tuple(_verdict(each, known, now) for each in inputs)


def _verdict(declared: Input, known: Known, now: datetime) -> Verdict:
    newest = known.newest(declared)
    if newest is None:
        return Verdict(declared.label, MISSING, declared.max_age)
    age = now - newest
    if age > declared.max_age:
        state = STALE
    elif declared.series == Series.PRICE and _is_crossed(known.rows(declared)):
        state = BAD
    else:
        state = OK
    return Verdict(declared.label, state, declared.max_age, newest, age)


def _is_crossed(rows: Sequence[Any]) -> bool:
    return bool(rows) and isinstance(rows[-1], Tick) and rows[-1].is_crossed


def decide(algorithm: Algorithm, view: View) -> Signal:
    """Ask the algorithm. Raises BadSignal, and whatever the algorithm raises."""
    signal = algorithm.decide(view)
    if not isinstance(signal, Signal):
        raise BadSignal(f"expected a Signal, got {type(signal).__name__}")
    for problem in _problems(signal):
        raise BadSignal(problem)
    return signal


def _problems(signal: Signal) -> list[str]:
    sizes = [size for size in (signal.quantity, signal.fraction, signal.amount_aud) if size is not None]
    found = []
    if signal.action not in (BUY, SELL, HOLD):
        found.append(f"action is {signal.action!r}; expected buy, sell or hold")
    if not (signal.confidence.is_finite() and 0 <= signal.confidence <= 1):
        found.append(f"confidence is {signal.confidence}; expected 0 to 1")
    if any(not (size.is_finite() and 0 < size < MOST) for size in sizes):
        found.append("its size is not a positive number below 10^12")
    elif signal.fraction is not None and signal.fraction > 1:
        found.append(f"fraction is {signal.fraction}; expected at most 1")
    if signal.action in (BUY, SELL):
        if not is_symbol(signal.coin_type):
            found.append(f"{signal.action} of {signal.coin_type!r}; expected a coin's symbol, such as BTC")
        if len(sizes) != 1:
            found.append("expected exactly one of quantity, fraction and amount_aud")
        if signal.action == SELL and signal.amount_aud is not None:
            found.append("a sale has no amount_aud")
    return found


def gate(signal: Signal, verdicts: Sequence[Verdict], *, in_flight: bool) -> tuple[Denial, ...]:
    """Stop a purchase when any input cannot be believed, or while an earlier order is `in_flight`.

    What an order in flight will buy is not in the book yet, and would be bought again. Sales and holding pass.
    """
    if signal.action != BUY:
        return ()
    denials = [_denial(verdict) for verdict in verdicts if verdict.state != OK]
    if in_flight:
        denials.append(
            Denial("ORDER_IN_FLIGHT", "An earlier order of the algorithm is under way: nothing is bought before it ended.")
        )  # fmt: skip
    return tuple(denials)


def _denial(verdict: Verdict) -> Denial:
    limit = f"{verdict.max_age.total_seconds():.0f}"
    if verdict.age is None:
        return Denial(_CODES[verdict.state], f"Nothing is known of {verdict.series}.", limit=limit)
    value = f"{verdict.age.total_seconds():.0f}"
    message = (
        f"{verdict.series} has a bid above its ask."
        if verdict.state == BAD
        else f"{verdict.series} is {value} s old; nothing is bought on it when older than {limit} s."
    )
    return Denial(_CODES[verdict.state], message, limit=limit, value=value)


def budget_of(equity_aud: Decimal, bounds: Bounds, position_limit_aud: Decimal | None) -> Decimal:
    """Give the most that an algorithm's coins may be worth: its share of the account, or its deployment's limit."""
    share = round_aud(equity_aud * bounds.max_algorithm_percent / 100)
    return share if position_limit_aud is None else min(share, position_limit_aud)


def coin_limit_of(equity_aud: Decimal, bounds: Bounds) -> Decimal:
    """Give the most that one coin may be worth in an account."""
    return round_aud(equity_aud * bounds.max_position_percent / 100)


def size_of(signal: Signal, book: Book) -> Ticket | Denial:
    """Turn a signal to trade into an order at market, or say why it comes to nothing.

    A share of the budget buys no more than what is left of it, than the account may have of one coin, and
    than cash can pay at a market order's worst price. A share of what is held is rounded down to 8 decimals,
    and what is being sold already counts towards it. Numbers of coins and amounts are taken as they are: the
    account's limits speak to them.
    """
    coin = signal.coin_type
    if signal.action == SELL:
        position = book.positions.get(coin, NOTHING)
        if signal.fraction is not None:
            quantity = floor_quantity(position.held * signal.fraction) - position.selling
        else:
            quantity = floor_quantity(signal.quantity or ZERO)
        if position.quantity <= 0 or quantity <= 0:
            return Denial(
                "NOTHING_HELD", f"The book holds no {coin} to sell that is not being sold already.",
                limit=plain(position.selling), value=plain(position.held),
            )  # fmt: skip
        return Ticket(coin, SELL, MARKET, quantity=quantity)
    if signal.quantity is not None:
        return Ticket(coin, BUY, MARKET, quantity=floor_quantity(signal.quantity))
    if signal.fraction is None:
        return Ticket(coin, BUY, MARKET, amount_aud=signal.amount_aud)
    left = min(book.left_for(coin), book.cash_aud / (1 + COLLAR) * (1 - CENT))
    amount = min(book.budget_aud * signal.fraction, left).quantize(CENT, ROUND_DOWN)
    if amount < SMALLEST_AUD:
        return Denial(
            "NOTHING_LEFT",
            "Nothing is left to spend: of the book's budget, of what the account may have of the coin, or of its cash.",
            limit=plain(book.budget_aud), value=plain(book.value_aud),
        )  # fmt: skip
    return Ticket(coin, BUY, MARKET, amount_aud=amount)


def least_slice(ticket: Ticket) -> Decimal:
    """Give the least that a slice of an order may be: the venue's minimum or, of coins, their last decimal.

    What coins will be worth when their slice is due is not known.
    """
    return QUANTITY_STEP if ticket.amount_aud is None else SMALLEST_AUD


def most_slices(ticket: Ticket) -> int:
    """Give how many slices an order can be cut into; 0 if it is too small for one."""
    return int((ticket.amount_aud or ticket.quantity or ZERO) // least_slice(ticket))


def cut(ticket: Ticket, slices: int) -> list[Decimal]:
    """Cut a market order into equal parts that add up to it; the last one takes what rounding leaves.

    Coins are rounded down to 8 decimals, amounts to cents.
    """
    if ticket.amount_aud is not None:
        return split(ticket.amount_aud, slices, CENT)
    return split(ticket.quantity or ZERO, slices, QUANTITY_STEP)


def slice_of(ticket: Ticket, slices: int, place: int) -> Ticket:
    """Give one slice of a market order that is cut into so many, counted from 0."""
    part = cut(ticket, slices)[place]
    size = {"quantity": part} if ticket.amount_aud is None else {"amount_aud": part}
    return Ticket(ticket.coin_type, ticket.side, MARKET, **size)
