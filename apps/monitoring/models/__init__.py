"""Store signs of life."""

from apps.monitoring.models.heartbeat import Heartbeat

__all__ = ["Heartbeat"]
