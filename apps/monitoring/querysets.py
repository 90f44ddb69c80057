"""Read monitoring's rows in its own language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Trunc

if TYPE_CHECKING:
    from apps.monitoring.models import Alert, AlertRule, Delivery, Incident, Protection, QualityCheck  # noqa: F401

BUCKETS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


class IncidentQuerySet(QuerySet["Incident"]):
    """Broken invariants."""

    def standing(self) -> Self:
        """Keep those that were still so when last looked."""
        return self.filter(resolved_at=None)

    def over_after(self, now: datetime) -> Self:
        """Keep those that a look which began after `now` saw to be over."""
        return self.filter(resolved_at__gt=now)

    def unaccepted(self) -> Self:
        """Keep those that stand, and that nobody has accepted."""
        return self.standing().filter(accepted_at=None)

    def to_brake(self) -> Self:
        """Keep those of which the account was not let sell only because of them yet."""
        return self.unaccepted().filter(braked_at=None, account_id__isnull=False)


class AlertQuerySet(QuerySet["Alert"]):
    """Alerts."""

    def standing(self) -> Self:
        """Keep those that were still so when last looked."""
        return self.filter(resolved_at=None)

    def told_after(self, now: datetime) -> Self:
        """Keep those that a look which began after `now` saw stand, or be over."""
        return self.filter(Q(seen_at__gt=now) | Q(resolved_at__gt=now))

    def seen_by(self, user: Any) -> Self:
        """Keep what is about the user's own trading or everybody's; all for who may view alerts."""
        return self if user.has_perm("monitoring.view_alert") else self.filter(Q(user=None) | Q(user=user))


class RuleQuerySet(QuerySet["AlertRule"]):
    """Rules of who is told what."""

    def of(self, user: Any) -> Self:
        return self.filter(user=user)

    def heard(self) -> Self:
        """Keep those that are on, of users who may sign in."""
        return self.filter(enabled=True, user__is_active=True)


class DeliveryQuerySet(QuerySet["Delivery"]):
    """Messages to channels."""

    def due(self, now: datetime) -> Self:
        """Keep those to be sent, or to be tried again, by now, that no worker has."""
        free = Q(leased_until=None) | Q(leased_until__lte=now)
        return self.filter(free, status="pending", next_at__lte=now)

    def leased(self, now: datetime) -> Self:
        """Keep those that a worker has."""
        return self.filter(status="pending", leased_until__gt=now)

    def seen_by(self, user: Any) -> Self:
        """Keep those to the user's own channels; all for who may view deliveries."""
        return self if user.has_perm("monitoring.view_delivery") else self.filter(channel__user=user)


class ProtectionQuerySet(QuerySet["Protection"]):
    """Protections."""

    def enabled(self) -> Self:
        """Keep those that watch: switched on, and not of a deployment that was stopped."""
        return self.filter(enabled=True).exclude(deployment__status="stopped")

    def everybodys(self) -> Self:
        """Keep those of no user, account or deployment."""
        return self.filter(user=None, account=None, deployment=None)

    def seen_by(self, user: Any) -> Self:
        """Keep the user's own, and everybody's; all for who may view protections."""
        if user.has_perm("monitoring.view_protection"):
            return self
        return self.filter(Q(user=user) | Q(user=None, account=None, deployment=None))


class QualityQuerySet(QuerySet["QualityCheck"]):
    """Checks of the ledgers' quality."""

    def between(self, since: datetime | None, until: datetime | None) -> Self:
        """Keep those made in [since, until)."""
        kept = self if since is None else self.filter(checked_at__gte=since)
        return kept if until is None else kept.filter(checked_at__lt=until)

    def last_of_each(self, bucket: str) -> Self:
        """Keep the last check of each hour or day (UTC)."""
        ends_at = Trunc("checked_at", bucket, tzinfo=UTC) + BUCKETS[bucket]
        later = self.model.objects.filter(
            checked_at__gt=OuterRef("checked_at"), checked_at__lt=OuterRef("ends_at")
        )
        return self.annotate(ends_at=ends_at).filter(~Exists(later))
