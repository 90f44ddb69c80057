"""Read what a signed request asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from ohmycoins.core.money import floor_quantity, parse_decimal
from ohmycoins.core.symbols import symbol
from ohmycoins.sandbox.venue.account import Account, Refusal
from ohmycoins.sandbox.venue.options import Options

MOST = Decimal(10) ** 12
DEFAULT_ROWS = 200
MOST_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that passed the door: whose it is, and what it asks for."""

    account: Account
    options: Options
    path: str
    nonce: int
    inputs: Mapping[str, Any] = field(repr=False)
    now: datetime
    depth: Decimal = Decimal(1)

    @property
    def side(self) -> str:
        return "buy" if "/buy" in self.path else "sell"

    @property
    def coin(self) -> str:
        """Give the coin asked for. Raises Refusal."""
        given = self.inputs.get("cointype")
        found = symbol(given) if isinstance(given, str) else None
        if found is None:
            raise Refusal("Coin not found")
        return found

    def number(self, name: str, *, or_zero: bool = False) -> Decimal:
        """Read a number of at most 8 decimals, above zero. Raises Refusal."""
        given = self.inputs.get(name)
        try:
            number = parse_decimal(str(given))
        except ValueError:
            raise Refusal(f"Invalid {name}") from None
        is_large_enough = number >= 0 if or_zero else number > 0
        if not is_large_enough or number > MOST or number != floor_quantity(number):
            raise Refusal(f"Invalid {name}")
        return number

    def require_aud_market(self) -> None:
        if str(self.inputs.get("markettype", "AUD")).upper() != "AUD":
            raise Refusal("Bad Market")

    @property
    def limit(self) -> int:
        """Give the most rows a list may have. Raises Refusal."""
        given = self.inputs.get("limit", DEFAULT_ROWS)
        if not isinstance(given, int) or isinstance(given, bool) or given < 1:
            raise Refusal("Invalid limit")
        return min(given, MOST_ROWS)

    def bound(self, name: str) -> date | datetime | None:
        """Read a UTC day, written YYYY-MM-DD, or an instant in epoch milliseconds. Raises Refusal."""
        given = self.inputs.get(name)
        if given is None:
            return None
        try:
            if isinstance(given, int) and not isinstance(given, bool):
                return datetime.fromtimestamp(given / 1000, UTC)
            return date.fromisoformat(str(given))
        except (ValueError, OverflowError):
            raise Refusal(f"Invalid {name}") from None

    def is_between(self, at: datetime) -> bool:
        """Tell whether `at` is within the days or instants asked for, both included. Raises Refusal."""
        since, until = self.bound("startdate"), self.bound("enddate")
        return (since is None or since <= _like(since, at)) and (until is None or _like(until, at) <= until)

    def is_about(self, coin: str) -> bool:
        """Tell whether a list that may be of one coin, or of one market, is to hold this one."""
        if str(self.inputs.get("markettype", "AUD")).upper() != "AUD":
            return False
        return self.inputs.get("cointype") is None or self.coin == coin


def _like(bound: date | datetime, at: datetime) -> Any:
    """Give `at` as precisely as the bound is given."""
    return at if isinstance(bound, datetime) else at.date()
