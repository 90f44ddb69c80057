"""Seal stored secrets anew when the key that seals has changed, row by row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from ohmycoins.core.sealing import NotOpened


@dataclass(frozen=True, slots=True)
class Resealing:
    """What a change of the key that seals came to."""

    resealed: int
    unchanged: int
    unopened: tuple[int, ...]
    """The rows that no configured key opens."""


def reseal_each(rows: QuerySet[Any], *, key: str, reseal: Callable[[Any], str | None]) -> Resealing:
    """Put what `reseal` gives into each row's `sealed`, one transaction each; running again changes nothing.

    Rows are taken in the order of the column `key`, and named by it. `reseal` gives None for what the newest key
    has sealed already, and raises NotOpened for what no key opens.
    """
    resealed, unchanged, unopened = 0, 0, []
    for value in list(rows.order_by(key).values_list(key, flat=True)):
        with transaction.atomic():
            row = rows.select_for_update().filter(**{key: value}).first()
            if row is None:  # deleted meanwhile
                continue
            try:
                sealed = reseal(row)
            except NotOpened:
                unopened.append(value)
                continue
            if sealed is None:
                unchanged += 1
                continue
            row.sealed = sealed
            row.save(update_fields=["sealed"])
            resealed += 1
    return Resealing(resealed=resealed, unchanged=unchanged, unopened=tuple(unopened))
