"""Gunicorn's settings, shared by `make up` and the container (`docker/entrypoint.sh`)."""

import gc
import os
from typing import Any

workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = 4
preload_app = True  # one copy of the code in memory; no connection is opened before the fork
timeout = 60
graceful_timeout = 25
keepalive = 5
accesslog = None  # django-structlog logs each request once, with its id
loglevel = "warning"
control_socket_disable = True


def pre_fork(server: Any, worker: Any) -> None:
    """Leave what is loaded by now alone when collecting garbage, so that processes go on sharing it."""
    gc.freeze()
