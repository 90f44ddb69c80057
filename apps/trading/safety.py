"""Size an order and check it against every rule; pure, so that each rule is a table to read.

The same rules run when an order is accepted and again when it is claimed for execution, each time
under the account's lock. docs/denial-codes.md lists the codes.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from apps.trading.records import BUY, LIMIT, BrakeView, Denial, Quote, Sizing, Standing, Ticket
from ohmycoins.core.money import AUD_STEP, QUANTITY_STEP, ZERO, floor_quantity, plain, round_aud

# A market order is a limit order that crosses the spread, but no further than this.
COLLAR = Decimal("0.05")
# What a request may ask for directly; an amount divided by a tiny price may come to more.
LARGEST_QUANTITY = Decimal(10) ** 12
STALE_AFTER = {"live": timedelta(seconds=150), "paper": timedelta(minutes=10)}
# How far a live order's amount may be lowered to tell it from its twins: in AUD, and as a share.
TWIN_AUD, TWIN_SHARE = Decimal("0.05"), Decimal("0.0005")


def size(ticket: Ticket, quote: Quote, fee_rate: Decimal) -> Sizing:
    """Say how many coins to order, the worst price to accept, and what to reserve.

    An amount buys what it can pay at the ask, fee included, rounded down to 8 decimals. Cash is
    reserved at the worst price plus the fee, rounded up; a sale reserves its coins.
    """
    buying = ticket.side == BUY
    valued_price = quote.ask if buying else quote.bid
    if ticket.order_type == LIMIT and ticket.price is not None:
        limit_price = valued_price = ticket.price
    elif buying:
        limit_price = (quote.ask * (1 + COLLAR)).quantize(AUD_STEP, ROUND_UP)
    else:
        limit_price = (quote.bid * (1 - COLLAR)).quantize(AUD_STEP, ROUND_DOWN)
    if ticket.amount_aud is not None:
        quantity = floor_quantity(ticket.amount_aud / (quote.ask * (1 + fee_rate)))
    else:
        quantity = ticket.quantity or ZERO
    return reserve(ticket.side, quantity, limit_price, valued_price, fee_rate)


def reserve(
    side: str, quantity: Decimal, limit_price: Decimal, valued_price: Decimal, fee_rate: Decimal
) -> Sizing:
    """Say what an order of this size sets aside: cash at its worst price and the fee, or its coins."""
    if side != BUY:
        return Sizing(quantity, limit_price, valued_price, reserved_aud=ZERO, reserved_quantity=quantity)
    cost = (quantity * limit_price * (1 + fee_rate)).quantize(AUD_STEP, ROUND_UP)
    return Sizing(quantity, limit_price, valued_price, reserved_aud=cost, reserved_quantity=ZERO)


def unlike(quantity: Decimal, taken: Collection[Decimal | None], price: Decimal) -> Decimal | None:
    """Lower `quantity` in its last digits until it is none of `taken`; None when that takes too much.

    The venue gives orders no name of ours: the exact amount is what an order is known by when its
    answer was lost.
    """
    most = min(TWIN_AUD / price, quantity * TWIN_SHARE)
    lowered = quantity
    while lowered in taken:
        lowered -= QUANTITY_STEP
        if quantity - lowered > most:
            return None
    return lowered


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


def check_permission(ticket: Ticket, standing: Standing) -> tuple[Denial, ...]:
    """Check the stop, the account and its venue: whether this side may be traded at all."""
    return tuple(_permission(ticket.side == BUY, ticket.coin_type, standing))


def _permission(buying: bool, coin: str, standing: Standing) -> Iterator[Denial]:
    if standing.stop != "active" and (buying or standing.stop != "reduce_only"):
        what = "only sales are accepted" if standing.stop == "reduce_only" else "no order is accepted"
        yield Denial(
            "EMERGENCY_STOP", f"An emergency stop ({standing.stop_scope}) is {standing.stop}: {what}.",
            limit=standing.stop_scope, value=standing.stop,
        )  # fmt: skip
    if standing.status == "inactive":
        yield Denial("ACCOUNT_NOT_ACTIVE", "The account is not active.")
    if standing.status == "reduce_only" and buying:
        why = f" ({standing.status_reason})" if standing.status_reason else ""
        yield Denial("ACCOUNT_REDUCE_ONLY", f"The account may only sell{why}.")
    if buying:
        yield from map(_braked, standing.brakes)
    if standing.deployment_status != "active" and buying:
        yield Denial(
            "DEPLOYMENT_NOT_ACTIVE",
            f"The algorithm's deployment is {standing.deployment_status}: it only sells.",
        )
    if standing.refusal:
        yield Denial("VENUE_NOT_READY", standing.refusal)
    if standing.in_review and buying:
        yield Denial(
            "REVIEW_PENDING", f"What became of another order for {coin} is for a person to say first."
        )


def _braked(brake: BrakeView) -> Denial:
    until = f" until {brake.until:%Y-%m-%d %H:%M:%S} UTC" if brake.until else ""
    return Denial(
        "BRAKED", f"A brake ({brake.kind}) lets this only sell{until}: {brake.reason.rstrip('.')}.",
        limit=brake.kind, value=brake.until.isoformat() if brake.until else None,
    )  # fmt: skip


def check_funds(ticket: Ticket, sizing: Sizing, standing: Standing) -> tuple[Denial, ...]:
    """Check the order's size and what the account has for it, counting what is in flight."""
    return tuple(_funds(ticket, sizing, standing))


def _funds(ticket: Ticket, sizing: Sizing, standing: Standing) -> Iterator[Denial]:
    largest = standing.bounds.max_order_aud
    if sizing.quantity * sizing.limit_price < AUD_STEP or sizing.quantity <= 0:
        yield Denial("QUANTITY_TOO_SMALL", "The order comes to nothing at 8 decimals.")
    if sizing.quantity >= LARGEST_QUANTITY:
        yield _beyond(
            "QUANTITY_TOO_LARGE", f"The order comes to {plain(sizing.quantity)} {ticket.coin_type}.",
            LARGEST_QUANTITY, sizing.quantity,
        )  # fmt: skip
    if largest is not None and ticket.side == BUY and sizing.value_aud > largest:
        yield _beyond(
            "ORDER_TOO_LARGE", "The order is worth more than one order may be.", largest, sizing.value_aud
        )
    if ticket.side == BUY and sizing.reserved_aud > standing.available_aud:
        yield _beyond(
            "INSUFFICIENT_CASH",
            f"The order may cost A${plain(sizing.reserved_aud)} with its fee and a market order's margin;"
            f" A${plain(standing.available_aud)} is free.",
            standing.available_aud, sizing.reserved_aud,
        )  # fmt: skip
    if ticket.side != BUY and sizing.reserved_quantity > standing.available_quantity:
        yield _beyond(
            "INSUFFICIENT_HOLDINGS",
            f"{plain(standing.available_quantity)} {ticket.coin_type} can be sold, orders in flight"
            " subtracted.",
            standing.available_quantity, sizing.reserved_quantity,
        )  # fmt: skip


def check_limits(ticket: Ticket, sizing: Sizing, standing: Standing) -> tuple[Denial, ...]:
    """Check position, daily loss, the algorithm's share and its deployment's own limits; sales pass them."""
    return tuple(_limits(ticket, sizing, standing)) if ticket.side == BUY else ()


def _limits(ticket: Ticket, sizing: Sizing, standing: Standing) -> Iterator[Denial]:
    bounds, equity = standing.bounds, standing.equity_aud
    halved = " (halved: the market is marked volatile)" if standing.volatile else ""
    most = equity * bounds.max_position_percent / 100 * standing.factor
    position = standing.position_aud + sizing.value_aud
    if position > most:
        yield _beyond(
            "POSITION_LIMIT", f"{ticket.coin_type} would be worth more than its share of the account allows{halved}.",
            most, position,
        )  # fmt: skip
    most = standing.max_loss_aud * standing.factor
    if standing.day_loss_aud > 0 and standing.day_loss_aud >= most:
        yield _beyond(
            "DAILY_LOSS_LIMIT",
            f"The account has lost as much today as it may{halved}.",
            most,
            standing.day_loss_aud,
        )
    if standing.algorithm_aud is None:
        return
    most, exposure = equity * bounds.max_algorithm_percent / 100, standing.algorithm_aud + sizing.value_aud
    if exposure > most:
        yield _beyond(
            "ALGORITHM_LIMIT", "The algorithm would hold more than its share of the account.", most, exposure
        )
    if standing.position_limit_aud is not None and exposure > standing.position_limit_aud:
        yield _beyond(
            "DEPLOYMENT_POSITION_LIMIT", "The algorithm's coins would be worth more than its deployment allows.",
            standing.position_limit_aud, exposure,
        )  # fmt: skip
    if standing.loss_limit_aud is not None and standing.book_loss_aud >= standing.loss_limit_aud:
        yield _beyond(
            "DEPLOYMENT_LOSS_LIMIT", "The algorithm has lost as much today as its deployment allows.",
            standing.loss_limit_aud, standing.book_loss_aud,
        )  # fmt: skip


def _beyond(code: str, message: str, limit: Decimal, value: Decimal) -> Denial:
    return Denial(code, message, limit=plain(round_aud(limit)), value=plain(round_aud(value)))


def check(
    ticket: Ticket, sizing: Sizing | None, standing: Standing, market: tuple[Denial, ...]
) -> tuple[Denial, ...]:
    """Give every rule that the order breaks, in the order in which they are documented.

    `market` is what `check_market` said; without a quote there is no size to check.
    """
    sized = (
        (*check_funds(ticket, sizing, standing), *check_limits(ticket, sizing, standing)) if sizing else ()
    )
    return (*check_permission(ticket, standing), *market, *sized)
