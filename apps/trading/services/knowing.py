"""Read what an algorithm declared, as the ledgers knew it at an instant, before it is asked."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.db.models import QuerySet

from apps.ledgers.services.known import settle
from apps.ledgers.services.purge import cut_of
from apps.trading.algorithms.base import Input
from apps.trading.algorithms.rows import WIDTHS, Row
from apps.trading.algorithms.snapshot import Snapshot
from apps.trading.services.ledger_rows import COMMON, TABLES, Table, end_of
from ohmycoins.core import seams
from ohmycoins.core.errors import Gone


def read_known(inputs: Sequence[Input], now: datetime) -> Snapshot:
    """Read the inputs as of `now`; a later restatement changes nothing of what this gives."""
    found: dict[Input, Sequence[Row]] = {}
    newest_at: dict[Input, datetime | None] = {}
    for wanted in inputs:
        table = TABLES[wanted.series]
        found[wanted] = _read(table, wanted, now)
        newest_at[wanted] = _newest(table, wanted, found[wanted], now)
    return Snapshot(MappingProxyType(found), MappingProxyType(newest_at))


def settle_ledgers(inputs: Sequence[Input], now: datetime) -> None:
    """Wait until all that the inputs' collectors observed up to `now` can be read; outside any transaction."""
    ledgers = {wanted.ledger for wanted in inputs}
    collectors = seams.load("COLLECTORS").items()
    settle(now, sources=tuple(slug for slug, collector in collectors if collector.ledger in ledgers))


def require_whole(inputs: Sequence[Input], instant: datetime) -> None:
    """Raise Gone when a part of what the inputs reached back to at `instant` was deleted since."""
    for wanted in inputs:
        width = WIDTHS.get(wanted.detail, timedelta(0))
        began = instant - (wanted.within or width * (wanted.count + 1))
        cut = cut_of(TABLES[wanted.series].model)
        if cut and began < cut:
            raise Gone(
                f"{wanted.label} was read from {began.isoformat()} on, and deleted up to {cut.isoformat()}",
                code="PAST_DELETED",
            )


def _read(table: Table, wanted: Input, now: datetime) -> Sequence[Row]:
    known: QuerySet[Any] = table.rows_of(wanted)
    known = known.current(now) if table.is_item else known.as_of(now)  # type: ignore[attr-defined]
    if wanted.within is not None:
        known = known.filter(occurred_at__gte=now - wanted.within)
    newest = known.order_by("-occurred_at", "-id").values(*COMMON, *table.columns)[: wanted.count]
    return tuple(table.row(values, values["observed_at"]) for values in reversed(newest))


def _newest(table: Table, wanted: Input, found: Sequence[Row], now: datetime) -> datetime | None:
    if found and not table.shared:
        return end_of(wanted, found[-1].occurred_at)
    rows: QuerySet[Any] = table.model._default_manager.all() if table.shared else table.rows_of(wanted)
    at = rows.as_of(now).order_by("-occurred_at").values_list("occurred_at", flat=True).first()  # type: ignore[attr-defined]
    return end_of(wanted, at) if at else None
