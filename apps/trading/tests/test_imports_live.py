"""Import the history of a live account: what it holds stays what its venue said; and of none of today's loss."""

from decimal import Decimal as D
from typing import Any

import pytest

from apps.ledgers.tests.factories import make_price
from apps.trading.models import Movement
from apps.trading.services.days import begin_days
from apps.trading.services.import_fills import Imported
from apps.trading.services.standing import read_day
from apps.trading.tests.factories import make_account
from apps.trading.tests.imports import BOUGHT, CONNECTED, SOLD, connect, csv, imported, live, sound, state
from ohmycoins.core import clock as system_clock

pytestmark = pytest.mark.django_db


def test_connected_account_keeps_what_its_venue_said() -> None:
    account = live()
    connect(account, AUD="1000", BTC="3")
    assert imported(account, csv(BOUGHT, SOLD)) == Imported(2, 0, 0)
    assert state(account) == {"AUD": D(1000), "BTC": D(3)}
    # Of three coins one is left of the purchase, two were there before.
    lots = account.lots.order_by("acquired_at").values_list(
        "acquired_at__year", "remaining_quantity", "cost_unknown"
    )
    assert list(lots) == [(2025, D(1), False), (2026, D(2), True)]
    taken_off = Movement.objects.filter(account=account, kind="opening").order_by("pk")
    assert [(row.coin_type, row.amount_aud, row.quantity, row.occurred_at) for row in taken_off] == [
        ("", 1000, 0, CONNECTED), ("BTC", 0, 3, CONNECTED), ("", 30_015, 0, CONNECTED), ("BTC", 0, -1, CONNECTED),
    ]  # fmt: skip
    assert sound(account)


def test_price_of_the_opening_is_that_of_what_is_taken_off_it() -> None:
    make_price(bid=70_000, ask=70_000)
    account = live()
    connect(account, BTC="3")
    make_price(bid=90_000, ask=90_000)
    imported(account, csv(BOUGHT))
    assert set(Movement.objects.filter(coin_type="BTC").values_list("unit_price", flat=True)) == {D(70_000)}
    assert account.lots.get(movement__isnull=False).cost == 70_000


def test_coin_that_the_venue_no_longer_held_is_gone_when_the_account_was_connected() -> None:
    account = live()
    connect(account, AUD="1000")
    imported(account, csv(BOUGHT))
    assert state(account) == {"AUD": D(1000)}
    assert account.lots.get().remaining_quantity == 0
    assert sound(account)


def test_rows_since_the_account_was_connected_are_skipped() -> None:
    account = live()
    connect(account, AUD="1000")
    since = BOUGHT.replace("2025-01-01", "2026-01-01")
    assert imported(account, csv(BOUGHT, since)) == Imported(imported=1, duplicates=0, skipped=1)
    assert imported(account, csv(BOUGHT, since)) == Imported(imported=0, duplicates=1, skipped=1)
    assert state(account) == {"AUD": D(1000)}


def test_second_file_of_a_connected_account_is_taken_off_too() -> None:
    account = live()
    connect(account, AUD="1000", BTC="3")
    imported(account, csv(BOUGHT))
    imported(account, csv(BOUGHT, SOLD))
    assert state(account) == {"AUD": D(1000), "BTC": D(3)}
    assert sum(account.lots.values_list("remaining_quantity", flat=True)) == 3
    assert sound(account)


def test_account_connected_after_an_import_opens_with_the_difference() -> None:
    account = live()
    imported(account, csv(BOUGHT, SOLD, "2025-03-01T00:00:00Z,buy,ETH,1,2000,0,,"))
    connect(account, AUD="1000", BTC="3")
    assert state(account) == {"AUD": D(1000), "BTC": D(3)}
    opened = Movement.objects.filter(kind="opening").order_by("coin_type")
    assert [(row.coin_type, row.amount_aud, row.quantity) for row in opened] == [
        ("", D(33_015), 0), ("BTC", 0, 2), ("ETH", 0, -1),
    ]  # fmt: skip
    assert sum(account.lots.values_list("remaining_quantity", flat=True)) == 3
    assert sound(account)


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_history_is_none_of_today_s_loss(mode: str, clock: Any) -> None:
    make_price(bid=20_000, ask=20_000)
    account = make_account(cash="100000") if mode == "paper" else live()
    if mode == "live":
        connect(account, AUD="1000", BTC="3")
    clock.shift(60)
    begin_days()
    clock.shift(60)
    imported(
        account,
        csv(
            BOUGHT, SOLD, "2025-03-01T00:00:00Z,buy,BTC,1,0,0,,gift", "2025-04-01T00:00:00Z,,AUD,5,,,,deposit"
        ),
    )
    account.refresh_from_db()
    assert read_day(account, system_clock.now()).loss_aud == 0
    make_price(bid=19_000, ask=19_000)
    assert read_day(account, system_clock.now()).loss_aud == 1000 * state(account)["BTC"]
