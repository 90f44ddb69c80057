"""Answer each path of the signed API (coinspot.com.au/v2/api).

Refusals are in words that clients know. What the documentation does not say is decided here: orders are
in AUD markets only and worth at least A$1; `total` of an instant trade is without its fee.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ohmycoins.core.money import floor_quantity
from ohmycoins.sandbox.venue import lists
from ohmycoins.sandbox.venue.account import INSTANT_FEE, Refusal
from ohmycoins.sandbox.venue.book import Book, Wanted
from ohmycoins.sandbox.venue.call import Call

FULL = "/api/v2/"
READ_ONLY = "/api/v2/ro/"
OK = {"status": "ok", "message": "ok"}
Content = dict[str, Any]


def perform(call: Call, book: Book) -> Content:
    """Do what a call asks, and give its answer. Raises Refusal."""
    return PATHS[call.path](call, book)


def _status(call: Call, book: Book) -> Content:
    return {"status": "ok"}


def _quote_now(call: Call, book: Book) -> Content:
    rate = _price_now(call, book)
    _coins(call, rate)
    return {**OK, "rate": rate}


def _place(call: Call, book: Book) -> Content:
    call.require_aud_market()
    wanted = Wanted(
        side=call.side, coin=call.coin, amount=call.number("amount"), rate=call.number("rate"),
        nonce=call.nonce, depth=call.depth,
    )  # fmt: skip
    order = book.place(call.account, wanted, call.options, call.now)
    return {
        **OK,
        "coin": order.coin,
        "market": f"{order.coin}/AUD",
        "amount": order.amount,
        "rate": order.rate,
        "id": order.id,
    }


def _trade_now(call: Call, book: Book) -> Content:
    rate = _price_now(call, book)
    _guard(call, rate)
    wanted = Wanted(side=call.side, coin=call.coin, amount=_coins(call, rate), rate=rate, nonce=call.nonce)
    fill = book.trade_now(call.account, wanted, call.options, call.now)
    answer = {
        **OK,
        "coin": fill.coin,
        "amount": fill.amount,
        "market": f"{fill.coin}/AUD",
        "total": fill.total,
    }
    return answer if call.side == "buy" else {**answer, "rate": fill.rate}


def _price_now(call: Call, book: Book) -> Decimal:
    bid, ask = book.quote(call.coin, call.now)
    return ask if call.side == "buy" else bid


def _coins(call: Call, rate: Decimal) -> Decimal:
    """Give the coins of an instant trade; an amount in AUD that buys includes the fee."""
    amount = call.number("amount")
    kind = str(call.inputs.get("amounttype")).lower()
    if kind == "coin":
        return amount
    if kind != "aud":
        raise Refusal("Invalid amounttype")
    coins = floor_quantity(amount / rate / (1 + INSTANT_FEE if call.side == "buy" else 1))
    if not coins:
        raise Refusal("Invalid amount")
    return coins


def _guard(call: Call, rate: Decimal) -> None:
    """Refuse a trade whose price moved too far from the one given; without one there is no guard."""
    if "rate" not in call.inputs:
        return
    given = call.number("rate")
    threshold = call.number("threshold", or_zero=True) if "threshold" in call.inputs else 0
    direction = str(call.inputs.get("direction") or ("UP" if call.side == "buy" else "DOWN")).upper()
    if direction not in ("UP", "DOWN", "BOTH"):
        raise Refusal("Invalid direction")
    change = (rate / given - 1) * 100
    if (direction != "DOWN" and change > threshold) or (direction != "UP" and -change > threshold):
        raise Refusal("Invalid rate: the price moved more than the threshold")


def _cancel(call: Call, book: Book) -> Content:
    book.cancel(call.account, str(call.inputs.get("id")), call.side)
    return OK


def _listed(give: Callable[[Call, Book], Content]) -> Callable[[Call, Book], Content]:
    return lambda call, book: {**OK, **give(call, book)}


PATHS: dict[str, Callable[[Call, Book], Content]] = {
    f"{FULL}status": _status,
    f"{FULL}quote/buy/now": _quote_now,
    f"{FULL}quote/sell/now": _quote_now,
    f"{FULL}my/buy": _place,
    f"{FULL}my/sell": _place,
    f"{FULL}my/buy/now": _trade_now,
    f"{FULL}my/sell/now": _trade_now,
    f"{FULL}my/buy/cancel": _cancel,
    f"{FULL}my/sell/cancel": _cancel,
    f"{READ_ONLY}status": _status,
    f"{READ_ONLY}my/balances": _listed(lists.balances),
    f"{READ_ONLY}my/orders/market/open": _listed(lists.open_orders),
    f"{READ_ONLY}my/orders/limit/open": _listed(lists.no_orders),
    f"{READ_ONLY}my/orders/completed": _listed(lists.completed),
    f"{READ_ONLY}my/orders/market/completed": _listed(lists.completed_on_the_book),
    f"{READ_ONLY}my/deposits": _listed(lists.deposits),
    f"{READ_ONLY}my/withdrawals": _listed(lists.withdrawals),
    f"{READ_ONLY}my/sendreceive": _listed(lists.sends_and_receives),
}
