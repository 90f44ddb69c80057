"""Take a person's word for what coins cost that came by no purchase."""

from datetime import UTC, datetime
from decimal import Decimal

import structlog
from django.db import transaction

from apps.pnl.models import GivenCost, Lot
from apps.pnl.services.equity import revalue
from apps.pnl.services.rebuild import rebuild_coin
from apps.trading.models import Account, Event, Movement
from ohmycoins.core import clock
from ohmycoins.core.errors import Conflict, Refused
from ohmycoins.core.money import plain

log = structlog.get_logger(__name__)

FIRST_COINS = datetime(2009, 1, 3, tzinfo=UTC)
"""When the first bitcoin was mined."""


class CostIsKnown(Refused):
    """The lot was bought: its fill says what it cost."""

    code = "COST_IS_KNOWN"


@transaction.atomic
def give_cost(lot: Lot, *, cost_aud: Decimal, actor: str, acquired_at: datetime | None = None) -> Lot:
    """Record what all coins of a lot that came by a movement cost; keep the coin's book, and past values, anew with it.

    Without `acquired_at` they were acquired when they came. Locks the account. Gives the lot as it then
    is, under a new id; the same words again change nothing. Raises CostIsKnown, Refused when they came
    before `acquired_at`, or Conflict when the book was kept anew meanwhile and the lot is gone.
    """
    if lot.movement_id is None:
        raise CostIsKnown(
            f"Lot {lot.pk} was bought by fill {lot.fill_id}, which says what it cost; a cost can be given to coins"
            " that came by no purchase: those with a movement_id."
        )
    account = Account.objects.locked().get(pk=lot.account_id)
    movement = Movement.objects.get(pk=lot.movement_id)
    _check(acquired_at, movement)
    before = Lot.objects.filter(movement=movement).first()
    if before is None:
        raise Conflict(f"Lot {lot.pk} is gone: its coins are booked otherwise now. List the lots again.")
    last = GivenCost.objects.filter(movement=movement).order_by("pk").last()
    said = (before.quantity, cost_aud, acquired_at)
    if last is not None and (last.quantity, last.cost_aud, last.acquired_at) == said:
        return before
    _record(account, movement, *said, actor)
    rebuild_coin(account, movement.coin_type)
    after = Lot.objects.get(movement=movement)
    revalue(account, min(before.acquired_at, after.acquired_at))
    return after


def _check(acquired_at: datetime | None, movement: Movement) -> None:
    if acquired_at is not None and not FIRST_COINS <= acquired_at <= movement.occurred_at:
        raise Refused(
            f"acquired_at={acquired_at.isoformat()} is not between {FIRST_COINS.isoformat()}, when the first coins"
            f" were made, and {movement.occurred_at.isoformat()}, when these came."
        )


def _record(
    account: Account,
    movement: Movement,
    quantity: Decimal,
    cost_aud: Decimal,
    acquired_at: datetime | None,
    actor: str,
) -> None:
    now = clock.now()
    GivenCost.objects.create(
        movement=movement,
        quantity=quantity,
        cost_aud=cost_aud,
        acquired_at=acquired_at,
        given_by=actor,
        given_at=now,
    )
    Event.objects.create(
        account=account, type="lot.cost_given", at=now, actor=actor, reason="said by a person",
        inputs={
            "movement": movement.pk, "coin_type": movement.coin_type, "quantity": plain(quantity), "cost_aud": plain(cost_aud),
            "acquired_at": acquired_at.isoformat() if acquired_at else None,
        },
    )  # fmt: skip
    log.info("lot.cost_given", account_id=account.pk, movement_id=movement.pk, actor=actor)
