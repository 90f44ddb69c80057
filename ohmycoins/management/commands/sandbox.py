"""`manage.py sandbox`: the venue and source simulator."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ohmycoins.sandbox.server import Sandbox


class Command(BaseCommand):
    help = "Serve simulated sources on 127.0.0.1; point COINSPOT_URL at it."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8100)
        parser.add_argument("--seed", type=int, default=42)

    def handle(self, *args: Any, **options: Any) -> None:
        server = Sandbox(options["port"], seed=options["seed"])
        self.stdout.write(f"sandbox on {server.url}: COINSPOT_URL={server.url}")
        self.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.server_close()
