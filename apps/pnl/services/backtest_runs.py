"""Run backtests in slices of a few seconds, each from where the last one was stored.

A worker claims the backtest that waited longest, goes on with it outside of any transaction, and stores
where it got to, with the trades since, in one. Who lost its claim meanwhile (a cancel, a lease that ran out)
stores nothing, so whatever becomes of workers, each step counts once.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction

from apps.ledgers.services.known import settle
from apps.pnl.backtests.engine import Engine, RuleFailed
from apps.pnl.backtests.plan import Plan
from apps.pnl.backtests.results import curve_of, metrics_of
from apps.pnl.backtests.state import State
from apps.pnl.models import Backtest, BacktestTrade
from apps.pnl.services.backtest_grounds import tell
from apps.pnl.services.backtests import nudge, plan_of
from apps.trading.algorithms.base import code_digest
from apps.trading.services.decisions import cut_off
from ohmycoins.core import clock, seams
from ohmycoins.core.errors import DomainError
from ohmycoins.core.locks import advisory_lock

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 3
"""A backtest that so many workers took up and none got on with is given up."""
TRADES_AT_ONCE = 1_000

Status = Backtest.Status


class Stopped(Exception):
    """The backtest cannot go on; the message is for whoever asked for it."""


def run_backtests(backtest_id: int | None = None, turn: int | None = None) -> bool:
    """Go on with a backtest for a slice of time, and nudge a worker for the next; tell whether there was one.

    It is the one that waited longest, or the one given, if nobody took it up since it was its `turn`.
    """
    backtest = claim(backtest_id, turn)
    if backtest is None:
        return False
    work_on(backtest)
    if following := Backtest.objects.waiting(clock.now()).only("id", "claim").first():
        nudge(following)
    return True


@transaction.atomic
def claim(backtest_id: int | None = None, turn: int | None = None) -> Backtest | None:
    """Take a backtest until its lease ends, unless workers are at so many already as they may be at."""
    now = clock.now()
    waiting = Backtest.objects.waiting(now)
    if backtest_id is not None and turn is not None:
        waiting = waiting.filter(pk=backtest_id, claim=turn)
    advisory_lock("pnl.backtests.claim")
    if Backtest.objects.worked_on(now).count() >= settings.OMC_BACKTESTS_AT_ONCE:
        return None
    found = waiting.select_for_update(skip_locked=True, no_key=True).first()
    if found is None:
        return None
    found.claim, found.attempts = found.claim + 1, found.attempts + 1
    found.status, found.worked_at = Status.RUNNING, now
    found.started_at = found.started_at or now
    found.lease_until = now + timedelta(seconds=settings.OMC_BACKTEST_LEASE_SECONDS)
    found.save(update_fields=["claim", "attempts", "status", "worked_at", "started_at", "lease_until"])
    return found


def work_on(backtest: Backtest) -> None:
    """Go on with a claimed backtest until its slice of time is over, and store where it got to."""
    try:
        if backtest.attempts > MOST_ATTEMPTS:
            raise Stopped(
                f"{MOST_ATTEMPTS} workers took it up, and none got on: they ended, or a step takes too long"
            )
        tops, engine = _open(backtest)
        engine.run(a_slice())
        _store(backtest, engine, tops)
    except (Stopped, RuleFailed, DomainError) as error:
        _fail(backtest, str(error))
    except DatabaseError:
        raise  # the database's trouble: it goes on when the lease is over
    except Exception as error:
        log.exception("backtest.broken", backtest_id=backtest.pk)
        _fail(backtest, f"Something went wrong on our side ({type(error).__name__}); it has been logged.")


def a_slice() -> Callable[[], bool]:
    """Say until when to go on; the time runs from the first question on, asked after a step, so that opening it takes none."""
    deadline: float | None = None

    def has_time() -> bool:
        nonlocal deadline
        now = time.monotonic()
        if deadline is None:
            deadline = now + settings.OMC_BACKTEST_SLICE_SECONDS
        return now < deadline

    return has_time


def _open(backtest: Backtest) -> tuple[dict[str, int], Engine]:
    plan = plan_of(backtest, risk_free_rate=settings.PNL_RISK_FREE_RATE)
    if code_digest(type(plan.rule)) != backtest.code_digest:
        raise Stopped(f"the code of {backtest.slug} changed after it was asked for: ask for another backtest")
    from apps.pnl.backtests.tape import Tape  # numpy, which workers without a backtest need not hold

    kept = backtest.checkpoint
    if kept is None:
        tops, state = _tops(plan), None
    else:
        tops, state = kept["tops"], State.from_json(kept["state"])
    tape = Tape(plan, tops)
    return tops, Engine(plan, tape, seams.load("VENUES")["paper"], state=state, guard=Alone)


@transaction.atomic
def _tops(plan: Plan) -> dict[str, int]:
    """Note up to where the ledgers count, while nobody writes: a row below that could else still come, as of a backfill."""
    from apps.pnl.backtests.tape import tops_of

    settle(clock.now(), sources=tuple(seams.load("COLLECTORS")))
    return tops_of(plan)


class Alone:
    """Let a rule be asked at `now`: that is what time it is, and the database gives no answers."""

    __slots__ = ("_clock", "_database")

    def __init__(self, now: datetime) -> None:
        self._clock, self._database = clock.at(now), cut_off()

    def __enter__(self) -> None:
        self._clock.__enter__()
        self._database.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._database.__exit__(*error)
        self._clock.__exit__(*error)


@transaction.atomic
def _store(backtest: Backtest, engine: Engine, tops: dict[str, int]) -> None:
    """Store where it got to, and the trades since; or what it came to."""
    changes: dict[str, Any] = {"attempts": 0, "lease_until": None}
    if engine.is_done:
        changes |= {
            "status": Status.DONE, "progress": 100, "metrics": metrics_of(engine), "equity_curve": curve_of(engine),
            "checkpoint": None, "ended_at": clock.now(),
        }  # fmt: skip
    else:
        changes["checkpoint"] = {"tops": tops, "state": engine.state.as_json()}
        changes["progress"] = min(99, 100 * engine.state.step // (engine.plan.steps + 1))
    if not _held(backtest).update(**changes):
        log.info("backtest.lost", backtest_id=backtest.pk)
        return
    BacktestTrade.objects.bulk_create(
        (
            BacktestTrade(
                backtest=backtest, number=trade.number, executed_at=trade.executed_at, coin_type=trade.coin_type,
                side=trade.side, quantity=trade.quantity, price=trade.price, value_aud=trade.value_aud,
                fee_aud=trade.fee_aud, realized_pnl=trade.realized_pnl, ledger=trade.ledger, reason=trade.reason[:500],
            )
            for trade in engine.state.account.new_trades
        ),
        batch_size=TRADES_AT_ONCE,
    )  # fmt: skip
    if engine.is_done:
        missing = tell(backtest, changes["metrics"])
        Backtest.objects.filter(pk=backtest.pk).update(
            counts_for_promotion=not missing, promotion_reason=" ".join(missing)[:500]
        )
        log.info("backtest.done", backtest_id=backtest.pk)


def _fail(backtest: Backtest, error: str) -> None:
    changed = _held(backtest).update(
        status=Status.FAILED, error=error[:500], lease_until=None, ended_at=clock.now()
    )
    if changed:
        log.warning("backtest.failed", backtest_id=backtest.pk, error=error)


def _held(backtest: Backtest) -> Any:
    """Select the backtest if this worker still has it."""
    return Backtest.objects.filter(pk=backtest.pk, claim=backtest.claim, status=Status.RUNNING)
