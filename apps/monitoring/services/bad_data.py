"""Brake what rests on data that cannot be believed: on collectors that fail or stand still, and coins whose price jumped."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from apps.ledgers.models.entry import Item
from apps.monitoring.models import Outlier, Protection, QualityCheck
from apps.monitoring.protections import Outliers
from apps.monitoring.services import collectors
from apps.monitoring.services.braking import cause_of, engage_for
from apps.trading.algorithms.base import Series
from apps.trading.models import Algorithm, Deployment
from apps.trading.services import brakes
from apps.trading.services.algorithms import inputs_of
from apps.trading.services.ledger_rows import PRICES, TABLES
from ohmycoins.core.money import plain

FAILING = "failing"
WATCH = "watch"
"""Who releases what no collector causes any more, as the trail names it."""


def look_at_collectors(protections: Sequence[Protection], now: datetime) -> None:
    """Brake deployments of which a declared input's collector fails or stands still, and release the others."""
    doubted = _frozen() | _failing()
    fed = {name: _fed_by(name) for name in doubted}
    standing = []
    for protection in protections if doubted else ():
        for deployment in _deployments_of(protection):
            declared = _series_of(deployment)
            wrong = {name: doubted[name] for name in sorted(doubted) if fed[name] & declared}
            if wrong:
                about = f"deployment:{deployment.pk}"
                standing.append(cause_of(protection, about))
                _brake(protection, deployment, about, wrong, now)
    brakes.release_gone(Protection.Kind.FAILING_COLLECTORS, standing, actor=WATCH, now=now)


def look_at_outliers(protections: Sequence[Protection], now: datetime) -> None:
    """Brake the coins that have an outlier so young, until it is older."""
    for protection in protections:
        rule = Outliers.model_validate(protection.parameters)
        length = timedelta(minutes=rule.minutes)
        fresh = Outlier.objects.filter(occurred_at__gt=now - length)
        for outlier in fresh.order_by("coin_type", "-occurred_at", "-id").distinct("coin_type"):
            engage_for(
                protection, about=f"outlier:{outlier.pk}", now=now, coin_type=outlier.coin_type,
                until=outlier.occurred_at + length, reason=_jumped(outlier),
                inputs={"outlier": outlier.pk, "price": outlier.price_id},
            )  # fmt: skip


def _failing() -> dict[str, str]:
    """Give the collectors that are on and fail, and that they do; one that works again does not, whatever its past."""
    return {
        name: "fails" for name, does in collectors.doing().items() if does.health == FAILING and does.keeps_failing
    }  # fmt: skip


def _frozen() -> dict[str, str]:
    """Give the sources that answered the same again and again at the last check, and since when."""
    last = QualityCheck.objects.first()
    sources = [
        pair for ledger in (last.ledgers if last else {}).values() for pair in ledger["sources"].items()
    ]
    return {
        name: f"stands still since {datetime.fromisoformat(source['frozen_since']):%Y-%m-%d %H:%M} UTC"
        for name, source in sources
        if source["frozen_since"] and source["counts"]
    }


def _fed_by(collector: str) -> set[Series]:
    """Give the series that a collector has ever stored an entry of."""
    return {
        series for series, table in TABLES.items()
        if (table.model.objects.filter(collector=collector).exists() if issubclass(table.model, Item) else collector == PRICES)
    }  # fmt: skip


def _deployments_of(protection: Protection) -> Iterable[Deployment]:
    active: QuerySet[Deployment] = Deployment.objects.active().select_related("algorithm").order_by("id")
    if protection.deployment_id:
        return active.filter(pk=protection.deployment_id)
    if protection.account_id:
        return active.filter(account=protection.account_id)
    return active.filter(user=protection.user_id) if protection.user_id else active


def _series_of(deployment: Deployment) -> set[Series]:
    as_deployed = Algorithm(slug=deployment.algorithm.slug, parameters=deployment.parameters)
    return {wanted.series for wanted in inputs_of(as_deployed)}


def _brake(
    protection: Protection, deployment: Deployment, about: str, wrong: dict[str, str], now: datetime
) -> None:
    said = ", ".join(f"{name} {what}" for name, what in wrong.items())
    engage_for(
        protection, about=about, now=now, account_id=deployment.account_id, algorithm_id=deployment.algorithm_id,
        reason=f"{said}; deployment {deployment.pk} depends on it",
        inputs={"collectors": list(wrong), "deployment": deployment.pk},
    )  # fmt: skip


def _jumped(outlier: Outlier) -> str:
    return (
        f"{outlier.coin_type} jumped from A${plain(outlier.before)} to A${plain(outlier.last)}"
        f" at {outlier.occurred_at:%H:%M:%S} UTC"
    )
