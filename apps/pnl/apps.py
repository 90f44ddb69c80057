"""P&L as a Django app; it listens for fills."""

from django.apps import AppConfig


class PnlConfig(AppConfig):
    name = "apps.pnl"
    verbose_name = "P&L"

    def ready(self) -> None:
        from apps.pnl.services.book import on_fill_recorded
        from apps.trading.signals import fill_recorded

        fill_recorded.connect(on_fill_recorded, dispatch_uid="pnl.book")
