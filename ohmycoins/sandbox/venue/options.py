"""Say how the venue behaves: venue-wide, and differently for single accounts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ohmycoins.core.money import parse_decimal
from ohmycoins.sandbox.faults import UnknownFault
from ohmycoins.sandbox.venue.kinds import KINDS, check_kind


class BadOption(ValueError):
    """There is no such option, or not with such a value; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the venue fills, lists and fails."""

    depth: Decimal = Decimal(1)
    """The share of an order that fills at once; the next slice fills with the next call of anyone. 0: none."""
    listing_lag_seconds: float = 0.0
    """How long after it happened an order or a fill appears in the lists."""
    completed_ids: str = "none"
    """Whether rows of completed orders carry an id: "none" as documented, or "order" for the order's."""
    fault_chance: float = 0.0
    fault_kinds: tuple[str, ...] = KINDS
    fault_seed: int = 0
    delay_seconds: float = 1.0
    """How long late things take."""

    @property
    def lag(self) -> timedelta:
        return timedelta(seconds=self.listing_lag_seconds)

    @property
    def delay(self) -> timedelta:
        return timedelta(seconds=self.delay_seconds)

    def changed(self, given: Mapping[str, Any]) -> "Options":
        """Give the options with those in `given` in place of their own. Raises BadOption."""
        return replace(self, **read_options(given))


def read_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Read options by name, as Python or JSON has them. Raises BadOption."""
    read: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _READERS:
            raise BadOption(f"there is no option {name!r}: use one of {', '.join(_READERS)}")
        try:
            read[name] = _READERS[name](value)
        except (ValueError, TypeError, UnknownFault) as error:
            raise BadOption(f"{name} cannot be {value!r}: {error}") from error
    return read


def _share(value: Any) -> Decimal:
    share = parse_decimal(str(value))
    if not 0 <= share <= 1:
        raise ValueError("it is a share, from 0 to 1")
    return share


def _seconds(value: Any) -> float:
    seconds = parse_decimal(str(value))
    if seconds < 0:
        raise ValueError("it is a number of seconds")
    return float(seconds)


def _ids(value: Any) -> str:
    if value not in ("none", "order"):
        raise ValueError("use none or order")
    return str(value)


def _kinds(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError("it is a list")
    return tuple(check_kind(kind) for kind in value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "depth": _share,
    "listing_lag_seconds": _seconds,
    "completed_ids": _ids,
    "fault_chance": lambda value: float(_share(value)),
    "fault_kinds": _kinds,
    "fault_seed": int,
    "delay_seconds": _seconds,
}
