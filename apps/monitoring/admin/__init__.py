"""Show operators what is watched, what was found, and what guards trading."""

from apps.monitoring.admin import incidents, protections, schedule

__all__ = ["incidents", "protections", "schedule"]
