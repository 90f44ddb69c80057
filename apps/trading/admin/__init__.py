"""Show operators what trades, and let them hold it back."""

from apps.trading.admin import (
    accounts,
    algorithms,
    brakes,
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
    "brakes",
    "control",
    "credentials",
    "decisions",
    "deployments",
    "orders",
    "trail",
    "twaps",
]
