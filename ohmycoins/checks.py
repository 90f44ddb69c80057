"""Refuse to start with settings that would lose money or work."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

MODES = ("paper", "live")


def check_trading_mode(**_: Any) -> list[CheckMessage]:
    """Accept only known trading modes, and live trading only on a Redis that keeps its queue."""
    if settings.TRADING_MODE not in MODES:
        return [
            Error(f"TRADING_MODE={settings.TRADING_MODE!r} is not one of: {', '.join(MODES)}", id="omc.E003")
        ]
    if settings.TRADING_MODE == "live" and not settings.REDIS_IS_DURABLE:
        return [
            Error(
                "TRADING_MODE=live needs a real Redis: install redis-server or set REDIS_URL", id="omc.E004"
            )
        ]
    return []
