"""`/floor/trades` and `/floor/pnl/{lots,matches,unmatched}` over HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.ledgers.tests.factories import make_price
from apps.pnl.models import Closing, Lot, Match
from apps.pnl.tests.book_factories import record_fill, record_receipt
from apps.trading.models import Account, Fill, Order
from apps.trading.tests.factories import make_account, place, trade
from ohmycoins.core import clock as system

pytestmark = pytest.mark.django_db
FLOOR = "/api/v1/floor"
LISTS = ("trades", "pnl/lots", "pnl/matches", "pnl/unmatched")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def account(user: User, clock: Any) -> Account:
    return make_account(user)


def listed(api: APIClient, path: str) -> list[dict[str, Any]]:
    answer = api.get(f"{FLOOR}/{path}")
    assert answer.status_code == 200, answer.json()
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def test_trades_are_fills_newest_first_with_what_each_sale_realised(
    api: APIClient, account: Account, clock: Any
) -> None:
    make_price(bid=110, ask=100)
    bought = trade(account, quantity="2")
    clock.shift(60)
    sold = trade(account, "sell", quantity="0.5")
    sale, purchase = Fill.objects.get(order=sold), Fill.objects.get(order=bought)
    assert listed(api, "trades") == [
        {"id": sale.pk, "order_id": sold.pk, "coin_type": "BTC", "side": "sell", "kind": "trade", "quantity": "0.5",
         "price": "110", "value_aud": "55", "fee_aud": "0.055", "realized_pnl": "4.895", "algorithm_id": None,
         "ledger": "", "executed_at": "2026-03-02T12:01:00Z", "venue_fill_id": sale.venue_fill_id},
        {"id": purchase.pk, "order_id": bought.pk, "coin_type": "BTC", "side": "buy", "kind": "trade", "quantity": "2",
         "price": "100", "value_aud": "200", "fee_aud": "0.2", "realized_pnl": None, "algorithm_id": None,
         "ledger": "", "executed_at": "2026-03-02T12:00:00Z", "venue_fill_id": purchase.venue_fill_id},
    ]  # fmt: skip


def test_sale_that_is_not_booked_yet_has_realised_nothing(api: APIClient, account: Account) -> None:
    Fill.objects.create(
        account=account, coin_type="BTC", side="sell", quantity=1, price=1, value_aud=1, executed_at=NOON,
        venue_fill_id="unbooked",
    )  # fmt: skip
    assert listed(api, "trades")[0]["realized_pnl"] is None


def test_lot_shows_its_purchase_and_what_is_left(api: APIClient, account: Account) -> None:
    fill = record_fill(
        account, quantity=D("3"), price=D("33.333333333333333333"), fee_aud=D("0.1"), algorithm_id=7, ledger="human"
    )  # fmt: skip
    record_fill(account, "sell", algorithm_id=7, executed_at=NOON + timedelta(1))
    assert listed(api, "pnl/lots") == [
        {"id": Lot.objects.get().pk, "coin_type": "BTC", "algorithm_id": 7, "ledger": "human", "quantity": "3",
         "remaining_quantity": "2", "cost": "100.1", "remaining_cost": "66.73333333",
         "unit_cost": "33.366666666666666667", "fee_aud": "0.1", "acquired_at": "2026-03-02T12:00:00Z",
         "fill_id": fill.pk, "movement_id": None, "cost_unknown": False},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cost", "quantity", "unit_cost"),
    [("100", "4", "25"), ("1", "3", "0.333333333333333333"), ("2", "3", "0.666666666666666667"),
     ("0.00000001", "200", "0.00000000005"), ("0.00000005", "100000000000", "0"),
     ("0.00000015", "100000000000", "0.000000000000000002"), ("5", "0.000000000000000001", "5000000000000000000")],
)  # fmt: skip
def test_unit_cost_is_rounded_half_to_even_at_18_decimals(cost: str, quantity: str, unit_cost: str) -> None:
    assert Lot(cost=D(cost), quantity=D(quantity)).unit_cost == D(unit_cost)


def test_match_names_its_lot_and_both_fills(api: APIClient, account: Account) -> None:
    bought = record_fill(account, algorithm_id=7, ledger="glass")
    sold = record_fill(account, "sell", price=D(150), executed_at=NOON + timedelta(hours=1))
    assert listed(api, "pnl/matches") == [
        {"id": Match.objects.get().pk, "lot_id": Lot.objects.get().pk, "coin_type": "BTC", "algorithm_id": 7,
         "ledger": "glass", "quantity": "1", "cost": "100", "proceeds": "150", "realized_pnl": "50",
         "acquired_at": "2026-03-02T12:00:00Z", "disposed_at": "2026-03-02T13:00:00Z",
         "buy_fill_id": bought.pk, "sell_fill_id": sold.pk},
    ]  # fmt: skip


def test_coins_that_came_and_left_by_no_fill_have_none(api: APIClient, account: Account) -> None:
    came = record_receipt(account)
    record_receipt(account, "-1", occurred_at=NOON)
    (lot,), (match,) = listed(api, "pnl/lots"), listed(api, "pnl/matches")
    assert (lot["fill_id"], lot["movement_id"], lot["cost_unknown"]) == (None, came.pk, True)
    assert (match["buy_fill_id"], match["sell_fill_id"], match["realized_pnl"]) == (None, None, "0")


def test_sale_without_lots_is_listed_as_unmatched(api: APIClient, account: Account) -> None:
    record_fill(account)
    sold = record_fill(account, "sell", quantity=D(3), executed_at=NOON + timedelta(1))
    assert listed(api, "pnl/unmatched") == [
        {"id": Closing.objects.get().pk, "coin_type": "BTC", "algorithm_id": None, "quantity": "3",
         "unmatched_quantity": "2", "unmatched_proceeds": "200", "closed_at": "2026-03-03T12:00:00Z",
         "sell_fill_id": sold.pk, "movement_id": None},
    ]  # fmt: skip


def record_variety(account: Account) -> None:
    """Record, noon by noon from 2 March: buys of BTC (manual), ETH (7) and BTC (8), then sales of all that; DOGE from nothing."""
    for day, (side, coin, algorithm_id) in enumerate(
        [("buy", "BTC", None), ("buy", "ETH", 7), ("buy", "BTC", 8), ("sell", "BTC", None), ("sell", "ETH", 7),
         ("sell", "BTC", 8), ("sell", "DOGE", None)]
    ):  # fmt: skip
        record_fill(
            account, side, coin_type=coin, algorithm_id=algorithm_id, executed_at=NOON + timedelta(days=day)
        )
    record_fill(account, coin_type="ADA", executed_at=NOON + timedelta(days=7))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("trades?coin_type=btc", ["sell BTC 8", "sell BTC None", "buy BTC 8", "buy BTC None"]),
        ("trades?algorithm_id=7", ["sell ETH 7", "buy ETH 7"]),
        ("trades?algorithm_id=manual", ["buy ADA None", "sell DOGE None", "sell BTC None", "buy BTC None"]),
        ("trades?side=sell&coin_type=BTC&algorithm_id=8", ["sell BTC 8"]),
        ("trades?start_date=2026-03-08", ["buy ADA None", "sell DOGE None"]),
        ("trades?end_date=2026-03-03", ["buy ETH 7", "buy BTC None"]),
        ("trades?start_date=2026-03-03&end_date=2026-03-03", ["buy ETH 7"]),
        ("trades?start_date=2026-03-03T12:00:00Z&end_date=2026-03-04T12:00:00Z", ["buy ETH 7"]),
        ("trades?start_date=2026-03-03T12:00:01Z&end_date=2026-03-04T12:00:01Z", ["buy BTC 8"]),
        ("trades?ordering=executed_at&end_date=2026-03-03", ["buy BTC None", "buy ETH 7"]),
        ("pnl/lots?open=true", ["ADA None"]),
        ("pnl/lots?open=false", ["BTC 8", "ETH 7", "BTC None"]),
        ("pnl/lots?algorithm_id=manual", ["ADA None", "BTC None"]),
        ("pnl/lots?start_date=2026-03-03&end_date=2026-03-04&coin_type=BTC", ["BTC 8"]),
        ("pnl/matches?coin_type=BTC", ["BTC 8", "BTC None"]),
        ("pnl/matches?algorithm_id=7", ["ETH 7"]),
        ("pnl/matches?start_date=2026-03-06&end_date=2026-03-06", ["ETH 7"]),
        ("pnl/matches?end_date=2026-03-04", []),
        ("pnl/unmatched", ["DOGE None"]),
        ("pnl/unmatched?coin_type=BTC", []),
        ("pnl/unmatched?start_date=2026-03-08&end_date=2026-03-08&algorithm_id=manual", ["DOGE None"]),
        ("pnl/unmatched?end_date=2026-03-07", []),
    ],
)
def test_lists_are_chosen_by_their_filters(
    api: APIClient, account: Account, path: str, found: list[str]
) -> None:
    record_variety(account)
    names = ("side", "coin_type", "algorithm_id")
    assert [" ".join(str(row[name]) for name in names if name in row) for row in listed(api, path)] == found


def test_days_of_a_filter_are_the_account_s_own(api: APIClient, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(timezone="Australia/Sydney")
    account.refresh_from_db()
    record_fill(account, executed_at=datetime(2026, 3, 2, 12, 59, 59, tzinfo=UTC))  # 23:59:59 there
    record_fill(account, executed_at=datetime(2026, 3, 2, 13, tzinfo=UTC))  # midnight
    for path, column in (("trades", "executed_at"), ("pnl/lots", "acquired_at")):
        rows = listed(api, f"{path}?start_date=2026-03-03&end_date=2026-03-03")
        assert [row[column] for row in rows] == ["2026-03-02T13:00:00Z"]


@pytest.mark.parametrize("path", LISTS)
def test_pages_follow_each_other_without_gap_or_repeat(api: APIClient, account: Account, path: str) -> None:
    for _ in range(5):  # all at one instant: the id tells them apart
        record_fill(account)
        record_fill(account, "sell", executed_at=NOON + timedelta(1))
        record_fill(account, "sell", coin_type="DOGE")
    whole, seen = listed(api, path), []
    url: str | None = f"{FLOOR}/{path}?page_size=2"
    while url:
        page = api.get(url).json()
        seen += page["results"]
        url = page["next"]
    assert seen == whole
    assert len({row["id"] for row in seen}) == len(seen) >= 5


@pytest.mark.parametrize(
    ("query", "says"),
    [("algorithm_id=x", "a whole number, or manual"), ("algorithm_id=-1", "manual"), ("coin_type=%20", "such as BTC"),
     ("start_date=soon", "ISO 8601"), ("start_date=2026-03-02&end_date=2026-03-01", "lies after"),
     ("end_date=9999-12-31", "years 1900 to 9998"), ("start_date=0001-01-01T00:00:00Z", "years 1900 to 9998"),
     ("page_size=501", "from 1 to 500"), ("ordering=price", "accepted: "), ("cursor=x", "cursor"),
     ("start=2026-03-01", "accepted: account, start_date, end_date, coin_type, algorithm_id"), ("account=x", "account")],
)  # fmt: skip
@pytest.mark.parametrize("path", LISTS)
def test_bad_query_is_400_and_says_what_is_accepted(
    api: APIClient, account: Account, path: str, query: str, says: str
) -> None:
    answer = api.get(f"{FLOOR}/{path}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID")
    assert says in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "says"),
    [("trades?side=both", "buy, sell"), ("trades?open=true", "open: not a parameter"), ("pnl/matches?side=buy", "side: not"),
     ("pnl/lots?side=buy", "side: not"), ("pnl/unmatched?side=sell", "side: not"), ("pnl/lots?open=maybe", "true, false"),
     ("trades/stats?page_size=5", "page_size: not"), ("trades/stats?side=x", "buy, sell")],
)  # fmt: skip
def test_filter_that_a_list_does_not_have_is_refused(
    api: APIClient, account: Account, path: str, says: str
) -> None:
    answer = api.get(f"{FLOOR}/{path}")
    assert answer.status_code == 400
    assert says in answer.json()["message"]


def test_others_accounts_are_404_and_their_rows_unseen(
    api: APIClient, account: Account, client_for: Callable[[User], APIClient]
) -> None:
    other = make_account()
    record_fill(other)
    for path in (*LISTS, "trades/stats"):
        assert api.get(f"{FLOOR}/{path}?account={other.pk}").status_code == 404
        assert APIClient().get(f"{FLOOR}/{path}").status_code == 401
    assert listed(api, "trades") == listed(api, "pnl/lots") == []
    assert len(listed(client_for(other.user), "trades")) == 1


def test_queries_do_not_grow_with_fills(
    api: APIClient, account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_price()
    queries = dict.fromkeys(LISTS, 2) | {"trades/stats": 3, "trades/stats?side=buy": 4}
    for fills in (3, 30):
        while Fill.objects.count() < fills:
            record_fill(account, "sell" if Fill.objects.count() % 3 == 2 else "buy")
        for path, count in queries.items():
            with django_assert_num_queries(count):
                assert api.get(f"{FLOOR}/{path}").status_code == 200


def make_order(account: Account, status: str, **fields: Any) -> Order:
    values = {
        "coin_type": "BTC", "side": "buy", "order_type": "market", "quantity": 1, "limit_price": 1,
        "reserved_aud": 1 if status == "pending" else 0, "created_at": system.now(),
    } | fields  # fmt: skip
    return Order.objects.create(account=account, user=account.user, status=status, **values)


def test_stats_count_fills_and_what_became_of_orders(api: APIClient, account: Account) -> None:
    make_price(bid=90, ask=100)
    trade(account, quantity="2")
    trade(account, "sell", quantity="0.5")
    place(account, "sell", quantity="0.5", price="1000")  # stays open
    for status in ("denied", "rejected", "expired", "not_placed", "cancelled", "unknown"):
        make_order(account, status)
    make_order(account, "cancelled", filled_quantity=D("0.5"))
    assert api.get(f"{FLOOR}/trades/stats").json() == {
        "total_trades": 2, "buy_trades": 1, "sell_trades": 1, "buy_volume": "200", "sell_volume": "45",
        "total_volume": "245", "total_fees": "0.245", "orders_total": 10, "orders_filled": 3, "orders_failed": 5,
        "success_rate": "37.5",
    }  # fmt: skip


def test_stats_of_nothing_have_no_success_rate(api: APIClient, account: Account) -> None:
    make_order(account, "pending")
    stats = api.get(f"{FLOOR}/trades/stats").json()
    assert (stats.pop("orders_total"), stats.pop("success_rate")) == (1, None)
    assert set(stats.values()) == {"0", 0}


@pytest.mark.parametrize(
    "query",
    ["", "coin_type=BTC", "algorithm_id=7", "algorithm_id=manual", "side=buy", "side=sell", "side=sell&coin_type=ETH",
     "start_date=2026-03-03&end_date=2026-03-06", "start_date=2026-03-03T12:00:00Z&end_date=2026-03-08T11:00:00Z",
     "side=buy&algorithm_id=8&start_date=2026-03-03T13:00:00Z", "end_date=2026-03-01"],
)  # fmt: skip
def test_stats_are_of_the_trades_that_the_same_query_lists(
    api: APIClient, account: Account, query: str
) -> None:
    record_variety(account)
    for day in range(3):
        record_fill(
            account, "sell" if day == 2 else "buy", coin_type="ETH", quantity=D("1.5"), fee_aud=D("0.3"),
            executed_at=NOON + timedelta(days=day, hours=1),
        )  # fmt: skip
    rows, stats = listed(api, f"trades?{query}"), api.get(f"{FLOOR}/trades/stats?{query}").json()

    def total(name: str, *sides: str) -> D:
        return sum((D(row[name]) for row in rows if row["side"] in sides), D(0))

    assert stats["total_trades"] == stats["buy_trades"] + stats["sell_trades"] == len(rows)
    assert stats["buy_trades"] == len([row for row in rows if row["side"] == "buy"])
    assert D(stats["buy_volume"]) == total("value_aud", "buy")
    assert D(stats["sell_volume"]) == total("value_aud", "sell")
    assert D(stats["total_volume"]) == total("value_aud", "buy", "sell")
    assert D(stats["total_fees"]) == total("fee_aud", "buy", "sell")


def test_stats_count_the_orders_that_were_placed_in_the_period(api: APIClient, account: Account) -> None:
    for day, (side, coin, algorithm_id) in enumerate([("buy", "BTC", None), ("sell", "ETH", 7)]):
        make_order(
            account, "denied", side=side, coin_type=coin, algorithm_id=algorithm_id,
            created_at=NOON + timedelta(days=day),
        )  # fmt: skip
    counts = {
        query: api.get(f"{FLOOR}/trades/stats?{query}").json()["orders_total"]
        for query in ("", "side=buy", "coin_type=ETH", "algorithm_id=7", "algorithm_id=manual", "end_date=2026-03-02",
                      "start_date=2026-03-03", "start_date=2026-03-04", "side=buy&coin_type=ETH",
                      "start_date=2026-03-02T12:00:00Z&end_date=2026-03-03T12:00:00Z")
    }  # fmt: skip
    assert list(counts.values()) == [2, 1, 1, 1, 1, 1, 1, 0, 0, 1]


def test_admin_finds_what_is_unmatched(admin_client: Client) -> None:
    account = make_account()
    record_fill(account, "sell", coin_type="DOGE")
    record_fill(account)
    record_fill(account, "sell")
    pages = {
        answer: admin_client.get(f"/admin/pnl/closing/?unmatched={answer}").content.decode()
        for answer in ("yes", "no")
    }
    assert {name: ("DOGE" in page, "BTC" in page) for name, page in pages.items()} == {
        "yes": (True, False), "no": (False, True),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["givencost", "equitysnapshot", "lot", "match"])
def test_admin_lists_are_read_only(admin_client: Client, name: str) -> None:
    assert admin_client.get(f"/admin/pnl/{name}/").status_code == 200
    assert admin_client.get(f"/admin/pnl/{name}/add/").status_code == 403
