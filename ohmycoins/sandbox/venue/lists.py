"""Write what the read-only paths list, in the shapes of coinspot.com.au/v2/api."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from ohmycoins.core.money import ZERO, floor_quantity, round_aud
from ohmycoins.sandbox.venue.account import AUD, Fill, Order, Transfer
from ohmycoins.sandbox.venue.book import Book
from ohmycoins.sandbox.venue.call import Call
from ohmycoins.sandbox.venue.options import Options

GST = Decimal("1.1")
Content = dict[str, Any]


def balances(call: Call, book: Book) -> Content:
    """List AUD and the coins held, what rests on orders included."""
    rows: list[Content] = []
    for currency, amount in sorted(
        call.account.balances.items(), key=lambda entry: (entry[0] != AUD, entry[0])
    ):
        if currency == AUD:
            rows.append({AUD: {"balance": amount, "audbalance": amount, "rate": 1}})
        elif amount:
            bid, _ = book.market.quote(currency, call.now) or (ZERO, ZERO)
            worth = round_aud(amount * bid)
            rows.append({currency: {"balance": amount, "audbalance": worth, "rate": bid}})
    return {"balances": rows}


def no_orders(call: Call, book: Book) -> Content:
    """List the stop and limit orders that CoinSpot keeps beside the book: we have none."""
    return {"buyorders": [], "sellorders": []}


def open_orders(call: Call, book: Book) -> Content:
    """List what rests on the book, each order with the amount that is left of it."""
    shown = [
        order
        for order in call.account.open_orders()
        if order.visible_at <= call.now and call.is_about(order.coin)
    ]
    return _by_side(shown, _open_row)


def completed(call: Call, book: Book) -> Content:
    """List trades, newest first, one row for each fill."""
    return _completed(call, kinds=("market", "instant"))


def completed_on_the_book(call: Call, book: Book) -> Content:
    """List trades without the instant ones."""
    return _completed(call, kinds=("market",))


def deposits(call: Call, book: Book) -> Content:
    return {"deposits": [_cash_row(transfer) for transfer in _transfers(call, "deposit")]}


def withdrawals(call: Call, book: Book) -> Content:
    return {"withdrawals": [_cash_row(transfer) for transfer in _transfers(call, "withdraw")]}


def sends_and_receives(call: Call, book: Book) -> Content:
    return {
        f"{kind}transactions": [_coin_row(transfer) for transfer in _transfers(call, kind)]
        for kind in ("send", "receive")
    }


def _completed(call: Call, *, kinds: tuple[str, ...]) -> Content:
    shown = [
        fill
        for fill in reversed(call.account.fills)
        if fill.kind in kinds
        and fill.visible_at <= call.now
        and call.is_about(fill.coin)
        and call.is_between(fill.at)
    ]
    shown.sort(key=lambda fill: fill.at, reverse=True)
    return _by_side(shown[: call.limit], lambda fill: _completed_row(fill, call.options))


def _by_side(items: Iterable[Any], row: Callable[[Any], Content]) -> Content:
    listed: dict[str, list[Content]] = {"buyorders": [], "sellorders": []}
    for item in items:
        listed[f"{item.side}orders"].append(row(item))
    return listed


def _open_row(order: Order) -> Content:
    return {
        "id": order.id, "coin": order.coin, "market": f"{order.coin}/AUD", "amount": order.remaining,
        "created": order.created_at, "rate": order.rate, "total": round_aud(order.remaining * order.rate),
    }  # fmt: skip


def _completed_row(fill: Fill, options: Options) -> Content:
    before_tax = floor_quantity(fill.fee / GST)
    row = {
        "coin": fill.coin, "type": fill.kind, "market": f"{fill.coin}/AUD", "rate": fill.rate,
        "amount": fill.amount, "total": fill.total, "solddate": fill.at, "audfeeExGst": before_tax,
        "audGst": fill.fee - before_tax, "audtotal": fill.aud_total,
    }  # fmt: skip
    if fill.kind == "instant":
        row["otc"] = False
    return row if options.completed_ids == "none" else {"id": fill.order_id, **row}


def _cash_row(transfer: Transfer) -> Content:
    return {
        "amount": transfer.amount, "created": transfer.at, "status": "completed", "type": "BANK",
        "reference": transfer.id,
    }  # fmt: skip


def _coin_row(transfer: Transfer) -> Content:
    return {
        "coin": transfer.coin, "amount": transfer.amount, "timestamp": transfer.at, "txid": transfer.id,
        "address": f"sandbox-{transfer.coin.lower()}",
    }  # fmt: skip


def _transfers(call: Call, kind: str) -> Iterable[Transfer]:
    newest_first = reversed(call.account.transfers)
    return (each for each in newest_first if each.kind == kind and call.is_between(each.at))
