"""Add up periods: whole days from daily rows, the rest at both ends from what happened then."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from django.db import connection
from django.db.models import Sum

from apps.pnl.metrics import Results
from apps.pnl.models import Closing
from apps.pnl.periods import cut, instants
from apps.pnl.services.rollups import COLUMNS, SUMS, TOTALS, entries
from apps.trading.models import Account
from ohmycoins.core.money import ZERO

Bound = date | datetime | None
GROUPS = ("coin_type", "algorithm_id", "ledger")


@dataclass(frozen=True, slots=True)
class Scope:
    """What of an account is looked at: one coin, one algorithm's book, the manual one, or everything."""

    coin_type: str | None = None
    algorithm_id: int | None = None
    manual: bool = False

    @property
    def is_all(self) -> bool:
        return self == Scope()

    @property
    def condition(self) -> str:
        """Give it as SQL on coin_type and algorithm_id, with the scope's own fields as parameters."""
        parts = ["true"]
        if self.coin_type is not None:
            parts.append("coin_type = %(coin_type)s")
        if self.manual:
            parts.append("algorithm_id IS NULL")
        elif self.algorithm_id is not None:
            parts.append("algorithm_id = %(algorithm_id)s")
        return " AND ".join(parts)

    @property
    def filters(self) -> dict[str, Any]:
        """Give it as arguments of a QuerySet's filter."""
        found: dict[str, Any] = {} if self.coin_type is None else {"coin_type": self.coin_type}
        if self.manual or self.algorithm_id is not None:
            found["algorithm_id"] = self.algorithm_id
        return found


ALL = Scope()


def sum_up(account: Account, start: Bound, end: Bound, scope: Scope = ALL) -> Results:
    """Add up an account's fills and closing sales from `start` to `end` (see `periods.cut`), in one query.

    Realised P&L is of the lots that the scope opened, the rest of the trades that it made.
    """
    ((results,),) = _read(account, start, end, scope)
    return cast("Results", results)


def unmatched_quantity(account: Account, start: Bound, end: Bound) -> Decimal:
    """Give how many coins were sold in the period that no lot accounts for."""
    rows = Closing.objects.between(account, *instants(start, end, account.timezone)).unmatched()
    return Decimal(rows.aggregate(sum=Sum("unmatched_quantity", default=ZERO))["sum"])


def sum_up_by(account: Account, start: Bound, end: Bound, group: str) -> dict[Any, Results]:
    """Add the same up by `group`, one of GROUPS, in one query."""
    return dict(_read(account, start, end, ALL, group))


def _read(
    account: Account, start: Bound, end: Bound, scope: Scope, group: str | None = None
) -> list[tuple[Any, ...]]:
    """Give (group, results), or one (results,) without a group."""
    period = cut(start, end, account.timezone)
    given: dict[str, Any] = {
        "account": account.pk,
        "coin_type": scope.coin_type,
        "algorithm_id": scope.algorithm_id,
    }
    whole = scope.is_all and group is None
    keys = "" if whole else "coin_type, algorithm_id, ledger, "
    parts = []
    if period.days:
        given |= {"first": period.days.first, "last": period.days.last}
        parts.append(
            f"SELECT {keys}{COLUMNS} FROM {'pnl_dailytotal' if whole else 'pnl_dailyresult'} "  # noqa: S608 - constants only
            "WHERE account_id = %(account)s AND (%(first)s::date IS NULL OR day >= %(first)s) "
            "AND (%(last)s::date IS NULL OR day <= %(last)s)"
        )
    for number, edge in enumerate(period.edges):
        given |= {f"start{number}": edge.start, f"end{number}": edge.end}
        kept = f"account_id = %(account)s AND {{at}} >= %(start{number})s AND {{at}} < %(end{number})s"
        parts.append(f"SELECT {keys}{COLUMNS} FROM ({entries(kept)}) AS entry")  # noqa: S608 - constants only
    if not parts:
        return [] if group else [(Results(),)]
    within = f"FROM ({' UNION ALL '.join(parts)}) AS part" + ("" if whole else f" WHERE {scope.condition}")
    with connection.cursor() as cursor:
        if group:
            cursor.execute(f"SELECT {group}, {TOTALS} {within} GROUP BY {group}", given)
            return [(key, _results(sums)) for key, *sums in cursor.fetchall()]
        cursor.execute(f"SELECT {TOTALS} {within}", given)
        return [(_results(cursor.fetchone()),)]


def _results(sums: Any) -> Results:
    return Results(**dict(zip(SUMS, sums, strict=True)))
