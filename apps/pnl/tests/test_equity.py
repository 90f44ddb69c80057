"""What accounts were worth: hour by hour, at local midnights, and again when the past changes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.ledgers.tests.factories import make_price
from apps.pnl.models import BookingFailure, DailyTotal, EquitySnapshot
from apps.pnl.services.book import book_overdue
from apps.pnl.services.equity import revalue, take_snapshots, value_days
from apps.pnl.services.invariants import check_books
from apps.pnl.tests.books import Happening, record
from apps.trading.models import Account, Movement
from apps.trading.services.account_settings import change_account
from apps.trading.signals import history_recorded
from apps.trading.tests.factories import make_account, trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(user: User, clock: Any) -> Account:
    return make_account(user)


def shots(account: Account) -> list[tuple[str, D]]:
    rows = EquitySnapshot.objects.filter(account=account).order_by("at")
    return [(row.at.strftime("%m-%d %H:%M"), row.cash_aud + row.value_aud) for row in rows]


def test_account_is_valued_once_an_hour(account: Account, clock: Any) -> None:
    make_price(bid=100, ask=100)
    trade(account, quantity="10")
    assert take_snapshots() == 0, "its first hour has not ended"
    clock.shift(3600)
    make_price(bid=110, ask=110)
    assert (take_snapshots(), take_snapshots()) == (1, 0)
    clock.shift(1800)
    assert take_snapshots() == 0
    shot = EquitySnapshot.objects.get()
    assert (shot.cash_aud, shot.value_aud, shot.cost_aud, shot.paid_in_aud, shot.unpriced) == (
        98_999, 1100, 1001, 100_000, [],
    )  # fmt: skip
    assert shot.at.isoformat() == "2026-03-02T13:00:00+00:00"


def test_local_midnight_is_valued_where_it_is_no_full_hour(account: Account, clock: Any) -> None:
    Account.objects.filter(pk=account.pk).update(timezone="Asia/Kathmandu")  # midnight is 18:15 UTC
    clock.move_to("2026-03-02T18:16:00Z")
    assert take_snapshots() == 1
    assert shots(account) == [("03-02 18:15", D(100_000))]
    assert DailyTotal.objects.get(equity_aud__isnull=False).day.isoformat() == "2026-03-02"


def test_day_ends_with_its_last_value(account: Account, clock: Any) -> None:
    make_price(bid=100, ask=100)
    trade(account, quantity="10")
    for hours, price in ((1, 110), (10, 120), (1, 130), (1, 140)):  # 13:00, 23:00, midnight, 01:00
        clock.shift(3600 * hours)
        make_price(bid=price, ask=price)
        take_snapshots()
    days = DailyTotal.objects.order_by("day").values_list(
        "day", "equity_aud", "unrealized_pnl", "paid_in_aud"
    )
    assert [(day.isoformat(), *values) for day, *values in days] == [
        ("2026-03-02", 98_999 + 1300, 299, 100_000), ("2026-03-03", 98_999 + 1400, 399, 100_000),
    ]  # fmt: skip


def test_coin_without_a_price_is_named_and_left_out(account: Account, clock: Any) -> None:
    record(account, happening("2026-03-02T12:10", "in", "5", "0", coin="ODD"))
    clock.shift(3600)
    take_snapshots()
    assert EquitySnapshot.objects.get().unpriced == ["ODD"]


def happening(at: str, side: str, quantity: str, price: str, **changes: Any) -> Happening:
    minute = int(
        (datetime.fromisoformat(at + "+00:00") - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds() // 60
    )
    values: dict[str, Any] = {
        "number": minute, "coin": "BTC", "book": None, "ledger": "", "kind": "trade", "fee": D(0),
    }  # fmt: skip
    return Happening(minute=minute, side=side, quantity=D(quantity), price=D(price), **values | changes)


def test_past_is_valued_from_what_was_held_and_the_prices_of_then(account: Account, clock: Any) -> None:
    for day, price in ((26, 100), (27, 200), (28, 50)):
        make_price(bid=price, ask=price, at=datetime(2026, 2, day, 6, tzinfo=UTC))
    record(account, happening("2026-02-26T12:00", "buy", "10", "90", fee=D(1)))
    record(account, happening("2026-02-27T12:00", "sell", "5", "190"))
    record(account, happening("2026-02-27T13:00", "in", "1", "180"))
    value_days(account)
    days = DailyTotal.objects.order_by("day").values_list(
        "day", "equity_aud", "unrealized_pnl", "paid_in_aud"
    )
    assert [(day.isoformat()[5:], *values) for day, *values in days] == [
        ("02-26", -901 + 1000, 99, 0), ("02-27", -901 + 950 + 1200, 1200 - D("450.5") - 180, 180),
        ("02-28", 49 + 300, 300 - D("630.5"), 180), ("03-01", 49 + 300, 300 - D("630.5"), 180),
        ("03-02", 49 + 300, 300 - D("630.5"), 180),  # until noon: what the account opened with came at noon
    ]  # fmt: skip


def test_instant_at_which_a_coin_had_no_price_is_not_valued(account: Account, clock: Any) -> None:
    make_price(bid=100, ask=100, at=datetime(2026, 3, 1, 6, tzinfo=UTC))
    record(account, happening("2026-02-26T12:00", "buy", "1", "90"))
    value_days(account)
    assert (
        DailyTotal.objects.filter(equity_aud__isnull=False).order_by("day")[0].day.isoformat() == "2026-03-01"
    )


def test_late_fill_changes_what_the_account_was_worth_since(account: Account, clock: Any) -> None:
    make_price(bid=100, ask=100)
    trade(account, quantity="1")
    clock.shift(7200)
    make_price(bid=100, ask=100)
    take_snapshots()
    assert shots(account) == [("03-02 14:00", D("99999.9"))]
    record(account, happening("2026-03-02T11:00", "buy", "2", "80"))
    assert ("03-02 14:00", D("99999.9") + 40) in shots(account)


def test_revaluing_agrees_with_what_was_taken_at_the_time(account: Account, clock: Any) -> None:
    for hour in range(30):
        clock.move_to(datetime(2026, 3, 2, 12, 10, tzinfo=UTC) + timedelta(hours=hour))
        take_snapshots()
        make_price(bid=100 + 7 * hour % 40, ask=101 + 7 * hour % 40, at=datetime.now(UTC))
        trade(account, "sell" if hour % 3 == 2 else "buy", quantity=f"1.0000000{hour % 7}")
    clock.move_to("2026-03-03T18:00:30Z")
    take_snapshots()
    before = list(
        EquitySnapshot.objects.order_by("at").values_list("at", "cash_aud", "value_aud", "cost_aud")
    )
    assert len(before) > 25
    with transaction.atomic():
        revalue(account)
    after = EquitySnapshot.objects.filter(at__in=[row[0] for row in before]).order_by("at")
    assert list(after.values_list("at", "cash_aud", "value_aud", "cost_aud")) == before


def test_moved_days_end_anew(account: Account, clock: Any) -> None:
    make_price(bid=100, ask=100)
    trade(account, quantity="10")
    for _ in range(30):
        clock.shift(3600)
        make_price(bid=100, ask=100)
        take_snapshots()
    trade(
        account, "sell", quantity="5"
    )  # at 18:00 UTC on the 3rd, which is the 4th in Sydney and the 3rd in New York
    before = {day.day.isoformat(): day.sales for day in DailyTotal.objects.all()}
    assert before == {"2026-03-02": 0, "2026-03-03": 1}
    change_account(account.pk, actor="tests", timezone="America/New_York")
    days = {day.day.isoformat(): (day.sales, day.valued_at) for day in DailyTotal.objects.all()}
    assert days == {
        "2026-03-02": (0, datetime(2026, 3, 3, 5, tzinfo=UTC)), "2026-03-03": (1, datetime(2026, 3, 3, 18, tzinfo=UTC)),
    }  # fmt: skip


def test_summary_judges_the_days(api: APIClient, account: Account, clock: Any) -> None:
    make_price(bid=1000, ask=1000)
    trade(account, quantity="50")
    for price in (1100, 900, 1000, 1200):
        clock.shift(86_400)
        make_price(bid=price, ask=price)
        take_snapshots()
    summary = api.get("/api/v1/floor/pnl/summary").json()
    assert summary["max_drawdown"] == "-10000"  # from 1100 to 900, fifty coins
    assert D(summary["max_drawdown_percent"]).quantize(D("0.01")) == D("-9.53")
    assert all(D(summary[f"{name}_ratio"]) > 0 for name in ("sharpe", "sortino", "calmar"))
    one_day = api.get("/api/v1/floor/pnl/summary?start_date=2026-03-04&end_date=2026-03-04").json()
    assert (one_day["sharpe_ratio"], one_day["max_drawdown"]) == (None, "-10000")
    assert api.get("/api/v1/floor/pnl/summary?start_date=2027-01-01").json()["sharpe_ratio"] is None


def test_fill_that_is_told_late_changes_what_the_account_was_worth_since(
    account: Account, clock: Any
) -> None:
    """The newest of its coin, but older than the last value."""
    make_price(bid=100, ask=100)
    clock.shift(3600)
    take_snapshots()
    clock.shift(1800)
    make_price(bid=100, ask=100)
    record(account, happening("2026-03-02T12:10", "buy", "2", "80"))
    assert shots(account) == [("03-02 13:00", D(100_040))]


def test_failed_booking_is_valued_from_its_own_time_when_it_is_made_up_for(
    account: Account, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_price(bid=100, ask=100)
    for _ in range(3):
        clock.shift(3600)
        make_price(bid=100, ask=100)
        take_snapshots()

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("apps.pnl.services.book._open_lot", broken)
        record(account, happening("2026-03-02T12:10", "buy", "2", "80"))
    clock.shift(6)
    assert book_overdue() == 1
    assert shots(account) == [(f"03-02 {hour}:00", D(100_040)) for hour in (13, 14, 15)]


def test_past_that_could_not_be_valued_is_valued_later_and_mutes_nothing(
    account: Account, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_price(bid=100, ask=100)
    clock.shift(3600)
    take_snapshots()

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    since = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
    with monkeypatch.context() as patch:
        patch.setattr("apps.pnl.services.book.revalue", broken)
        history_recorded.send(sender=Movement, account=account, coins=[], since=since)
        failure = BookingFailure.objects.get()
        assert (failure.coin_type, failure.since) == ("", since)
    Account.objects.update(cash_aud=1)
    assert [breach.name for breach in check_books()] == ["pnl.money"]
    clock.shift(6)
    assert book_overdue() == 1
    assert not BookingFailure.objects.exists()


def test_coin_without_a_price_is_no_loss(api: APIClient, account: Account, clock: Any) -> None:
    record(account, happening("2026-03-02T11:00", "buy", "1", "50000", coin="ODD"))
    clock.shift(86_400)
    take_snapshots()
    clock.shift(86_400)
    summary = api.get("/api/v1/floor/pnl/summary").json()
    assert (summary["max_drawdown"], summary["unpriced"]) == ("0", ["ODD"])
    make_price("ODD", bid=40_000, ask=40_000)
    assert api.get("/api/v1/floor/pnl/summary").json()["max_drawdown"] == "-10000"
    assert api.get("/api/v1/floor/pnl/by-coin").json()[0]["unrealized_pnl"] == "-10000"


def test_books_of_one_coin_are_rounded_alike_now_and_then(account: Account, clock: Any) -> None:
    make_price(bid="0.33333333", ask="0.33333333")
    for book in (None, 1, 2):
        record(account, happening("2026-03-02T11:00", "buy", "0.5", "1", book=book, number=book or 0))
    clock.shift(3600)
    take_snapshots()
    before = shots(account)
    with transaction.atomic():
        revalue(account)
    assert shots(account)[-1:] == before[-1:]


def test_history_without_its_deposits_has_no_percentages(
    api: APIClient, account: Account, clock: Any
) -> None:
    bare = make_account(account.user, cash="0")
    make_price(bid=110, ask=110, at=datetime(2026, 2, 26, 6, tzinfo=UTC))
    record(bare, happening("2026-02-26T12:00", "buy", "1", "100"))
    make_price(bid=90, ask=90, at=datetime(2026, 2, 28, 6, tzinfo=UTC))
    value_days(bare)
    summary = api.get(f"/api/v1/floor/pnl/summary?account={bare.pk}").json()
    assert (summary["max_drawdown"], summary["max_drawdown_percent"], summary["sharpe_ratio"]) == (
        "-20",
        None,
        None,
    )
