"""The coins that parameters name are found wherever they are."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import Field

from apps.trading.algorithms.base import Coin, Parameters, Share
from apps.trading.algorithms.coins import coins_named


class Leg(Parameters):
    coin: Coin
    size: Share = Decimal(1)


class Pair(Parameters):
    name: str = "DOGE"
    coin_type: Coin = Field(default="BTC", description="What to trade.")
    hedge: Coin | None = None
    weights: dict[Coin, Share] = {}
    ignored: tuple[str, ...] = ("XRP",)
    basket: list[Coin] = []
    labels: dict[str, Coin] = {}
    first: tuple[int, Coin] | None = None
    legs: tuple[Leg, ...] = ()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, ("BTC",)),
        ({"coin_type": "ETH"}, ("ETH",)),
        ({"hedge": "ETH"}, ("BTC", "ETH")),
        ({"weights": {"SOL": "0.5", "BTC": "0.1", "ADA": "0.2"}}, ("BTC", "SOL", "ADA")),
        ({"basket": ["ADA", "SOL", "ADA"]}, ("BTC", "ADA", "SOL")),
        ({"labels": {"LONG": "ADA"}}, ("BTC", "ADA")),
        ({"first": (1, "ADA")}, ("BTC", "ADA")),
        ({"legs": ({"coin": "SOL"}, {"coin": "ETH"})}, ("BTC", "SOL", "ETH")),
    ],
)
def test_each_coin_is_named_once_and_nothing_else(given: dict[str, Any], named: tuple[str, ...]) -> None:
    assert coins_named(Pair.model_validate(given)) == named
