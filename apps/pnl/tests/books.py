"""Write random histories into accounts, in any order, and compare the books they leave."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

from django.db import transaction
from django.db.models import Sum
from hypothesis import strategies as st

from apps.pnl.models import Closing, DailyResult, DailyTotal, Lot, Match, Position
from apps.pnl.models.rollup import Sums
from apps.trading.models import Account, Fill, Movement
from apps.trading.services.fills import add_to_holding, as_record
from apps.trading.signals import fill_recorded, history_recorded
from ohmycoins.core.money import round_aud

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Happening:
    """A fill, or coins that came or went, at a minute of the history."""

    minute: int
    number: int
    side: str
    coin: str
    book: int | None
    ledger: str
    kind: str
    quantity: D
    price: D
    fee: D

    @property
    def at(self) -> datetime:
        return START + timedelta(minutes=self.minute)


QUANTITIES = st.decimals("0.00000001", 5, places=8)


def histories(max_size: int = 14) -> st.SearchStrategy[list[Happening]]:
    """Give lists of happenings over a few days; some at the same instant, sales beyond what is held among them."""
    one = st.builds(
        Happening, minute=st.integers(0, 5) | st.integers(0, 9000), number=st.just(0),
        side=st.sampled_from(["buy", "buy", "sell", "sell", "in", "out"]), coin=st.sampled_from(["BTC", "BTC", "ETH"]),
        book=st.sampled_from([None, None, 1, 2]), ledger=st.sampled_from(["", "human", "glass"]),
        kind=st.sampled_from(["trade", "trade", "trade", "staking"]), quantity=QUANTITIES,
        price=st.decimals("0.0001", 90_000, places=8), fee=st.decimals(0, 20, places=8),
    )  # fmt: skip
    return st.lists(one, min_size=1, max_size=max_size).map(
        lambda happened: [_numbered(happening, number) for number, happening in enumerate(happened)]
    )


def _numbered(happening: Happening, number: int) -> Happening:
    values = {name: getattr(happening, name) for name in Happening.__slots__}
    return Happening(**values | {"number": number})


@transaction.atomic
def record(account: Account, happening: Happening) -> None:
    """Record it as trading does, its cash and coins with it, and tell the app above."""
    locked = Account.objects.locked().get(pk=account.pk)
    if happening.side in ("in", "out"):
        signed = happening.quantity if happening.side == "in" else -happening.quantity
        Movement.objects.create(
            account=locked, kind="receive" if happening.side == "in" else "send", coin_type=happening.coin,
            quantity=signed, unit_price=happening.price, occurred_at=happening.at, sequence=happening.number,
            venue_ref=f"m{happening.number}",
        )  # fmt: skip
        add_to_holding(locked.pk, None, happening.coin, signed)
        history_recorded.send(sender=Movement, account=locked, coins=[happening.coin], since=happening.at)
        return
    value = round_aud(happening.quantity * happening.price)
    fill = Fill.objects.create(
        account=locked, algorithm_id=happening.book, ledger=happening.ledger, coin_type=happening.coin,
        side=happening.side, kind=happening.kind, quantity=happening.quantity, price=happening.price,
        value_aud=value, fee_aud=happening.fee, executed_at=happening.at, sequence=happening.number,
        venue_fill_id=f"f{happening.number}",
    )  # fmt: skip
    buying = happening.side == "buy"
    if happening.kind == "trade":
        locked.cash_aud += -(value + happening.fee) if buying else value - happening.fee
        locked.save(update_fields=["cash_aud"])
    add_to_holding(locked.pk, happening.book, happening.coin, fill.quantity if buying else -fill.quantity)
    fill_recorded.send(sender=Fill, fill=as_record(fill, locked))


def record_all(account: Account, happened: Iterable[Happening]) -> None:
    for happening in happened:
        record(account, happening)


def book_of(account: Account) -> dict[str, list[Any]]:
    """Give all that P&L keeps of an account's history, told by its facts instead of by ids."""
    facts = ("fill__venue_fill_id", "movement__venue_ref")
    sums = [field.name for field in Sums._meta.get_fields()]
    return {
        "lots": _sorted(Lot, account, *facts, "algorithm_id", "ledger", "quantity", "remaining_quantity", "cost",
                        "remaining_cost", "acquired_at", "cost_unknown"),
        "closings": _sorted(Closing, account, *facts, "ledger", "quantity", "unmatched_quantity", "unmatched_proceeds",
                            "proceeds", "cost", "realized_pnl", "closed_at"),
        "matches": _sorted(Match, account, *(f"closing__{fact}" for fact in facts), *(f"lot__{fact}" for fact in facts),
                           "algorithm_id", "ledger", "quantity", "cost", "proceeds", "realized_pnl"),
        "positions": _sorted(Position, account, "coin_type", "algorithm_id", "ledger", "quantity", "cost",
                             "realized_pnl", "in_kind_aud", "fees", "sales"),
        "results": _sorted(DailyResult, account, "coin_type", "algorithm_id", "ledger", *sums),
        "totals": [row for row in _sorted(DailyTotal, account, *sums) if any(row[1:])],
    }  # fmt: skip


def _sorted(model: Any, account: Account, *names: str) -> list[Any]:
    return sorted(model.objects.filter(account=account).values_list(*names), key=repr)


def total(model: Any, account: Account, name: str) -> D:
    return D(model.objects.filter(account=account).aggregate(sum=Sum(name, default=D(0)))["sum"])
