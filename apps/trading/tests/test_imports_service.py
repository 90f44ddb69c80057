"""Import trade history: once, all or nothing, without moving what a live venue says, two at once, cut off."""

import hashlib
from decimal import Decimal as D
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_price
from apps.trading.models import Account, Event, Fill, Movement
from apps.trading.records import BUY
from apps.trading.services.import_fills import Imported, RowsRefused
from apps.trading.signals import history_recorded
from apps.trading.tests.factories import make_account, place, trade
from apps.trading.tests.imports import BOUGHT, SOLD, csv, imported, sample, sound, state
from apps.trading.tests.races import in_threads
from ohmycoins.core.errors import Refused

pytestmark = pytest.mark.django_db
TALLY = [Fill, Movement, Event, *(apps.get_model("pnl", name) for name in ("Lot", "Match"))]


def tally() -> list[int]:
    return [model.objects.count() for model in TALLY]


def test_plain_file_moves_cash_by_trades_and_coins_by_everything() -> None:
    account = make_account(cash="100")
    assert imported(account, sample("plain.csv")) == Imported(imported=6, duplicates=0, skipped=0)
    # 100 + 50000 − 40040 + (28000 − 28) − 1000; the interest moves no cash
    assert state(account) == {"AUD": D(37_032), "BTC": D("0.51")}
    fills = Fill.objects.order_by("executed_at", "sequence")
    assert [
        (fill.kind, fill.venue_fill_id[:7], fill.order, fill.algorithm_id, fill.ledger) for fill in fills
    ] == [
        ("trade", "trade-1", None, None, ""),
        ("interest", "file:21", None, None, ""),
        ("trade", "trade-2", None, None, ""),
    ]
    assert sound(account)


def test_swaps_of_the_venue_s_export_leave_cash() -> None:
    account = make_account(cash="1000")
    assert imported(account, sample("coinspot_orders.csv")).imported == 4
    assert state(account) == {
        "AUD": D("828.4"), "STEEM": D("43.3510153"), "SOL": D("0.5"), "ALGO": D("100.99"),
    }  # fmt: skip
    assert sound(account)


def test_transfers_of_the_venue_s_export_move_coins_with_their_fee() -> None:
    account = make_account(cash="1000")
    assert imported(account, sample("coinspot_transfers.csv")) == Imported(
        imported=2, duplicates=0, skipped=1
    )
    assert state(account) == {"AUD": D(1000), "BTC": D("0.3995")}
    assert account.lots.get().cost == 25_000
    assert sound(account)


@pytest.mark.parametrize("name", ["plain.csv", "coinspot_orders.csv", "coinspot_transfers.csv"])
def test_file_imported_twice_adds_nothing(name: str) -> None:
    account = make_account()
    first = imported(account, sample(name))
    before = tally(), state(account)
    assert imported(account, sample(name)) == Imported(0, first.imported, first.skipped)
    assert (tally(), state(account)) == before


def test_longer_file_in_another_order_adds_its_new_rows_only() -> None:
    account = make_account()
    imported(account, csv(BOUGHT, SOLD))
    assert imported(account, csv(SOLD, BOUGHT, BOUGHT)) == Imported(imported=1, duplicates=2, skipped=0)
    assert state(account)["BTC"] == 3


def test_rows_of_another_account_are_not_known() -> None:
    one, other = make_account(), make_account()
    assert imported(one, csv(BOUGHT)) == imported(other, csv(BOUGHT)) == Imported(1, 0, 0)


def test_local_times_that_were_read_in_another_zone_are_known() -> None:
    account = make_account()
    imported(account, sample("coinspot_orders.csv"))
    Account.objects.filter(pk=account.pk).update(timezone="Australia/Perth")
    assert imported(account, sample("coinspot_orders.csv")) == Imported(0, 4, 0)


def test_known_id_with_another_content_is_an_error_and_nothing_is_stored() -> None:
    account = make_account()
    imported(account, csv(BOUGHT.replace(",,", ",x1,", 1)))
    before = tally(), state(account)
    with pytest.raises(RowsRefused) as caught:
        imported(account, csv(BOUGHT, SOLD.replace(",,", ",x1,", 1)))
    assert caught.value.detail == {"error_count": 1, "errors": [
        {"line": 3, "message": "venue_fill_id 'x1': is another fill: one that is recorded; an id for this one, or none"}
    ]}  # fmt: skip
    assert (tally(), state(account)) == before


def test_id_of_an_order_s_fill_is_known() -> None:
    make_price()
    account = make_account()
    fill = trade(account, quantity="0.1").fills.get()
    row = f"{fill.executed_at:%Y-%m-%dT%H:%M:%S.%fZ},buy,BTC,{fill.quantity},{fill.price},{fill.fee_aud}"
    assert imported(account, csv(f"{row},{fill.venue_fill_id},")) == Imported(0, 1, 0)


def test_bad_rows_are_listed_up_to_a_hundred_and_nothing_is_stored() -> None:
    account = make_account()
    before = tally()
    with pytest.raises(RowsRefused) as caught:
        imported(account, csv(BOUGHT, *["x,buy,BTC,1,1,0,,"] * 120))
    assert (len(caught.value.detail["errors"]), caught.value.detail["error_count"]) == (100, 120)
    assert caught.value.message == "120 rows are not accepted; nothing of the file was stored."
    assert tally() == before


def test_more_coins_than_can_be_kept_are_refused() -> None:
    account = make_account()
    before = tally()
    with pytest.raises(Refused, match="more of a coin than can be kept"):
        imported(account, csv(*["2025-01-01T00:00:00Z,buy,BTC,9e19,0,0,,"] * 2))
    assert tally() == before


def test_event_says_who_imported_what() -> None:
    account = make_account()
    imported(account, csv(BOUGHT))
    event = Event.objects.get(type="fills.imported")
    assert (event.account, event.actor) == (account, "tests")
    assert event.inputs == {
        "imported": 1, "duplicates": 0, "skipped": 0, "day_base_aud": "-80010",
        "file_sha256": hashlib.sha256(csv(BOUGHT)).hexdigest(),
    }  # fmt: skip


def test_book_is_told_once_with_every_coin() -> None:
    told: list[Any] = []

    def listen(account: Account, coins: Any, **_: Any) -> None:
        told.append((account.pk, list(coins)))

    history_recorded.connect(listen)
    account = make_account()
    imported(account, sample("coinspot_orders.csv"))
    history_recorded.disconnect(listen)
    assert told == [(account.pk, ["ALGO", "SOL", "STEEM"])]


def test_import_that_fails_half_way_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_account()
    before = tally(), state(account)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("cut off")

    for seam in (
        "add_to_holding",
        "history_recorded.send",
        "Event.objects.create",
        "Movement.objects.bulk_create",
    ):
        with monkeypatch.context() as patched:
            patched.setattr(f"apps.trading.services.import_fills.{seam}", fail)
            with pytest.raises(RuntimeError):
                imported(account, sample("plain.csv"))
        assert (tally(), state(account)) == before
    assert imported(account, sample("plain.csv")).imported == 6


@pytest.mark.django_db(transaction=True)
def test_one_file_imported_by_many_at_once_is_stored_once() -> None:
    account = make_account(cash="0")
    results = in_threads(4, lambda _: imported(account, csv(BOUGHT, SOLD)))
    assert sorted(result.imported for result in results) == [0, 0, 0, 2]
    assert sorted(result.duplicates for result in results) == [0, 2, 2, 2]
    assert state(account) == {"AUD": D(-30_015), "BTC": D(1)}
    assert (
        Fill.objects.count(),
        account.matches.count(),
        Event.objects.filter(type="fills.imported").count(),
    ) == (2, 1, 1)
    assert sound(account)


def test_history_may_take_what_orders_in_flight_reserved() -> None:
    make_price()
    account = make_account()
    trade(account, quantity="0.1")
    assert place(account, "sell", quantity="0.1", price="200000").status == "pending"
    imported(account, csv("2025-02-01T00:00:00Z,sell,BTC,0.05,50000,0,,"))
    assert sound(account)


def test_queries_do_not_grow_with_the_rows() -> None:
    counts = []
    for rows in (10, 400):
        account = make_account(UserFactory())
        lines = [
            f"2025-01-01T00:{n // 60:02}:{n % 60:02}Z,{BUY if n % 3 else 'sell'},BTC,1,2,0,,"
            for n in range(rows)
        ]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            imported(account, csv(*lines))
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 45
