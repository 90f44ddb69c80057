"""`manage.py rotate_keys`: seal venue keys and alert addresses with the newest of VENUE_SECRET_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.monitoring.services.channels import reseal_channels
from apps.trading.services.credentials import reseal_credentials


class Command(BaseCommand):
    """Safe to run again, and while everything is running."""

    help = "Seal stored venue keys and alert addresses with the newest of VENUE_SECRET_KEYS; older ones may be taken out after."

    def handle(self, *args: Any, **options: Any) -> None:
        keys, addresses = reseal_credentials(), reseal_channels()
        self.stdout.write(
            f"sealed anew: {keys.resealed + addresses.resealed},"
            f" sealed with the newest key already: {keys.unchanged + addresses.unchanged}"
        )
        unopened = [
            *(f"the keys of account {account}" for account in keys.unopened),
            *(f"the address of alert channel {channel}" for channel in addresses.unopened),
        ]
        if unopened:
            raise CommandError(
                f"no key in VENUE_SECRET_KEYS opens {', '.join(unopened)}: put the key back that they were sealed"
                " with, or store them again"
            )
