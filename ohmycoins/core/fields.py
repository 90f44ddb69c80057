"""Name the columns that hold money, so that each kind has one size everywhere."""

from typing import Any

from django.db import models
from django.db.models import Q


class _MoneyField(models.DecimalField):  # type: ignore[type-arg]
    digits = 38
    places = 18

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_digits"], kwargs["decimal_places"] = self.digits, self.places
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"], kwargs["decimal_places"]
        return name, path, args, kwargs


class AudField(_MoneyField):
    """An amount of AUD, kept with 8 decimals; wide enough for any quantity at any price."""

    digits, places = 38, 8


class UsdField(_MoneyField):
    """An amount of USD, kept with 8 decimals."""

    digits, places = 38, 8


class PriceField(_MoneyField):
    """A price in the market's quote coin per one coin."""


class QuantityField(_MoneyField):
    """A number of coins; orders have at most 8 decimals, imported history up to 18."""


def positive(field: str) -> Q:
    """Give the CHECK that `field` is above zero and a number (PostgreSQL's NaN exceeds them all)."""
    return Q(**{f"{field}__gt": 0}) & Q(**{f"{field}__lt": 10**20})


def not_negative(field: str) -> Q:
    """Give the CHECK that `field` is zero or more and a number."""
    return Q(**{f"{field}__gte": 0}) & Q(**{f"{field}__lt": 10**20})
