"""Where our rows and the venue's lists could be taken for something else: nothing is guessed, nothing is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import OperationalError, transaction

from apps.accounts.tests.factories import UserFactory
from apps.ledgers.models import LatestPrice
from apps.trading.models import Account, Discrepancy, Event, Fill, Movement, Order
from apps.trading.records import Reading, Receipt, VenueOrder, VenueTrade, VenueTransfer
from apps.trading.services import live, submit
from apps.trading.services.activation import NotReady, activate_account
from apps.trading.services.cancel import cancel_order, send_cancel
from apps.trading.services.reconcile import _since, apply
from apps.trading.services.review import decide_review
from apps.trading.services.submit import Outcome, claim, record
from apps.trading.states import Status
from apps.trading.tests.factories import place
from apps.trading.tests.live import KEY, state_of, truth
from apps.trading.venues.coinspot import CoinspotVenue
from ohmycoins.clients import coinspot
from ohmycoins.clients.coinspot import OutcomeUnknown
from ohmycoins.core import clock as system
from ohmycoins.core.errors import Conflict
from ohmycoins.sandbox.server import Sandbox

AT = "2026-03-02T12:00:00Z"
pytestmark = pytest.mark.django_db(transaction=True)


def settle(account: Account, clock: Any, rounds: int = 8) -> None:
    for _ in range(rounds):
        clock.shift(31)
        live.work(account.pk)


def price(server: Sandbox, bid: int, ask: int) -> None:
    server.venue.set_prices({"BTC": {"bid": bid, "ask": ask}})
    LatestPrice.objects.filter(coin_type="BTC").update(bid=bid, ask=ask, last=bid, observed_at=system.now())


def sold(quantity: str, key: str, *, at: datetime | None = None, order_id: str | None = None) -> VenueTrade:
    """Give a purchase as the venue lists it, at A$100 a coin without a fee."""
    value = D(quantity) * 100
    return VenueTrade(key, "buy", "BTC", D(quantity), D(100), value, D(0), at or system.now(), order_id)


def read(account: Account, *trades: VenueTrade, orders: tuple[VenueOrder, ...] = (), **more: Any) -> None:
    """Let the reconciler see just this."""
    with transaction.atomic():
        apply(Account.objects.locked().get(pk=account.pk), Reading(system.now(), orders, trades, **more))


@contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, receipt: Receipt) -> Iterator[None]:
    """Let the venue's answers to submits say this, whatever it did."""
    asked = CoinspotVenue.submit

    def misread(self: CoinspotVenue, *args: Any, **terms: Any) -> Receipt:
        there = asked(self, *args, **terms)
        return Receipt(there.id, receipt.quantity, receipt.limit_price)

    with monkeypatch.context() as patch:
        patch.setattr(CoinspotVenue, "submit", misread)
        yield


def test_retry_of_an_order_that_was_not_placed_keeps_its_own_fill(
    account: Account, server: Sandbox, clock: Any
) -> None:
    server.venue.script(KEY, ["drop_before"], ends="/my/buy")
    lost = place(account, quantity="0.1")
    live.work(account.pk)
    settle(account, clock)
    assert state_of(lost) == "not_placed"
    price(server, 100_001, 100_201)
    retried = place(account, quantity="0.1")
    assert retried.quantity != lost.quantity, "told apart although its price is another"
    live.work(account.pk)
    settle(account, clock)
    assert (state_of(lost), state_of(retried)) == ("not_placed", "filled")


def test_fill_of_a_resting_order_is_not_taken_for_a_lost_one(
    account: Account, server: Sandbox, clock: Any
) -> None:
    resting = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    server.venue.script(KEY, ["drop_before"], ends="/my/buy")
    lost = place(account, quantity="0.1")
    live.work(account.pk)
    clock.shift(50)
    price(server, 89_000, 89_500)
    settle(account, clock)
    assert (state_of(resting), state_of(lost)) == ("filled", "not_placed")


def test_cancelled_order_does_not_hold_up_the_fills_of_others(
    account: Account, server: Sandbox, clock: Any
) -> None:
    first = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    cancel_order(first.pk, actor="user:1")
    settle(account, clock)
    price(server, 100_000, 100_200)
    second = place(account, quantity="0.2")
    live.work(account.pk)
    settle(account, clock)
    assert (state_of(first), state_of(second)) == ("cancelled", "filled")
    account.refresh_from_db()
    assert account.cash_aud == truth(server).balances["AUD"]


def test_price_that_the_venue_rounded_is_taken_as_it_stands(
    account: Account, server: Sandbox, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(monkeypatch, Receipt("", D("0.1"), D("89999.99"))):
        order = place(account, quantity="0.1", price="90000")
        live.work(account.pk)
    assert (state_of(order), order.limit_price) == ("open", D("89999.99"))
    assert order.events.get(to_status="open").inputs["limit_price"] == "90000"


def test_order_that_the_venue_placed_otherwise_is_never_called_not_placed(
    account: Account, server: Sandbox, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(monkeypatch, Receipt("", D("0.5"), D("90000"))):
        order = place(account, quantity="0.1", price="90000")
        live.work(account.pk)
    assert state_of(order) == "unknown"
    server.venue.cancel(KEY, truth(server).orders[0].id)
    settle(account, clock)
    assert state_of(order) == "needs_review"
    assert [candidate["name"] for candidate in order.candidates] == [truth(server).orders[0].id]
    assert order.reserved_aud > 0


def bought(account: Account, clock: Any) -> Order:
    order = place(account, quantity="0.1")
    live.work(account.pk)
    settle(account, clock, 2)
    assert state_of(order) == "filled"
    return order


def test_more_trades_of_a_filled_order_are_for_a_person(
    account: Account, server: Sandbox, clock: Any
) -> None:
    order = bought(account, clock)
    trade = sold("0.05", "another", order_id=order.venue_order_id)
    read(account, trade)
    clock.shift(61)
    read(account, trade)
    assert state_of(order) == "needs_review"
    assert [row["key"] for row in order.candidates[0]["trades"]] == ["another"]
    assert Fill.objects.count() == 1


def test_late_fill_of_an_order_that_rested_for_days_is_recorded(
    account: Account, server: Sandbox, clock: Any
) -> None:
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    clock.shift(49 * 3600)
    cancel_order(order.pk, actor="user:1")
    settle(account, clock)
    assert state_of(order) == "cancelled"
    clock.shift(49 * 3600)
    read(account, sold("0.1", "late", order_id=order.venue_order_id))
    assert (state_of(order), order.filled_quantity) == ("filled", D("0.1"))


def test_part_of_a_cancelled_order_that_shows_late_is_recorded_and_it_stays_cancelled(
    account: Account, server: Sandbox, clock: Any
) -> None:
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    cancel_order(order.pk, actor="user:1")
    settle(account, clock)
    assert state_of(order) == "cancelled"
    read(account, sold("0.04", "late", order_id=order.venue_order_id))
    assert (state_of(order), order.filled_quantity, order.reserved_aud) == ("cancelled", D("0.04"), 0)
    assert order.events.filter(type="order.filled").count() == 1


def test_difference_found_on_a_bad_day_outlasts_the_day(
    account: Account, server: Sandbox, clock: Any
) -> None:
    Account.objects.filter(pk=account.pk).update(
        status="reduce_only", reduce_only_until=system.now() + timedelta(hours=1), cash_aud=105_000
    )
    settle(account, clock, 20)
    clock.shift(7200)
    price(server, 100_000, 100_200)
    assert place(account, quantity="0.01").denials[0]["code"] == "ACCOUNT_REDUCE_ONLY"
    assert Discrepancy.objects.get().ours == 105_000
    assert Event.objects.filter(type="account.held").count() == 1


def test_sale_passes_with_negative_cash_and_purchase_with_more_coins_on_sale_than_held(
    account: Account, clock: Any
) -> None:
    Account.objects.filter(pk=account.pk).update(cash_aud=-5)
    assert place(account, "sell", quantity="0.1").status == "pending"


def test_two_rows_at_the_first_look_and_none_at_the_second_are_for_a_person(
    account: Account, server: Sandbox, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.venue.script(KEY, ["drop_before"], ends="/my/buy")
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    order.refresh_from_db()
    twins = tuple(VenueOrder(name, "buy", "BTC", D("0.1"), D(90_000), system.now()) for name in "ab")
    readings = [Reading(system.now(), twins, ()), Reading(system.now(), (), ())]
    monkeypatch.setattr("apps.trading.services.resolve.read_venue", lambda *args, **kwargs: readings.pop(0))
    settle(account, clock)
    assert state_of(order) == "needs_review"
    assert [candidate["name"] for candidate in order.candidates] == ["a", "b"]


def test_fills_by_a_clock_behind_ours_count_from_the_first_minute(
    account: Account, server: Sandbox, clock: Any
) -> None:
    order = place(account, quantity="0.1")
    live.work(account.pk)
    order.refresh_from_db()
    early = account.connected_at - timedelta(seconds=20)  # type: ignore[operator]
    read(account, sold("0.1", "early", at=early))
    assert state_of(order) == "filled"


def test_answer_is_recorded_when_the_database_is_free_again(
    account: Account, server: Sandbox, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = place(account, quantity="0.1", price="90000")
    submission = claim(account.pk)
    assert submission is not None
    tried: list[int] = []
    real = submit._record

    def busy(*args: Any) -> None:
        tried.append(1)
        if len(tried) < 3:
            raise OperationalError("canceling statement due to lock timeout")
        real(*args)

    monkeypatch.setattr(submit, "_record", busy)
    monkeypatch.setattr(submit, "RECORD_PAUSE_SECONDS", 0)
    record(submission, Outcome(Status.OPEN, "placed", Receipt("v1", D("0.1"), D(90_000))))
    assert (state_of(order), order.venue_order_id, len(tried)) == ("open", "v1", 3)


@pytest.mark.parametrize("status", ["not_placed", "needs_review"])
def test_answer_that_comes_after_everything_is_kept(
    account: Account, server: Sandbox, clock: Any, status: str
) -> None:
    server.venue.script(KEY, ["drop_before"], ends="/my/buy")
    order = place(account, quantity="0.1", price="90000")
    submission = claim(account.pk)
    assert submission is not None
    submit.submit(submission)
    settle(account, clock)
    assert state_of(order) == "not_placed"
    if status == "needs_review":
        Order.objects.filter(pk=order.pk).update(status="open")
        Order.objects.filter(pk=order.pk).update(status="needs_review")
    record(submission, Outcome(Status.OPEN, "placed", Receipt("v1", D("0.1"), D(90_000))))
    state_of(order)
    if status == "not_placed":
        assert (order.status, order.venue_order_id, order.reserved_aud) == ("open", "v1", D("9009"))
    else:
        assert (order.status, [one["name"] for one in order.candidates]) == ("needs_review", ["v1"])


@pytest.mark.parametrize("verdict", ["filled", "not_placed"])
def test_verdict_that_contradicts_the_row_is_refused(
    account: Account, server: Sandbox, clock: Any, verdict: str
) -> None:
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    Order.objects.filter(pk=order.pk).update(status="needs_review")
    with pytest.raises(Conflict):
        decide_review(order.pk, verdict=verdict, actor="user:1", reason="x")
    assert state_of(order) == "needs_review"


def test_cancel_that_was_asked_for_is_not_forgotten_by_a_review(
    account: Account, server: Sandbox, clock: Any
) -> None:
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    Order.objects.filter(pk=order.pk).update(status="needs_review", cancel_requested_at=system.now())
    assert decide_review(order.pk, verdict="open", actor="user:1", reason="it rests").status == "cancelling"


@pytest.mark.parametrize(
    "row",
    [
        {"amount": 0, "rate": 1}, {"amount": -1, "rate": 1}, {"amount": 1, "rate": 0}, {"amount": 1, "rate": 1, "id": ""},
    ],
)  # fmt: skip
def test_odd_rows_end_a_reading_and_nothing_else(
    account: Account, clock: Any, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]
) -> None:
    listed = {"id": "a", "coin": "BTC", "market": "BTC/AUD", "created": AT, **row}
    monkeypatch.setattr(
        coinspot, "send", lambda *args, **kwargs: {"status": "ok", "buyorders": [listed], "sellorders": [], "balances": [],
                                                   "deposits": [], "withdrawals": [], "sendtransactions": [],
                                                   "receivetransactions": []},
    )  # fmt: skip
    clock.shift(301)
    before = Order.objects.count()
    live.work(account.pk)
    assert Order.objects.count() == before


def test_day_with_more_trades_than_a_page_holds_is_read_whole(
    account: Account, server: Sandbox, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coinspot, "PAGE_ROWS", 4)
    for number in range(10):
        clock.shift(61)
        server.venue.place(
            KEY, side="buy", coin="BTC", amount=D("0.001") + D(number) / 10**8, rate=D("101000")
        )
    for _ in range(4):
        clock.shift(301)
        live.work(account.pk)
    assert Fill.objects.count() == 10
    account.refresh_from_db()
    assert account.cash_aud == truth(server).balances["AUD"]


def test_page_that_gets_no_further_back_is_no_reading(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    row = {
        "id": "a",
        "coin": "BTC",
        "market": "BTC/AUD",
        "amount": 1,
        "rate": 1,
        "created": AT,
        "solddate": AT,
    }
    rows = [row] * 500
    monkeypatch.setattr(
        coinspot, "send", lambda *args, **kwargs: {"buyorders": rows, "sellorders": [], "status": "ok"}
    )
    with pytest.raises(OutcomeUnknown, match="no more than 500"):
        CoinspotVenue().read(
            lambda: 1, coinspot.Key("k", "s"), since=date(2026, 3, 1), until=date(2026, 3, 3),
            transfers_since=None,
        )  # fmt: skip


def transfer(key: str, *, repeated: bool = False) -> VenueTransfer:
    return VenueTransfer(key, "deposit", "AUD", D(100), system.now(), repeated=repeated)


def test_transfer_listed_twice_by_mistake_is_one_movement(account: Account, clock: Any) -> None:
    clock.shift(60)
    once, again = transfer("d:1"), transfer("d:2", repeated=True)
    read(account, transfers=(once, again))
    read(account, transfers=(once,))
    assert Movement.objects.filter(kind="deposit").count() == 1
    read(account, transfers=(once, again))
    read(account, transfers=(once, again))
    assert Movement.objects.filter(kind="deposit").count() == 2, "twice in a row: there are two"


def test_look_that_was_asked_for_meanwhile_is_not_forgotten(
    account: Account, server: Sandbox, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.shift(301)
    soon = system.now() + timedelta(seconds=1)
    real = apply

    def interrupted(locked: Account, reading: Reading) -> None:
        Account.objects.get(pk=locked.pk).look_soon(soon)
        locked.refresh_from_db()
        real(locked, reading)

    monkeypatch.setattr("apps.trading.services.reconcile.apply", interrupted)
    live.work(account.pk)
    account.refresh_from_db()
    assert account.next_reconcile_at == soon


def test_cancel_of_an_order_that_does_not_add_up_is_sent(
    account: Account, server: Sandbox, clock: Any
) -> None:
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    Order.objects.filter(pk=order.pk).update(looked_at=system.now())
    cancel_order(order.pk, actor="user:1")
    live.work(account.pk)
    assert truth(server).orders[0].state == "cancelled"


def test_order_in_review_is_taken_off_the_book_when_it_is_cancelled(
    account: Account, server: Sandbox, clock: Any
) -> None:
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    Order.objects.filter(pk=order.pk).update(status="needs_review")
    assert cancel_order(order.pk, actor="user:1").status == "needs_review"
    settle(account, clock, 2)
    assert truth(server).orders[0].state == "cancelled"
    assert state_of(order) == "needs_review", "what it was is still for a person"
    assert order.next_at is None


def test_every_cancel_gets_its_turn(account: Account, server: Sandbox, clock: Any, monkeypatch: Any) -> None:
    orders = [place(account, quantity="0.001", price=f"8{number:04}") for number in range(6)]
    live.work(account.pk)
    for order in orders:
        cancel_order(order.pk, actor="user:1")
    asked: list[str] = []

    def slow(self: CoinspotVenue, *args: Any, venue_order_id: str, **terms: Any) -> None:
        asked.append(venue_order_id)
        clock.shift(8)

    monkeypatch.setattr(CoinspotVenue, "cancel", slow)
    for _ in range(6):
        send_cancel(account.pk)
    assert len(set(asked)) == 6


def external(account: Account, remaining: str) -> VenueOrder:
    """Let an order be known that rested at the venue long before the account was connected."""
    listed = VenueOrder(
        "old", "buy", "BTC", D(remaining), D(90_000), account.connected_at - timedelta(days=20)
    )  # type: ignore[operator]
    read(account, orders=(listed,))
    return listed


@pytest.mark.parametrize("name", ["old", None])
def test_trades_from_before_the_connection_are_never_booked(
    account: Account, clock: Any, name: str | None
) -> None:
    before = account.connected_at - timedelta(days=1)  # type: ignore[operator]
    pieces = [sold("0.1", f"piece {number}", at=before, order_id=name) for number in range(4)]
    listed = external(account, "0.4")
    for _ in range(3):
        clock.shift(61)
        read(account, *pieces, orders=(listed,))
    for _ in range(3):
        clock.shift(61)
        read(account, *pieces)
    order = Order.objects.get(venue_order_id="old")
    assert (order.status, order.filled_quantity) == ("cancelled", 0)
    assert not Fill.objects.exists()


def not_placed(account: Account, server: Sandbox, clock: Any, **terms: str) -> Order:
    server.venue.script(KEY, ["drop_before"], ends="/my/buy")
    order = place(account, **({"quantity": "0.1"} | terms))
    live.work(account.pk)
    settle(account, clock)
    assert state_of(order) == "not_placed"
    return order


def test_purchase_made_elsewhere_hours_later_is_not_given_to_an_order_that_was_not_placed(
    account: Account, server: Sandbox, clock: Any
) -> None:
    order = not_placed(account, server, clock)
    clock.shift(10 * 3600)
    trade = sold("0.1", "by hand")
    for _ in range(3):
        read(account, trade)
        clock.shift(61)
    assert state_of(order) == "not_placed"
    assert [(row.origin, row.status) for row in Order.objects.exclude(pk=order.pk)] == [
        ("external", "filled")
    ]


def test_nothing_is_swept_up_while_another_order_is_looked_for(
    account: Account, server: Sandbox, clock: Any
) -> None:
    first = not_placed(account, server, clock)
    price(server, 100_000, 100_200)
    server.venue.script(KEY, ["drop_before"], ends="/my/buy")
    second = place(account, quantity="0.25")
    live.work(account.pk)
    read(account, sold("0.1", "x"), sold("0.15", "y"))
    assert (state_of(first), state_of(second)) == ("not_placed", "unknown")


def test_order_on_the_book_with_a_little_less_is_no_proof_that_nothing_was_placed(
    account: Account, server: Sandbox, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.venue.script(KEY, ["drop_before"], ends="/my/buy")
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    rounded = VenueOrder("r", "buy", "BTC", D("0.0999"), D(90_000), system.now())
    monkeypatch.setattr(
        "apps.trading.services.resolve.read_venue",
        lambda *args, **kwargs: Reading(system.now(), (rounded,), ()),
    )
    settle(account, clock)
    assert state_of(order) == "needs_review"
    decided = decide_review(order.pk, verdict="r", actor="user:1", reason="it is that one")
    assert (decided.status, decided.quantity, decided.venue_order_id) == ("open", D("0.0999"), "r")
    assert decided.reserved_aud == D("0.0999") * 90_000 * D("1.001")


def test_trades_that_a_person_turned_down_do_not_come_back(
    account: Account, server: Sandbox, clock: Any
) -> None:
    order = bought(account, clock)
    trade = sold("0.05", "another", order_id=order.venue_order_id)
    for _ in range(2):
        read(account, trade)
        clock.shift(61)
    assert state_of(order) == "needs_review"
    assert decide_review(order.pk, verdict="filled", actor="user:1", reason="restated").status == "filled"
    for _ in range(4):
        clock.shift(61)
        read(account, trade)
    assert state_of(order) == "filled"
    account.refresh_from_db()
    assert account.unclaimed == []


def test_filled_order_is_not_said_to_be_open(account: Account, server: Sandbox, clock: Any) -> None:
    order = bought(account, clock)
    Order.objects.filter(pk=order.pk).update(status="needs_review")
    with pytest.raises(Conflict):
        decide_review(order.pk, verdict="open", actor="user:1", reason="x")


def test_order_that_is_open_after_all_reserves_again(account: Account, server: Sandbox, clock: Any) -> None:
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    Order.objects.filter(pk=order.pk).update(status="needs_review", reserved_aud=0)
    assert decide_review(order.pk, verdict="open", actor="user:1", reason="it rests").reserved_aud == D(
        "9009"
    )


def test_a_thousand_trades_of_one_coin_are_read(account: Account, server: Sandbox, clock: Any) -> None:
    order = place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    trades = [sold("0.0001", f"{number}") for number in range(1200)]
    clock.shift(61)
    read(account, *trades)
    assert state_of(order) == "open"


def test_order_that_rests_for_a_year_does_not_make_every_reading_read_a_year(
    account: Account, server: Sandbox, clock: Any
) -> None:
    place(account, quantity="0.1", price="90000")
    live.work(account.pk)
    clock.shift(365 * 86_400)
    live.work(account.pk)
    account.refresh_from_db()
    assert _since(account, system.now()) > system.now() - timedelta(days=2)


def test_account_whose_balances_differ_is_not_activated(account: Account, clock: Any) -> None:
    Account.objects.filter(pk=account.pk).update(status="inactive", activated_at=None)
    Discrepancy.objects.create(
        account=account, coin_type="AUD", ours=1, theirs=2, value_aud=1, found_at=system.now()
    )
    by = UserFactory(is_superuser=True)
    with pytest.raises(NotReady, match="nobody has explained"):
        activate_account(account.pk, by=by)
