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
def run_backtests(backtest_id: int | None = None, turn: int | None = None) -> None:
    """Go on for a slice of time with the backtest whose turn it is, or with the one that waited longest."""
    backtest_runs.run_backtests(backtest_id, turn)
