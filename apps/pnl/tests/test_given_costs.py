"""What a person says that coins cost which came by no purchase, over HTTP and in the admin."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.ledgers.tests.factories import make_price
from apps.pnl.models import DailyTotal, EquitySnapshot, GivenCost, Lot, Match, Position
from apps.pnl.services import costs
from apps.pnl.tests.book_factories import record_fill, record_receipt
from apps.trading.models import Account, Event
from apps.trading.tests.factories import make_account

pytestmark = pytest.mark.django_db
LOTS = "/api/v1/floor/pnl/lots"
CAME = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def account(user: User, clock: Any) -> Account:
    return make_account(user)


def give(api: APIClient, lot: int, **body: Any) -> Any:
    return api.post(f"{LOTS}/{lot}/cost", body, format="json")


def lot_id() -> int:
    return Lot.objects.get().pk


def assert_nothing_given() -> None:
    assert not GivenCost.objects.exists()
    assert not Event.objects.filter(type="lot.cost_given").exists()


def test_cost_is_kept_told_to_the_trail_and_booked(api: APIClient, user: User, account: Account) -> None:
    movement = record_receipt(account, "4")
    record_fill(account, "sell", quantity=D(1), price=D(100))
    assert Match.objects.get().realized_pnl == 0
    answer = give(api, lot_id(), cost_aud="123.45")
    assert answer.status_code == 200
    assert answer.json() == {
        "id": lot_id(), "coin_type": "BTC", "algorithm_id": None, "ledger": "", "quantity": "4",
        "remaining_quantity": "3", "cost": "123.45", "remaining_cost": "92.5875", "unit_cost": "30.8625",
        "fee_aud": "0", "acquired_at": "2026-03-01T12:00:00Z", "fill_id": None, "movement_id": movement.pk,
        "cost_unknown": False,
    }  # fmt: skip
    given = GivenCost.objects.get()
    assert (given.movement, given.cost_aud, given.acquired_at, given.given_by) == (
        movement, D("123.45"), None, f"user:{user.pk}",
    )  # fmt: skip
    event = Event.objects.get(type="lot.cost_given")
    assert (event.account, event.actor) == (account, f"user:{user.pk}")
    assert event.inputs == {
        "movement": movement.pk, "coin_type": "BTC", "quantity": "4", "cost_aud": "123.45", "acquired_at": None,
    }  # fmt: skip
    assert Match.objects.get().realized_pnl == D("69.1375")
    assert Position.objects.get().cost == D("92.5875")
    assert sum(day.realized_pnl for day in DailyTotal.objects.all()) == D("69.1375")


def test_coins_bought_earlier_take_their_place_among_lots(api: APIClient, account: Account) -> None:
    record_fill(account, price=D(500), executed_at=CAME - timedelta(days=10))
    record_receipt(account)
    record_fill(account, "sell", price=D(600))
    assert Match.objects.get().realized_pnl == 100
    lot = Lot.objects.get(fill=None)
    answer = give(api, lot.pk, cost_aud="50", acquired_at="2020-01-31T10:00:00+11:00")
    assert (answer.status_code, answer.json()["acquired_at"]) == (200, "2020-01-30T23:00:00Z")
    match = Match.objects.get()
    assert (match.realized_pnl, match.acquired_at) == (550, datetime(2020, 1, 30, 23, tzinfo=UTC))
    inputs = Event.objects.get(type="lot.cost_given").inputs
    assert inputs["acquired_at"] == "2020-01-30T23:00:00+00:00"


def test_past_values_know_the_cost_from_when_the_coins_were_bought(api: APIClient, account: Account) -> None:
    make_price(bid=100, ask=100, at=CAME - timedelta(days=3))
    record_receipt(account)
    give(api, lot_id(), cost_aud="50", acquired_at=(CAME - timedelta(days=1)).isoformat())
    values = (
        EquitySnapshot.objects.filter(at__hour=0)
        .order_by("at")
        .values_list("at__day", "value_aud", "cost_aud")
    )
    assert list(values) == [(1, 100, 50), (2, 100, 50)]


def test_same_cost_again_changes_nothing(api: APIClient, account: Account) -> None:
    record_receipt(account)
    first = give(api, lot_id(), cost_aud="50", acquired_at="2026-02-01T00:00:00Z")
    again = give(api, first.json()["id"], cost_aud="50.00000000", acquired_at="2026-02-01T11:00:00+11:00")
    assert (again.status_code, again.json()) == (200, first.json())
    assert (GivenCost.objects.count(), Event.objects.filter(type="lot.cost_given").count()) == (1, 1)


def test_newest_word_counts_and_the_earlier_one_stays(api: APIClient, account: Account) -> None:
    record_receipt(account)
    for cost, at in (("50", "2026-02-01T00:00:00Z"), ("60", None), ("50", None)):
        answer = give(api, lot_id(), cost_aud=cost, acquired_at=at)
        assert answer.status_code == 200
    assert (answer.json()["cost"], answer.json()["acquired_at"]) == ("50", "2026-03-01T12:00:00Z")
    assert [given.cost_aud for given in GivenCost.objects.order_by("pk")] == [50, 60, 50]


def test_coins_may_have_cost_nothing(api: APIClient, account: Account) -> None:
    record_receipt(account)
    answer = give(api, lot_id(), cost_aud=0).json()
    assert (answer["cost"], answer["cost_unknown"]) == ("0", False)


def test_cost_of_what_was_bought_is_refused(api: APIClient, account: Account) -> None:
    fill = record_fill(account)
    answer = give(api, lot_id(), cost_aud="1")
    assert (answer.status_code, answer.json()["code"]) == (422, "COST_IS_KNOWN")
    assert f"was bought by fill {fill.pk}" in answer.json()["message"]
    assert_nothing_given()
    assert Lot.objects.get().cost == 100


@pytest.mark.parametrize("at", ["2026-03-01T12:00:01Z", "2008-12-31T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_coins_are_not_bought_after_they_came_nor_before_there_were_any(
    api: APIClient, account: Account, at: str
) -> None:
    record_receipt(account)
    answer = give(api, lot_id(), cost_aud="1", acquired_at=at)
    assert answer.status_code == 422
    assert "2009-01-03" in answer.json()["message"]
    assert "2026-03-01T12:00:00+00:00" in answer.json()["message"]
    assert_nothing_given()


def test_coins_may_be_bought_at_the_instant_they_came(api: APIClient, account: Account) -> None:
    record_receipt(account)
    assert give(api, lot_id(), cost_aud="1", acquired_at="2026-03-01T12:00:00Z").status_code == 200


@pytest.mark.parametrize(
    ("body", "names"),
    [({}, "cost_aud"), ({"cost_aud": "-1"}, "cost_aud"), ({"cost_aud": "NaN"}, "cost_aud"), ({"cost_aud": None}, "cost_aud"),
     ({"cost_aud": "0.000000001"}, "cost_aud"), ({"cost_aud": "1e21"}, "cost_aud"), ({"cost_aud": "1", "acquired_at": "soon"}, "acquired_at"),
     ({"cost_aud": "1", "acquired_at": 5}, "acquired_at"), ({"cost_aud": "1", "note": "x"}, "give cost_aud and acquired_at")],
)  # fmt: skip
def test_malformed_cost_is_400_and_named(
    api: APIClient, account: Account, body: dict[str, Any], names: str
) -> None:
    record_receipt(account)
    answer = give(api, lot_id(), **body)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID")
    assert names in answer.json()["message"]
    assert_nothing_given()


def test_others_lots_are_404(
    api: APIClient, user: User, client_for: Callable[[User], APIClient], clock: Any
) -> None:
    record_receipt(make_account())
    assert give(api, lot_id(), cost_aud="1").status_code == 404
    assert give(api, 999_999_999, cost_aud="1").status_code == 404
    assert give(APIClient(), lot_id(), cost_aud="1").status_code == 401
    assert_nothing_given()


def test_id_from_before_the_book_was_kept_anew_is_404(api: APIClient, account: Account) -> None:
    record_receipt(account)
    before = lot_id()
    give(api, before, cost_aud="1")
    assert give(api, before, cost_aud="2").status_code == 404
    assert GivenCost.objects.count() == 1


def test_lot_that_vanished_meanwhile_is_a_conflict(api: APIClient, account: Account) -> None:
    record_receipt(account, "1", kind="opening")
    lot = Lot.objects.get()
    record_receipt(account, "-1", kind="opening")
    with pytest.raises(costs.Conflict, match="List the lots again"):
        costs.give_cost(lot, cost_aud=D(1), actor="tests")
    assert_nothing_given()


def test_failed_booking_leaves_no_word_behind(
    api: APIClient, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_receipt(account)

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(costs, "rebuild_coin", broken)
    with pytest.raises(ZeroDivisionError):
        give(api, lot_id(), cost_aud="1")
    assert_nothing_given()


def test_operator_says_in_the_admin_what_coins_cost(
    admin_client: Client, admin_user: Any, clock: Any
) -> None:
    account = make_account()
    record_receipt(account)
    where = f"/admin/pnl/lot/{lot_id()}/give-cost/"
    asked = admin_client.get(where, follow=True).content.decode()
    assert "What did these coins cost?" in asked
    assert "booked at A$100" in asked
    assert (
        "This field is required"
        in admin_client.post(where, {"confirmed": "yes"}, follow=True).content.decode()
    )
    late = {"cost_aud": "50", "acquired_at": "2026-03-01 12:00:01"}
    assert "when these came" in admin_client.post(where, late).content.decode()
    assert_nothing_given()
    done = admin_client.post(where, {"cost_aud": "50", "acquired_at": "2026-02-01 09:30"}, follow=True)
    assert "cost A$50." in done.content.decode()
    assert done.redirect_chain[-1][0] == f"/admin/pnl/lot/{lot_id()}/change/"
    given = GivenCost.objects.get()
    assert (given.given_by, given.acquired_at) == (
        f"user:{admin_user.pk}", datetime(2026, 2, 1, 9, 30, tzinfo=UTC),
    )  # fmt: skip


def test_admin_asks_for_no_cost_of_what_was_bought(admin_client: Client, clock: Any) -> None:
    record_fill(make_account())
    page = admin_client.get(f"/admin/pnl/lot/{lot_id()}/change/").content.decode()
    assert "Say what it cost" not in page
    answer = admin_client.post(f"/admin/pnl/lot/{lot_id()}/give-cost/", {"cost_aud": "1"})
    assert answer.status_code == 403
    assert_nothing_given()
