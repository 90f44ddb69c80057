"""Set up the algorithms of seeded people: some that trade, with their decisions, and some on their way there.

What they decided in the past is thought up (`ideas`), not by their rules, and says so; what they rest on are
ledger rows of that time. From then on the real rules go on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import F

from apps.accounts.models import User
from apps.trading.algorithms.base import Input, Series
from apps.trading.algorithms.rows import Ref
from apps.trading.models import Account, Algorithm, Decision, Deployment, Evidence, Order, Promotion
from apps.trading.records import Ticket
from apps.trading.services.algorithms import complete, digest_of, rule_of
from apps.trading.services.ledger_rows import COMMON, TABLES
from ohmycoins.core import clock
from ohmycoins.core.frequency import parse
from ohmycoins.core.money import ZERO, plain
from ohmycoins.sandbox.market import DAY
from ohmycoins.seed.ideas import CHAIN, LEDGERS, PROTOCOL, Idea, coin_of_algorithm, ledger_of_algorithm

MADE_UP = "made up by manage.py seed"
RULES = {
    "exchange": "moving_average_crossover", "glass": "tvl_trend", "human": "sentiment_momentum",
    "catalyst": "catalyst_reaction",
}  # fmt: skip
FREQUENCIES = ("interval:1:minutes", "interval:15:minutes", "cron:20 */4 * * *", "interval:5:minutes")
IDLE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("rebalance", "draft", {}),
    ("dollar_cost_averaging", "backtested", {"coin_type": "ETH"}),
    ("moving_average_crossover", "draft", {"interval": "day", "fast": 5, "slow": 20}),
)
NEVER = timedelta(days=4000)
# What an algorithm of each ledger looks at: which series, how far back, and how many rows it names.
LOOKS = {
    "exchange": ((Series.CANDLES, "day", 3 * DAY, 2),), "glass": ((Series.METRICS, "chain_tvl_usd", 4 * DAY, 2),),
    "human": ((Series.NEWS, "", 3 * DAY, 2), (Series.POSTS, "", 3 * DAY, 2)),
    "catalyst": ((Series.EVENTS, "", 2 * DAY, 1),),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Numbers:
    """Which of the seeded algorithms are a user's: those that trade, and those that do not yet."""

    trading: tuple[int, ...]
    idle: tuple[int, ...]


def numbers_of(person: int, people: int, algorithms: int) -> Numbers:
    """Deal algorithms 1, 2, … out to all; the first two thirds trade."""
    own = range(person + 1, algorithms + 1, people)
    last = algorithms * 2 // 3
    return Numbers(
        tuple(number for number in own if number <= last), tuple(number for number in own if number > last)
    )


def deploy_algorithms(account: Account, seed: int, numbers: Numbers) -> dict[int, Deployment]:
    """Store a user's algorithms, and give the deployments of those that trade, by number."""
    for number in numbers.idle:
        slug, status, parameters = IDLE[number % len(IDLE)]
        _algorithm(account.user, number, slug, status, complete(slug, parameters))
    return {number: _deployment(account, seed, number) for number in numbers.trading}


def _deployment(account: Account, seed: int, number: int) -> Deployment:
    slug, coin = RULES[ledger_of_algorithm(number)], coin_of_algorithm(seed, number)
    parameters = complete(slug, {"coin_type": coin} | _followed(slug, coin))
    algorithm = _algorithm(account.user, number, slug, Algorithm.Status.PAPER, parameters)
    now = clock.now()
    Promotion.objects.create(
        algorithm=algorithm, version=1, code_digest=digest_of(slug), target=Promotion.Target.PAPER,
        status=Promotion.Status.APPROVED, grounds={"seeded": True}, notes=MADE_UP, requested_by=account.user,
        requested_at=now, decided_at=now,
    )  # fmt: skip
    return Deployment.objects.create(
        user=account.user, account=account, algorithm=algorithm, parameters=parameters,
        frequency=FREQUENCIES[(number - 1) // len(LEDGERS) % len(FREQUENCIES)], created_at=now,
    )  # fmt: skip


def _algorithm(user: User, number: int, slug: str, status: str, parameters: dict[str, Any]) -> Algorithm:
    name = f"{rule_of(slug).title} {number}"
    return Algorithm.objects.create(
        user=user, slug=slug, name=name, status=status, parameters=parameters, created_at=clock.now()
    )


def _followed(slug: str, coin: str) -> dict[str, Any]:
    """Say whose value locked speaks for a coin."""
    if slug != "tvl_trend":
        return {}
    if coin in PROTOCOL:
        return {"measure": "protocol", "name": PROTOCOL[coin]}
    return {"measure": "chain", "name": CHAIN[coin]}


def go_on(deployments: dict[int, Deployment]) -> None:
    """Let the rules themselves go on from now."""
    now = clock.now()
    for deployment in deployments.values():
        deployment.refresh_from_db()
        deployment.next_run_at = parse(deployment.frequency).next_after(now, now)
        deployment.save(update_fields=["next_run_at"])


def decide(deployment: Deployment, idea: Idea) -> Decision:
    """Store what an algorithm is said to have decided, still to be closed with what came of it."""
    decision = Decision.objects.create(
        deployment=deployment, user_id=deployment.user_id, slot=idea.at, created_at=idea.at, nudged_at=idea.at
    )
    Evidence.objects.bulk_create(
        Evidence(decision=decision, place=place, ledger=ref.ledger, table=ref.table, row_id=ref.id, source=ref.source)
        for place, ref in enumerate(_evidence(idea))
    )  # fmt: skip
    Deployment.objects.filter(pk=deployment.pk).update(runs=F("runs") + 1, last_run_at=idea.at)
    return decision


def close(decision: Decision, idea: Idea, ticket: Ticket, order: Order) -> None:
    """Record the signal, and why its order was denied if it was."""
    size = f"A${plain(ticket.amount_aud)}" if ticket.amount_aud else plain(ticket.quantity or ZERO)
    Decision.objects.filter(pk=decision.pk).update(
        status=Decision.Status.DONE, decided_at=idea.at, action=idea.side, coin_type=idea.coin,
        quantity=ticket.quantity, amount_aud=ticket.amount_aud, confidence=idea.confidence, ledger=idea.ledger,
        parameters=decision.deployment.parameters, reason=f"{idea.side} {size}, {MADE_UP}",
        denials=order.denials,
    )  # fmt: skip


def _evidence(idea: Idea) -> Iterator[Ref]:
    """Name the newest rows that were there then."""
    for series, detail, within, count in LOOKS[idea.ledger]:
        wanted = _input(series, detail, idea.coin)
        table = TABLES[wanted.series]
        rows = table.rows_of(wanted).filter(
            origin="seed", available_at__lte=idea.at, occurred_at__gt=idea.at - within
        )
        for values in rows.order_by("-occurred_at", "-id").values(*COMMON, *table.columns)[:count]:
            yield table.row(values, values["observed_at"]).ref


def _input(series: Series, detail: str, coin: str) -> Input:
    if series == Series.METRICS and coin in PROTOCOL:
        return Input(series=Series.FUNDAMENTALS, of=PROTOCOL[coin], max_age=NEVER)
    return Input(series=series, of=coin, detail=detail, max_age=NEVER)
