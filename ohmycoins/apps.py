"""The project itself as a Django app: its management commands, templates and system checks."""

from django.apps import AppConfig
from django.core.checks import register


class ProjectConfig(AppConfig):
    name = "ohmycoins"
    verbose_name = "Oh My Coins"

    def ready(self) -> None:
        from ohmycoins import celery, checks  # noqa: F401 - importing celery makes our app the current one
        from ohmycoins.core.seams import check_seams

        register(check_seams)
        register(checks.check_trading_mode)
