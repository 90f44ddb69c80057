"""`manage.py replay_decision ID`: decide again what was decided, and compare; exit 1 on a difference."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.trading.services.replay import replay_decision
from ohmycoins.core.errors import DomainError


class Command(BaseCommand):
    help = "Decide again what was decided, from the same ledger rows, book and clock, and compare."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", type=int, help="the decision's id, as /floor/signals shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            replayed = replay_decision(options["id"])
        except DomainError as error:
            raise CommandError(str(error)) from None
        before = replayed.before
        self.stdout.write(
            f"decision {replayed.decision.pk} of {replayed.decision.decided_at:%Y-%m-%d %H:%M:%S} UTC:"
            f" {before['action']} {before['coin_type']} ({before['reason']})"
        )
        if not replayed.same_code:
            self.stdout.write("the rule's code has changed since")
        if replayed.same:
            self.stdout.write("the same again")
            return
        for name, value in before.items():
            if value != replayed.after[name]:
                self.stdout.write(f"{name}: was {value}, is {replayed.after[name]}")
        raise CommandError("it would be decided otherwise today")
