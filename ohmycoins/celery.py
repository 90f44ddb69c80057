"""The Celery application: `celery -A ohmycoins worker`, `celery -A ohmycoins beat`."""

import gc
import os

from celery import Celery
from celery.signals import (
    beat_init,
    setup_logging,
    worker_before_create_process,
    worker_init,
    worker_shutting_down,
)
from django_structlog.celery.steps import DjangoStructLogInitStep

from ohmycoins.core.stopping import stopping
from ohmycoins.local.orphan import end_with_supervisor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ohmycoins.settings")
# Celery would run them and drop what they say; they load every page, which workers and beat never serve.
# `manage.py prepare`, which comes before, refuses to go on.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("ohmycoins")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Leave logging as the settings configured it; connecting at all is what tells Celery so."""


@worker_init.connect
@beat_init.connect
def watch_supervisor(**_: object) -> None:
    """Let no worker and no beat outlive a supervisor that was killed."""
    end_with_supervisor()


@worker_before_create_process.connect
def share_memory(**_: object) -> None:
    """Leave what is loaded by now alone when collecting garbage, so that processes go on sharing it."""
    gc.freeze()


@worker_shutting_down.connect
def tell_threads(**_: object) -> None:
    """Let runs that wait for a source end now; the next worker catches up."""
    stopping.set()
