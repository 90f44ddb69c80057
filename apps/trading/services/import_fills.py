"""Import trade history from a file: facts of before, or of elsewhere; the whole file or nothing of it.

They are recorded whatever stops and limits say. On paper they move cash and holdings as fills do. A live
account, once it is connected, has from its venue what it holds now: there only what happened before is
recorded, and taken off what the account opened with, so that cash and holdings stay the venue's.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import structlog
from django.db import DataError, transaction

from apps.trading.imports.reading import read_history
from apps.trading.imports.records import (
    AUD,
    Entry,
    History,
    ImportedFill,
    ImportedMovement,
    LineError,
    Unreadable,
    another_fill,
)
from apps.trading.models import Account, Event, Fill, Movement
from apps.trading.records import BUY, TRADE
from apps.trading.services.fills import add_to_holding
from apps.trading.services.standing import IMPORTED, read_worths
from apps.trading.signals import history_recorded
from ohmycoins.core import clock
from ohmycoins.core.errors import Invalid, Refused
from ohmycoins.core.money import ZERO, plain

log = structlog.get_logger(__name__)

BATCH = 5000
MOST_LISTED = 100
REF_LENGTH = 32
OPENING = Movement.Kind.OPENING
FILL_FACTS = ("executed_at", "coin_type", "side", "kind", "quantity", "price", "value_aud", "fee_aud")
MOVEMENT_FACTS = ("occurred_at", "kind", "coin_type", "amount_aud", "quantity", "unit_price")


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file's rows; the three add up to their number."""

    imported: int
    duplicates: int
    """Known from before, or said twice under one id."""
    skipped: int
    """What the venue reports itself since the account was connected, and transfers that did not complete."""


class RowsRefused(Refused):
    """Some rows are not accepted, so none was stored; at most 100 are listed, by line."""

    code = "ROWS_REFUSED"

    def __init__(self, errors: Iterable[LineError]) -> None:
        found = list(errors)
        listed = [asdict(error) for error in found[:MOST_LISTED]]
        rows = "1 row is" if len(found) == 1 else f"{len(found)} rows are"
        super().__init__(
            f"{rows} not accepted; nothing of the file was stored.",
            detail={"errors": listed, "error_count": len(found)},
        )


def bad_rows(error: Exception) -> list[str]:
    """Give the rows that an import was refused for, a sentence each."""
    if not isinstance(error, RowsRefused):
        return []
    listed, count = error.detail["errors"], error.detail["error_count"]
    rows = [f"line {row['line']}: {row['message']}" for row in listed]
    return rows + [f"and {count - len(rows)} more"] * (count > len(rows))


def import_fills(account_id: int, data: bytes, *, actor: str) -> Imported:
    """Record what a file says happened and we do not know yet; the same file again records nothing.

    Local times are the account's time zone's. Raises Invalid (the file cannot be read), RowsRefused, or
    Refused (together more than can be kept).
    """
    zone = ZoneInfo(Account.objects.values_list("timezone", flat=True).get(pk=account_id))
    try:
        history = read_history(data, zone=zone, now=clock.now())
    except Unreadable as error:
        raise Invalid(f"The file cannot be read: {error}.", code="FILE_UNREADABLE") from error
    if history.errors:
        raise RowsRefused(history.errors)
    try:
        with transaction.atomic():
            account = Account.objects.locked().get(pk=account_id)
            return _import(account, history, digest=hashlib.sha256(data).hexdigest(), actor=actor)
    except DataError as error:
        raise Refused(
            "With this file the account would hold more of a coin than can be kept, 10^20."
        ) from error


def _import(account: Account, history: History, *, digest: str, actor: str) -> Imported:
    connected = account.connected_at
    kept = [entry for entry in history.entries if connected is None or entry.at < connected]
    known = dict(_known(account, [entry.ref for entry in kept]))
    if clashes := [
        another_fill(entry.line, entry.ref, "one that is recorded")
        for entry in kept
        if entry.ref in known and not _is_same(entry, known[entry.ref])
    ]:
        raise RowsRefused(clashes)
    new = [entry for entry in kept if entry.ref not in known]
    lines, kept_lines = {entry.line for entry in new}, {entry.line for entry in kept}
    found = Imported(
        imported=len(lines),
        duplicates=history.repeated + len(kept_lines - lines),
        skipped=history.rows - history.repeated - len(kept_lines),
    )
    if new:
        _record(account, new, found, digest=digest, actor=actor)
    return found


def _known(account: Account, refs: list[str]) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Give those of the refs that are recorded, each with what it was recorded as."""
    for start in range(0, len(refs), BATCH):
        batch = refs[start : start + BATCH]
        fills = Fill.objects.filter(account=account, venue_fill_id__in=batch)
        movements = Movement.objects.filter(account=account, venue_ref__in=batch)
        for ref, *facts in [
            *fills.values_list("venue_fill_id", *FILL_FACTS),
            *movements.values_list("venue_ref", *MOVEMENT_FACTS),
        ]:
            yield str(ref), tuple(facts)


def _is_same(entry: Entry, recorded: tuple[object, ...]) -> bool:
    """Tell whether it says what was recorded; a local time may have been another zone's then."""
    if entry.ref.startswith("file:"):
        return entry.facts[1:] == recorded[1:]
    return entry.facts == recorded


def _record(account: Account, new: list[Entry], found: Imported, *, digest: str, actor: str) -> None:
    """Append the entries and all that follows from them, and tell the app above once."""
    now = clock.now()
    fills = [entry for entry in new if isinstance(entry, ImportedFill)]
    movements = [entry for entry in new if isinstance(entry, ImportedMovement)]
    before = _earned(account)
    Fill.objects.bulk_create((_fill(account, entry) for entry in fills), batch_size=BATCH)
    Movement.objects.bulk_create((_movement(account, entry, now) for entry in movements), batch_size=BATCH)
    coins, cash = _net(new)
    if (connected_at := account.connected_at) is None:
        for coin, quantity in sorted(coins.items()):
            add_to_holding(account.pk, None, coin, quantity)
        account.cash_aud += cash
        account.save(update_fields=["cash_aud"])
    else:
        _take_off_openings(account, connected_at, coins, cash, new, now)
    since = min(entry.at for entry in new)
    history_recorded.send(sender=Fill, account=account, coins=sorted(coins), since=since)
    Event.objects.create(
        account=account, type=IMPORTED, at=now, actor=actor, reason="trade history from a file",
        inputs={
            **asdict(found), "file_sha256": digest,
            "day_base_aud": plain(_earned(account) - before),
        },
    )  # fmt: skip
    log.info("fills.imported", account_id=account.pk, **asdict(found))


def _earned(account: Account) -> Decimal:
    """Give what the account is worth beyond what came to it by no trade: what an import changes of that is history."""
    equity, came = read_worths([account.pk])[account.pk]
    return equity - came


def _fill(account: Account, entry: ImportedFill) -> Fill:
    return Fill(
        account=account, coin_type=entry.coin_type, side=entry.side, kind=entry.kind, quantity=entry.quantity,
        price=entry.price, value_aud=entry.value_aud, fee_aud=entry.fee_aud, executed_at=entry.at,
        sequence=entry.sequence, venue_fill_id=entry.ref,
    )  # fmt: skip


def _movement(account: Account, entry: ImportedMovement, now: datetime) -> Movement:
    return Movement(
        account=account, kind=entry.kind, coin_type=entry.coin_type, amount_aud=entry.amount_aud,
        quantity=entry.quantity, unit_price=entry.unit_price, occurred_at=entry.at, recorded_at=now,
        sequence=entry.sequence, venue_ref=entry.ref,
    )  # fmt: skip


def _net(entries: Iterable[Entry]) -> tuple[dict[str, Decimal], Decimal]:
    """Add up what came less what went: of every coin that moved, and of cash."""
    coins: defaultdict[str, Decimal] = defaultdict(Decimal)
    cash = ZERO
    for entry in entries:
        if isinstance(entry, ImportedFill):
            sign = 1 if entry.side == BUY else -1
            coins[entry.coin_type] += sign * entry.quantity
            if entry.kind == TRADE:
                cash -= sign * entry.value_aud + entry.fee_aud
        else:
            cash += entry.amount_aud
            if entry.coin_type:
                coins[entry.coin_type] += entry.quantity
    return coins, cash


def _take_off_openings(
    account: Account,
    connected_at: datetime,
    coins: dict[str, Decimal],
    cash: Decimal,
    new: list[Entry],
    now: datetime,
) -> None:
    """Leave cash and holdings as they are: what came before the account was connected was in what it opened with."""
    openings = {
        opening.coin_type: opening
        for opening in Movement.objects.filter(account=account, kind=OPENING)
        .order_by("coin_type", "occurred_at", "sequence", "pk")
        .distinct("coin_type")
    }
    digest = hashlib.sha256("\n".join(entry.ref for entry in new).encode()).hexdigest()[:REF_LENGTH]
    for coin, quantity, amount in [
        ("", ZERO, cash),
        *((coin, net, ZERO) for coin, net in sorted(coins.items())),
    ]:
        if quantity or amount:
            opening = openings.get(coin) or Movement(occurred_at=connected_at)
            Movement.objects.create(
                account=account, kind=OPENING, coin_type=coin, quantity=-quantity, amount_aud=-amount,
                unit_price=opening.unit_price, occurred_at=opening.occurred_at, sequence=opening.sequence,
                recorded_at=now, venue_ref=f"opening:{coin or AUD}:{digest}",
            )  # fmt: skip
