"""Show an algorithm what was known at the decision's instant, and nothing else.

The rows are those of the inputs that the algorithm declared, read before it is asked; there is no way to
name a later instant, and to ask for what was not declared is an error. What was looked at is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from apps.trading.algorithms.rows import Bar, Figures, Happened, Measured, Ref, Row, Said, Tick
from ohmycoins.core.money import ZERO

if TYPE_CHECKING:
    from apps.trading.algorithms.base import Input, Known, Parameters


class Undeclared(Exception):
    """An algorithm asked for something that is not among its inputs, such as more, or what is to come."""


@dataclass(frozen=True, slots=True)
class Position:
    """Coins of a book: how many it could sell, what all of them are worth (AUD), and when it last bought some."""

    quantity: Decimal
    value_aud: Decimal
    bought_at: datetime | None
    selling: Decimal = ZERO
    """What orders in flight, and slices to come, sell already."""

    @classmethod
    def of(
        cls, held: Decimal, *, selling: Decimal, value_aud: Decimal, bought_at: datetime | None
    ) -> Position:
        """Count what is being sold, at most all, off what is held."""
        selling = min(selling, max(held, ZERO))
        return cls(held - selling, value_aud, bought_at, selling)

    @property
    def held(self) -> Decimal:
        return self.quantity + self.selling


@dataclass(frozen=True, slots=True)
class Book:
    """What an algorithm has in its account; AUD, at market."""

    cash_aud: Decimal
    """The account's, less what orders in flight may take."""
    equity_aud: Decimal
    """The whole account's."""
    budget_aud: Decimal
    """The most that the book's coins may be worth."""
    positions: Mapping[str, Position] = field(default_factory=dict)
    """By coin; only what is held."""
    coin_limit_aud: Decimal | None = None
    """The most that one coin may be worth in the whole account; None where nobody counts."""
    others_aud: Mapping[str, Decimal] = field(default_factory=dict)
    """By coin: what the account's other books hold of it."""

    @property
    def value_aud(self) -> Decimal:
        return sum((position.value_aud for position in self.positions.values()), ZERO)

    def quantity(self, coin_type: str) -> Decimal:
        position = self.positions.get(coin_type)
        return position.quantity if position else ZERO

    def value_of(self, coin_type: str) -> Decimal:
        position = self.positions.get(coin_type)
        return position.value_aud if position else ZERO

    def left_for(self, coin_type: str) -> Decimal:
        """Give what more may be bought of a coin: of the budget, and of what the account may have of one coin."""
        left = self.budget_aud - self.value_aud
        if self.coin_limit_aud is None:
            return left
        held = self.value_of(coin_type) + self.others_aud.get(coin_type, ZERO)
        return min(left, self.coin_limit_aud - held)


class View:
    """The four ledgers and the book as of `now` (UTC); lists are oldest first."""

    __slots__ = ("_inputs", "_known", "_read", "book", "now", "parameters")

    def __init__(
        self, *, now: datetime, parameters: Parameters, book: Book, inputs: Sequence[Input], known: Known
    ) -> None:
        self.now = now
        self.parameters: Any = parameters
        self.book = book
        self._inputs = {(each.series.value, each.of, each.detail): each for each in inputs}
        self._known = known
        self._read: list[Sequence[Row]] = []

    @property
    def read(self) -> tuple[Ref, ...]:
        """Give every row that was looked at."""
        return tuple(dict.fromkeys(row.ref for rows in self._read for row in rows))

    def price(self, coin_type: str) -> Tick | None:
        """Give the newest price."""
        rows = self._rows("price", coin_type)
        return cast("Tick", rows[-1]) if rows else None

    def candles(self, coin_type: str, interval: str, count: int) -> Sequence[Bar]:
        """Give the newest `count` candles that are over; there are fewer where fewer are known."""
        return cast("Sequence[Bar]", self._rows("candles", coin_type, interval, count=count))

    def news(self, coin_type: str, within: timedelta) -> Sequence[Said]:
        """Give articles of that time that name the coin."""
        return cast("Sequence[Said]", self._rows("news", coin_type, within=within))

    def posts(self, coin_type: str, within: timedelta) -> Sequence[Said]:
        """Give posts of that time that name the coin."""
        return cast("Sequence[Said]", self._rows("posts", coin_type, within=within))

    def events(self, coin_type: str, within: timedelta) -> Sequence[Happened]:
        """Give filings and announcements of that time that name the coin."""
        return cast("Sequence[Happened]", self._rows("events", coin_type, within=within))

    def fundamentals(self, protocol: str, within: timedelta) -> Sequence[Figures]:
        """Give a protocol's days."""
        return cast("Sequence[Figures]", self._rows("fundamentals", protocol, within=within))

    def metrics(self, asset: str, name: str, within: timedelta) -> Sequence[Measured]:
        """Give a figure's days."""
        return cast("Sequence[Measured]", self._rows("metrics", asset, name, within=within))

    def _rows(
        self,
        series: str,
        of: str,
        detail: str = "",
        *,
        count: int | None = None,
        within: timedelta | None = None,
    ) -> Sequence[Row]:
        declared = self._inputs.get((series, of, detail))
        label = ":".join(part for part in (series, of, detail) if part)
        if declared is None:
            raise Undeclared(f"{label} is not among the inputs that it declares")
        if count is not None and not 0 < count <= declared.count:
            raise Undeclared(f"{label}: {count} rows were asked for, and {declared.count} declared")
        if within is not None and not (
            timedelta(0) < within and declared.within is not None and within <= declared.within
        ):
            raise Undeclared(f"{label}: {within} back was asked for, and {declared.within} declared")
        rows = self._known.rows(declared)
        if count is not None:
            rows = rows[-count:]
        if within is not None and within != declared.within:
            since = self.now - within
            rows = [row for row in rows if row.occurred_at >= since]
        self._read.append(rows)
        return rows
