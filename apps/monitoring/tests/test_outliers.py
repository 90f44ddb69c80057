"""A price is an outlier by its own market's past; by tables, and in the database."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from apps.ledgers.models import Price
from apps.ledgers.tests.factories import make_price
from apps.monitoring.models import Outlier, QualityCheck
from apps.monitoring.outliers import CALMEST, find_jump
from apps.monitoring.services.outliers import doubted, find_outliers
from ohmycoins.core.clock import now

CALM = [D(100), D("100.1")] * 30  # moves by 0.1 % a minute
WILD = [D(100), D(103)] * 30


@pytest.mark.parametrize(
    ("past", "last", "is_outlier"),
    [
        (CALM, "200", True), (CALM, "50", True), (CALM, "100.2", False),
        (CALM, "102.1020000001", True), (CALM, "102.102", False),  # 2 % of the price before
        (WILD, "100", False), (WILD, "151", False), (WILD, "154", True),
        ([D(100)] * 60, "102.000001", True), ([D(100)] * 60, "102", False),  # MAD and decile are 0
        ([D(100)] * 20, "200", True), ([D(100)] * 19, "200", False), ([], "200", False),
    ],
)  # fmt: skip
def test_price_is_an_outlier_beyond_ten_deviations_and_two_percent(
    past: list[D], last: str, is_outlier: bool
) -> None:
    assert (find_jump(past, D(last)) is not None) is is_outlier


def test_market_that_rarely_trades_is_judged_by_the_moves_it_makes() -> None:
    """Given a past in which most readings repeat the last one, when it moves as it does, then it is believed."""
    steps = ([D(100)] * 9 + [D(103)] * 6) * 4
    assert find_jump(steps, D(100)) is None


def test_one_jump_in_the_past_does_not_hide_the_next() -> None:
    """A mean would be blown up by the first; the median and the decile are not moved."""
    past = [*CALM[:30], D(1_000), *CALM[:29]]
    jump = find_jump(past, D(130))
    assert jump
    assert (jump.before, round(jump.deviations)) == (D(100), 88)


def test_deviations_are_counted_in_robust_standard_deviations_from_the_median() -> None:
    jump = find_jump([D(100)] * 30, D(200))
    assert jump
    assert jump.deviations == pytest.approx(0.6931471805599453 / CALMEST)


@given(
    st.lists(st.decimals("0.01", "1000", places=2), min_size=20, max_size=70),
    st.decimals("0.01", "1000", places=2),
)
def test_no_past_breaks_the_judge(past: list[D], last: D) -> None:
    jump = find_jump(past, last)
    assert jump is None or jump.deviations > 10


def readings(*prices: str | int, coin: str = "BTC", market: str = "AUD", clock: Any) -> None:
    for price in prices:
        clock.shift(60)
        make_price(coin, bid=price, ask=price, market=market)


@pytest.mark.django_db
def test_outlier_is_found_once_and_named(clock: Any) -> None:
    readings(*(100, "100.1") * 15, 150, clock=clock)
    assert [outlier.coin_type for outlier in find_outliers(now())] == ["BTC"]
    find_outliers(now())
    outlier = Outlier.objects.get()
    price = Price.objects.get(last=150)
    assert (outlier.price_id, outlier.before, outlier.last, outlier.bound) == (
        price.pk,
        D("100.1"),
        D(150),
        10,
    )
    assert (outlier.occurred_at, outlier.found_at, outlier.market) == (price.occurred_at, now(), "AUD")


@pytest.mark.django_db
def test_only_aud_markets_and_only_prices_since_the_last_check_are_judged(clock: Any) -> None:
    readings(*(100,) * 25, 150, market="USDT", clock=clock)
    readings(*(100,) * 25, 150, coin="ETH", clock=clock)
    clock.shift(400)
    QualityCheck.objects.create(
        checked_at=now(), overall=1, completeness=1, timeliness=1, accuracy=1, ledgers={}
    )
    assert find_outliers(now()) == []
    readings(*(150,) * 5, 300, coin="ETH", clock=clock)
    assert [outlier.last for outlier in find_outliers(now())] == [D(300)]


@pytest.mark.django_db
def test_price_after_a_gap_is_not_compared_with_what_was_long_before(clock: Any) -> None:
    readings(*(100,) * 25, clock=clock)
    clock.shift(timedelta(minutes=16).total_seconds())
    make_price(bid=150, ask=150)
    assert find_outliers(now()) == []


@pytest.mark.django_db
def test_coin_is_doubted_until_its_newest_outlier_is_a_quarter_of_an_hour_old(clock: Any) -> None:
    readings(*(100,) * 25, 150, 90, clock=clock)
    find_outliers(now())
    assert [outlier.last for outlier in doubted(now())] == [D(90)]
    clock.shift(899)
    assert len(doubted(now())) == 1
    clock.shift(1)
    assert doubted(now()) == []


@pytest.mark.django_db
def test_whole_market_is_judged_in_two_queries(
    clock: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for coin in ("BTC", "ETH", "SOL"):
        readings(*(100,) * 25, coin=coin, clock=clock)
    with django_assert_num_queries(2):  # when was the last check, and what jumped since
        assert find_outliers(now()) == []
