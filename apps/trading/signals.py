"""Tell the app above that a fill was recorded: the one signal of the project (docs/adr/0006)."""

from django.dispatch import Signal

fill_recorded = Signal()
"""Sent with `fill: FillRecord`, inside the transaction that records the fill, its account locked."""
