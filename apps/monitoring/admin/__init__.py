"""Show operators what is watched, what was found, and when beat runs what."""

from apps.monitoring.admin import incidents, rounds, schedules

__all__ = ["incidents", "rounds", "schedules"]
