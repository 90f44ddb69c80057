"""Show operators what trades, and let them hold it back."""

from apps.trading.admin import (
    accounts,
    algorithms,
    control,
    credentials,
    decisions,
    deployments,
    orders,
    trail,
    twaps,
)

__all__ = [
    "accounts",
    "algorithms",
    "control",
    "credentials",
    "decisions",
    "deployments",
    "orders",
    "trail",
    "twaps",
]
