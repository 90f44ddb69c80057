"""Write the past into the ledgers, part by part; parts that are there are passed over."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min

from apps.ledgers.models import Price, Source
from apps.ledgers.models.entry import Entry
from apps.ledgers.records import ItemRecord
from apps.ledgers.services.candles import roll_seeded
from apps.ledgers.services.store import Past, store_items, store_prices
from ohmycoins.core import clock
from ohmycoins.core.errors import Refused
from ohmycoins.core.locks import advisory_lock
from ohmycoins.sandbox.market import Market
from ohmycoins.seed.entries import MADE, Made, Window, instants, prices_at

PRICES = "coinspot_prices"
MARK = "seed"  # among the parts of the past that the prices' Source remembers
AT_ONCE = 500  # instants
DAY = timedelta(days=1)

Report = Callable[[str, int, int], None]
"""Is told which part is written, and how much of how much of it is done."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Which past a database holds, or is about to: of which seed, from when until when."""

    seed: int
    window: Window


def read_mark() -> Mark | None:
    """Give the past that was begun, if one was."""
    said = Source.objects.values_list("backfilled", flat=True).get(pk=PRICES).get(MARK)
    if said is None:
        return None
    since, until = (datetime.fromisoformat(said[name]) for name in ("since", "until"))
    return Mark(said["seed"], Window(since, until))


@transaction.atomic
def begin(seed: int, days: int) -> Mark:
    """Give the past that was begun or, if none was, begin the one of the `days` up to now.

    What was observed stays by itself: a made-up past ends where it begins. Raises Refused when the
    past of another seed is there.
    """
    prices = Source.objects.select_for_update().get(pk=PRICES)
    mark = read_mark()
    if mark is None:
        observed: datetime | None = Price.objects.filter(origin=Entry.Origin.OBSERVED).aggregate(
            at=Min("occurred_at")
        )["at"]
        until = min(clock.now(), observed or clock.now()).replace(second=0, microsecond=0)
        mark = Mark(seed, Window(until.replace(minute=0) - DAY * days, until))
        prices.backfilled[MARK] = {
            "seed": seed, "since": mark.window.since.isoformat(), "until": until.isoformat(), "done": [],
        }  # fmt: skip
        prices.save(update_fields=["backfilled"])
    if mark.seed != seed:
        raise Refused(
            f"The past of seed {mark.seed} is here already: `manage.py seed --clear` takes it away."
        )
    return mark


def write(market: Market, window: Window, report: Report) -> None:
    """Store what is missing of the past; a part that was interrupted is written again, which adds the rest.

    Texts are made up and judged in a thread while the database takes the prices.
    """
    done = Source.objects.values_list("backfilled", flat=True).get(pk=PRICES)[MARK]["done"]
    missing = [made for made in MADE if made.collector not in done]
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        reading = [pool.submit(_read, made, market, window) for made in missing]
        if PRICES not in done:
            _write_prices(market, window, report)
        for made, records in zip(missing, reading, strict=True):
            report(made.collector, 0, 1)
            _write_items(made, records.result())
            report(made.collector, 1, 1)
    finally:
        pool.shutdown(cancel_futures=True)


@transaction.atomic
def forget() -> None:
    """Remember no past any more."""
    for prices in Source.objects.select_for_update().filter(pk=PRICES):
        prices.backfilled.pop(MARK, None)
        prices.save(update_fields=["backfilled"])


def _write_prices(market: Market, window: Window, report: Report) -> None:
    """Store prices, the newest first: the latest price of a market is never one of long ago; then candles."""
    wanted = list(instants(window))[::-1]
    for start in range(0, len(wanted), AT_ONCE):
        report(PRICES, start, len(wanted))
        some = wanted[start : start + AT_ONCE]
        records = [record for at in some for record in prices_at(market, at)]
        with transaction.atomic():
            advisory_lock(f"ledgers.{PRICES}")
            store_prices(records, run=None, observed_at=clock.now(), origin=Entry.Origin.SEED)
    with transaction.atomic():
        roll_seeded(since=window.since, fine_since=window.fine_since, until=window.until)
        _mark_done(PRICES)
    report(PRICES, len(wanted), len(wanted))


def _read(made: Made, market: Market, window: Window) -> list[ItemRecord]:
    """Give what a collector would have collected, oldest first."""
    records = [record for record in made.records(market, window) if record.occurred_at in window]
    return sorted(records, key=lambda record: record.occurred_at)


@transaction.atomic
def _write_items(made: Made, records: Sequence[ItemRecord]) -> None:
    advisory_lock(f"ledgers.{made.collector}")
    store_items(
        records, source_id=made.collector, run=None, observed_at=clock.now(),
        past=Past(Entry.Origin.SEED, made.known_after),
    )  # fmt: skip
    _mark_done(made.collector)


def _mark_done(part: str) -> None:
    prices = Source.objects.select_for_update().get(pk=PRICES)
    prices.backfilled[MARK]["done"].append(part)
    prices.save(update_fields=["backfilled"])
