"""Show operators what trades, and let them hold it back."""

from apps.trading.admin import control, credentials, orders, trail

__all__ = ["control", "credentials", "orders", "trail"]
