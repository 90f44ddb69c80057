"""Let Celery catch up on what could not be booked."""

from celery import shared_task

from apps.pnl.services import book


@shared_task(name="pnl.book_overdue")
def book_overdue() -> None:
    """Book the fills whose booking failed."""
    book.book_overdue()
