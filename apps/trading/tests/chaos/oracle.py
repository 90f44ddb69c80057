"""Compare an account's rows with what the simulated venue knows to be true.

The venue's orders carry the nonce of the call that made them, and our events the nonce of every claim: so
each order of the venue is some order's of ours, or made by hand, whatever either was told. Nothing here
uses how the product finds that out.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from apps.trading.models import Account, Discrepancy, Event, Fill, Holding, Movement, Order
from apps.trading.states import TERMINAL, Status
from ohmycoins.core.money import ZERO, plain, round_aud
from ohmycoins.sandbox.venue.account import Fill as VenueFill
from ohmycoins.sandbox.venue.account import Order as VenueOrder
from ohmycoins.sandbox.venue.account import Truth

UNSETTLED = (Status.PENDING, Status.SUBMITTING, Status.UNKNOWN, Status.CANCELLING)
# What an order of ours may be that reached the venue, by the state that it has there.
SHOWN = {
    "open": {Status.OPEN, Status.PARTIALLY_FILLED},
    "filled": {Status.FILLED},
    "cancelled": {Status.CANCELLED},
}
# The venue's book does not say how much an order asked for: one that filled while the venue was being read is
# thought to have asked for more, and so to have been cancelled in the end.
SHOWN_BY_HAND = {state: shown | {Status.NEEDS_REVIEW} for state, shown in SHOWN.items()}
SHOWN_BY_HAND["filled"] |= {Status.CANCELLED}
NEVER_THERE = {Status.NOT_PLACED, Status.DENIED, Status.REJECTED, Status.EXPIRED, Status.CANCELLED}


@dataclass(slots=True)
class Rows:
    """What our database says of an account."""

    account: Account
    orders: list[Order]
    fills: list[Fill]
    nonces: dict[int, set[int]]
    """The nonces of each order's claims."""
    reviewed: set[tuple[str, str]] = field(default_factory=set)
    """Coins and sides of orders that wait for a person: what they did at the venue may be unrecorded."""
    doubted: bool = False
    """Whether any order ever waited for a person."""

    @property
    def ours(self) -> list[Order]:
        return [order for order in self.orders if order.origin == Order.Origin.OURS]

    @property
    def external(self) -> list[Order]:
        return [order for order in self.orders if order.origin == Order.Origin.EXTERNAL]


def read_rows(account_id: int) -> Rows:
    """Read an account, its orders and their claims."""
    account = Account.objects.get(pk=account_id)
    nonces: dict[int, set[int]] = defaultdict(set)
    claims = Event.objects.filter(account=account, to_status=Status.SUBMITTING, inputs__has_key="nonce")
    for order_id, inputs in claims.values_list("order_id", "inputs"):
        nonces[order_id].add(inputs["nonce"])
    orders = list(Order.objects.filter(account=account).order_by("id"))
    in_review = {(order.coin_type, order.side) for order in orders if order.status == Status.NEEDS_REVIEW}
    return Rows(
        account, orders, list(Fill.objects.filter(account=account).order_by("id")), nonces, in_review,
        doubted=Event.objects.filter(account=account, to_status=Status.NEEDS_REVIEW).exists(),
    )  # fmt: skip


def judge(account_id: int, truth: Truth, *, latest_commit: timedelta, names_trades: bool) -> list[str]:
    """Give everything in which our rows of a drained account contradict the venue.

    `latest_commit` is how long after it took a call the venue may carry it out, `names_trades` whether its
    list of trades says whose they are.
    """
    rows = read_rows(account_id)
    found = [
        *_undrained(rows),
        *_doubled(rows, truth),
        *_orders(rows, truth, names_trades=names_trades),
        *_made_by_hand(rows, truth),
        *_money(rows, truth),
        *_fences(rows, truth, latest_commit),
    ]
    return [f"account {account_id}: {line}" for line in found]


def judge_midway(account_id: int, read_truth: Callable[[], Truth]) -> list[str]:
    """Give what may never be, not even for a moment: orders doubled or claimed by nobody, fills never made.

    Claims come before what the venue makes of them, and fills after: so they are read in this order.
    """
    fills = _recorded(list(Fill.objects.filter(account_id=account_id)))
    truth = read_truth()
    found = [*_doubled(read_rows(account_id), truth), *_invented(fills, truth)]
    return [f"account {account_id}: {line}" for line in found]


def _undrained(rows: Rows) -> Iterator[str]:
    for order in rows.orders:
        if order.status in UNSETTLED:
            yield f"not drained: {told(order)}"


def _doubled(rows: Rows, truth: Truth) -> Iterator[str]:
    """Look for orders that the venue has more than once, or that nobody of us claimed."""
    there = _made(truth)
    used: Counter[int] = Counter(nonce for nonces in rows.nonces.values() for nonce in nonces)
    for nonce, times in used.items():
        if times > 1:
            yield f"nonce {nonce} was used by {times} orders"
    for nonce in there.keys() - used.keys():
        yield f"venue order {there[nonce].id} was made with nonce {nonce}, which no order claimed"
    for order in rows.ours:
        ids = [there[nonce].id for nonce in sorted(rows.nonces[order.pk]) if nonce in there]
        if len(ids) > 1:
            yield f"doubled: {told(order)} is at the venue as {', '.join(ids)}"


def _orders(rows: Rows, truth: Truth, *, names_trades: bool) -> Iterator[str]:
    """Compare each order of ours with what its claims made at the venue."""
    there = _made(truth)
    fills: dict[int, list[Fill]] = defaultdict(list)
    for fill in rows.fills:
        fills[fill.order_id or 0].append(fill)
    for order in rows.ours:
        made = next((there[nonce] for nonce in sorted(rows.nonces[order.pk]) if nonce in there), None)
        if made is None:
            if order.status not in NEVER_THERE | {Status.NEEDS_REVIEW}:
                yield f"never reached the venue: {told(order)}"
        elif order.status == Status.NEEDS_REVIEW:
            if not _is_offered(order, made, truth):
                yield f"lost: {told(order)}, and {made.id} is not among its candidates"
        else:
            if order.venue_order_id not in (made.id, None):
                yield f"wrong: {told(order)} is linked to {order.venue_order_id}, it is {made.id}"
            alike = [made] if names_trades else [made, *_unseen_twins(made, rows, truth)]
            wrong = [list(_order(order, each, _fills(each, truth), fills[order.pk])) for each in alike]
            yield from wrong[0] if all(wrong) else ()


def _unseen_twins(made: VenueOrder, rows: Rows, truth: Truth) -> list[VenueOrder]:
    """Give the orders made by hand that nobody can tell from this one by its trades.

    They ask for the same, and were never listed while their coin had no open question.
    """
    seen = {order.venue_order_id for order in rows.external}
    return [
        each
        for each in truth.orders
        if each.origin != "api"
        and each.id not in seen
        and (each.coin, each.side, each.amount, each.rate) == (made.coin, made.side, made.amount, made.rate)
    ]


def _fills(made: VenueOrder, truth: Truth) -> list[VenueFill]:
    return [fill for fill in truth.fills if fill.order_id == made.id]


def _order(order: Order, made: VenueOrder, theirs: list[VenueFill], ours: list[Fill]) -> Iterator[str]:
    untraceable = made.state == "cancelled" and not theirs  # by hand, before anyone looked
    if order.status not in SHOWN[made.state] and not (untraceable and order.status == Status.NOT_PLACED):
        yield f"{'lost' if order.status in NEVER_THERE else 'wrong'}: {told(order)} is {made.state} at the venue ({made.id})"
    sums = (
        sum((fill.quantity for fill in ours), ZERO), sum((fill.value_aud for fill in ours), ZERO),
        sum((fill.fee_aud for fill in ours), ZERO),
    )  # fmt: skip
    true = (
        sum((fill.amount for fill in theirs), ZERO), sum((round_aud(fill.total) for fill in theirs), ZERO),
        sum((round_aud(fill.fee) for fill in theirs), ZERO),
    )  # fmt: skip
    if sums != true:
        yield f"wrong: {told(order)} has fills of {_numbers(sums)}, at the venue {_numbers(true)}"


def _is_offered(order: Order, made: VenueOrder, truth: Truth) -> bool:
    """Tell whether a person who looks at the order is shown what it became at the venue."""
    if made.id in (order.venue_order_id, *(each.get("venue_order_id") for each in order.candidates)):
        return True
    own = Counter(fill.amount for fill in truth.fills if fill.order_id == made.id)
    return any(
        Counter(Decimal(trade["quantity"]) for trade in each.get("trades", ())) >= own
        for each in order.candidates
    )


def _made_by_hand(rows: Rows, truth: Truth) -> Iterator[str]:
    """Look for orders made elsewhere that are missing, that are there twice, or that are ours."""
    by_hand = {order.id: order for order in truth.orders if order.origin != "api"}
    times = Counter(order.venue_order_id for order in rows.external if order.venue_order_id)
    for order in rows.external:
        made = by_hand.get(order.venue_order_id or "")
        if order.venue_order_id and made is None:
            yield f"lost: {told(order)} was imported, and it is ours"
        elif made and order.status not in SHOWN_BY_HAND[made.state]:
            yield f"wrong: {told(order)} was made by hand and is {made.state}"
    for made in by_hand.values():
        if times[made.id] > 1:
            yield f"made by hand, and imported {times[made.id]} times: {made.id}"
        linked = times[made.id] or any(order.venue_order_id == made.id for order in rows.ours)
        if made.state == "open" and not linked and (made.coin, made.side) not in rows.reviewed:
            yield f"made by hand, open, and not imported: {made.id}"


def _invented(recorded: Counter[tuple[Any, ...]], truth: Truth) -> Iterator[str]:
    for key, times in (recorded - _traded(truth)).items():
        yield f"{times} fills too many of {_numbers(key)}"


def _money(rows: Rows, truth: Truth) -> Iterator[str]:
    """Compare fills, cash and coins; what is missing must be a question that waits for a person."""
    recorded = _recorded(rows.fills)
    yield from _invented(recorded, truth)
    missing = _traded(truth) - recorded
    for key, times in missing.items():
        if (key[1], key[0]) not in rows.reviewed:
            yield f"{times} fills missing of {_numbers(key)}"
    came = _movements(rows.account)
    for transfer in truth.transfers:
        sign = 1 if transfer.kind in ("deposit", "receive") else -1
        came[transfer.kind, transfer.coin] -= sign * transfer.amount
    for (kind, coin), amount in came.items():
        if amount:
            yield f"{kind} of {coin}: our movements come to {plain(amount)} more"
    unrecorded: Counter[str] = Counter()
    for (side, coin, amount, _, total, fee), times in missing.items():
        sign = 1 if side == "buy" else -1
        unrecorded[coin] += sign * amount * times  # type: ignore[assignment]
        unrecorded["AUD"] -= (sign * total + fee) * times  # type: ignore[assignment]
    held = Holding.objects.filter(account=rows.account).values("coin_type").annotate(held=Sum("quantity"))
    ours = {"AUD": rows.account.cash_aud} | {row["coin_type"]: row["held"] for row in held}
    for coin in sorted({*ours, *truth.balances}):
        own, theirs = ours.get(coin, ZERO) + unrecorded[coin], truth.balances.get(coin, ZERO)
        if own != theirs:
            yield f"{coin}: ours come to {plain(own)} with what is unrecorded, the venue has {plain(theirs)}"
    if not rows.doubted:
        for row in Discrepancy.objects.filter(account=rows.account):
            yield (
                f"a difference that was none: {row.coin_type} ours {plain(row.ours)}, theirs {plain(row.theirs)},"
                f" found at {row.found_at}, {row.resolution or 'open'}"
            )


def _fences(rows: Rows, truth: Truth, latest_commit: timedelta) -> Iterator[str]:
    """Look for calls that the venue took after one with a higher nonce, or after the order was fenced off."""
    for nonces in (truth.nonces, truth.read_only_nonces):
        if list(nonces) != sorted(set(nonces)):
            yield "the venue took nonces that do not rise"
    made = [order.nonce for order in truth.orders if order.nonce is not None]
    if made != sorted(made):
        yield f"orders were made out of the order of their nonces: {made}"
    there = _made(truth)
    for order in rows.ours:
        for nonce in rows.nonces[order.pk] & there.keys():
            if nonce == order.nonce and order.fenced_at:
                late = there[nonce].created_at - order.fenced_at
                if late > latest_commit:
                    yield f"accepted {late} after its fence: {told(order)} as {there[nonce].id}"
    for event in Event.objects.filter(account=rows.account, from_status=Status.NOT_PLACED):
        yield f"order {event.order_id} showed up after it was given up as not placed"


def _made(truth: Truth) -> dict[int, VenueOrder]:
    """Give the venue's orders by the nonce of the call that made them."""
    return {order.nonce: order for order in truth.orders if order.nonce is not None}


def _recorded(fills: list[Fill]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (fill.side, fill.coin_type, fill.quantity, fill.price, fill.value_aud, fill.fee_aud) for fill in fills
    )


def _traded(truth: Truth) -> Counter[tuple[Any, ...]]:
    return Counter(
        (fill.side, fill.coin, fill.amount, fill.rate, round_aud(fill.total), round_aud(fill.fee))
        for fill in truth.fills
    )


def _movements(account: Account) -> dict[tuple[str, str], Decimal]:
    came: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for row in Movement.objects.filter(account=account).exclude(kind="opening"):
        kind = "withdraw" if row.kind == "withdrawal" else row.kind
        came[kind, row.coin_type or "AUD"] += row.quantity if row.coin_type else row.amount_aud
    return came


def is_drained(account_id: int) -> bool:
    """Tell whether nothing of an account is under way, and its last reading left no question."""
    account = Account.objects.get(pk=account_id)
    orders = Order.objects.filter(account=account)
    asked = orders.exclude(status__in=(*TERMINAL, Status.NEEDS_REVIEW)).filter(looked_at__isnull=False)
    return not orders.filter(status__in=UNSETTLED).exists() and not asked.exists()


def told(order: Order) -> str:
    """Name an order with what matters of it."""
    amount = f"{plain(order.quantity or ZERO)} {order.coin_type} at {plain(order.limit_price or ZERO)}"
    return f"order {order.pk} ({order.origin} {order.side} {amount}, {order.status}, {plain(order.filled_quantity)} filled)"


def _numbers(row: Iterable[Any]) -> str:
    return " ".join(plain(value) if isinstance(value, Decimal) else str(value) for value in row)
