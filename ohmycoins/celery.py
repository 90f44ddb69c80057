"""The Celery application: `celery -A ohmycoins worker`, `celery -A ohmycoins beat`."""

import os

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init, worker_shutting_down
from django_structlog.celery.steps import DjangoStructLogInitStep

from ohmycoins.core.stopping import stopping
from ohmycoins.local.orphan import end_with_supervisor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ohmycoins.settings")

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


@worker_shutting_down.connect
def tell_threads(**_: object) -> None:
    """Let runs that wait for a source end now; the next worker catches up."""
    stopping.set()
