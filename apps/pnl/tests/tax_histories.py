"""Record fills and movements as an import would, have them booked, and report their year."""

from datetime import UTC, datetime
from decimal import Decimal as D
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from apps.pnl.services.tax import Listing, list_tax_year
from apps.pnl.tax import FinancialYear
from apps.trading.models import Account, Fill, Movement
from apps.trading.signals import history_recorded
from ohmycoins.core.money import round_aud

_numbers = count(1)


def instant(text: str, zone: str = "Australia/Sydney") -> datetime:
    """Read a local time, such as "2025-06-30 23:30"; a day alone is its noon."""
    local = datetime.fromisoformat(text if " " in text else f"{text} 12:00")
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def fill(
    account: Account, side: str, at: str | datetime, quantity: str = "1", price: str = "100", *, coin: str = "BTC",
    kind: str = "trade", fee: str = "0",
) -> Fill:  # fmt: skip
    """Append a fill, unbooked: call `book` after the last one."""
    number = next(_numbers)
    return Fill.objects.create(
        account=account, coin_type=coin, side=side, kind=kind, quantity=D(quantity), price=D(price),
        value_aud=round_aud(D(quantity) * D(price)), fee_aud=D(fee), sequence=number, venue_fill_id=f"test-{number:06}",
        executed_at=instant(at, account.timezone) if isinstance(at, str) else at,
    )  # fmt: skip


def move(
    account: Account, at: str, quantity: str, price: str | None = "100", *, coin: str = "BTC"
) -> Movement:
    """Append coins that came or went, unbooked."""
    return Movement.objects.create(
        account=account, kind="receive" if D(quantity) > 0 else "send", coin_type=coin, quantity=D(quantity),
        unit_price=price and D(price), occurred_at=instant(at, account.timezone), sequence=next(_numbers),
    )  # fmt: skip


def book(account: Account) -> None:
    coins: set[str] = set()
    for rows in (Fill.objects, Movement.objects.exclude(coin_type="")):
        coins |= set(rows.filter(account=account).values_list("coin_type", flat=True))
    history_recorded.send(sender=Fill, account=account, coins=coins, since=account.created_at)


def history(account: Account, *fills: tuple[Any, ...]) -> None:
    """Append (side, at, quantity, price) fills and book them."""
    for row in fills:
        fill(account, *row)
    book(account)


def sydney(account: Account) -> Account:
    """Move an account to Sydney's days."""
    Account.objects.filter(pk=account.pk).update(timezone="Australia/Sydney")
    account.refresh_from_db()
    return account


NOW = instant("2026-11-20")


def report(account: Account, year: str = "2025-26", *, limit: int = 1000) -> Listing:
    return list_tax_year(account, FinancialYear.parse(year), now=NOW, limit=limit)


def totals(account: Account, year: str = "2025-26", *names: str) -> dict[str, D]:
    """Give the totals that are not zero, or the named ones."""
    every = report(account, year).report.totals
    return (
        {name: every[name] for name in names}
        if names
        else {name: value for name, value in every.items() if value}
    )
