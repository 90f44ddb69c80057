"""Trade on CoinSpot's order book, by limit orders only: their answers carry an id.

Assumed, as no live answer was ever recorded (docs/money.md): balances include what rests on orders;
`audtotal` is what a purchase cost and what a sale brought, the fee in it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings

from apps.trading.records import BUY, Reading, Receipt, VenueOrder, VenueTrade, VenueTransfer
from ohmycoins.clients import coinspot, coinspot_replies
from ohmycoins.clients.coinspot import Call, Key, OutcomeUnknown
from ohmycoins.clients.coinspot_replies import BadReply, CompletedOrder, OpenOrder, Transfer
from ohmycoins.core import clock
from ohmycoins.core.money import round_aud

AUD = "AUD"
# How long a whole reading may take; a worker's task has a little more.
READING_SECONDS = 12.0
Send = Callable[[Callable[[int], Call]], dict[str, Any]]
# How far the two ways to say what a trade was worth may lie apart before we believe quantity × rate.
DOUBT = Decimal("0.005")


class CoinspotVenue:
    slug = "coinspot"
    mode = "live"
    opening_cash_aud = Decimal(0)
    fee_rate = Decimal("0.001")  # the order book's, by the help centre; fills carry the true fee

    def write_order(
        self, nonce: int, *, side: str, coin_type: str, quantity: Decimal, limit_price: Decimal
    ) -> str:
        return coinspot.place(
            nonce, side=side, coin=coin_type, amount=quantity, rate=limit_price
        ).body.decode()

    def submit(self, body: str, key: Key, *, side: str) -> Receipt:
        reply = _send(Call(path=f"/api/v2/my/{side}", body=body.encode()), key)
        try:
            placed = coinspot_replies.read_placed(reply)
        except BadReply as error:
            raise OutcomeUnknown(f"CoinSpot's answer says too little: {error}") from error
        return Receipt(placed.id, placed.amount, placed.rate)

    def cancel(self, nonce: int, key: Key, *, side: str, venue_order_id: str) -> None:
        _send(coinspot.cancel(nonce, side=side, order_id=venue_order_id), key)

    def fence(self, nonce: int, key: Key) -> None:
        _send(coinspot.status(nonce), key)

    def read(
        self, nonce: Callable[[], int], key: Key, *, since: date, until: date, transfers_since: date | None
    ) -> Reading:
        began_at, deadline = clock.now(), time.monotonic() + READING_SECONDS

        def send(prepare: Callable[[int], Call]) -> dict[str, Any]:
            left = deadline - time.monotonic()
            if left <= 0:
                raise OutcomeUnknown(f"CoinSpot was not read within {READING_SECONDS:.0f} s")
            return _send(prepare(nonce()), key, min(left, settings.OMC_SUBMIT_DEADLINE_SECONDS))

        try:
            book = coinspot_replies.read_open_orders(send(coinspot.open_orders))
            rows = [row for row in _completed(send, since, until) if _in_aud(row.market) and row.amount]
            # By id: a list may hold a row twice.
            orders = {row.id: _order(row) for row in book if _in_aud(row.market) and row.amount}
            if transfers_since is None:
                return Reading(began_at, tuple(orders.values()), tuple(_trades(rows)))
            return Reading(
                began_at, tuple(orders.values()), tuple(_trades(rows)), tuple(_transfers(send, transfers_since, until)),
                coinspot_replies.read_balances(send(coinspot.balances)),
            )  # fmt: skip
        except BadReply as error:
            raise OutcomeUnknown(f"CoinSpot's answer cannot be read: {error}") from error


def _send(call: Call, key: Key, seconds: float | None = None) -> dict[str, Any]:
    return coinspot.send(call, key, total_seconds=seconds or settings.OMC_SUBMIT_DEADLINE_SECONDS)


def _order(row: OpenOrder) -> VenueOrder:
    if not row.id or row.amount < 0 or row.rate <= 0:
        raise BadReply(
            f"an open order has the id {row.id!r}, the amount {row.amount} and the rate {row.rate}"
        )
    return VenueOrder(row.id, row.side, row.coin, row.amount, row.rate, row.created_at)


def _in_aud(market: str) -> bool:
    return market.upper().rpartition("/")[2] in ("", AUD)


def _completed(send: Send, since: date, until: date) -> Iterator[CompletedOrder]:
    """Give every trade of the days, paging back by the time of the oldest row of a full page.

    The rows of that very instant come again with the next page. Raises OutcomeUnknown when a page does
    not get further back.
    """
    end: date | datetime = until
    while True:
        reply = send(partial(coinspot.completed_orders, since=since, until=end))
        rows = coinspot_replies.read_completed_orders(reply)
        if len(rows) < coinspot.PAGE_ROWS:
            yield from rows
            return
        oldest = min(row.at for row in rows)
        if oldest == end or all(row.at == oldest for row in rows):
            raise OutcomeUnknown(f"CoinSpot lists no more than {coinspot.PAGE_ROWS} trades up to {oldest}")
        yield from (row for row in rows if row.at > oldest)
        end = oldest


def _trades(rows: list[CompletedOrder]) -> Iterator[VenueTrade]:
    """Give each row a key: what it says, and how many of those before it say the same."""
    seen: Counter[str] = Counter()
    for row in sorted(rows, key=lambda row: row.at):
        seen[row.digest] += 1
        value = _value(row)
        if row.amount < 0 or value < 0:
            raise BadReply(f"a trade has the amount {row.amount} and the value {value}")
        yield VenueTrade(
            key=f"{row.digest}:{seen[row.digest]}", side=row.side, coin_type=row.coin, quantity=row.amount,
            price=row.rate or value / row.amount, value_aud=value, fee_aud=round_aud(row.fee_aud), at=row.at,
            order_id=row.order_id,
        )  # fmt: skip


def _value(row: CompletedOrder) -> Decimal:
    """Give what the coins were worth without the fee, by what was paid or received if that is credible."""
    by_rate = None if row.rate is None else round_aud(row.amount * row.rate)
    if row.aud_total is None:
        if by_rate is None:
            raise BadReply("a trade has neither rate nor audtotal")
        return by_rate
    by_total = round_aud(row.aud_total - row.fee_aud if row.side == BUY else row.aud_total + row.fee_aud)
    if by_rate is not None and abs(by_total - by_rate) > DOUBT * by_rate:
        return by_rate
    return by_total


def _transfers(send: Send, since: date, until: date) -> Iterator[VenueTransfer]:
    seen: Counter[str] = Counter()
    for what in ("deposits", "withdrawals", "sendreceive"):
        reply = send(partial(coinspot.transfers, what=what, since=since, until=until))
        found: tuple[Transfer, ...] = (
            coinspot_replies.read_coin_transfers(reply)
            if what == "sendreceive"
            else coinspot_replies.read_cash(reply, what)
        )
        for row in sorted(found, key=lambda row: row.at):
            seen[row.digest] += 1
            number = seen[row.digest]
            yield VenueTransfer(
                f"{row.digest}:{number}", row.kind, row.coin, row.amount, row.at, repeated=number > 1
            )
