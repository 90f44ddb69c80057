"""Roll recorded prices up into candles.

Each kind is made of the next finer one: 5 minutes of prices, hours of 5 minutes, days of hours. A
candle is written once, when its interval is over and nothing can come late; where nothing was
recorded there is none, so a gap stays a gap. What was observed and what was made up are rolled apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max, Min

from apps.ledgers.models import Candle, Price
from apps.ledgers.models.entry import Entry
from apps.ledgers.records import CandleRecord
from ohmycoins.core import clock
from ohmycoins.core.locks import advisory_lock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOCK = "ledgers.coinspot_prices"  # whoever asks what was known a moment ago waits for it
STRETCH = timedelta(days=1)
GRACE = timedelta(minutes=3)  # a price may be stored that long after its minute; see CoinspotPrices.lease

FROM_PRICES = """
    SELECT coin_type, market, occurred_at, last AS open, last AS high, last AS low, last AS close, 1 AS readings
    FROM ledgers_price WHERE origin = %(origin)s AND occurred_at >= %(since)s AND occurred_at < %(until)s
"""
FROM_CANDLES = """
    SELECT coin_type, market, occurred_at, open, high, low, close, readings
    FROM ledgers_candle
    WHERE "interval" = %(finer)s AND origin = %(origin)s AND occurred_at >= %(since)s AND occurred_at < %(until)s
"""
ROLL = """
    INSERT INTO ledgers_candle (coin_type, market, "interval", open, high, low, close, readings,
                                occurred_at, observed_at, origin, available_at)
    SELECT coin_type, market, %(interval)s, (array_agg(open ORDER BY occurred_at))[1], max(high), min(low),
           (array_agg(close ORDER BY occurred_at DESC))[1], sum(readings),
           began_at, %(now)s, %(origin)s,
           CASE WHEN %(origin)s <> 'observed' THEN began_at + make_interval(secs => %(seconds)s) END
    FROM (SELECT *, date_bin(make_interval(secs => %(seconds)s), occurred_at, %(epoch)s) AS began_at
          FROM ({source}) AS recorded) AS finer
    GROUP BY coin_type, market, began_at
    ON CONFLICT (coin_type, market, "interval", occurred_at) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A candle's interval, how wide it is, and which finer ones it is made of (None: prices)."""

    interval: str
    width: timedelta
    finer: str | None


KINDS = (
    Kind(Candle.Interval.FIVE_MINUTES, timedelta(minutes=5), None),
    Kind(Candle.Interval.HOUR, timedelta(hours=1), Candle.Interval.FIVE_MINUTES),
    Kind(Candle.Interval.DAY, timedelta(days=1), Candle.Interval.HOUR),
)


def roll_candles(*, now: datetime) -> int:
    """Write the candles of every interval that is over and has none yet; return how many.

    Safe to run twice and side by side: the work goes on from the newest candle there is.
    """
    rolled = 0
    for kind in KINDS:
        done_until = EPOCH
        while stretch := _next_stretch(kind, now=now, after=done_until):
            rolled += _roll(kind, *stretch, origin=Entry.Origin.OBSERVED)
            done_until = stretch[1]
    return rolled


def roll_seeded(*, since: datetime, fine_since: datetime, until: datetime) -> int:
    """Write the candles of made-up prices whose intervals lie within [since, until); return how many.

    Before `fine_since` there is a price an hour, and no candle of 5 minutes.
    """
    five_minutes, hour, day = KINDS
    starts = ((five_minutes, fine_since), (replace(hour, finer=None), since), (day, since))
    return sum(
        _roll(kind, begin + (EPOCH - begin) % kind.width, _begin(until, kind), origin=Entry.Origin.SEED)
        for kind, begin in starts
    )


@transaction.atomic
def store_candles(records: Sequence[CandleRecord], *, width: timedelta) -> int:
    """Append backfilled candles where there is none yet; return how many.

    They say that they would have been known when their interval was over.
    """
    advisory_lock(LOCK)
    now, before = clock.now(), Candle.objects.count()
    candles = [
        Candle(
            coin_type=record.coin_type, market=record.market, interval=record.interval, open=record.open,
            high=record.high, low=record.low, close=record.close, volume=record.volume,
            occurred_at=record.occurred_at, observed_at=now, origin=Entry.Origin.BACKFILL,
            available_at=record.occurred_at + width,
        )
        for record in records
    ]  # fmt: skip
    Candle.objects.bulk_create(candles, batch_size=1000, ignore_conflicts=True)
    return Candle.objects.count() - before


@transaction.atomic
def _roll(kind: Kind, since: datetime, until: datetime, *, origin: Entry.Origin) -> int:
    advisory_lock(LOCK)
    with connection.cursor() as cursor:
        cursor.execute(
            ROLL.format(source=FROM_CANDLES if kind.finer else FROM_PRICES),
            {
                "interval": kind.interval, "finer": kind.finer, "seconds": int(kind.width.total_seconds()), "epoch": EPOCH,
                "since": since, "until": until, "now": clock.now(), "origin": origin.value,
            },
        )  # fmt: skip
        return int(cursor.rowcount)


def _next_stretch(kind: Kind, *, now: datetime, after: datetime) -> tuple[datetime, datetime] | None:
    """Give what to roll next, at most a day at once: from the first interval with something in it and no candle."""
    rolled = Candle.objects.filter(origin=Entry.Origin.OBSERVED)
    newest: datetime | None = rolled.filter(interval=kind.interval).aggregate(at=Max("occurred_at"))["at"]
    prices = Price.objects.filter(origin=Entry.Origin.OBSERVED)
    finer = rolled.filter(interval=kind.finer) if kind.finer else prices
    begin = max(after, newest + kind.width) if newest else after
    finer = finer.filter(occurred_at__gte=begin)
    first: datetime | None = finer.aggregate(at=Min("occurred_at"))["at"]
    over = _begin(now - GRACE, kind)
    if first is None or first >= over:
        return None
    since = _begin(first, kind)
    return since, min(over, since + STRETCH)


def _begin(at: datetime, kind: Kind) -> datetime:
    """Give when the interval began that `at` is in."""
    return at - (at - EPOCH) % kind.width
