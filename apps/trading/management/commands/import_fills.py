"""`manage.py import_fills`: import trade history from a CSV file into a user's account."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import User
from apps.trading.imports.table import MOST_BYTES
from apps.trading.models import Account
from apps.trading.services.accounts import default_account
from apps.trading.services.import_fills import bad_rows, import_fills
from ohmycoins.core.errors import DomainError


class Command(BaseCommand):
    """Safe to run again: what is known is not stored twice, and with a bad row nothing is."""

    help = "Import trade history from CSV: our own columns, or CoinSpot's exports."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--user", required=True, metavar="EMAIL")
        parser.add_argument("--account", metavar="NAME", help="by default the user's default account")

    def handle(self, *args: Any, **options: Any) -> None:
        account = _account(options["user"], options["account"])
        try:
            done = import_fills(account.pk, _content(options["file"]), actor="import_fills")
        except DomainError as error:
            for row in bad_rows(error):
                self.stderr.write(row)
            raise CommandError(error.message) from error
        self.stdout.write(
            f"{account}: imported {done.imported}, duplicates {done.duplicates}, skipped {done.skipped}"
        )


def _account(email: str, name: str | None) -> Account:
    try:
        user = User.objects.get_by_natural_key(email)
        return Account.objects.of(user).get(name=name) if name else default_account(user)
    except User.DoesNotExist as error:
        raise CommandError(f"there is no user {email}") from error
    except Account.DoesNotExist as error:
        raise CommandError(f"{email} has no account named {name!r}") from error


def _content(path: Path) -> bytes:
    """Read the file, or a byte more of it than is read at most."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
