"""Store signs of life, and what was found broken."""

from apps.monitoring.models.breach import Breach
from apps.monitoring.models.heartbeat import Heartbeat

__all__ = ["Breach", "Heartbeat"]
