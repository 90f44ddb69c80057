"""Measure how far accounts and deployments' books are below their peaks, and brake those that fell too far.

What was measured is stored first, under a lock; brakes are engaged after, once a beginning. A brake that ended,
by a person or by its time, begins the course anew: what was lost before is not held against anyone twice.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import transaction

from apps.monitoring.models import Peak, Protection
from apps.monitoring.protections import (
    Course,
    Drawdown,
    Worth,
    begin,
    fallen_percent,
    follow,
    reach,
    shown,
)
from apps.monitoring.services.braking import cause_of, engage_for
from apps.pnl.services.valuation import value_by
from apps.trading.models import Account, Brake, Deployment
from apps.trading.services.standing import bounds_of, read_worths
from ohmycoins.core import locks
from ohmycoins.core.money import ZERO, plain, round_aud

COLUMNS = ["began_at", "at", "level", "highs", "equity_aud", "paid_in_aud"]
Key = tuple[int, int, int | None]
"""Protection, account, algorithm (None: the whole account)."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a protection measures, as it stands now: an account's worth, or what a book earned of what it may use."""

    protection: Protection
    rule: Drawdown
    account_id: int
    deployment: Deployment | None = None
    worth: Worth | None = None
    earned: Decimal = ZERO
    base: Decimal | None = None

    @property
    def key(self) -> Key:
        return self.protection.pk, self.account_id, self.deployment.algorithm_id if self.deployment else None


def look_at_drawdowns(protections: Sequence[Protection], now: datetime) -> None:
    """Bring the courses of all that these watch up to date, and brake what fell as far as it may."""
    for watched, peak in _measure(protections, now):
        percent = fallen_percent(_course(peak), watched.base)
        if percent < watched.rule.max_percent:
            continue
        pause = watched.rule.pause_minutes
        engage_for(
            watched.protection, about=_about(peak), now=now, once=True, account_id=watched.account_id,
            until=now + timedelta(minutes=pause) if pause else None,
            reason=f"{_name(watched)} is {shown(percent)} % below its peak since {peak.began_at:%Y-%m-%d %H:%M} UTC,"
            f" at most {plain(watched.rule.max_percent)} % over {watched.rule.window_days} days",
            inputs={"percent": shown(percent), "level": plain(peak.level), "peak": plain(_course(peak).peak),
                    "base": None if watched.base is None else plain(watched.base)},
        )  # fmt: skip


@transaction.atomic
def _measure(protections: Sequence[Protection], now: datetime) -> list[tuple[Watched, Peak]]:
    """Follow each course to now, and store it where it moved."""
    locks.advisory_lock("monitoring.drawdowns")
    known: dict[Key, Peak] = {
        (peak.protection_id, peak.account_id, peak.algorithm_id): peak
        for peak in Peak.objects.filter(protection__in=protections).select_related("protection")
    }
    over = _over(known.values(), now)
    found, new, moved = [], [], []
    for watched in _watched(protections):
        peak = known.get(watched.key)
        if peak is None:
            peak = Peak(
                protection=watched.protection, account_id=watched.account_id, algorithm_id=watched.key[2]
            )
            _begin(peak, watched, now)
            new.append(peak)
        elif peak.pk in over:
            _begin(peak, watched, now)
            moved.append(peak)
        elif _go_on(peak, watched, now):
            moved.append(peak)
        found.append((watched, peak))
    Peak.objects.bulk_create(new)
    # An update of many rows at once, at a tenth of what `bulk_update` costs.
    Peak.objects.bulk_create(moved, update_conflicts=True, unique_fields=["id"], update_fields=COLUMNS)
    return found


def _over(peaks: Collection[Peak], now: datetime) -> set[int]:
    """Give the peaks that a brake was engaged for which has ended, by a person or by its time."""
    by_cause = {cause_of(peak.protection, _about(peak)): peak.pk for peak in peaks}
    ended = Brake.objects.over(now).filter(kind=Protection.Kind.DRAWDOWN, cause__in=list(by_cause))
    return {by_cause[cause] for cause in ended.values_list("cause", flat=True)}


def _watched(protections: Sequence[Protection]) -> Iterator[Watched]:
    """Give all that the protections measure, valued now: accounts in one query, books in one an account."""
    accounts = {row.pk: _accounts_of(row) for row in protections if row.deployment is None}
    worth = read_worths({account_id for ids in accounts.values() for account_id in ids})
    for protection in protections:
        if protection.deployment:
            yield _book(protection, protection.deployment)
            continue
        rule = _rule(protection)
        for account_id in accounts[protection.pk]:
            yield Watched(protection, rule, account_id, worth=Worth(*worth[account_id]))


def _accounts_of(protection: Protection) -> list[int]:
    accounts = Account.objects.order_by("id")
    if protection.account_id:
        accounts = accounts.filter(pk=protection.account_id)
    elif protection.user_id:
        accounts = accounts.filter(user=protection.user_id)
    return list(accounts.values_list("pk", flat=True))


def _book(protection: Protection, deployment: Deployment) -> Watched:
    """Value the book of a deployment: what it earned, of its position limit, or of its share of the account."""
    account = deployment.account
    books = {group.key: group for group in value_by(account, "algorithm_id")}
    book, base = books.get(deployment.algorithm_id), deployment.position_limit_aud
    if base is None:
        equity, _ = read_worths([account.pk])[account.pk]
        base = equity * bounds_of(account).max_algorithm_percent / 100
    return Watched(
        protection, _rule(protection), account.pk, deployment,
        earned=round_aud(book.total_pnl) if book else ZERO, base=base,
    )  # fmt: skip


def _rule(protection: Protection) -> Drawdown:
    return Drawdown.model_validate(protection.parameters)


def _course(peak: Peak) -> Course:
    worth = None
    if peak.equity_aud is not None and peak.paid_in_aud is not None:
        worth = Worth(peak.equity_aud, peak.paid_in_aud)
    highs = {date.fromisoformat(day): Decimal(high) for day, high in peak.highs.items()}
    return Course(peak.level, highs, worth)


def _begin(peak: Peak, watched: Watched, now: datetime) -> None:
    level = {} if watched.worth else {"level": watched.earned}
    peak.began_at = now
    _keep(peak, begin(now.date(), worth=watched.worth, **level), now)


def _go_on(peak: Peak, watched: Watched, now: datetime) -> bool:
    """Follow the course to now; tell whether there is anything to store."""
    before, days = _course(peak), watched.rule.window_days
    if watched.worth:
        course = follow(before, watched.worth, now.date(), days)
    else:
        course = reach(before, watched.earned, now.date(), days)
    if course == before:
        return False
    _keep(peak, course, now)
    return True


def _keep(peak: Peak, course: Course, now: datetime) -> None:
    peak.at, peak.level = now, course.level
    peak.highs = {day.isoformat(): plain(high) for day, high in course.highs.items()}
    if course.worth:
        peak.equity_aud, peak.paid_in_aud = course.worth.equity, course.worth.paid_in


def _about(peak: Peak) -> str:
    book = "" if peak.algorithm_id is None else f":{peak.algorithm_id}"
    return f"{peak.account_id}{book}:{peak.began_at.isoformat()}"


def _name(watched: Watched) -> str:
    if watched.deployment:
        return f"the book of deployment {watched.deployment.pk}"
    return f"account {watched.account_id}"
