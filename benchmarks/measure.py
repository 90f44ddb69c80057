"""Time things fairly: warm up, alternate with the floor, take medians."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from django.db import connection


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the report."""

    name: str
    measured: str
    floor: str
    ratio: float
    target: str
    met: bool

    @classmethod
    def at_most(
        cls, name: str, measured: float, floor: float, limit: float, *, unit: str = "ms CPU"
    ) -> "Row":
        """Compare a cost with its floor; smaller is better."""
        ratio = measured / floor
        return cls(
            name, f"{measured:.3f} {unit}", f"{floor:.3f} {unit}", ratio, f"≤ {limit:g}×", ratio <= limit
        )

    @classmethod
    def at_least(cls, name: str, measured: float, limit: float, *, unit: str) -> "Row":
        """Compare a rate with the least it may be; larger is better."""
        return cls(
            name,
            f"{measured:.0f} {unit}",
            f"{limit:.0f} {unit}",
            measured / limit,
            f"≥ {limit:.0f}",
            measured >= limit,
        )

    @classmethod
    def below(cls, name: str, measured: float, limit: float, *, unit: str) -> "Row":
        """Compare a time with the most it may be."""
        return cls(
            name,
            f"{measured:.0f} {unit}",
            f"{limit:.0f} {unit}",
            measured / limit,
            f"< {limit:.0f}",
            measured < limit,
        )


def cpu_side_by_side(works: list[Callable[[], object]], *, rounds: int, batch: int) -> list[float]:
    """Give each work's median CPU milliseconds, measured in turns so that noise falls on all alike."""
    for work in works:
        for _ in range(batch):
            work()
    samples: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, taken in zip(works, samples, strict=True):
            before = _cpu()
            for _ in range(batch):
                work()
            taken.append((_cpu() - before) * 1000 / batch)
    return [statistics.median(taken) for taken in samples]


def cpu_once(work: Callable[[], object]) -> float:
    """Give the CPU milliseconds of one run, the database's included."""
    before = _cpu()
    work()
    return (_cpu() - before) * 1000


def _cpu() -> float:
    connection.ensure_connection()
    backend = psutil.Process(connection.connection.info.backend_pid).cpu_times()
    return time.process_time() + float(backend.user) + float(backend.system)
