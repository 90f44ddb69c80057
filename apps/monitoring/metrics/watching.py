"""Measure what was watched and found: collectors, quality, alerts, incidents, rounds, signs of life."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.db.models import Count, Min
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from apps.monitoring.metrics.families import age, gauge
from apps.monitoring.models import Alert, Delivery, Heartbeat, Incident, QualityCheck, Round, Severity
from apps.monitoring.services import collectors as figures
from apps.monitoring.services import heartbeat
from ohmycoins.core.queues import queues as names_of_queues

RUNS_WITHIN = timedelta(days=1)
SCORES = ("completeness", "timeliness", "accuracy")
WORDS = ("healthy", "degraded", "failing", "unknown", "off")
BROKER_SECONDS = 0.5


def collectors(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Measure collectors by their runs of the last day, and how they do now."""
    each = figures.figures(now, within=RUNS_WITHIN)
    runs = [
        (one.name, status, count)
        for one in each
        for status, count in (("success", one.successes - one.partial), ("partial", one.partial),
                              ("failed", one.failures), ("skipped", one.skipped))
    ]  # fmt: skip
    names = ["collector"]
    yield gauge("omc_collector_runs_last_day", "Runs begun in the last day, or since the newest mark, by status.",
                ["collector", "status"], runs)  # fmt: skip
    yield gauge("omc_collector_success_ratio", "Share of those runs that succeeded, skipped ones aside.", names,
                [(one.name, one.success_rate) for one in each])  # fmt: skip
    yield gauge("omc_collector_records_last_day", "Entries that those runs stored.", names,
                [(one.name, one.records) for one in each])  # fmt: skip
    yield gauge("omc_collector_latency_p95_seconds", "95th percentile of how long those runs took.", names,
                [(one.name, one.p95_latency_ms and one.p95_latency_ms / 1000) for one in each])  # fmt: skip
    yield gauge("omc_collector_last_success_age_seconds", "Time since a run succeeded, if one of those did.", names,
                [(one.name, age(one.last_success, now)) for one in each])  # fmt: skip
    yield gauge("omc_collector_health", "1 for what the collector is: healthy, degraded, failing, unknown or off.",
                ["collector", "health"],
                [(one.name, word, one.health == word) for one in each for word in WORDS])  # fmt: skip


def quality(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Give the scores of the newest check."""
    check = QualityCheck.objects.first()
    yield gauge("omc_quality_score", "Overall quality of the data, 0 to 1.", (), [(check and check.overall,)])
    yield gauge("omc_quality_age_seconds", "Time since the quality was measured.", (),
                [(check and age(check.checked_at, now),)])  # fmt: skip
    ledgers: dict[str, Any] = check.ledgers if check else {}
    rows = [(ledger, score, said.get(score)) for ledger, said in sorted(ledgers.items()) for score in SCORES]
    yield gauge("omc_quality_ledger_score", "Scores of each ledger, 0 to 1.", ["ledger", "score"], rows)


def alerts(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Count what stands, and what is being told of it."""
    standing = Alert.objects.standing().order_by().values_list("type", "severity").annotate(count=Count("pk"))
    counts = {(kind, severity): count for kind, severity, count in standing}
    kinds = sorted({kind for kind, _ in counts})
    total = {
        word: sum(n for (_, severity), n in counts.items() if severity == word) for word in Severity.values
    }
    yield gauge("omc_alerts", "Alerts that stand, by severity.", ["severity"], total.items())
    yield gauge("omc_alerts_by_type", "Alerts that stand, by type and severity.", ["type", "severity"],
                [(kind, word, counts.get((kind, word), 0)) for kind in kinds for word in Severity.values])  # fmt: skip
    messages = Delivery.objects.order_by().values_list("status")
    told = {
        status: (count, oldest) for status, count, oldest in messages.annotate(Count("pk"), Min("created_at"))
    }
    yield gauge("omc_alert_deliveries", "Messages about alerts, by status.", ["status"],
                [(status, told.get(status, (0, None))[0]) for status in Delivery.Status.values])  # fmt: skip
    late = told.get(Delivery.Status.PENDING, (0, None))[1]
    yield gauge("omc_alert_delivery_oldest_age_seconds", "Age of the oldest message that is still to be sent.", (),
                [(age(late, now),)])  # fmt: skip
    yield gauge("omc_incidents", "Broken invariants that stand, and that nobody has accepted.", (),
                [(Incident.objects.unaccepted().count(),)])  # fmt: skip


def rounds(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Say how the newest round went, and give the signs of life of beat and the queues."""
    newest = Round.objects.first()
    yield gauge("omc_round_age_seconds", "Time since the newest round of watching began.", (),
                [(newest and age(newest.started_at, now),)])  # fmt: skip
    yield gauge("omc_round_duration_seconds", "How long the newest round took.", (),
                [(newest and newest.took_ms / 1000,)])  # fmt: skip
    yield gauge("omc_round_parts_failed", "Parts of the newest round that could not look.", (),
                [(len(newest.failed) if newest else None,)])  # fmt: skip
    beats = dict(Heartbeat.objects.values_list("name", "at"))
    yield gauge("omc_beat_age_seconds", "Time since beat's last tick.", (), [(age(beats.get("beat"), now),)])
    yield gauge("omc_queue_age_seconds", "How long ago the newest pulse was sent that came through the queue.", ["queue"],
                [(queue, age(beats.get(heartbeat.QUEUE + queue), now)) for queue in names_of_queues()])  # fmt: skip


def queues(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Ask the broker how many messages wait."""
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS
    )
    names = names_of_queues()
    try:
        pipeline = client.pipeline(transaction=False)
        for name in names:
            pipeline.llen(name)
        depths = pipeline.execute()
    finally:
        client.close()
    yield gauge("omc_queue_messages", "Messages that wait in the queue for a worker.", ["queue"],
                zip(names, depths, strict=True))  # fmt: skip


def traces(now: datetime) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
    """Name the families of traces that are true of no destination: no closed trade is published yet."""
    yield CounterMetricFamily(
        "trust_traces_pushed", "Deliveries that were posted.", labels=["adapter", "status"]
    )
    yield CounterMetricFamily("trust_trace_fail", "Posts that failed.", labels=["adapter", "reason"])
    yield gauge("trust_trace_queue_pending", "Deliveries that are still to be posted.", ["adapter"])


def processes(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Say of how many processes the counters are, those that ended included."""
    owners = {file.stem.rpartition("_")[2] for file in Path(settings.METRICS_DIR).glob("*.db")}
    yield gauge(
        "omc_counting_processes", "Processes that counted something since the start.", (), [(len(owners),)]
    )
