"""`manage.py emergency_stop`: stop trading, or clear a stop, from a shell; works with Redis down."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.trading.models import Stop
from apps.trading.services.control import HALTED, REDUCE_ONLY, clear
from apps.trading.services.scopes import SPELLINGS
from apps.trading.services.stopping import in_flight, stop_trading
from ohmycoins.core.errors import DomainError
from ohmycoins.core.money import ZERO, plain

CLEAR = "clear"
MOST_SHOWN = 50
SECONDS = 60.0


class Command(BaseCommand):
    """Stop again to sweep again, and to see what is left in flight."""

    help = "Stop trading in a scope and cancel what rests, or clear a stop."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("state", choices=[HALTED.value, REDUCE_ONLY.value, CLEAR])
        parser.add_argument("--scope", required=True, help=f"{SPELLINGS}; user:{{id}} for a user")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--liquidate", action="store_true", help="sell what is held (reduce_only)")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = {"scope": options["scope"], "reason": options["reason"], "actor": None}
        if options["state"] == CLEAR and options["liquidate"]:
            raise CommandError("--liquidate goes with reduce_only")
        try:
            if options["state"] == CLEAR:
                self.stdout.write(f"{clear(**asked)}: cleared; what was cancelled stays cancelled")
                return
            done = stop_trading(
                **asked, state=options["state"], liquidate=options["liquidate"], seconds=SECONDS
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{done.stop} (fence {done.stop.fence})")
        self.stdout.write(f"orders cancelled: {done.swept.cancelled}, left to workers: {done.swept.left}")
        for sale in done.sales:
            self.stdout.write(
                f"  sale {sale.pk}: {plain(sale.quantity or ZERO)} {sale.coin_type} of account"
                f" {sale.account_id}: {sale.status} {sale.error}".rstrip()
            )
        if done.unsold:
            self.stdout.write(f"holdings not sold yet: {done.unsold}; run the command again")
        self._show_in_flight(done.stop)

    def _show_in_flight(self, stop: Stop) -> None:
        flying = in_flight(stop=stop)
        count = flying.count()
        self.stdout.write(f"still in flight: {count}")
        for order in flying[:MOST_SHOWN]:
            self.stdout.write(
                f"  order {order.pk} of account {order.account_id}: {order.status}, {order.side}"
                f" {plain(order.quantity or ZERO)} {order.coin_type}, {plain(order.filled_quantity)} filled"
            )
        if count > MOST_SHOWN:
            self.stdout.write(f"  and {count - MOST_SHOWN} more")
