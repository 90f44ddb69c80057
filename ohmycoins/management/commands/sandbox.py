"""`manage.py sandbox`: the venue and source simulator."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ohmycoins.sandbox import faults
from ohmycoins.sandbox.server import Sandbox
from ohmycoins.sandbox.sources import NAMES
from ohmycoins.sandbox.venue import kinds


class Command(BaseCommand):
    help = "Serve simulated sources and a venue on 127.0.0.1, and print the settings that point at them."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8100)
        parser.add_argument("--seed", type=int, default=42)
        parser.add_argument(
            "--faults",
            default="",
            metavar="SPEC",
            help=f"such as sec=down,reddit=429. Sources: {', '.join(NAMES)}. Faults: {', '.join(faults.NAMES)}. "
            "For the venue a share of its calls, such as venue=0.35; a fault that all of them suffer, such as "
            "venue=accept_drop; or both, such as venue=0.35:accept_drop+429. "
            f"Its faults: {', '.join(kinds.KINDS)}.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rest, venue = kinds.parse_spec(options["faults"])
            given = faults.parse_spec(rest, NAMES)
        except faults.UnknownFault as error:
            raise CommandError(str(error)) from error
        server = Sandbox(options["port"], seed=options["seed"], faults=given)
        server.venue.set_options(**venue or {})
        for name, value in server.environment().items():
            self.stdout.write(f"{name}={value}")
        self.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.server_close()
