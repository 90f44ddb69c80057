"""Read monitoring's rows in its own language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db.models import QuerySet

if TYPE_CHECKING:
    from apps.monitoring.models import Breach  # noqa: F401


class BreachQuerySet(QuerySet["Breach"]):
    """Breaches of invariants."""

    def standing(self) -> Self:
        """Keep those that were still so when last looked."""
        return self.filter(resolved_at=None)
