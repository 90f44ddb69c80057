"""Count tasks by name and state, time them, and say how many are in progress."""

import time
from pathlib import Path
from typing import Any

from celery import signals
from django.conf import settings
from prometheus_client import Counter, Gauge, Histogram

from apps.monitoring.metrics import files

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 300.0)
TASKS = Counter("omc_tasks", "Tasks that ended, by name and state.", ["task", "state"])
RUNTIME = Histogram("omc_task_runtime_seconds", "How long tasks ran, by name.", ["task"], buckets=BUCKETS)
RUNNING = Gauge(
    "omc_tasks_in_progress", "Tasks that workers are at now, by name.", ["task"], multiprocess_mode="livesum"
)

_began: dict[str, float] = {}


@signals.task_prerun.connect
def begin(task_id: str, task: Any, **_: object) -> None:
    _began[task_id] = time.perf_counter()
    RUNNING.labels(task=task.name).inc()


@signals.task_postrun.connect
def end(task_id: str, task: Any, state: str | None = None, **_: object) -> None:
    TASKS.labels(task=task.name, state=(state or "ignored").lower()).inc()
    if began := _began.pop(task_id, None):
        RUNTIME.labels(task=task.name).observe(time.perf_counter() - began)
        RUNNING.labels(task=task.name).dec()


@signals.task_failure.connect
def lose(task_id: str, sender: Any, **_: object) -> None:
    """Count a task whose process was killed; the worker says so in its place. Others' ends are counted as such."""
    if task_id not in _began:
        TASKS.labels(task=sender.name, state="lost").inc()
        files.forget_the_dead(Path(settings.METRICS_DIR))


@signals.task_revoked.connect
def revoke(sender: Any, expired: bool = False, **_: object) -> None:
    TASKS.labels(task=sender.name, state="expired" if expired else "revoked").inc()
