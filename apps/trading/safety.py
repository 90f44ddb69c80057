"""Size an order and check it against every rule; pure, so that each rule is a table to read.

The same rules run when an order is accepted and again when it is claimed for execution.
"""

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from apps.trading.records import BUY, LIMIT, Denial, Quote, Sizing, Standing, Ticket
from ohmycoins.core.money import AUD_STEP, ZERO, floor_quantity, plain

# A market order is a limit order that crosses the spread, but no further than this.
COLLAR = Decimal("0.05")
# What a request may ask for directly; an amount divided by a tiny price may come to more.
LARGEST_QUANTITY = Decimal(10) ** 12
STALE_AFTER = {"live": timedelta(seconds=150), "paper": timedelta(minutes=10)}


def size(ticket: Ticket, quote: Quote, fee_rate: Decimal) -> Sizing:
    """Say how many coins to order, the worst price to accept, and what to reserve.

    An amount buys what it can pay at the ask, fee included, rounded down to 8 decimals. Cash is
    reserved at the worst price plus the fee, rounded up; a sale reserves its coins.
    """
    buying = ticket.side == BUY
    if ticket.order_type == LIMIT and ticket.price is not None:
        limit_price = ticket.price
    elif buying:
        limit_price = (quote.ask * (1 + COLLAR)).quantize(AUD_STEP, ROUND_UP)
    else:
        limit_price = (quote.bid * (1 - COLLAR)).quantize(AUD_STEP, ROUND_DOWN)
    if ticket.amount_aud is not None:
        quantity = floor_quantity(ticket.amount_aud / (quote.ask * (1 + fee_rate)))
    else:
        quantity = ticket.quantity or ZERO
    if not buying:
        return Sizing(quantity, limit_price, reserved_aud=ZERO, reserved_quantity=quantity)
    cost = (quantity * limit_price * (1 + fee_rate)).quantize(AUD_STEP, ROUND_UP)
    return Sizing(quantity, limit_price, reserved_aud=cost, reserved_quantity=ZERO)


def check_market(
    ticket: Ticket, *, known: bool, quote: Quote | None, mode: str, now: datetime
) -> tuple[Denial, ...]:
    """Check what can be said before sizing: the coin, its order book, the age of its price."""
    coin = ticket.coin_type
    if not known:
        return (Denial("UNKNOWN_COIN", f"No ledger knows a coin {coin}."),)
    if quote is None:
        return (Denial("NO_ORDER_BOOK", f"{coin} has no order book against AUD, and no price."),)
    age, oldest = now - quote.observed_at, STALE_AFTER[mode]
    if ticket.side == BUY and age > oldest:
        return (
            Denial(
                "STALE_PRICE",
                f"The price of {coin} is {age.total_seconds():.0f} s old; nothing is bought on one older than"
                f" {oldest.total_seconds():.0f} s.",
                limit=f"{oldest.total_seconds():.0f}",
                value=f"{age.total_seconds():.0f}",
            ),
        )
    return ()


def check_funds(ticket: Ticket, sizing: Sizing, standing: Standing) -> tuple[Denial, ...]:
    """Check the account and what it has, counting what is in flight; give every rule broken."""
    denials = []
    if not standing.is_active:
        denials.append(Denial("ACCOUNT_NOT_ACTIVE", "The account is not active."))
    if sizing.quantity * sizing.limit_price < AUD_STEP or sizing.quantity <= 0:
        denials.append(Denial("QUANTITY_TOO_SMALL", "The order comes to nothing at 8 decimals."))
    if sizing.quantity >= LARGEST_QUANTITY:
        denials.append(
            Denial(
                "QUANTITY_TOO_LARGE",
                f"The order comes to {plain(sizing.quantity)} {ticket.coin_type}.",
                limit=plain(LARGEST_QUANTITY),
                value=plain(sizing.quantity),
            )
        )
    if sizing.reserved_aud > standing.available_aud:
        denials.append(
            Denial(
                "INSUFFICIENT_CASH",
                f"The order may cost A${plain(sizing.reserved_aud)} with its fee and a market order's margin;"
                f" A${plain(standing.available_aud)} is free.",
                limit=plain(standing.available_aud),
                value=plain(sizing.reserved_aud),
            )
        )
    if sizing.reserved_quantity > standing.available_quantity:
        denials.append(
            Denial(
                "INSUFFICIENT_HOLDINGS",
                f"{plain(standing.available_quantity)} {ticket.coin_type} can be sold, orders in flight"
                " subtracted.",
                limit=plain(standing.available_quantity),
                value=plain(sizing.reserved_quantity),
            )
        )
    return tuple(denials)
