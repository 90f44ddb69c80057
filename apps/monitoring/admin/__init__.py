"""Show operators what is watched, what was found, and when it is looked for."""

from apps.monitoring.admin import incidents, quality, schedule

__all__ = ["incidents", "quality", "schedule"]
