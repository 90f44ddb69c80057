"""Show an algorithm what it has: its book, and the account's cash and worth."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.trading.algorithms.view import Book, Position
from apps.trading.deciding import budget_of, coin_limit_of
from apps.trading.models import Account
from apps.trading.services.standing import IN_FLIGHT_VALUES, MARK, bounds_of
from apps.trading.services.twaps import left_to_sell
from ohmycoins.core.money import ZERO, plain, round_aud

# Coins by book, what orders in flight may take of them, and what they are worth; a coin without a price is worth
# nothing here, and cannot be sold.
HELD = f"""
    SELECT h.coin_type, h.algorithm_id IS NOT DISTINCT FROM %(algorithm)s AS own,
        h.quantity, coalesce((SELECT sum(o.reserved_quantity) FROM trading_order o
            WHERE o.account_id = h.account_id AND o.coin_type = h.coin_type AND o.status = ANY(%(in_flight)s)
                AND o.algorithm_id IS NOT DISTINCT FROM h.algorithm_id), 0),
        coalesce(h.quantity * {MARK}, 0)
    FROM trading_holding h
    LEFT JOIN ledgers_latestprice p ON p.coin_type = h.coin_type AND p.market = 'AUD'
    WHERE h.account_id = %(account)s AND h.quantity <> 0
    ORDER BY h.coin_type
"""  # noqa: S608 - constants only
RESERVED = """
    SELECT coalesce(sum(reserved_aud), 0) FROM trading_order
    WHERE account_id = %(account)s AND status = ANY(%(in_flight)s)
"""
BOUGHT_AT = """
    SELECT coin, bought.executed_at FROM unnest(%(coins)s::text[]) AS coin CROSS JOIN LATERAL (
        SELECT executed_at FROM trading_fill
        WHERE account_id = %(account)s AND coin_type = coin AND algorithm_id = %(algorithm)s AND side = 'buy'
        ORDER BY executed_at DESC, sequence DESC, venue_fill_id DESC LIMIT 1) AS bought
"""


def shown_book(account: Account, algorithm_id: int, position_limit_aud: Decimal | None) -> Book:
    """Count what an algorithm has in the locked account, at market."""
    scope: dict[str, Any] = {
        "account": account.pk,
        "algorithm": algorithm_id,
        "in_flight": IN_FLIGHT_VALUES,
    }
    held = [(*row, round_aud(value)) for *row, value in _rows(HELD, scope)]
    own = {coin: row for coin, is_own, *row in held if is_own}
    to_come = left_to_sell(account, algorithm_id)
    others: dict[str, Decimal] = {}
    for coin, is_own, _, _, value in held:
        if not is_own:
            others[coin] = others.get(coin, ZERO) + value
    bought_at: dict[str, datetime] = dict(_rows(BOUGHT_AT, scope | {"coins": list(own)})) if own else {}
    ((reserved_aud,),) = _rows(RESERVED, scope)
    bounds = bounds_of(account)
    equity: Decimal = account.cash_aud + sum((value for *_, value in held), ZERO)
    return Book(
        cash_aud=account.cash_aud - reserved_aud,
        equity_aud=equity,
        budget_aud=budget_of(equity, bounds, position_limit_aud),
        positions={
            coin: Position.of(
                quantity,
                selling=reserved + to_come.get(coin, ZERO),
                value_aud=value,
                bought_at=bought_at.get(coin),
            )
            for coin, (quantity, reserved, value) in own.items()
        },
        coin_limit_aud=coin_limit_of(equity, bounds),
        others_aud=others,
    )


def as_json(book: Book) -> dict[str, Any]:
    """Give a book as a decision keeps it."""
    return {
        "cash_aud": plain(book.cash_aud),
        "equity_aud": plain(book.equity_aud),
        "budget_aud": plain(book.budget_aud),
        "positions": {
            coin: {
                "quantity": plain(position.quantity),
                "value_aud": plain(position.value_aud),
                "bought_at": position.bought_at.isoformat() if position.bought_at else None,
                "selling": plain(position.selling),
            }
            for coin, position in book.positions.items()
        },
        "coin_limit_aud": None if book.coin_limit_aud is None else plain(book.coin_limit_aud),
        "others_aud": {coin: plain(value) for coin, value in book.others_aud.items()},
    }


def from_json(kept: dict[str, Any]) -> Book:
    """Give the book that a decision was shown."""
    return Book(
        cash_aud=Decimal(kept["cash_aud"]), equity_aud=Decimal(kept["equity_aud"]),
        budget_aud=Decimal(kept["budget_aud"]),
        positions={
            coin: Position(
                Decimal(position["quantity"]), Decimal(position["value_aud"]),
                datetime.fromisoformat(position["bought_at"]) if position["bought_at"] else None,
                Decimal(position["selling"]),
            )
            for coin, position in kept["positions"].items()
        },
        coin_limit_aud=None if kept["coin_limit_aud"] is None else Decimal(kept["coin_limit_aud"]),
        others_aud={coin: Decimal(value) for coin, value in kept["others_aud"].items()},
    )  # fmt: skip


def _rows(statement: str, values: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()
