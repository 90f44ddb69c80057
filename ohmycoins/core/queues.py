"""Name the queues that tasks wait in."""

from django.conf import settings

OPTIONAL = frozenset({"lab"})
"""Queues that nothing waits for but what is in them."""


def queues() -> tuple[str, ...]:
    """Give the queues that tasks are routed to, those first that nothing works without."""
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    every = routed | {settings.CELERY_TASK_DEFAULT_QUEUE}
    return tuple(sorted(every, key=lambda name: (name in OPTIONAL, name)))
