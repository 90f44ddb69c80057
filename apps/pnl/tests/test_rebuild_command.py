"""`rebuild_pnl` on the real database: the second computation agrees, and finds and mends what was doctored."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from threading import Thread
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.tests.factories import UserFactory
from apps.pnl.models import BookingFailure, Closing, DailyResult, DailyTotal, GivenCost, Lot, Match, Position
from apps.pnl.services import audit
from apps.pnl.services.audit import audit_account, recompute
from apps.pnl.services.book import book_fill
from apps.trading.models import Account, Fill, Movement
from apps.trading.services.accounts import open_account
from apps.trading.services.fills import as_record
from apps.trading.signals import history_recorded
from ohmycoins.core.money import round_aud

pytestmark = pytest.mark.django_db(transaction=True)  # the audit reads in a snapshot of its own

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def account() -> Account:
    account = open_account(user=UserFactory(), name="audited", venue="paper")
    Account.objects.filter(pk=account.pk).update(timezone="Australia/Sydney")
    account.refresh_from_db()
    return account


def add_fill(account: Account, side: str, quantity: str, price: str = "100", **values: Any) -> Fill:
    """Record a fill, an hour after the one before, without booking it."""
    number = Fill.objects.filter(account=account).count()
    exact = {"quantity": D(quantity), "price": D(price), "value_aud": round_aud(D(quantity) * D(price))}
    return Fill.objects.create(
        **{
            "account": account, "side": side, "coin_type": "BTC", "fee_aud": D("0.1"),
            "executed_at": START + timedelta(hours=number), "venue_fill_id": f"test-{number}",
        } | exact | values
    )  # fmt: skip


def book(account: Account, side: str, quantity: str, price: str = "100", **values: Any) -> Fill:
    with transaction.atomic():
        fill = add_fill(account, side, quantity, price, **values)
        book_fill(as_record(fill, account))
    return fill


def add_movement(account: Account, kind: str, quantity: str, hours: float, **values: Any) -> Movement:
    return Movement.objects.create(
        account=account, kind=kind, coin_type=values.pop("coin_type", "BTC"), quantity=D(quantity),
        occurred_at=START + timedelta(hours=hours), **values,
    )  # fmt: skip


def rebuild(account: Account, *coins: str) -> None:
    with transaction.atomic():
        history_recorded.send(sender=Movement, account=account, coins=coins, since=START)
    assert not BookingFailure.objects.exists()


@pytest.fixture
def traded(account: Account) -> Account:
    """Give an account with two purchases, of which one sale closes one and a third of the other."""
    book(account, "buy", "0.3", "1000")
    book(account, "buy", "0.3", "1100")
    book(account, "sell", "0.4", "1200")
    return account


def test_book_agrees_after_trades_of_several_books_and_ledgers(account: Account) -> None:
    book(account, "buy", "0.3", "99.99", algorithm_id=7, ledger="glass")
    book(account, "buy", "0.2", "101", ledger="human")
    book(account, "sell", "0.1", "102", algorithm_id=7, ledger="exchange")
    book(account, "sell", "0.35", "98.77")  # takes the manual lot, then the algorithm's
    book(account, "sell", "0.2", "98")  # more than is left
    book(account, "sell", "0.2", "98", algorithm_id=8)
    book(account, "buy", "5", "0.00000001", coin_type="PEPE", kind="airdrop")
    book(account, "sell", "1", "0.5", coin_type="PEPE", kind="donate")
    found = audit_account(account)
    assert (found.fills, found.lots, found.matches, found.count) == (8, 3, 5, 0)


def test_book_agrees_after_coins_moved(account: Account) -> None:
    add_movement(account, "opening", "2", 0, unit_price=D("0.333333335"))
    add_movement(account, "opening", "-0.5", 1)
    add_movement(account, "opening", "-3", 0, coin_type="DOGE")
    add_movement(account, "opening", "3", 1, coin_type="DOGE")
    add_movement(account, "receive", "0.000000005", 2, unit_price=D(5))  # costs two and a half
    given = add_movement(account, "receive", "1", 3)
    for cost in (3, 7):
        GivenCost.objects.create(
            movement=given, cost_aud=cost, quantity=1, acquired_at=START - timedelta(days=40), given_by="a"
        )
    outdated = add_movement(account, "receive", "1", 3, unit_price=D(11))
    GivenCost.objects.create(movement=outdated, cost_aud=9, quantity=2, given_by="a")
    add_movement(account, "send", "-1.2", 4, coin_type="BTC")
    add_fill(account, "sell", "3", "10", executed_at=START + timedelta(hours=5))
    rebuild(account, "BTC", "DOGE")
    found = audit_account(account)
    assert (found.count, found.fills, found.lots) == (0, 1, 4)
    assert set(Lot.objects.filter(cost__gt=1).values_list("cost", flat=True)) == {D(7), D(11)}
    assert Lot.objects.filter(cost=D("0.00000002")).exists(), "half to even"
    assert Closing.objects.filter(unmatched_quantity__gt=0).count() == 1


def test_entries_of_one_instant_without_a_reference_are_ordered_alike_everywhere(account: Account) -> None:
    add_movement(account, "receive", "1", 0, unit_price=D(7))
    add_movement(account, "opening", "1", 0, unit_price=D(3))
    book(account, "buy", "1", "5", executed_at=START, venue_fill_id="")
    book(account, "sell", "1.5", "10")
    assert audit_account(account).count == 0
    rebuild(account, "BTC")
    assert audit_account(account).count == 0
    assert Match.objects.order_by("pk")[0].cost == D("5.1"), "of one instant, what was traded comes first"


def test_numbers_beyond_int64_are_compared_exactly(account: Account) -> None:
    book(account, "buy", "123456789.123456789123456789", "0.000000000123456789")
    book(account, "sell", "0.000000000000000001", "5")
    book(account, "buy", "1", "1", coin_type="ETH")
    book(account, "buy", "30000000000", "700000000", coin_type="HUGE")
    book(account, "sell", "7000000000", "700000001", coin_type="HUGE")
    assert audit_account(account).count == 0
    Lot.objects.filter(remaining_quantity__lt=10**9, coin_type="BTC").update(
        remaining_quantity=D("123456789.123456789123456787")
    )
    (found,) = audit_account(account).differences
    assert (found.what, found.stored, found.computed) == (
        f"lot of fill {Fill.objects.earliest('id').pk}: remaining_quantity",
        "123456789.123456789123456787",
        "123456789.123456789123456788",
    )


def test_stored_digits_beyond_the_eighth_are_seen(traded: Account) -> None:
    Lot.objects.filter(remaining_quantity__gt=0).update(remaining_quantity=D("0.200000000000000001"))
    found = audit_account(traded)
    assert [(one.stored, one.computed) for one in found.differences] == [("0.200000000000000001", "0.2")]


DOCTORED = [
    (Lot, {"remaining_cost": D("1.00000001")}, "lot of fill 2: remaining_cost", "BTC"),
    (Lot, {"fee_aud": D(0)}, "lot of fill 2: fee_aud", "BTC"),
    (Closing, {"unmatched_proceeds": D("0.00000001")}, "closing of fill 3: unmatched_proceeds", "BTC"),
    (Closing, {"proceeds": D(1), "cost": D(1), "realized_pnl": D(0)}, "closing of fill 3: proceeds", "BTC"),
    (Match, {"quantity": D("0.10000001")}, "match of fill 3 and fill 2: quantity", "BTC"),
    (Match, {"ledger": "glass"}, "match of fill 3 and fill 2: ledger", "BTC"),
    (Match, {"disposed_at": START}, "match of fill 3 and fill 2: disposed_at", "BTC"),
    (Position, {"cost": D(1)}, "position, by hand: cost", "BTC"),
    (Position, {"sales": 2}, "position, by hand: sales", "BTC"),
    (Position, {"algorithm_id": 9}, "position", "BTC"),
    (DailyResult, {"profit": D("48.13333334")}, "2026-03-02, by hand: profit", "BTC"),
    (DailyResult, {"day": "2020-01-01"}, "day", "BTC"),
    (DailyTotal, {"largest_win": D(0)}, "2026-03-02, all coins: largest_win", ""),
    (DailyTotal, {"buys": 3}, "2026-03-02, all coins: buys", ""),
]


@pytest.mark.parametrize(("model", "values", "what", "coin"), DOCTORED)
def test_what_was_doctored_is_found_and_named_and_mended(
    traded: Account, capsys: Any, model: Any, values: dict[str, Any], what: str, coin: str
) -> None:
    for number, fill in enumerate(Fill.objects.order_by("pk"), 1):
        what = what.replace(f"fill {number}", f"fill #{fill.pk}")
    model.objects.filter(pk=model.objects.latest("pk").pk).update(**values)
    assert what.replace("#", "") in [one.what for one in audit_account(traded).differences]
    assert {one.coin for one in audit_account(traded).differences} == {coin}
    with pytest.raises(CommandError, match="the books of 1 of 1 accounts differed"):
        call_command("rebuild_pnl", "--check")
    assert "written anew" not in capsys.readouterr().out
    with pytest.raises(CommandError, match="the books of 1 of 1 accounts differed"):
        call_command("rebuild_pnl")
    out = capsys.readouterr().out
    assert f"{coin or 'all coins'}, {what.replace('#', '')}:" in out
    assert "written anew: agrees" in out
    call_command("rebuild_pnl", "--check")


@pytest.mark.parametrize("model", [Match, Lot, Closing, Position, DailyResult, DailyTotal])
def test_rows_that_are_gone_are_missed_and_written_again(traded: Account, model: Any) -> None:
    if model in (Lot, Closing):
        Match.objects.all().delete()
    model.objects.all().delete()
    assert audit_account(traded).count > 0
    with pytest.raises(CommandError, match="differed"):
        call_command("rebuild_pnl")
    assert audit_account(traded).count == 0


def test_rows_under_another_coin_come_back_under_their_own(traded: Account) -> None:
    Lot.objects.update(coin_type="ETH")
    assert {one.coin for one in audit_account(traded).differences} == {"ETH"}
    with pytest.raises(CommandError, match="differed"):
        call_command("rebuild_pnl")
    assert audit_account(traded).count == 0


def test_rows_that_nothing_explains_are_found_and_removed(traded: Account) -> None:
    other = open_account(user=traded.user, name="other", venue="paper")
    Lot.objects.filter(remaining_quantity=0).update(account=other)
    Position.objects.create(account=other, coin_type="GONE", quantity=1)
    found = audit_account(other)
    lot = Lot.objects.get(account=other)
    assert {(one.coin, one.what, one.computed) for one in found.differences} == {
        ("BTC", f"lot #{lot.pk}", "nothing"),
        ("GONE", "position", "nothing"),
    }


def test_what_the_whole_account_was_worth_is_no_difference(traded: Account) -> None:
    DailyTotal.objects.create(account=traded, day="2026-05-01", valued_at=START, equity_aud=1)
    assert audit_account(traded).count == 0


def test_coins_that_wait_to_be_booked_are_left_out_and_named(traded: Account, capsys: Any) -> None:
    book(traded, "buy", "1", "5", coin_type="ETH")
    fill = add_fill(traded, "buy", "1", "5", coin_type="ETH")
    assert audit_account(traded).count > 0
    BookingFailure.objects.create(
        account=traded, coin_type="ETH", fill=fill, error="a bug", since=START, next_at=START
    )
    call_command("rebuild_pnl")
    out = capsys.readouterr().out
    assert "3 fills, 2 lots, 2 matches" in out
    assert "left out until they can be booked: ETH" in out
    assert "agrees" in out


def test_only_the_accounts_of_a_user(traded: Account, capsys: Any) -> None:
    other = open_account(user=UserFactory(), name="doctored", venue="paper")
    book(other, "buy", "1")
    Lot.objects.filter(account=other).update(fee_aud=5)
    call_command("rebuild_pnl", "--user", traded.user.email.upper())
    assert f"account {other.pk} " not in capsys.readouterr().out
    with pytest.raises(CommandError, match="differed"):
        call_command("rebuild_pnl", "--user", other.user.email, "--check")
    with pytest.raises(CommandError, match=r"there is no user 'nobody@example\.com'"):
        call_command("rebuild_pnl", "--user", "nobody@example.com")


def test_first_twenty_differences_are_kept_and_all_counted(account: Account, capsys: Any) -> None:
    for _ in range(25):
        book(account, "buy", "1")
    Lot.objects.update(fee_aud=5)
    with pytest.raises(CommandError):
        call_command("rebuild_pnl", "--check")
    out = capsys.readouterr().out
    assert "25 differences" in out
    assert "and 5 more" in out
    assert out.count("fee_aud: 5 stored, 0.1 computed") == 20


def test_days_are_the_account_s_own_also_where_the_clock_changes(account: Account) -> None:
    """Sydney's summer time ended on 5 April 2026 at 3 a.m., 16:00 UTC the day before."""
    for hour in range(0, 60, 3):
        at = datetime(2026, 4, 3, 12, 59, tzinfo=UTC) + timedelta(hours=hour)
        book(account, "buy", "1", executed_at=at)
        book(account, "buy", "1", executed_at=at + timedelta(minutes=1))
    assert audit_account(account).count == 0
    assert DailyTotal.objects.count() == 4


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "buy", "sell"]),
        st.sampled_from(["BTC", "ETH"]),
        st.decimals("0.00000001", "3", places=8) | st.decimals("0.000000000000000001", "3", places=18),
        st.decimals("0.0001", 50_000, places=8),
        st.sampled_from([None, None, 7, 8]),
        st.sampled_from(["", "glass"]),
        st.integers(-3, 1),
    ),
    min_size=1,
    max_size=14,
)


@settings(
    max_examples=30, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(steps=STEPS)
def test_any_history_agrees_however_late_it_came(steps: list[Any]) -> None:
    account = open_account(user=UserFactory(), name="random", venue="paper")
    for number, (side, coin, quantity, price, algorithm, ledger, minutes) in enumerate(steps):
        book(
            account, side, str(quantity), str(price), coin_type=coin, algorithm_id=algorithm, ledger=ledger,
            executed_at=START + timedelta(minutes=number // 2 + minutes), sequence=number % 3,
        )  # fmt: skip
    found = audit_account(account)
    assert (found.differences, found.count) == ((), 0)


def test_what_is_booked_meanwhile_is_no_difference(traded: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def booking_first(scope: Any) -> Any:
        def sell_elsewhere() -> None:
            book(traded, "sell", "0.1")
            connection.close()

        other = Thread(target=sell_elsewhere)
        other.start()
        other.join()
        return recompute(scope)

    monkeypatch.setattr(audit, "recompute", booking_first)
    found = audit_account(traded)
    assert (found.fills, found.count, Fill.objects.count()) == (3, 0, 4)
    monkeypatch.undo()
    assert (audit_account(traded).fills, audit_account(traded).count) == (4, 0)
