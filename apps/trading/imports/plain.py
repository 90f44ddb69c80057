"""Read our own format: one fill, deposit or withdrawal a row, UTC times, AUD per coin, the fee apart."""

from datetime import datetime
from decimal import Decimal

from apps.trading.imports import cells
from apps.trading.imports.records import AUD, BadRow, Entry, ImportedFill, ImportedMovement, Said
from apps.trading.imports.table import Row
from apps.trading.records import BUY, SELL, TRADE
from ohmycoins.core.money import ZERO, plain, round_aud

REQUIRED = ("time", "side", "coin", "quantity", "price", "fee_aud")
OPTIONAL = ("venue_fill_id", "kind")
DEPOSIT, WITHDRAWAL = "deposit", "withdrawal"
BOTH = (BUY, SELL)
# What made coins come or go, and on which side it may stand; all but a trade move no cash.
KINDS = {
    TRADE: BOTH, BUY: (BUY,), SELL: (SELL,),
    "interest": (BUY,), "mining": (BUY,), "airdrop": (BUY,), "staking": BOTH, "hardfork": (BUY,), "wages": (BUY,),
    "gift": BOTH, "donate": (SELL,), "transfer_fee": (SELL,), "fee_paid_in_coin": (SELL,),
    DEPOSIT: ("", BUY), WITHDRAWAL: ("", SELL),
}  # fmt: skip
LONGEST_ID = 80


def read_row(row: Row, now: datetime) -> Said:
    """Read a row. Raises BadRow."""
    at = cells.utc_time(row["time"], "time", now)
    kind = cells.choice(row["kind"] or TRADE, "kind", KINDS)
    side = cells.choice(row["side"], f"side of kind {kind}", KINDS[kind])
    coin = cells.coin(row["coin"], "coin")
    quantity = cells.number(row["quantity"], "quantity", positive=True)
    moves = kind in (DEPOSIT, WITHDRAWAL)
    price = ZERO if moves and not row["price"] else cells.number(row["price"], "price")
    fee = round_aud(cells.number(row["fee_aud"] or "0", "fee_aud"))
    given_id = row["venue_fill_id"]
    if len(given_id) > LONGEST_ID or not given_id.isprintable():
        raise cells.refuse("venue_fill_id", given_id, f"at most {LONGEST_ID} printable characters")
    kind = TRADE if kind in BOTH else kind
    entry: Entry = (
        _movement(at, kind, coin, quantity, price, fee)
        if moves
        else _fill(at, side, kind, coin, quantity, price, fee)
    )
    content = (at.isoformat(), kind if moves else side, coin, plain(quantity), plain(price), plain(fee), kind)
    return Said((entry,), ("plain", *content), given_id)


def _fill(
    at: datetime, side: str, kind: str, coin: str, quantity: Decimal, price: Decimal, fee: Decimal
) -> ImportedFill:
    if coin == AUD:
        raise cells.refuse("coin", coin, f"AUD is cash: kind {DEPOSIT} or {WITHDRAWAL}")
    value = round_aud(quantity * price)
    if value >= cells.MOST:
        raise cells.refuse("price", plain(price), "quantity × price must be below 10^20")
    return ImportedFill(at, coin, side, kind, quantity, price, value, fee)


def _movement(
    at: datetime, kind: str, coin: str, quantity: Decimal, price: Decimal, fee: Decimal
) -> ImportedMovement:
    """Give cash, or coins at what they were worth; a price of 0 is one that nobody knows."""
    if fee:
        raise cells.refuse(
            "fee_aud", plain(fee), f"none for a {kind}: quantity is what came or went, fee included"
        )
    signed = quantity if kind == DEPOSIT else -quantity
    if coin != AUD:
        what = "receive" if kind == DEPOSIT else "send"
        return ImportedMovement(at, what, coin, quantity=signed, unit_price=price or None)
    if price not in (0, 1):
        raise cells.refuse("price", plain(price), "empty or 1 for AUD")
    if round_aud(quantity) != quantity:
        raise BadRow(f"quantity {plain(quantity)!r}: at most 8 decimals for AUD")
    return ImportedMovement(at, kind, amount_aud=signed)
