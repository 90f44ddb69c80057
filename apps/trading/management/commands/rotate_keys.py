"""`manage.py rotate_keys`: seal the venue keys of every account with the newest of VENUE_SECRET_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.trading.services.credentials import reseal_credentials


class Command(BaseCommand):
    """Safe to run again, and while everything is running."""

    help = "Seal stored venue keys with the newest of VENUE_SECRET_KEYS; older ones may be taken out after."

    def handle(self, *args: Any, **options: Any) -> None:
        done = reseal_credentials()
        self.stdout.write(
            f"sealed anew: {done.resealed}, sealed with the newest key already: {done.unchanged}"
        )
        if done.unopened:
            accounts = ", ".join(map(str, done.unopened))
            raise CommandError(
                f"no key in VENUE_SECRET_KEYS opens the keys of account {accounts}: put the key back that they "
                "were sealed with, or store them again"
            )
