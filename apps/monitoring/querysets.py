"""Read monitoring's rows in its own language."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Q, QuerySet

if TYPE_CHECKING:
    from apps.monitoring.models import Alert, AlertRule, Delivery, Incident, Protection  # noqa: F401


class IncidentQuerySet(QuerySet["Incident"]):
    """Broken invariants."""

    def standing(self) -> Self:
        """Keep those that were still so when last looked."""
        return self.filter(resolved_at=None)


class AlertQuerySet(QuerySet["Alert"]):
    """Alerts."""

    def standing(self) -> Self:
        """Keep those that were still so when last looked."""
        return self.filter(resolved_at=None)

    def seen_by(self, user: Any) -> Self:
        """Keep what is about the user's own trading or everybody's; all for who may view alerts."""
        return self if user.has_perm("monitoring.view_alert") else self.filter(Q(user=None) | Q(user=user))


class RuleQuerySet(QuerySet["AlertRule"]):
    """Rules of who is told what."""

    def of(self, user: Any) -> Self:
        return self.filter(user=user)


class DeliveryQuerySet(QuerySet["Delivery"]):
    """Messages to channels."""

    def due(self, now: datetime) -> Self:
        """Keep those to be sent, or to be tried again, by now."""
        return self.filter(status="pending", next_at__lte=now)


class ProtectionQuerySet(QuerySet["Protection"]):
    """Protections."""

    def enabled(self) -> Self:
        """Keep those that watch: switched on, and not of a deployment that was stopped."""
        return self.filter(enabled=True).exclude(deployment__status="stopped")

    def everybodys(self) -> Self:
        """Keep those of no user, account or deployment."""
        return self.filter(user=None, account=None, deployment=None)

    def seen_by(self, user: Any) -> Self:
        """Keep the user's own; all for who may view protections."""
        return self if user.has_perm("monitoring.view_protection") else self.filter(user=user)
