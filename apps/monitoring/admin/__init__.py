"""Show operators what is watched, what was found, and who was told."""

from apps.monitoring.admin import alerts, incidents, protections, quality, rounds, schedule

__all__ = ["alerts", "incidents", "protections", "quality", "rounds", "schedule"]
