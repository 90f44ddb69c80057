"""Trade on CoinSpot's order book, by limit orders only: their answers carry an id.

Assumed, as no live answer was ever recorded (docs/money.md): balances include what rests on orders;
`audtotal` is what a purchase cost and what a sale brought, the fee in it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings

from apps.trading.records import BUY, Reading, VenueOrder, VenueTrade, VenueTransfer
from ohmycoins.clients import coinspot, coinspot_replies
from ohmycoins.clients.coinspot import Call, Key, OutcomeUnknown
from ohmycoins.clients.coinspot_replies import BadReply, CompletedOrder, Transfer
from ohmycoins.core import clock
from ohmycoins.core.money import round_aud

AUD = "AUD"
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

    def submit(self, body: str, key: Key, *, side: str, quantity: Decimal, limit_price: Decimal) -> str:
        reply = _send(Call(path=f"/api/v2/my/{side}", body=body.encode()), key)
        try:
            placed = coinspot_replies.read_placed(reply)
        except BadReply as error:
            raise OutcomeUnknown(f"CoinSpot's answer says too little: {error}") from error
        if (placed.amount, placed.rate) != (quantity, limit_price):
            raise OutcomeUnknown(f"CoinSpot answers with an order of {placed.amount} at {placed.rate}")
        return placed.id

    def cancel(self, nonce: int, key: Key, *, side: str, venue_order_id: str) -> None:
        _send(coinspot.cancel(nonce, side=side, order_id=venue_order_id), key)

    def fence(self, nonce: int, key: Key) -> None:
        _send(coinspot.status(nonce), key)

    def read(self, nonce: Callable[[], int], key: Key, *, since: date, until: date, whole: bool) -> Reading:
        began_at = clock.now()
        try:
            book = coinspot_replies.read_open_orders(_send(coinspot.open_orders(nonce()), key))
            rows = list(_completed(nonce, key, since, until))
            return Reading(
                began_at=began_at,
                orders=tuple(
                    VenueOrder(row.id, row.side, row.coin, row.amount, row.rate, row.created_at)
                    for row in book
                    if _in_aud(row.market)
                ),
                trades=tuple(_trades([row for row in rows if _in_aud(row.market)])),
                transfers=tuple(_transfers(nonce, key, since, until)) if whole else (),
                balances=coinspot_replies.read_balances(_send(coinspot.balances(nonce()), key))
                if whole
                else None,
            )
        except BadReply as error:
            raise OutcomeUnknown(f"CoinSpot's answer cannot be read: {error}") from error


def _send(call: Call, key: Key) -> dict[str, Any]:
    return coinspot.send(call, key, total_seconds=settings.OMC_SUBMIT_DEADLINE_SECONDS)


def _in_aud(market: str) -> bool:
    return market.upper().rpartition("/")[2] in ("", AUD)


def _completed(nonce: Callable[[], int], key: Key, since: date, until: date) -> Iterator[CompletedOrder]:
    """Give every trade of the days, paging back by the day of the oldest row of a full page.

    Raises OutcomeUnknown when one day has more rows than the venue lists.
    """
    while True:
        reply = _send(coinspot.completed_orders(nonce(), since=since, until=until), key)
        rows = coinspot_replies.read_completed_orders(reply)
        if len(rows) < coinspot.PAGE_ROWS:
            yield from rows
            return
        oldest = min(row.at for row in rows).date()
        if oldest >= until:
            raise OutcomeUnknown(
                f"CoinSpot lists only {coinspot.PAGE_ROWS} trades of {oldest}, and there are more"
            )
        yield from (row for row in rows if row.at.date() > oldest)
        until = oldest


def _trades(rows: list[CompletedOrder]) -> Iterator[VenueTrade]:
    """Give each row a key: what it says, and how many of those before it say the same."""
    seen: Counter[str] = Counter()
    for row in sorted(rows, key=lambda row: row.at):
        seen[row.digest] += 1
        value = _value(row)
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


def _transfers(nonce: Callable[[], int], key: Key, since: date, until: date) -> Iterator[VenueTransfer]:
    seen: Counter[str] = Counter()
    for what in ("deposits", "withdrawals", "sendreceive"):
        reply = _send(coinspot.transfers(nonce(), what, since=since, until=until), key)
        found: tuple[Transfer, ...] = (
            coinspot_replies.read_coin_transfers(reply)
            if what == "sendreceive"
            else coinspot_replies.read_cash(reply, what)
        )
        for row in sorted(found, key=lambda row: row.at):
            seen[row.digest] += 1
            yield VenueTransfer(f"{row.digest}:{seen[row.digest]}", row.kind, row.coin, row.amount, row.at)
