"""Carry an invariant, what it is about, and what was found to break it; pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

ORDER, FILL, EVENT, LOT, CLOSING, COIN, DAY = "order", "fill", "event", "lot", "closing", "coin", "day"
KEY_TYPES: dict[str, tuple[str, ...]] = {
    ORDER: ("bigint",), FILL: ("bigint",), EVENT: ("bigint",), LOT: ("bigint",), CLOSING: ("bigint",),
    COIN: ("bigint", "text"), DAY: ("bigint", "date"),
}  # fmt: skip
"""What rows are told apart by, as PostgreSQL spells it: an id; an account and a coin; an account and a day."""
_AMONG = re.compile(r"AMONG\(([^)]*)\)")

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that always holds, as a SELECT of where it does not: (account_id, order_id, what, subject)."""

    name: str
    breaches: str
    of: str | None = None
    """Of which rows it may be looked at alone; None: only of all at once, which is cheap."""
    whole: str = ""
    """Another SELECT for all rows at once, where that is simpler."""

    def of_all(self) -> str:
        """Give the statement that looks at all rows."""
        return _AMONG.sub("true", self.whole or self.breaches)

    def of_keys(self) -> str:
        """Give the statement that looks at the rows of the parameters `key_0`, `key_1`, each an array."""
        types = KEY_TYPES[self.of or ORDER]
        if len(types) == 1:
            return _AMONG.sub(rf"\1 = ANY(%(key_0)s::{types[0]}[])", self.breaches)
        columns = ", ".join(f"%(key_{place})s::{name}[]" for place, name in enumerate(types))
        return _AMONG.sub(rf"(\1) IN (SELECT * FROM unnest({columns}))", self.breaches)  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that must never be: the invariant's name, where, and what was found there."""

    name: str
    account_id: int | None
    order_id: int | None
    what: str
    subject: str = ""
    """Tells it from others of that name, account and order; such as `lot:5` or `coin:BTC`."""

    @property
    def identity(self) -> tuple[str, int | None, int | None, str]:
        """Give what stays the same as long as it stands."""
        return self.name, self.account_id, self.order_id, self.subject


def columns_of(keys: Sequence[Key]) -> dict[str, list[object]]:
    """Give keys as the parameters that `Invariant.of_keys` names."""
    return {f"key_{place}": list(column) for place, column in enumerate(zip(*keys, strict=True))}
