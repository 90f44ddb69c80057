"""Read CoinSpot's own exports: the order history, and coins sent and received.

CoinSpot publishes no description of these files. Columns and spellings are those of files that readers in
public repositories were written for (looked up 2026-11); what the totals mean is what its API says of the
same trades (reference/coinspot-api-v2.md, "Read only"): a buy's total has the fee in it, a sell's has it
taken off. So cash moves by `Total AUD`, and the file's other numbers must agree with it within their own
rounding: each is taken to be rounded at the last digit that it shows, at least at the cent.

A market of two coins is a sale of the one that was given and a purchase of the one that was got, both for
`Total AUD`, which leaves cash as it was. The fee is the market's first coin's, whichever side that is on:
a sale brings the total after it, a purchase costs the total with it.
"""

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

from apps.trading.imports import cells
from apps.trading.imports.cells import Stated, stated
from apps.trading.imports.records import AUD, BadRow, Entry, ImportedFill, ImportedMovement, Said
from apps.trading.imports.table import Row
from apps.trading.records import BUY, SELL, TRADE
from ohmycoins.core.money import PRICE_STEP, ZERO, plain, round_aud

DATE, TYPE, AMOUNT, FEE = "transaction date", "type", "amount", "fee"
MARKET, RATE_WITH_FEE, RATE = "market", "rate inc. fee", "rate ex. fee"
FEE_AUD, TOTAL_AUD, TOTAL = "fee aud (inc gst)", "total aud", "total (inc gst)"
ORDERS = (DATE, TYPE, MARKET, AMOUNT, RATE_WITH_FEE, RATE, FEE, FEE_AUD, TOTAL_AUD, TOTAL)
COIN, STATUS, VALUE = "coin", "status", "aud"
TRANSFERS = (DATE, TYPE, COIN, STATUS, FEE, AMOUNT, VALUE)
COMPLETED = ("complete", "completed")
TRANSFER_FEE = "transfer_fee"


def read_order(row: Row, zone: ZoneInfo, now: datetime) -> Said:
    """Read a row of the order history. Raises BadRow."""
    at, spelled = cells.local_time(row[DATE], DATE, zone, now)
    side = cells.choice(row[TYPE], TYPE, (BUY, SELL))
    base, slash, quote = row[MARKET].partition("/")
    if not slash or quote.strip().upper() == base.strip().upper():
        raise cells.refuse(MARKET, row[MARKET], "two coins, such as BTC/AUD")
    coin, against = cells.coin(base, MARKET), cells.coin(quote, MARKET)
    if coin == AUD:
        raise cells.refuse(MARKET, row[MARKET], "a coin before the slash, such as BTC/AUD")
    quantity = cells.number(plain(stated(row[AMOUNT], AMOUNT).value), AMOUNT, positive=True)
    numbers = {
        name: stated(row[name] or "0", name) for name in (RATE_WITH_FEE, RATE, FEE, FEE_AUD, TOTAL_AUD, TOTAL)
    }
    if not row[TOTAL_AUD] or numbers[TOTAL_AUD].value < 0:
        raise cells.refuse(TOTAL_AUD, row[TOTAL_AUD], "what was paid or received, in AUD")
    if against == AUD:
        entries: tuple[Entry, ...] = (_against_aud(at, coin, side, quantity, numbers),)
    else:
        entries = _swap(at, coin, against, side, quantity, numbers)
    said = (plain(quantity), *(plain(given.value) for given in numbers.values()))
    return Said(entries, ("coinspot order", spelled, side, coin, against, *said))


def _against_aud(
    at: datetime, coin: str, side: str, quantity: Decimal, numbers: dict[str, Stated]
) -> ImportedFill:
    """Give the fill that moves cash by the total. Raises BadRow unless amount and rate come to it, too."""
    total, rate, fee = numbers[TOTAL_AUD], numbers[RATE], _fee(numbers, AUD)
    sign = -1 if side == BUY else 1
    _agree(quantity, rate, Stated(total.value + sign * fee.value, total.slack + fee.slack))
    paid = min(fee.value, total.value) if side == BUY else fee.value  # dust: a total of 0.00, a fee of 0.001
    paid = round_aud(paid)
    return ImportedFill(
        at, coin, side, TRADE, quantity, rate.value, round_aud(total.value) + sign * paid, paid
    )


def _fee(numbers: dict[str, Stated], currency: str) -> Stated:
    """Give the fee in AUD, from the column that shows more digits if that agrees with the other."""
    exact, rounded = numbers[FEE], numbers[FEE_AUD]
    agree = abs(exact.size - rounded.size) <= exact.slack + rounded.slack
    chosen = exact if currency == AUD and exact.unit in ("", AUD) and agree else rounded
    return Stated(chosen.size, chosen.slack)


def _agree(quantity: Decimal, rate: Stated, value: Stated) -> None:
    came = quantity * rate.value
    if rate.value < 0 or abs(came - value.value) > quantity * rate.slack + value.slack:
        raise BadRow(
            f"{RATE} {plain(rate.value)!r}: {AMOUNT} × {RATE} is {plain(round_aud(came))}, but {TOTAL_AUD} and the "
            f"fee say {plain(value.value)}"
        )


def _swap(
    at: datetime, coin: str, against: str, side: str, quantity: Decimal, numbers: dict[str, Stated]
) -> tuple[Entry, ...]:
    """Give the sale of the coin given and the purchase of the coin got, which cancel out in cash."""
    total, fee = numbers[TOTAL_AUD], _fee(numbers, against)
    paid, cash = round_aud(fee.value), round_aud(total.value)
    if side == BUY and fee.value - total.value > fee.slack + total.slack:
        raise BadRow(f"{FEE_AUD} {plain(paid)!r}: at most {TOTAL_AUD}, {plain(cash)}")
    if side == BUY:
        paid = min(paid, cash)
    own = _at_value(at, coin, side, quantity, cash - paid if side == BUY else cash + paid, paid)
    other_side = SELL if side == BUY else BUY
    other = _at_value(at, against, other_side, _other_quantity(against, quantity, numbers), cash, ZERO)
    return (own, other) if side == SELL else (other, own)


def _at_value(
    at: datetime, coin: str, side: str, quantity: Decimal, value: Decimal, fee: Decimal
) -> ImportedFill:
    price = (value / quantity).quantize(PRICE_STEP, ROUND_HALF_EVEN) if value else ZERO
    if price >= cells.MOST:
        raise BadRow(f"{TOTAL_AUD} {plain(value)!r}: a price below 10^20 for a coin")
    return ImportedFill(at, coin, side, TRADE, quantity, price, value, fee)


def _other_quantity(against: str, quantity: Decimal, numbers: dict[str, Stated]) -> Decimal:
    """Give how much of the market's second coin there was: the total, in that coin.

    A total that shows few digits is read off amount × rate instead, where the two agree. Raises BadRow.
    """
    total, rate = numbers[TOTAL], numbers[RATE_WITH_FEE]
    product = round_aud(quantity * rate.size)
    agree = abs(total.size - product) <= total.slack + quantity * rate.slack
    if total.unit not in ("", against) or (not total.unit and not agree):
        raise cells.refuse(TOTAL, f"{plain(total.value)} {total.unit}".strip(), f"an amount of {against}")
    chosen = product if agree and quantity * rate.slack < total.slack else total.size
    return cells.number(plain(chosen), TOTAL, positive=True)


def read_transfer(row: Row, zone: ZoneInfo, now: datetime) -> Said:
    """Read a row of the sends and receives; what did not complete says nothing. Raises BadRow.

    The value is the row's, in AUD; unknown where the export has none. A send's fee is coins that left
    besides, booked as sold at the row's price.
    """
    at, spelled = cells.local_time(row[DATE], DATE, zone, now)
    kind = cells.choice(row[TYPE], TYPE, ("send", "receive"))
    if row[STATUS].lower() not in COMPLETED:
        return Said(())
    coin = cells.coin(row[COIN], COIN)
    quantity = cells.number(plain(stated(row[AMOUNT], AMOUNT).size), AMOUNT, positive=True)
    worth, fee = stated(row[VALUE] or "0", VALUE), stated(row[FEE] or "0", FEE)
    price = (worth.size / quantity).quantize(PRICE_STEP, ROUND_HALF_EVEN)
    if price >= cells.MOST:
        raise cells.refuse(VALUE, row[VALUE], "a price below 10^20 for a coin")
    signed = quantity if kind == "receive" else -quantity
    said = (plain(quantity), plain(fee.size), plain(worth.size), row["txid"], row["address"])
    if coin == AUD:  # cash; its fee is cash as well
        cash = ImportedMovement(
            at, "deposit" if signed > 0 else "withdrawal", amount_aud=round_aud(signed - fee.size)
        )
        return Said((cash,), ("coinspot transfer", spelled, kind, coin, *said))
    entries: tuple[Entry, ...] = (
        ImportedMovement(at, kind, coin, quantity=signed, unit_price=price or None),
    )
    if kind == "send" and fee.value:
        entries += (_transfer_fee(at, coin, fee, price),)
    return Said(entries, ("coinspot transfer", spelled, kind, coin, *said))


def _transfer_fee(at: datetime, coin: str, fee: Stated, price: Decimal) -> ImportedFill:
    if fee.unit not in ("", coin):
        raise cells.refuse(FEE, f"{plain(fee.value)} {fee.unit}", f"coins, {coin}")
    value = round_aud(fee.size * price)
    if value >= cells.MOST:
        raise cells.refuse(FEE, plain(fee.value), "a value below 10^20")
    return ImportedFill(at, coin, SELL, TRANSFER_FEE, fee.size, price, value, ZERO)
