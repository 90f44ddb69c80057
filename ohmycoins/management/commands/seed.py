"""`manage.py seed`: a year of demo data, by the real services."""

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.progress import Progress, TaskID

from ohmycoins.core.errors import DomainError
from ohmycoins.seed.clearing import clear
from ohmycoins.seed.seeding import seed_database


class Command(BaseCommand):
    """Safe to run again: what is there is left as it is, and nothing is added to it."""

    help = (
        "Fill the database with demo data: a past for every ledger, people, and what they traded. The same seed"
        " gives the same data; a second run adds nothing. Seeded users have no password and cannot log in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--users", type=_count, default=10, help="superusers counted (10)")
        parser.add_argument(
            "--algorithms", type=_count, default=15, help="set up, two thirds of them trading (15)"
        )
        parser.add_argument("--days", type=_count, default=365, help="of history, up to now (365)")
        parser.add_argument("--seed", type=int, default=42, help="the sandbox's own is 42")
        parser.add_argument(
            "--clear", action="store_true", help="take all of it away; superusers and what is real stay"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._clear() if options["clear"] else self._seed(options)
        except DomainError as error:
            raise CommandError(error.message) from error

    def _seed(self, options: dict[str, Any]) -> None:
        tasks: dict[str, TaskID] = {}
        with Progress() as progress:

            def report(part: str, done: int, total: int) -> None:
                if part not in tasks:
                    tasks[part] = progress.add_task(part, total=total)
                progress.update(tasks[part], completed=done, total=total)

            wanted = {name: options[name] for name in ("users", "algorithms", "days", "seed")}
            seeded = seed_database(**wanted, report=report)
        window = seeded.window
        self.stdout.write(
            f"{seeded.new_users} new users, {seeded.new_accounts} new accounts;"
            f" the past is from {window.since:%Y-%m-%d %H:%M} to {window.until:%Y-%m-%d %H:%M} UTC"
        )

    def _clear(self) -> None:
        cleared = clear()
        self.stdout.write(
            f"{cleared.accounts} accounts, {cleared.users} users and {cleared.entries} entries taken away"
        )


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 4000:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 to 4000")
    return int(text)
