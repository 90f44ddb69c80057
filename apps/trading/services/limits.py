"""Set an account's safety limits, keeping those before, and say how much of each is used."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction

from apps.trading.models import Account, Brake, Event, Limits
from apps.trading.records import Bounds
from apps.trading.services.brakes import engaged_on
from apps.trading.services.control import StopView, standing_stop
from apps.trading.services.standing import HELD, IN_FLIGHT_VALUES, bounds_of, read_day
from apps.trading.services.status import end_bad_day
from ohmycoins.core import clock
from ohmycoins.core.money import ZERO, plain

EXPOSURES = f"""
    WITH {HELD}, flying AS (
        SELECT coin_type, algorithm_id, (quantity - filled_quantity) * valued_price AS value FROM trading_order
        WHERE account_id = %(account)s AND status = ANY(%(in_flight)s) AND side = 'buy'
    ), staked AS (
        SELECT coin_type, algorithm_id, value FROM held UNION ALL SELECT coin_type, algorithm_id, value FROM flying
    )
    SELECT 'coin', coin_type, coalesce(sum(value), 0) FROM staked GROUP BY coin_type
    UNION ALL
    SELECT 'algorithm', algorithm_id::text, coalesce(sum(value), 0) FROM staked
    WHERE algorithm_id IS NOT NULL GROUP BY algorithm_id
    ORDER BY 1, 3 DESC, 2
"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is at stake in one coin, or by one algorithm: holdings and orders in flight, in AUD."""

    name: str
    value_aud: Decimal


@dataclass(frozen=True, slots=True)
class Usage:
    """An account's limits beside what they measure; AUD."""

    stop: StopView
    brakes: tuple[Brake, ...]
    """What lets the account, or one of its coins or algorithms, only sell; oldest first."""
    equity_aud: Decimal
    unpriced: tuple[str, ...]
    day_start_aud: Decimal
    """What the day began with, and what came or went since by no trade."""
    day_loss_aud: Decimal
    bounds: Bounds
    limits_set_at: datetime | None
    positions: tuple[Exposure, ...]
    algorithms: tuple[Exposure, ...]

    def percent_of_equity(self, value_aud: Decimal) -> Decimal | None:
        """Give a value's share of the equity in percent; None without equity."""
        return value_aud / self.equity_aud * 100 if self.equity_aud > 0 else None


@transaction.atomic
def set_limits(account: Account, *, bounds: Bounds, actor: str) -> Limits:
    """Give the account other limits from now on; those before stay on record."""
    Account.objects.locked().get(pk=account.pk)
    now = clock.now()
    before = bounds_of(account)
    limits = Limits.objects.create(
        account=account, set_at=now, set_by=actor,
        max_position_percent=bounds.max_position_percent,
        max_daily_loss_percent=bounds.max_daily_loss_percent,
        max_algorithm_percent=bounds.max_algorithm_percent,
        max_order_aud=bounds.max_order_aud,
    )  # fmt: skip
    Event.objects.create(
        account=account, type="limits.set", at=now, actor=actor, reason="limits changed",
        inputs={"before": _as_json(before), "after": _as_json(bounds)},
    )  # fmt: skip
    return limits


@transaction.atomic
def read_usage(account_id: int) -> Usage:
    """Measure an account against its limits, as the next order would be."""
    account = Account.objects.locked().get(pk=account_id)
    now = clock.now()
    end_bad_day(account, now)
    day = read_day(account, now)
    with connection.cursor() as cursor:
        cursor.execute(EXPOSURES, {"account": account.pk, "in_flight": IN_FLIGHT_VALUES})
        rows = [(kind, Exposure(name, value)) for kind, name, value in cursor.fetchall()]
    newest = Limits.objects.filter(account=account).order_by("-id").values_list("set_at", flat=True).first()
    return Usage(
        stop=standing_stop(
            user_id=account.user_id, account_id=account.pk, algorithm_id=None, coin_type="", now=now
        ),
        brakes=tuple(engaged_on(account, now)),
        equity_aud=day.worth.equity_aud, unpriced=tuple(sorted(day.worth.unpriced)), day_start_aud=day.base_aud,
        day_loss_aud=max(day.loss_aud, ZERO), bounds=bounds_of(account), limits_set_at=newest,
        positions=tuple(exposure for kind, exposure in rows if kind == "coin"),
        algorithms=tuple(exposure for kind, exposure in rows if kind == "algorithm"),
    )  # fmt: skip


def _as_json(bounds: Bounds) -> dict[str, str | None]:
    return {
        "max_position_percent": plain(bounds.max_position_percent),
        "max_daily_loss_percent": plain(bounds.max_daily_loss_percent),
        "max_algorithm_percent": plain(bounds.max_algorithm_percent),
        "max_order_aud": None if bounds.max_order_aud is None else plain(bounds.max_order_aud),
    }
