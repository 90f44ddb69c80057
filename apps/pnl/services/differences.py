"""Gather where a stored book and its recomputation differ."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np

from apps.pnl.exact import Whole
from apps.pnl.services.columns import AUD_PLACES, LEDGERS, Query
from apps.pnl.shares import Index
from apps.pnl.tally import EPOCH, Columns
from ohmycoins.core.money import plain

KEPT = 20
NOTHING = "nothing"
WHOLE_ACCOUNT = ""
"""What stands for a coin where a day's sums over all coins differ."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One number that is stored and another that comes out."""

    account_id: int
    coin: str
    what: str
    stored: str
    computed: str


class Differences:
    """All differences of an account: counted, their coins named, and the first ones kept."""

    def __init__(self, account_id: int, coins: dict[int, str]) -> None:
        self.account_id = account_id
        self.names = coins | {0: WHOLE_ACCOUNT}
        self.kept: list[Difference] = []
        self.count = 0
        self.coins: set[str] = set()

    def compare(
        self,
        query: Query,
        places: int,
        coin: Index,
        stored: Columns,
        computed: Columns,
        label: Callable[[int], str],
    ) -> None:
        """Compare the columns that are computed, row by row; `coin` and `label` tell of a row what it is."""
        for name, values in computed.items():
            bad = np.flatnonzero(stored[name] != values)
            show = partial(self._show, query, name, places)
            self._note(coin[bad], partial(_describe, bad, name, stored[name], values, label, show))
            if name == "coin":
                self.coins.update(self.names[one] for one in np.unique(values[bad]).tolist())

    def missing(self, coin: Index, label: Callable[[int], str]) -> None:
        """Note rows that should be stored."""
        self._note(coin, lambda row: (label(row), NOTHING, "a row"))

    def surplus(self, coin: Index, label: Callable[[int], str]) -> None:
        """Note stored rows that nothing explains."""
        self._note(coin, lambda row: (label(row), "a row", NOTHING))

    def _note(self, coin: Index, describe: Callable[[int], tuple[str, str, str]]) -> None:
        self.count += len(coin)
        self.coins.update(self.names[one] for one in np.unique(coin).tolist())
        for row in range(min(len(coin), KEPT - len(self.kept))):
            self.kept.append(Difference(self.account_id, self.names[int(coin[row])], *describe(row)))

    def _show(self, query: Query, name: str, places: int, value: Any) -> str:
        kind, number = query.columns[name][0], int(value)
        if kind in ("quantity", "aud"):
            return plain(Decimal(number).scaleb(-(places if kind == "quantity" else AUD_PLACES)))
        if kind == "instant":
            return (EPOCH + timedelta(microseconds=number)).isoformat()
        if name == "ledger":
            return LEDGERS[number] if number >= 0 else "unknown"
        return self.names[number] if name == "coin" else str(number)


def _describe(
    bad: Index,
    name: str,
    stored: Whole,
    computed: Whole,
    label: Callable[[int], str],
    show: Callable[[Any], str],
    row: int,
) -> tuple[str, str, str]:
    at = int(bad[row])
    return f"{label(at)}: {name}", show(stored[at]), show(computed[at])
