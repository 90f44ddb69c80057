"""Make families of measured figures."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from prometheus_client.core import GaugeMetricFamily


def gauge(
    name: str, text: str, labels: Iterable[str] = (), rows: Iterable[tuple[Any, ...]] = ()
) -> GaugeMetricFamily:
    """Give a gauge of `rows`, each its labels' values and then its figure; a figure of None is left out."""
    family = GaugeMetricFamily(name, text, labels=list(labels))
    for *values, figure in rows:
        if figure is not None:
            family.add_metric([str(value) for value in values], float(figure))
    return family


def age(at: datetime | None, now: datetime) -> float | None:
    """Give the seconds since `at`, never less than zero; None if it never was."""
    return None if at is None else max((now - at).total_seconds(), 0.0)
