"""Walk through everything that invariants are about, some rows at a time, the longest unchecked first.

A full check of a million matches takes 20 seconds, a round has one. So each kind of row is walked from its
first to its last key and then again, in slices of their own transactions; where a walk is, is a row. What was
recorded since the last round is looked at ahead of its turn. On a small database all walks end in each round.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DataError, connection, transaction
from django.db.models import F

from apps.monitoring.models import Walk
from apps.monitoring.services import summing
from apps.pnl.services.invariants import CHECKS
from apps.trading.invariant import CLOSING, COIN, DAY, EVENT, FILL, LOT, ORDER, Breach, Invariant, Key
from apps.trading.services.audit import verify_links
from apps.trading.services.invariants import ALWAYS, IN_TIME, find_breaches_of

INVARIANTS: tuple[Invariant, ...] = (*ALWAYS, *IN_TIME, *CHECKS)


@dataclass(frozen=True, slots=True)
class Way:
    """How to go through the rows of a kind: where to begin, how many at once, and the keys after a key."""

    size: int
    start: tuple[object, ...]
    keys: str


def _by_id(table: str, size: int) -> Way:
    return Way(size, (0,), f"SELECT id FROM {table} WHERE id > %(key_0)s ORDER BY id LIMIT %(size)s")  # noqa: S608


_COINS = """(SELECT DISTINCT account_id, coin_type FROM {0} WHERE {1} (account_id, coin_type) > (%(key_0)s, %(key_1)s)
             ORDER BY 1, 2 LIMIT %(size)s)"""
COINS = " UNION ".join(
    (
        _COINS.format("pnl_position", ""),
        _COINS.format("trading_holding", ""),
        _COINS.format("pnl_lot", "remaining_quantity > 0 AND"),
    )
)
# The days that have a row, and the calendar between them, so that a day without its row is looked at, too. A row
# of a day that cannot be, such as one planted in the year 9999, neither ends nor stretches it.
_DAYS = """(SELECT DISTINCT account_id, day FROM {0} WHERE (account_id, day) > (%(key_0)s, %(key_1)s::date)
            ORDER BY 1, 2 LIMIT %(size)s)"""
DAYS = f"""
    SELECT account_id, day::text FROM (
        {_DAYS.format("pnl_dailytotal")} UNION {_DAYS.format("pnl_dailyresult")} UNION
        SELECT account.id, day::date
        FROM (SELECT id FROM trading_account WHERE id >= %(key_0)s
                  AND (EXISTS (SELECT FROM pnl_dailytotal WHERE account_id = trading_account.id)
                       OR EXISTS (SELECT FROM pnl_dailyresult WHERE account_id = trading_account.id))
              ORDER BY id LIMIT %(size)s + 1) AS account
        CROSS JOIN LATERAL (SELECT min(day) AS first, max(day) AS last FROM pnl_dailytotal
                            WHERE account_id = account.id AND day BETWEEN {{first}} AND {{last}}) AS total
        CROSS JOIN LATERAL (SELECT min(day) AS first, max(day) AS last FROM pnl_dailyresult
                            WHERE account_id = account.id AND day BETWEEN {{first}} AND {{last}}) AS result
        CROSS JOIN LATERAL (SELECT greatest(least(total.first, result.first),
                                CASE account.id WHEN %(key_0)s THEN %(key_1)s::date + 1 END) AS first) AS next
        CROSS JOIN LATERAL generate_series(next.first,
            least(greatest(total.last, result.last), next.first + %(size)s::int), '1 day') AS day
    ) AS known ORDER BY account_id, known.day LIMIT %(size)s
""".replace("{first}", "'2009-01-03'").replace("{last}", "%(today)s::date + 1")  # noqa: S608 - constants only
WAYS: Mapping[str, Way] = {
    ORDER: _by_id("trading_order", 1_000), EVENT: _by_id("trading_event", 1_000), FILL: _by_id("trading_fill", 3_000),
    LOT: _by_id("pnl_lot", 2_000), CLOSING: _by_id("pnl_closing", 1_000),
    COIN: Way(25, (0, ""), f"SELECT * FROM ({COINS}) AS coin ORDER BY 1, 2 LIMIT %(size)s"),  # noqa: S608
    DAY: Way(10, (0, "-infinity"), DAYS),
}  # fmt: skip
SIZE_AHEAD = 500
MATCH = "match"
LOOK_AHEAD = "look_ahead"
# What was recorded after an id: the row, and what else it may have broken.
AHEAD: Mapping[str, tuple[tuple[str, ...], str]] = {
    ORDER: ((ORDER,), "SELECT id, id FROM trading_order WHERE id > %(newest)s"),
    EVENT: ((EVENT, ORDER), "SELECT id, id, order_id FROM trading_event WHERE id > %(newest)s"),
    FILL: ((FILL, COIN, DAY), """
        SELECT fill.id, fill.id, fill.account_id, coin_type, fill.account_id, (executed_at AT TIME ZONE timezone)::date::text
        FROM trading_fill fill JOIN trading_account account ON account.id = account_id WHERE fill.id > %(newest)s"""),
    LOT: ((LOT,), "SELECT id, id FROM pnl_lot WHERE id > %(newest)s"),
    CLOSING: ((CLOSING,), "SELECT id, id FROM pnl_closing WHERE id > %(newest)s"),
    MATCH: ((LOT, CLOSING), "SELECT id, lot_id, closing_id FROM pnl_match WHERE id > %(newest)s"),
}  # fmt: skip
TABLES = {
    ORDER: "trading_order",
    EVENT: "trading_event",
    FILL: "trading_fill",
    LOT: "pnl_lot",
    CLOSING: "pnl_closing",
    MATCH: "pnl_match",
}
WIDTH = {COIN: 2, DAY: 2}


@dataclass(slots=True)
class Budget:
    """How long may be looked, from now on."""

    seconds: float
    began: float = field(default_factory=time.perf_counter)

    def spent(self, share: float = 1) -> bool:
        """Tell whether so much of it is over."""
        return time.perf_counter() - self.began >= self.seconds * share


def look_at(kind: str, keys: Iterable[Key], now: datetime) -> list[Breach]:
    """Give the breaches of everything that is about these rows alone."""
    wanted = sorted(set(keys), key=str)
    found = find_breaches_of([invariant for invariant in INVARIANTS if invariant.of == kind], wanted, now=now)
    if kind == EVENT and wanted:
        found += verify_links([int(str(key[0])) for key in wanted])
    return found


def prepare_walks() -> None:
    """Make the rows of walks that are missing; what is there already is walked through, not new."""
    known = set(Walk.objects.values_list("name", flat=True))
    for name in (*WAYS, MATCH):
        if name not in known:
            Walk.objects.get_or_create(name=name, defaults={"newest": _newest(name)})


def look_ahead(now: datetime, budget: Budget) -> list[Breach]:
    """Look at what was recorded since the last time, for at most half of the time; the rest waits for the next round."""
    found: list[Breach] = []
    for name in AHEAD:
        more = True
        while more and not budget.spent(0.5):
            breaches, more = _step_ahead(name, now)
            found += breaches
    return found


def walk_on(now: datetime, budget: Budget) -> tuple[list[Breach], dict[str, datetime]]:
    """Go on with the walks until the time is over, at least by a slice; give breaches, and when the walks that ended began."""
    found: list[Breach] = []
    ended: dict[str, datetime] = {}
    while len(ended) < len(WAYS):
        name = _longest_ago(ended)
        breaches, begun_at = _step(name, now)
        found += breaches
        if begun_at:
            ended[name] = begun_at
        if budget.spent():
            break
    return found, ended


def _longest_ago(besides: Collection[str]) -> str:
    walks = Walk.objects.filter(name__in=WAYS).exclude(name__in=besides)
    return walks.order_by(F("completed_at").asc(nulls_first=True), "name").values_list("name", flat=True)[0]


@transaction.atomic
def _step(name: str, now: datetime) -> tuple[list[Breach], datetime | None]:
    """Look at the next slice, and say when a pass began that ends with it; two at once take one each, by the walk's row."""
    way = WAYS[name]
    walk = Walk.objects.select_for_update().get(pk=name)
    if walk.begun_at is None:
        walk.begun_at = now
        if name == FILL:
            summing.begin()
    start = walk.cursor or list(way.start)
    given = {f"key_{place}": part for place, part in enumerate(start)}
    keys = _rows(way.keys, given | {"size": way.size, "today": now.date()})
    found = look_at(name, keys, now)
    if name == FILL and keys:
        summing.add(after=int(start[0]), to=int(str(keys[-1][0])))
    walk.looked += len(keys)
    ended = walk.begun_at if len(keys) < way.size else None
    if ended:
        walk.cursor, walk.begun_at, walk.completed_at = [], None, now
        walk.looked, walk.looked_last = 0, walk.looked
        if name == FILL:
            summing.complete()
    else:
        walk.cursor = list(keys[-1])
    walk.save()
    return found, ended


@transaction.atomic
def _step_ahead(name: str, now: datetime) -> tuple[list[Breach], bool]:
    walk = Walk.objects.select_for_update().get(pk=name)
    kinds, statement = AHEAD[name]
    try:
        with transaction.atomic():
            rows = _rows(
                f"{statement} ORDER BY 1 LIMIT %(size)s", {"newest": walk.newest, "size": SIZE_AHEAD}
            )
    except DataError as error:  # such as a time zone that is none: they wait for their turn
        what = f"what is new of {name} cannot be read: {str(error).splitlines()[0][:200]}"
        return [Breach(LOOK_AHEAD, None, None, what, name)], False
    found: list[Breach] = []
    place = 1
    for kind in kinds:
        width = WIDTH.get(kind, 1)
        keys = {row[place : place + width] for row in rows}
        found += look_at(kind, (key for key in keys if None not in key), now)
        place += width
    if rows:
        walk.newest = rows[-1][0]
        walk.save(update_fields=["newest"])
    return found, len(rows) == SIZE_AHEAD


def _newest(name: str) -> int:
    if name not in TABLES:
        return 0
    rows = _rows(f"SELECT coalesce(max(id), 0) FROM {TABLES[name]}", {})  # noqa: S608 - constants only
    return int(rows[0][0])


def _rows(statement: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
