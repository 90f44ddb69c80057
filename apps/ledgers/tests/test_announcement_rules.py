"""What kind an announcement is: the most specific rule wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ledgers.announcement_rules import classify

IMPACTS = {"delisting": 8, "trading_halt": 8, "suspension": 8, "listing": 9, "maintenance": 4, "trading_update": 6,
           "feature": 3, "other": 5}  # fmt: skip


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Delisting of X", "delisting"), ("De-listing notice: ABC", "delisting"), ("ABC to be delisted", "delisting"),
        ("Listings and delistings in May", "delisting"), ("Removal of 20 coins from CoinSpot", "delisting"),
        ("CoinSpot will no longer support ABC", "delisting"), ("Ending support for ABC: coin delisting", "delisting"),
        ("Delisting of new listing ABC", "delisting"), ("DELISTING: new token ABC", "delisting"),
        ("Trading halt: LUNA", "trading_halt"), ("Trading of LUNA halted", "trading_halt"),
        ("ABC market paused", "trading_halt"), ("We have paused trading in ABC", "trading_halt"),
        ("XRP trading suspended", "suspension"), ("Suspension of USDT withdrawals", "suspension"),
        ("SOL deposits paused", "suspension"), ("Withdrawals disabled for EOS", "suspension"),
        ("ETH merge: deposits suspended", "suspension"), ("Suspension of newly listed ABC", "suspension"),
        ("XRP trading resumed after suspension", "trading_update"), ("Suspended coins resume trading", "trading_update"),
        ("Delisting of X cancelled", "trading_update"), ("ABC withdrawals re-enabled", "trading_update"),
        ("Suspension of ABC lifted", "trading_update"), ("ABC will not be delisted", "trading_update"),
        ("Token swap: MATIC to POL", "trading_update"), ("Changes to trading fees", "trading_update"),
        ("Scheduled maintenance: new wallet added", "maintenance"), ("ETH wallet maintenance", "maintenance"),
        ("Maintenance: trading will be suspended", "maintenance"), ("System upgrade on Sunday", "maintenance"),
        ("New coin listing: PEPE", "listing"), ("PEPE is now listed on CoinSpot", "listing"),
        ("CoinSpot adds 10 new coins", "listing"), ("SUI is now available on CoinSpot", "listing"),
        ("We have added 5 new coins", "listing"), ("CoinSpot to list ABC", "listing"), ("New listings", "listing"), ("ADA/USDT market now live", "listing"), ("New listing: ABC with zero fees", "listing"),
        ("Introducing recurring buys", "feature"), ("New feature: price alerts", "feature"),
        ("CoinSpot mobile app update", "feature"), ("New wallet added", "feature"), ("CoinSpot adds support for Apple Pay", "feature"),
        ("Holiday support hours", "other"), ("Waitlist opens", "other"), ("Blacklisting of addresses", "other"),
        ("Enlisting helpers", "other"), ("Unlisted", "other"), ("", "other"),
    ],
)  # fmt: skip
def test_title_decides(title: str, expected: str) -> None:
    kind = classify(title)
    assert (kind.event_type, kind.impact) == (expected, IMPACTS[expected])


def test_body_is_read_only_when_the_title_says_nothing() -> None:
    assert classify("About ABC", "ABC will be delisted on Monday.").event_type == "delisting"
    assert classify("ABC is now listed", "Later, XYZ will be delisted.").event_type == "listing"
    assert classify("About ABC", "Nothing to say.").event_type == "other"


@pytest.mark.parametrize(
    "body",
    [
        "Our hours are listed below.",
        "New terms apply.",
        "Trade with your card or our app.",
        "Maintenance of a garden",
    ],
)
def test_body_that_mentions_things_in_passing_says_nothing(body: str) -> None:
    assert classify("A word from us", body).event_type == "other"


@pytest.mark.parametrize(
    ("title", "expected"),
    [("Delisting of X", "bearish"), ("Trading halt: X", "bearish"), ("X suspended", "bearish"),
     ("New listing: X", "bullish"), ("Maintenance", "neutral"), ("Hello", "neutral")],
)  # fmt: skip
def test_kind_says_what_it_means_for_the_coin(title: str, expected: str) -> None:
    assert classify(title).sentiment == expected


@given(st.text(), st.text())
def test_any_announcement_has_a_kind(title: str, body: str) -> None:
    kind = classify(title, body)
    assert kind.impact == IMPACTS[kind.event_type]
    assert classify(title.upper(), body) == classify(title.upper(), body)


def test_delisting_of_anything_is_never_a_listing() -> None:
    for coin in ("ABC", "new coins", "the token added in May", "10 newly listed tokens"):
        assert classify(f"Delisting of {coin}").event_type == "delisting"


def test_very_long_announcement_is_read() -> None:
    assert classify("coin " * 20_000, "trading of the " * 20_000).event_type in IMPACTS
