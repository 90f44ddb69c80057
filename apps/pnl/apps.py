"""P&L as a Django app; it listens for fills."""

from django.apps import AppConfig


class PnlConfig(AppConfig):
    name = "apps.pnl"
    verbose_name = "P&L"

    def ready(self) -> None:
        from apps.pnl.services import book
        from apps.trading import signals

        signals.fill_recorded.connect(book.on_fill_recorded, dispatch_uid="pnl.book")
        signals.history_recorded.connect(book.on_history_recorded, dispatch_uid="pnl.book_history")
        signals.timezone_changed.connect(book.on_timezone_changed, dispatch_uid="pnl.move_days")
