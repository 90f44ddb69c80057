"""Each source of the sandbox stands still in turn, though it answers: what that changes, and what it does not.

Real HTTP, the real collectors, the clock moved; a round looks every five minutes.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

import pytest

from apps.ledgers.services.collect import collect
from apps.ledgers.tests.sources import SOURCES, point_at, serving
from apps.monitoring.metrics.watching import quality as quality_metrics
from apps.monitoring.models import Alert, QualityCheck
from apps.monitoring.probes import probe_data
from apps.monitoring.services import alerts
from apps.monitoring.services.quality import look
from apps.trading.algorithms.base import Input, Series
from apps.trading.deciding import judge_inputs
from apps.trading.services.knowing import read_known
from ohmycoins.core.clock import now
from ohmycoins.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ROUND = 5 * MINUTE
NEXT_READING = 13 * HOUR  # of what is read once a day
SELDOM = ("defillama", "sec", "coinspot_help")
Watch: TypeAlias = Callable[..., QualityCheck]
INPUTS = (
    Input(series=Series.PRICE, of="BTC", max_age=5 * MINUTE, count=1),
    Input(series=Series.FUNDAMENTALS, of="aave", max_age=26 * HOUR, count=1),
    Input(series=Series.POSTS, of="BTC", max_age=39 * MINUTE, count=1),
    Input(series=Series.NEWS, of="BTC", max_age=31 * MINUTE, count=1),
    Input(series=Series.EVENTS, of="BTC", max_age=28 * HOUR, count=1),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with serving() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: Sandbox, settings: Any, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    point_at(server, settings, monkeypatch)
    return server


@pytest.fixture
def watch(sandbox: Sandbox, clock: Any) -> Watch:
    """Let time pass, collect what is due or `frozen`, do a round of looking, and give the check."""

    def later(passed: timedelta, frozen: Sequence[str] = ()) -> QualityCheck:
        clock.shift(passed)
        for name, source in SOURCES.items():
            if source in SELDOM and source not in frozen and timedelta(0) < passed < HOUR:
                continue
            run = collect(name)
            assert run
            assert run.status in ("success", "partial"), run.error
        alerts.reconcile(("quality", "outlier"), look(now()), now=now())
        return QualityCheck.objects.all()[0]

    return later


def scores(check: QualityCheck) -> dict[str, float]:
    return {name: round(ledger["overall"], 6) for name, ledger in check.ledgers.items()}


def standing() -> set[str]:
    return set(Alert.objects.standing().values_list("key", flat=True))


def doubted() -> set[str]:
    """Name the inputs that trading's gate does not believe."""
    verdicts = judge_inputs(INPUTS, read_known(INPUTS, now()), now())
    return {verdict.series.partition(":")[0] for verdict in verdicts if verdict.state != "ok"}


def told_outside() -> tuple[bool, set[str]]:
    """Say whether /health finds the data well, and which ledgers /metrics scores below 1."""
    families = {family.name: family.samples for family in quality_metrics(now())}
    below = {sample.labels["ledger"] for sample in families["omc_quality_ledger_score"] if sample.value < 1}
    return probe_data()["quality"].ok, below


PERFECT = {"exchange": 1.0, "glass": 1.0, "human": 1.0, "catalyst": 1.0}
# The sources that freeze, how long nothing shows yet, the ledger's score after it, the alerts,
# and what the gate then doubts. The gate goes by when a table's newest row occurred. Another source of the
# same table keeps it fresh; and what is read anew is a new row, though it says what the last one said.
CASES = {
    "coinspot": (("coinspot",), 30 * MINUTE, "exchange", 0.88, {"frozen:coinspot_prices", "frozen:coinspot_depth"}, set()),
    "defillama": (("defillama",), 11 * HOUR, "glass", 0.88, {"frozen:defillama"}, set()),
    "reddit": (("reddit",), 30 * MINUTE, "human", 0.96, {"source:reddit_api"}, {"posts"}),
    "cryptopanic": (("cryptopanic",), 30 * MINUTE, "human", 0.96, {"source:cryptopanic"}, set()),
    "news": (("news",), 30 * MINUTE, "human", 0.96, {"source:news_rss"}, set()),
    "both of the news": (
        ("news", "cryptopanic"), 30 * MINUTE, "human", 0.92, {"source:news_rss", "source:cryptopanic"}, {"news"},
    ),
    "sec": (("sec",), DAY, "catalyst", 0.94, {"source:sec_edgar_api"}, set()),
    "coinspot_help": (("coinspot_help",), DAY, "catalyst", 0.94, {"source:coinspot_announcements"}, {"events"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_frozen_source_shows_within_a_round_of_its_bound_and_comes_back_by_itself(
    case: str, sandbox: Sandbox, watch: Watch
) -> None:
    frozen, wait, ledger, score, found, not_believed = CASES[case]
    assert scores(watch(timedelta(0))) == PERFECT
    sandbox.set_faults(dict.fromkeys(frozen, "frozen"))
    assert scores(watch(wait, frozen)) == PERFECT
    assert standing() == set()
    assert told_outside() == (True, set())
    check = watch(NEXT_READING if "defillama" in frozen else ROUND, frozen)
    assert scores(check) == PERFECT | {ledger: score}
    assert standing() == found
    said = [alert.message for alert in Alert.objects.standing()]
    assert set(said) <= {remark["message"] for remark in check.warnings}
    assert doubted() == not_believed
    assert told_outside() == (False, {ledger})
    sandbox.set_faults(dict.fromkeys(frozen))
    assert scores(watch(ROUND, frozen)) == PERFECT
    assert standing() == set()
    assert doubted() == set()
    assert told_outside() == (True, set())
