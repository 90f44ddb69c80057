"""P&L as a Django app; it listens for fills."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PnlConfig(AppConfig):
    name = "apps.pnl"
    verbose_name = "P&L"

    def ready(self) -> None:
        from apps.pnl.services import book, tax_rules
        from apps.trading import signals

        signals.fill_recorded.connect(book.on_fill_recorded, dispatch_uid="pnl.book")
        signals.history_recorded.connect(book.on_history_recorded, dispatch_uid="pnl.book_history")
        signals.timezone_changed.connect(book.on_timezone_changed, dispatch_uid="pnl.move_days")
        post_migrate.connect(tax_rules.ship_tax_rules, sender=self, dispatch_uid="pnl.ship_tax_rules")
