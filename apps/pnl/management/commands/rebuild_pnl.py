"""`manage.py rebuild_pnl`: compute every book a second time, and mend what differs."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.progress import Progress

from apps.accounts.models import User
from apps.pnl.services.audit import Audit, audit_account, mend_book
from apps.trading.models import Account


class Command(BaseCommand):
    help = (
        "Compute lots, matches and sums anew from the fills, and compare them with what is stored, to the last digit. "
        "A coin whose book differs is written anew and compared again; with --check nothing is written. "
        "Exits with 1 if anything differed, also when it was mended."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", metavar="EMAIL", help="only the accounts of this user")
        parser.add_argument("--check", action="store_true", help="compare only; write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = _accounts(options["user"])
        differing = 0
        with Progress() as progress:
            bar = progress.add_task("accounts", total=len(accounts))
            for account in accounts:
                audit = _audit(account, progress)
                if audit.count:
                    differing += 1
                    if not options["check"]:
                        mend_book(account, audit)
                        _audit(account, progress, again=True)
                progress.advance(bar)
        if differing:
            raise CommandError(f"the books of {differing} of {len(accounts)} accounts differed")


def _accounts(email: str | None) -> list[Account]:
    accounts = Account.objects.select_related("user").order_by("pk")
    if email is None:
        return list(accounts)
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise CommandError(f"there is no user {email!r}")
    return list(accounts.filter(user=user))


def _audit(account: Account, progress: Progress, *, again: bool = False) -> Audit:
    """Audit an account and print what was found."""
    began = time.monotonic()
    audit = audit_account(account)
    lines = [
        f"account {account.pk} of {account.user.email}: {audit.fills} fills, {audit.lots} lots, {audit.matches} matches "
        f"in {time.monotonic() - began:.1f} s: {'written anew: ' if again else ''}"
        + (f"{audit.count} differences" if audit.count else "agrees")
    ]
    if audit.unbooked:
        lines.append(f"  left out until they can be booked: {', '.join(audit.unbooked)}")
    for one in audit.differences:
        lines.append(f"  {one.coin or 'all coins'}, {one.what}: {one.stored} stored, {one.computed} computed")
    if audit.count > len(audit.differences):
        lines.append(f"  and {audit.count - len(audit.differences)} more")
    for line in lines:
        progress.console.print(line, soft_wrap=True, markup=False, highlight=False)
    return audit
