"""The rules that brake, as tables: what was sold, what follows."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from apps.monitoring.protections import (
    ONE,
    Course,
    Sale,
    Worth,
    begin,
    fallen_percent,
    follow,
    pauses,
    reach,
    read_parameters,
    shown,
)
from ohmycoins.core.errors import Invalid

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TODAY = NOON.date()


def sale(minute: float, pnl: str, coin: str = "BTC", cost: str = "100", key: str = "") -> Sale:
    return Sale(
        key or f"order:{minute}:{coin}", None, coin, D(pnl), D(cost), NOON + timedelta(minutes=minute)
    )


def found(kind: str, given: dict[str, Any], *sales: Sale) -> list[tuple[str, float]]:
    """Give what is paused and until which minute."""
    said = pauses(read_parameters(kind, given), sales)
    return [(pause.coin_type, (pause.until - NOON).total_seconds() / 60) for pause in said]


@pytest.mark.parametrize(
    ("given", "sales", "expected"),
    [
        ({"minutes": 10}, [sale(0, "-0.00000001")], [("BTC", 10)]),
        ({"minutes": 10}, [sale(0, "0")], []),
        ({"minutes": 10}, [sale(0, "5")], []),
        ({"minutes": 10, "only_losses": False}, [sale(0, "5")], [("BTC", 10)]),
        ({"minutes": 10}, [sale(0, "-1"), sale(3, "2")], [("BTC", 10)]),
        ({"minutes": 10}, [sale(3, "-1"), sale(0, "-2")], [("BTC", 13)]),
        ({"minutes": 10}, [sale(0, "-1", "ETH"), sale(3, "-2")], [("BTC", 13), ("ETH", 10)]),
        ({"minutes": 10}, [], []),
    ],
)
def test_cooldown(given: dict[str, Any], sales: list[Sale], expected: list[tuple[str, float]]) -> None:
    assert found("cooldown", given, *sales) == expected


THREE = {"sales": 3, "window_minutes": 60, "pause_minutes": 30}


@pytest.mark.parametrize(
    ("given", "sales", "expected"),
    [
        (THREE, [sale(0, "-1"), sale(1, "-1")], []),
        (THREE, [sale(0, "-1"), sale(1, "-1"), sale(2, "-1")], [("", 32)]),
        (THREE, [sale(0, "-1"), sale(1, "0"), sale(2, "-1")], []),
        # What is exactly a window older is out of it.
        (THREE, [sale(0, "-1"), sale(1, "-1"), sale(59.99, "-1")], [("", 89.99)]),
        (THREE, [sale(0, "-1"), sale(1, "-1"), sale(60, "-1")], []),
        # A profit between them does not help.
        (THREE, [sale(0, "-1"), sale(1, "-1"), sale(2, "50"), sale(3, "-1"), sale(9, "7")], [("", 33)]),
        # The fourth makes it longer.
        (THREE, [sale(0, "-1"), sale(1, "-1"), sale(2, "-1"), sale(40, "-1")], [("", 70)]),
        # Looked at late: three long ago still pause from then.
        (THREE, [sale(0, "-1"), sale(1, "-1"), sale(2, "-1"), sale(99, "-1")], [("", 32)]),
        (THREE, [sale(0, "-1", "BTC"), sale(0, "-1", "ETH"), sale(0, "-1", "XRP")], [("", 30)]),
        (THREE | {"per_coin": True}, [sale(0, "-1", "BTC"), sale(1, "-1", "ETH"), sale(2, "-1", "BTC")], []),
        (
            THREE | {"per_coin": True, "sales": 2},
            [sale(0, "-1", "BTC"), sale(1, "-1", "ETH"), sale(2, "-1", "BTC")],
            [("BTC", 32)],
        ),
        # 1 % of A$100 is required: exactly that is enough.
        (THREE | {"sales": 1, "required_profit_percent": "1"}, [sale(0, "1")], []),
        (THREE | {"sales": 1, "required_profit_percent": "1"}, [sale(0, "0.99999999")], [("", 30)]),
        (THREE | {"sales": 1, "required_profit_percent": "-5"}, [sale(0, "-5")], []),
        (THREE | {"sales": 1, "required_profit_percent": "-5"}, [sale(0, "-5.00000001")], [("", 30)]),
        # Coins that cost nothing lose only their fee.
        (THREE | {"sales": 1}, [sale(0, "0", cost="0")], []),
        (THREE | {"sales": 1}, [sale(0, "-0.1", cost="0")], [("", 30)]),
    ],
)
def test_losing_sales(given: dict[str, Any], sales: list[Sale], expected: list[tuple[str, float]]) -> None:
    assert found("losing_sales", given, *sales) == expected


LOW = {"window_minutes": 60, "sales": 2, "required_profit_percent": "2", "pause_minutes": 30}


@pytest.mark.parametrize(
    ("given", "sales", "expected"),
    [
        (LOW, [sale(0, "-90")], []),
        (LOW, [sale(0, "1"), sale(5, "2.99999999")], [("BTC", 35)]),
        (LOW, [sale(0, "1"), sale(5, "3")], []),
        # Weighed by what they cost: 2 % of 100 + 900 is 20.
        (LOW, [sale(0, "10", cost="100"), sale(5, "9.99", cost="900")], [("BTC", 35)]),
        (LOW, [sale(0, "10", cost="100"), sale(5, "10", cost="900")], []),
        (LOW, [sale(0, "-90"), sale(60, "1")], []),
        (LOW, [sale(0, "-90"), sale(59, "1")], [("BTC", 89)]),
        (LOW, [sale(0, "-90", "BTC"), sale(5, "-90", "ETH")], []),
        (LOW, [sale(0, "1"), sale(5, "1"), sale(6, "50")], [("BTC", 35)]),
        ({"window_minutes": 60, "pause_minutes": 30}, [sale(0, "-0.01")], [("BTC", 30)]),
        ({"window_minutes": 60, "pause_minutes": 30}, [sale(0, "0")], []),
    ],
)
def test_low_profit(given: dict[str, Any], sales: list[Sale], expected: list[tuple[str, float]]) -> None:
    assert found("low_profit", given, *sales) == expected


def test_pause_says_what_it_follows_from() -> None:
    first, last = sale(0, "-4.50", key="order:7"), sale(5, "-1", key="fill:9")
    (cool,) = pauses(read_parameters("cooldown", {"minutes": 5}), [first])
    assert (cool.cause, cool.reason) == ("order:7@1772452800000000", "a sale of BTC: lost A$4.5")
    assert cool.inputs == {"sale": "order:7", "realized_pnl": "-4.5"}
    (low,) = pauses(read_parameters("low_profit", LOW), [first, last])
    assert low.cause == "fill:9@1772453100000000"
    assert low.reason == "2 sales within 60 minutes, less than 2 % together of BTC: lost A$5.5"
    assert low.inputs == {"sales": 2, "realized_pnl": "-5.5", "cost": "200"}


def test_another_fill_of_a_sale_is_another_cause() -> None:
    rule = read_parameters("cooldown", {"minutes": 5})
    causes = {pauses(rule, [sale(minute, "-1", key="order:7")])[0].cause for minute in (0, 1)}
    assert len(causes) == 2


@pytest.mark.parametrize(
    ("before", "now", "level"),
    [
        (Worth(D(1000), D(1000)), Worth(D(750), D(1000)), "0.75"),
        (Worth(D(1000), D(1000)), Worth(D(1100), D(1000)), "1.1"),
        # Payments alone are no gain and no loss.
        (Worth(D(1000), D(1000)), Worth(D(5000), D(5000)), "1"),
        (Worth(D(1000), D(1000)), Worth(D(10), D(10)), "1"),
        # What was paid in shares in what was lost; what was taken out did, too.
        (Worth(D(1000), D(1000)), Worth(D(1500), D(2000)), "0.75"),
        (Worth(D(1000), D(1000)), Worth(D(400), D(500)), "0.9"),
        # Half of what was left after most was taken out.
        (Worth(D(100), D(100)), Worth(D(50), D(100)), "0.5"),
        # Nothing there: nothing to lose or to gain on.
        (Worth(D(0), D(0)), Worth(D(5), D(0)), "1"),
        (Worth(D(100), D(100)), Worth(D(-50), D(100)), "0"),
    ],
)
def test_level_of_an_account_is_what_a_dollar_became(before: Worth, now: Worth, level: str) -> None:
    course = follow(begin(TODAY, worth=before), now, TODAY, 30)
    assert (course.level, course.worth) == (D(level), now)
    assert course.peak == max(ONE, D(level))


@pytest.mark.parametrize(
    ("peak", "level", "base", "percent"),
    [
        ("2", "1.5", None, "25"),
        ("2", "1.50000001", None, "24.9999995"),
        ("1", "1", None, "0"),
        ("0", "0", None, "0"),
        # A book's, of the AUD that it may use.
        ("120", "-30", "1000", "15"),
        ("120", "-30", "0", "0"),
        ("0", "-50", "100", "50"),
    ],
)
def test_fall_is_a_share_of_the_peak_or_of_the_base(
    peak: str, level: str, base: str | None, percent: str
) -> None:
    course = Course(D(level), {TODAY: D(peak)})
    assert fallen_percent(course, None if base is None else D(base)) == D(percent)


def test_peak_is_forgotten_when_its_day_leaves_the_window() -> None:
    course = Course(D(2), {date(2026, 3, 1): D(3), date(2026, 3, 5): D("2.5")})
    assert reach(course, D(2), date(2026, 3, 31), 30).peak == D(3)
    later = reach(course, D(2), date(2026, 4, 1), 30)
    assert (later.peak, later.highs) == (D("2.5"), {date(2026, 3, 5): D("2.5"), date(2026, 4, 1): D(2)})


def test_highest_of_a_day_is_kept() -> None:
    course = begin(TODAY, level=D(0))
    for level in ("5", "9", "7"):
        course = reach(course, D(level), TODAY, 1)
    assert (course.level, course.highs) == (D(7), {TODAY: D(9)})


def test_level_that_no_column_could_hold_begins_anew_as_the_peak_that_it_is() -> None:
    course = begin(TODAY, worth=Worth(D("0.00000001"), D("0.00000001")))
    rich = follow(course, Worth(D(10_000), D("0.00000001")), TODAY, 30)
    assert (rich.level, rich.peak) == (ONE, ONE)


def test_share_is_shown_as_no_more_than_it_was() -> None:
    assert (shown(D("24.9999995")), shown(D("25"))) == ("24.99", "25")


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("stop", {}, "kind='stop' is not one of: cooldown, losing_sales"),
        ("cooldown", {}, "minutes: Field required"),
        ("cooldown", {"minutes": 0}, "minutes: Input should be greater than or equal to 1"),
        ("cooldown", {"minutes": "5"}, "minutes: Input should be a valid integer"),
        ("cooldown", {"minutes": True}, "minutes: Input should be a valid integer"),
        ("cooldown", {"minutes": 5, "coin": "BTC"}, "coin: is not one of: minutes, only_losses"),
        ("cooldown", [], "parameters: Input should be a valid dictionary"),
        ("cooldown", {"minutes": 525_601}, "less than or equal to 525600"),
        ("losing_sales", THREE | {"window_minutes": 43_201}, "window_minutes: "),
        ("losing_sales", THREE | {"required_profit_percent": "NaN"}, "required_profit_percent: "),
        ("drawdown", {"max_percent": "0", "window_days": 30}, "max_percent: Input should be greater than 0"),
        ("drawdown", {"max_percent": "100.01", "window_days": 30}, "max_percent: "),
        ("drawdown", {"max_percent": "25", "window_days": 367}, "window_days: "),
        ("failing_collectors", {"minutes": 5}, "minutes: is not one of: none"),
    ],
)
def test_bad_parameters_are_named(kind: str, given: Any, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_parameters(kind, given)
    assert said in refused.value.message


def test_parameters_are_stored_complete_and_exact() -> None:
    stored = read_parameters("drawdown", {"max_percent": "12.5", "window_days": 7}).model_dump(mode="json")
    assert stored == {"max_percent": "12.5", "window_days": 7, "pause_minutes": None}
