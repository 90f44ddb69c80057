"""Trade larger orders in equal slices over time; each slice is an ordinary market order under all limits.

A plan is its own queue entry: `next_at` says when a slice is due. Placing it, counting it and moving `next_at`
on are one transaction under the account's lock, so a worker that dies leaves the slice due or placed, never
both. What was missed while nothing ran is not made up for at once: one late slice, and the rest as far
apart as ever. A slice that is not filled, or not submitted until the next one is due, is not made up for either.
"""

from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db import InterfaceError, OperationalError, transaction

from apps.accounts.models import User
from apps.trading.deciding import cut, least_slice, most_slices, slice_of
from apps.trading.models import Account, Decision, Deployment, Event, Order, Twap
from apps.trading.records import MARKET, Ticket
from apps.trading.services.place import place_order
from apps.trading.states import Status
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict, Refused
from ohmycoins.core.money import ZERO, plain

log = structlog.get_logger(__name__)

SLICE_LIVES = timedelta(seconds=60)
"""How long a slice may wait to be submitted, if the next one is not due later still."""
BATCH = 500


def start_twap(
    *, user: User, account: Account, ticket: Ticket, slices: int, slice_seconds: int, decision: Decision | None = None,
    algorithm_id: int | None = None, ledger: str = "", idempotency_key: str | None = None, actor: str = "",
) -> Twap:  # fmt: skip
    """Store the plan for a market order, place its first slice, and return it.

    One transaction, the caller's if there is one; a first slice that is denied ends the plan as DENIED. The
    slices of a `decision` carry it, its `ledger` and `algorithm_id`; one too small for so many slices is
    traded in fewer. The same key with the same plan answers the plan it made the first time. Raises Refused
    when a person's order is too small, Conflict when the key was used for something else.
    """
    actor = actor or f"user:{user.pk}"
    with transaction.atomic():
        locked = Account.objects.locked().get(pk=account.pk)
        now = clock.now()
        twap = Twap(
            account=locked, user=user, decision=decision, coin_type=ticket.coin_type, side=ticket.side,
            quantity=ticket.quantity, amount_aud=ticket.amount_aud, slices=slices, slice_seconds=slice_seconds,
            created_at=now, next_at=now,
        )  # fmt: skip
        if idempotency_key and (earlier := _earlier(twap, idempotency_key)):
            return earlier
        if most_slices(ticket) < slices:
            if decision is None:
                raise Refused(_too_small(ticket, slices))
            twap.slices = max(most_slices(ticket), 1)
        twap.save(force_insert=True)
        _record(twap, "", now, actor, f"{twap.slices} slices, {slice_seconds} s apart")
        _place(twap, now, algorithm_id=algorithm_id, ledger=ledger, key=idempotency_key)
    log.info("twap.made", twap_id=twap.pk, account_id=account.pk, status=twap.status)
    return twap


def run_due_twaps(now: datetime) -> int:
    """Place the slices that are due, one of each plan; return how many.

    Accounts that another worker holds come later. A plan whose slice raises is put off, and holds up no other.
    """
    due = Twap.objects.due(now).order_by("next_at", "id").values_list("pk", "account_id")
    return sum(_run(twap_id, account_id) for twap_id, account_id in list(due[:BATCH]))


def left_to_sell(account: Account, algorithm_id: int) -> dict[str, Decimal]:
    """Give what an algorithm's plans have still to place of sales, by coin."""
    plans = Twap.objects.active().filter(
        account=account, side=Order.Side.SELL, decision__deployment__algorithm=algorithm_id
    )
    left: dict[str, Decimal] = {}
    for twap in plans:
        to_come = sum(cut(_ticket(twap), twap.slices)[twap.placed :], ZERO)
        left[twap.coin_type] = left.get(twap.coin_type, ZERO) + to_come
    return left


@transaction.atomic
def cancel_twap(twap_id: int, *, actor: str, reason: str = "asked for") -> Twap:
    """Place no more slices, and return the plan; those placed stay as they are. Cancelling again changes nothing.

    Raises Conflict (TWAP_STATE) when the plan ended otherwise.
    """
    account_id = Twap.objects.values_list("account_id", flat=True).get(pk=twap_id)
    Account.objects.locked().get(pk=account_id)
    twap = Twap.objects.select_for_update(no_key=True).get(pk=twap_id)
    if twap.status == Twap.Status.ACTIVE:
        _end(twap, Twap.Status.CANCELLED, clock.now(), actor, reason)
    elif twap.status != Twap.Status.CANCELLED:
        raise Conflict(f"Plan {twap_id} is {twap.status}; it cannot be cancelled.", code="TWAP_STATE")
    return twap


@transaction.atomic
def cancel_twaps(deployment: Deployment, *, actor: str = "", reason: str = "its deployment ended") -> int:
    """Place no more slices of anything that a deployment decided; return how many plans that ends.

    Locks the account, so the caller holds no lock that comes later, such as the deployment's row.
    """
    Account.objects.locked().get(pk=deployment.account_id)
    now, actor = clock.now(), actor or f"deployment:{deployment.pk}"
    active = Twap.objects.active().filter(account=deployment.account_id, decision__deployment=deployment)
    ending = list(active.select_for_update(no_key=True, of=("self",)).order_by("id"))
    for twap in ending:
        _end(twap, Twap.Status.CANCELLED, now, actor, reason)
    return len(ending)


def _run(twap_id: int, account_id: int) -> bool:
    """Place a plan's slice, and tell whether it was."""
    try:
        return _step(twap_id, account_id)
    except (OperationalError, InterfaceError):  # the database's trouble, not the plan's
        raise
    except Exception:
        log.exception("twap.failed", twap_id=twap_id, account_id=account_id)
        Twap.objects.active().filter(pk=twap_id).update(next_at=clock.now() + SLICE_LIVES)
        return False


@transaction.atomic
def _step(twap_id: int, account_id: int) -> bool:
    if not Account.objects.locked(skip_locked=True).filter(pk=account_id).exists():
        return False
    now = clock.now()
    waiting = (
        Twap.objects.due(now).filter(pk=twap_id).select_related("account", "user", "decision__deployment")
    )
    twap = waiting.select_for_update(no_key=True, of=("self",)).first()
    if twap is None:
        return False
    decision, actor = twap.decision, _name(twap)
    if decision and decision.deployment.status != Deployment.Status.ACTIVE:
        reason = f"its deployment is {decision.deployment.status}"
        _end(twap, Twap.Status.CANCELLED, now, actor, reason)
        return False
    if refused := twap.orders.refused().order_by("id").first():
        _end(twap, Twap.Status.DENIED, now, actor, _why(refused))
        return False
    try:
        _place(
            twap, now, ledger=decision.ledger if decision else "",
            algorithm_id=decision.deployment.algorithm_id if decision else None,
        )  # fmt: skip
    except Conflict as error:  # whose order it is has used the slice's key for another
        _end(twap, Twap.Status.DENIED, now, actor, error.message)
        return False
    return twap.status != Twap.Status.DENIED


def _place(
    twap: Twap, now: datetime, *, algorithm_id: int | None, ledger: str, key: str | None = None
) -> None:
    """Place the next slice of a locked plan, and move it on: to the slice after, to its end, or to DENIED."""
    number = twap.placed + 1
    pause = timedelta(seconds=twap.slice_seconds)
    order = place_order(
        user=twap.user, account=twap.account, ticket=slice_of(_ticket(twap), twap.slices, twap.placed),
        idempotency_key=key or f"twap-{twap.pk}-{number}", algorithm_id=algorithm_id, ledger=ledger,
        decision=twap.decision, twap=twap, expires_at=now + max(pause, SLICE_LIVES), actor=_name(twap),
    )  # fmt: skip
    if order.status == Status.DENIED:
        _end(twap, Twap.Status.DENIED, now, _name(twap), _why(order))
        return
    twap.placed = number
    if twap.placed == twap.slices:
        _end(twap, Twap.Status.DONE, now, _name(twap), "every slice was placed")
        return
    following = (twap.next_at or now) + pause
    twap.next_at = following if following - now >= pause / 2 else now + pause
    twap.save(update_fields=["placed", "next_at"])


def _ticket(twap: Twap) -> Ticket:
    """Give what a plan trades in all."""
    return Ticket(twap.coin_type, twap.side, MARKET, quantity=twap.quantity, amount_aud=twap.amount_aud)


def _too_small(ticket: Ticket, slices: int) -> str:
    total, unit = ticket.quantity or ZERO, ticket.coin_type
    if ticket.amount_aud is not None:
        total, unit = ticket.amount_aud, "AUD"
    least = least_slice(ticket)
    return (
        f"{plain(total)} {unit} cannot be cut into {slices} slices of at least {plain(least)} {unit} each:"
        f" that takes {plain(least * slices)} {unit}."
    )


def _end(twap: Twap, status: Twap.Status, now: datetime, actor: str, reason: str) -> None:
    before = twap.status
    twap.status, twap.reason, twap.next_at, twap.ended_at = status, reason[:300], None, now
    twap.save(update_fields=["placed", "status", "reason", "next_at", "ended_at"])
    _record(twap, before, now, actor, reason)
    log.info("twap.ended", twap_id=twap.pk, account_id=twap.account_id, status=status, reason=reason)


def _record(twap: Twap, before: str, now: datetime, actor: str, reason: str) -> None:
    Event.objects.create(
        account_id=twap.account_id, type="twap.moved" if before else "twap.made", from_status=before,
        to_status=twap.status, at=now, actor=actor, reason=reason[:300],
        inputs={"twap_id": twap.pk, "placed": twap.placed, "slices": twap.slices},
    )  # fmt: skip


def _why(order: Order) -> str:
    codes = ", ".join(denial["code"] for denial in order.denials)
    return f"order {order.pk} was {order.status}: {codes or order.error}"


def _name(twap: Twap) -> str:
    """Say who places the slices, as the trail spells it."""
    return f"twap:{twap.pk}"


def _earlier(wanted: Twap, key: str) -> Twap | None:
    """Give the plan whose first slice used the key. Raises Conflict when that was another, or no plan's."""
    order = Order.objects.filter(user=wanted.user, idempotency_key=key).select_related("twap").first()
    if order is None:
        return None
    same = ("account_id", "coin_type", "side", "quantity", "amount_aud", "slices", "slice_seconds")
    if order.twap and all(getattr(order.twap, name) == getattr(wanted, name) for name in same):
        return order.twap
    raise Conflict(
        f"Idempotency-Key {key!r} was used for something else (order {order.pk}); use a new key for a new plan.",
        code="IDEMPOTENCY_KEY_REUSED",
        detail={"order_id": order.pk},
    )
