"""Fills that could not be booked yet."""

from django.db import models

from apps.trading.models import Fill
from ohmycoins.core import clock


class BookingFailure(models.Model):
    """A fill that stands unbooked, written in the fill's own transaction; gone once it is booked."""

    fill = models.OneToOneField(Fill, models.PROTECT, related_name="booking_failure")
    error = models.CharField(max_length=500)
    attempts = models.PositiveIntegerField(default=1)
    next_at = models.DateTimeField(db_index=True)
    failed_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return f"fill {self.fill_id}: {self.error}"
