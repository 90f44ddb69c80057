"""Take over a venue's balances once, record what comes and goes, and compare; never overwrite."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db.models import F, Sum

from apps.ledgers.models import LatestPrice, Price
from apps.trading.models import Account, Discrepancy, Event, Fill, Holding, Movement, Order
from apps.trading.records import Quote, Reading
from apps.trading.services.fills import add_to_holding
from apps.trading.services.standing import read_worth
from apps.trading.services.status import reduce_only
from apps.trading.signals import history_recorded
from apps.trading.states import Status
from ohmycoins.core import clock
from ohmycoins.core.money import CENT, ZERO, plain, round_aud

log = structlog.get_logger(__name__)

AUD = "AUD"
QUIET = timedelta(seconds=10)
# Differences below a cent are the venue's rounding; above these the account may only sell.
MOST_AUD, MOST_SHARE = Decimal(5), Decimal("0.005")
# While one of these is about, the venue's balances may be ahead of our rows.
RESTLESS = (Status.SUBMITTING, Status.UNKNOWN, Status.CANCELLING, Status.NEEDS_REVIEW)


def open_balances(account: Account, reading: Reading, now: datetime) -> None:
    """Make the venue's balances the locked account's: what imported history does not explain, it opens with."""
    theirs, ours = reading.balances or {}, _held(account)
    moved = []
    for coin in sorted({*theirs, *ours}):
        if amount := theirs.get(coin, ZERO) - ours.get(coin, ZERO):
            moved.append(_move(account, "opening", coin, amount, at=reading.began_at, ref=f"opening:{coin}"))
    _tell(account, moved)
    account.connected_at = reading.began_at
    account.save(update_fields=["connected_at"])
    Event.objects.create(
        account=account, type="account.connected", at=now, actor="reconciler", reason="opening balances",
        inputs={coin: plain(amount) for coin, amount in (reading.balances or {}).items()},
    )  # fmt: skip


def record_transfers(account: Account, reading: Reading, now: datetime) -> list[str]:
    """Record deposits, withdrawals, sends and receipts since the account was connected, once each.

    Returns the keys of those that are not believed yet: a row like another one, seen for the first time,
    may be that one listed twice by mistake.
    """
    keys = [transfer.key for transfer in reading.transfers]
    known = set(
        Movement.objects.filter(account=account, venue_ref__in=keys).values_list("venue_ref", flat=True)
    )
    doubtful, moved = [], []
    for transfer in reading.transfers:
        if transfer.key in known or transfer.at < (account.connected_at or now):
            continue
        if transfer.repeated and transfer.key not in account.unclaimed:
            doubtful.append(transfer.key)
        else:
            kind, coin = transfer.kind, transfer.coin_type
            moved.append(_move(account, kind, coin, transfer.quantity, at=transfer.at, ref=transfer.key))
    _tell(account, moved)
    return doubtful


def _tell(account: Account, moved: list[Movement]) -> None:
    """Tell the app above what came and went."""
    if moved:
        history_recorded.send(
            sender=Movement, account=account, coins={row.coin_type for row in moved} - {""},
            since=min(row.occurred_at for row in moved),
        )  # fmt: skip


def _held(account: Account) -> dict[str, Decimal]:
    """Give what we say the account has, cash as AUD."""
    holdings = Holding.objects.filter(account=account).values("coin_type").annotate(held=Sum("quantity"))
    return {AUD: account.cash_aud} | {row["coin_type"]: row["held"] for row in holdings}


def _move(account: Account, kind: str, coin: str, amount: Decimal, *, at: datetime, ref: str) -> Movement:
    cash, coins = (round_aud(amount), ZERO) if coin == AUD else (ZERO, amount)
    movement = Movement.objects.create(
        account=account, kind=kind, amount_aud=cash, coin_type="" if coin == AUD else coin, quantity=coins,
        occurred_at=at, recorded_at=clock.now(), venue_ref=ref, unit_price=_mark_at(coin, at) if coins else None,
    )  # fmt: skip
    if coin == AUD:
        Account.objects.filter(pk=account.pk).update(cash_aud=F("cash_aud") + cash)
    else:
        add_to_holding(account.pk, None, coin, coins)
    log.info("movement.recorded", account_id=account.pk, kind=kind, coin=coin)
    return movement


def _mark_at(coin: str, at: datetime) -> Decimal | None:
    """Give what a coin was worth then by the prices recorded, or if there is none so old, is worth now."""
    price = (
        Price.objects.filter(coin_type=coin, market=AUD, occurred_at__lte=at).order_by("-occurred_at").first()
    )
    if price is None:
        return marks_of([coin]).get(coin)
    return Quote(price.bid, price.ask, price.last, price.observed_at).mark


def marks_of(coins: Iterable[str]) -> dict[str, Decimal]:
    """Give what a coin of each is worth now, in AUD; those without a price are left out."""
    return {
        price.coin_type: Quote(price.bid, price.ask, price.last, price.observed_at).mark
        for price in LatestPrice.objects.in_aud().filter(coin_type__in=list(coins))
    }


def compare_balances(account: Account, reading: Reading, now: datetime, *, actor: str) -> None:
    """Store where the venue's balances and ours differ, in a quiet moment; let the account only sell then.

    A difference that is gone is resolved; the account stays as it is until a person says otherwise.
    """
    if reading.balances is None or not _is_quiet(account, reading):
        return
    ours = _held(account)
    marks = marks_of({*ours, *reading.balances}) | {AUD: Decimal(1)}
    differing = {}
    for coin in sorted({*ours, *reading.balances}):
        theirs, own = reading.balances.get(coin, ZERO), ours.get(coin, ZERO)
        mark = marks.get(coin)
        value = None if mark is None else round_aud(abs(theirs - own) * mark)
        if theirs != own and (value is None or value >= CENT):
            differing[coin] = (own, theirs, value)
    for open_row in Discrepancy.objects.filter(account=account, resolved_at=None):
        if differing.get(open_row.coin_type, (None,))[:2] == (open_row.ours, open_row.theirs):
            del differing[open_row.coin_type]
        else:
            open_row.resolved_at, open_row.resolved_by = now, actor
            open_row.resolution = "changed" if open_row.coin_type in differing else "gone"
            open_row.save(update_fields=["resolved_at", "resolved_by", "resolution"])
    _report(account, differing, now, actor)


def _is_quiet(account: Account, reading: Reading) -> bool:
    orders = Order.objects.filter(account=account)
    return not (
        orders.filter(status__in=RESTLESS).exists()
        or orders.filter(submitted_at__gte=reading.began_at - QUIET).exists()
        or orders.filter(looked_at__isnull=False, status__in=(Status.OPEN, Status.PARTIALLY_FILLED)).exists()
        or Fill.objects.filter(account=account, executed_at__gte=reading.began_at - QUIET).exists()
    )


def _report(
    account: Account, differing: dict[str, tuple[Decimal, Decimal, Decimal | None]], now: datetime, actor: str
) -> None:
    equity = read_worth(account).equity_aud if differing else ZERO
    for coin, (ours, theirs, value) in differing.items():
        Discrepancy.objects.create(
            account=account, coin_type=coin, ours=ours, theirs=theirs, value_aud=value, found_at=now
        )
        said = {
            "coin": coin,
            "ours": plain(ours),
            "theirs": plain(theirs),
            "value": plain(value) if value is not None else None,
        }
        Event.objects.create(
            account=account, type="balance.differs", at=now, actor=actor, inputs=said,
            reason=f"the venue's {coin} balance is not ours",
        )  # fmt: skip
        log.error("balance.differs", account_id=account.pk, **said)
        if value is None or value > MOST_AUD or value > equity * MOST_SHARE:
            reduce_only(
                account,
                at=now,
                actor=actor,
                reason=f"its {coin} balance differs from the venue's",
                inputs=said,
            )
