"""Show operators what trades, and let them hold it back."""

from apps.trading.admin import accounts, control, credentials, orders, trail, twaps

__all__ = ["accounts", "control", "credentials", "orders", "trail", "twaps"]
