"""`manage.py verify_audit`: prove that no event was edited, deleted or reordered."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.trading.services.audit import Verified, verify_chains


class Command(BaseCommand):
    """Safe while everything is running: it only reads."""

    help = "Walk the trail of every account and name the first event that was tampered with; exit 1 then."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", type=int, help="one account's chain; 0: events of no account")

    def handle(self, *args: Any, **options: Any) -> None:
        events = chains = broken = 0
        for found in verify_chains(options["account"]):
            events, chains = events + found.events, chains + bool(found.events)
            if found.fault:
                broken += 1
                self.stdout.write(f"{_name(found)}: {found.fault}")
            elif options["account"] is not None or options["verbosity"] > 1:
                self.stdout.write(f"{_name(found)}: {found.events} events, head {found.digest or 'none'}")
        if broken:
            raise CommandError(f"the trail was tampered with: {broken} chain{'s' * (broken > 1)} broken")
        self.stdout.write(
            f"{events} events in {chains} chain{'s' * (chains != 1)}: nothing was tampered with"
        )


def _name(found: Verified) -> str:
    return f"account {found.chain}" if found.chain else "events of no account"
