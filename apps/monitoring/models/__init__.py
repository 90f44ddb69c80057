"""Keep what was watched, what was found, and who was told."""

from apps.monitoring.models.alert import Alert, AlertRule, Channel, Delivery, Severity, Type
from apps.monitoring.models.heartbeat import Heartbeat
from apps.monitoring.models.incident import Incident
from apps.monitoring.models.protection import ClosingMark, Peak, Protection
from apps.monitoring.models.quality import Outlier, QualityCheck
from apps.monitoring.models.round import MetricsMark, Round
from apps.monitoring.models.walk import Summing, Tally, TrailMark, Walk

__all__ = [
    "Alert",
    "AlertRule",
    "Channel",
    "ClosingMark",
    "Delivery",
    "Heartbeat",
    "Incident",
    "MetricsMark",
    "Outlier",
    "Peak",
    "Protection",
    "QualityCheck",
    "Round",
    "Severity",
    "Summing",
    "Tally",
    "TrailMark",
    "Type",
    "Walk",
]
