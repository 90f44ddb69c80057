"""The project itself as a Django app: its management commands, templates and system checks."""

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import register


class ProjectConfig(AppConfig):
    name = "ohmycoins"
    verbose_name = "Oh My Coins"

    def ready(self) -> None:
        from ohmycoins import celery, checks, sentry  # noqa: F401 - importing celery makes our app the current one
        from ohmycoins.core.seams import check_seams

        if settings.SENTRY_DSN:
            sentry.report_errors(settings.SENTRY_DSN)
        register(check_seams)
        register(checks.check_trading_mode)
