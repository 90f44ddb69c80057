"""Let Celery catch up on what could not be booked, value accounts, and run backtests."""

from celery import shared_task

from apps.pnl.services import backtest_runs, book, equity


@shared_task(name="pnl.book_overdue")
def book_overdue() -> None:
    """Book the fills whose booking failed."""
    book.book_overdue()


@shared_task(name="pnl.take_snapshots")
def take_snapshots() -> None:
    """Value the accounts whose hour or day ended."""
    equity.take_snapshots()


@shared_task(name="pnl.run_backtests")
def run_backtests() -> None:
    """Go on with the backtest that waited longest, for a slice of time."""
    backtest_runs.run_backtests()
