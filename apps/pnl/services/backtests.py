"""Ask for backtests, stop them, and let them go on."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction

from apps.accounts.models import User
from apps.ledgers.models import Candle, Price
from apps.pnl.backtests.plan import STEPS, Plan
from apps.pnl.models import Backtest
from apps.trading.algorithms.base import Algorithm as Rule
from apps.trading.algorithms.base import Series, code_digest, read_parameters
from apps.trading.algorithms.coins import coins_named
from apps.trading.models import Account, Algorithm
from apps.trading.records import Bounds
from apps.trading.services.algorithms import complete_over, rule_of
from apps.trading.services.standing import bounds_of
from ohmycoins.core import clock, outbox
from ohmycoins.core.errors import Conflict, DomainError, Invalid, Refused
from ohmycoins.core.locks import advisory_lock
from ohmycoins.core.money import plain

log = structlog.get_logger(__name__)

MOST_STEPS = 1_100_000
"""Two years of minutes."""
MOST_UNFINISHED = 10
"""Backtests of a user that are not done."""
MOST_COINS = 100
BEFORE = timedelta(days=1)
"""How long before its start the first price may have been."""
TASK = "pnl.run_backtests"
NUDGE_SECONDS = 3600
"""How long a message may wait behind others; it does no harm when it comes twice."""

Status = Backtest.Status


class NoSuchBacktest(DomainError):
    """The backtest does not exist or belongs to someone else; which of the two is not said."""

    code, status = "NOT_FOUND", 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a user asks to be tried; amounts are AUD, instants UTC."""

    slug: str = ""
    algorithm_id: int | None = None
    parameters: dict[str, Any]
    coins: tuple[str, ...] = ()
    """Those that the rule reads prices of, and that its parameters name, if left empty."""
    start: datetime
    end: datetime
    step: str
    initial_capital: Decimal = Decimal(100_000)
    position_limit_aud: Decimal | None = None
    daily_loss_limit_aud: Decimal | None = None
    slices: int = 1
    slice_seconds: int = 60
    spread_percent: Decimal = Decimal("0.2")


def backtest_of(user: User, backtest_id: int) -> Backtest:
    """Give the user's backtest, without what is long about it. Raises NoSuchBacktest."""
    found = Backtest.objects.of(user).defer("checkpoint").filter(pk=backtest_id).first()
    if found is None:
        raise NoSuchBacktest(f"You have no backtest {backtest_id}.")
    return found


def make_backtest(*, user: User, wish: Wish, account: Account | None = None) -> Backtest:
    """Store a backtest for a worker to run; `account` is whose limits and time zone count.

    Raises Invalid, Refused (nothing is known of a coin, too many steps, a time that is still to come),
    Conflict (too many are not done yet) and NoSuchBacktest for an algorithm of someone else.
    """
    algorithm = _algorithm(user, wish.algorithm_id)
    slug = _slug(wish.slug, algorithm)
    rule = rule_of(slug)
    stored = complete_over(slug, algorithm.parameters if algorithm else {}, wish.parameters)
    parameters = read_parameters(rule, stored)
    coins = _coins(rule, parameters, wish)
    _require_time(wish)
    _require_known(coins, wish.start, wish.end)
    now = clock.now()
    backtest = Backtest(
        user=user, algorithm=algorithm, algorithm_version=algorithm.version if algorithm else None, account=account,
        slug=slug, parameters=stored, coins=list(coins), start=wish.start, end=wish.end, step=wish.step,
        initial_capital=wish.initial_capital, timezone=account.timezone if account else user.timezone,
        limits=_as_json(bounds_of(account) if account else Bounds()), position_limit_aud=wish.position_limit_aud,
        daily_loss_limit_aud=wish.daily_loss_limit_aud, slices=wish.slices, slice_seconds=wish.slice_seconds,
        spread_percent=wish.spread_percent, code_digest=code_digest(type(rule)), code_version=rule.version,
        created_at=now,
    )  # fmt: skip
    with transaction.atomic():
        _require_room(user)
        backtest.save(force_insert=True)
        nudge(backtest)
    log.info("backtest.asked", backtest_id=backtest.pk, user_id=user.pk, slug=slug)
    return backtest


def cancel_backtest(backtest: Backtest) -> Backtest:
    """Stop it where it is stored to have got to; it can go on from there. Raises Conflict when it ended."""
    return _moved(backtest, (Status.QUEUED, Status.RUNNING), Status.CANCELLED, "cancelled")


def resume_backtest(backtest: Backtest) -> Backtest:
    """Let it go on from where it was stopped, or failed. Raises Conflict otherwise, and like `make_backtest`."""
    return _moved(backtest, (Status.CANCELLED, Status.FAILED), Status.QUEUED, "resumed")


def nudge(backtest: Backtest) -> None:
    """Tell a worker that a backtest waits for its next turn; a message for one that somebody took up is void."""
    outbox.nudge(TASK, backtest.pk, backtest.claim, expires=NUDGE_SECONDS)


def plan_of(backtest: Backtest, *, risk_free_rate: float) -> Plan:
    """Give what a stored backtest is to do. Raises Invalid when its rule is no more, or takes other parameters."""
    rule = rule_of(backtest.slug)
    parameters = read_parameters(rule, backtest.parameters)
    return Plan(
        rule=rule, parameters=parameters, inputs=rule.inputs(parameters), coins=tuple(backtest.coins),
        start=backtest.start, end=backtest.end, step=STEPS[backtest.step], capital_aud=backtest.initial_capital,
        timezone=backtest.timezone, bounds=_bounds(backtest.limits), position_limit_aud=backtest.position_limit_aud,
        loss_limit_aud=backtest.daily_loss_limit_aud, slices=backtest.slices,
        slice_every=timedelta(seconds=backtest.slice_seconds), spread_percent=backtest.spread_percent,
        risk_free_rate=risk_free_rate,
    )  # fmt: skip


@transaction.atomic
def _moved(backtest: Backtest, before: tuple[str, ...], after: str, said: str) -> Backtest:
    locked = Backtest.objects.select_for_update(no_key=True).defer("checkpoint").get(pk=backtest.pk)
    if locked.status not in before:
        raise Conflict(
            f"Backtest {locked.pk} is {locked.status}; only one that is {' or '.join(before)} can be {said}.",
            code="BACKTEST_STATE",
        )
    if after == Status.QUEUED:
        _require_room(locked.user)
    locked.status, locked.lease_until, locked.attempts, locked.error = after, None, 0, ""
    locked.ended_at = clock.now() if after == Status.CANCELLED else None
    locked.save(update_fields=["status", "lease_until", "attempts", "error", "ended_at"])
    if after == Status.QUEUED:
        nudge(locked)
    log.info(f"backtest.{said}", backtest_id=locked.pk)
    return locked


def _require_room(user: User) -> None:
    """Refuse one more unfinished backtest than a user may have; nobody else counts them until the transaction ends."""
    advisory_lock(f"pnl.backtests.{user.pk}")
    if Backtest.objects.of(user).unfinished().count() >= MOST_UNFINISHED:
        raise Conflict(
            f"You have {MOST_UNFINISHED} backtests that are not done: wait for one, or cancel it.",
            code="TOO_MANY_BACKTESTS",
        )


def _algorithm(user: User, algorithm_id: int | None) -> Algorithm | None:
    if algorithm_id is None:
        return None
    algorithm = Algorithm.objects.filter(user=user, pk=algorithm_id).first()
    if algorithm is None:
        raise NoSuchBacktest(f"You have no algorithm {algorithm_id}.")
    return algorithm


def _slug(slug: str, algorithm: Algorithm | None) -> str:
    if algorithm is None and not slug:
        raise Invalid("give slug, a rule's name, or algorithm_id, one of your own")
    if algorithm is not None and slug not in ("", algorithm.slug):
        raise Invalid(f"slug={slug!r}, and algorithm {algorithm.pk} is a {algorithm.slug}: which is meant?")
    return algorithm.slug if algorithm else slug


def _coins(rule: Rule, parameters: Any, wish: Wish) -> tuple[str, ...]:
    traded = (Series.PRICE, Series.CANDLES)
    read = (each.of for each in rule.inputs(parameters) if each.series in traded)
    needed = tuple(dict.fromkeys([*read, *coins_named(parameters)]))
    coins = tuple(dict.fromkeys(wish.coins)) or needed
    if missing := [coin for coin in needed if coin not in coins]:
        raise Refused(
            f"coins: {rule.slug} with these parameters reads or trades {', '.join(missing)} too; add it",
            detail={"missing": missing, "given": list(coins)},
        )
    if not 0 < len(coins) <= MOST_COINS:
        raise Refused(f"coins: {len(coins)} are given; accepted: 1 to {MOST_COINS}")
    return coins


def _require_time(wish: Wish) -> None:
    now = clock.now()
    if wish.start >= wish.end:
        raise Invalid(f"start={wish.start.isoformat()} must be before end={wish.end.isoformat()}")
    if wish.end > now:
        raise Refused(
            f"end={wish.end.isoformat()} lies in the future; it is {now.isoformat()}", detail={"latest": now.isoformat()}
        )  # fmt: skip
    steps = -((wish.start - wish.end) // STEPS[wish.step])
    if steps > MOST_STEPS:
        raise Refused(
            f"from start to end there are {steps:,} steps of a {wish.step}; at most {MOST_STEPS:,} are accepted:"
            " take a longer step, or less time",
            detail={"steps": steps, "most": MOST_STEPS},
        )


def _require_known(coins: tuple[str, ...], start: datetime, end: datetime) -> None:
    """Refuse coins of which neither a price nor a backfilled candle says anything in that time."""
    unknown = []
    for coin in coins:
        within = {
            "coin_type": coin,
            "market": "AUD",
            "occurred_at__gte": start - BEFORE,
            "occurred_at__lt": end,
        }
        if not (
            Price.objects.filter(**within).exists()
            or Candle.objects.filter(**within, origin=Candle.Origin.BACKFILL).exists()
        ):
            unknown.append(coin)
    if unknown:
        raise Refused(
            f"coins: there are no prices or candles of {', '.join(unknown)} from {start.isoformat()} to"
            f" {end.isoformat()}",
            detail={"unknown": unknown},
        )


def _as_json(bounds: Bounds) -> dict[str, str | None]:
    return {name: None if value is None else plain(value) for name, value in asdict(bounds).items()}


def _bounds(kept: dict[str, str | None]) -> Bounds:
    given: dict[str, Any] = {name: None if value is None else Decimal(value) for name, value in kept.items()}
    return Bounds(**given)
