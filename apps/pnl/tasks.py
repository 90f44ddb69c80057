"""Let Celery catch up on what could not be booked, and value accounts."""

from celery import shared_task

from apps.pnl.services import book, equity


@shared_task(name="pnl.book_overdue")
def book_overdue() -> None:
    """Book the fills whose booking failed."""
    book.book_overdue()


@shared_task(name="pnl.take_snapshots")
def take_snapshots() -> None:
    """Value the accounts whose hour or day ended."""
    equity.take_snapshots()
