"""Look at everything, every five minutes, and keep what was found: the round.

Each part looks for itself and answers with findings; one that fails is itself a finding, and the others go
on. What a part says of its types of alerts replaces what it said in the last round.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import DatabaseError

from apps.monitoring.findings import HIGH, Finding
from apps.monitoring.models import Round, Type
from apps.monitoring.services import alerts, collectors, conditions, invariants, protections, quality, system
from ohmycoins.core import clock

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the round: the types of alerts that it alone speaks for, and how it looks."""

    name: str
    types: tuple[str, ...]
    look: Callable[[datetime], Sequence[Finding]]


BRAKES = Part("brakes", (Type.BRAKE,), lambda now: [*protections.look(now), *conditions.held(now)])
INVARIANTS = Part("invariants", (Type.INVARIANT,), invariants.look)
PARTS = (
    Part("quality", (Type.QUALITY, Type.OUTLIER), quality.look),
    Part("collectors", (Type.COLLECTOR,), collectors.look),
    INVARIANTS,
    Part("discrepancies", (Type.DISCREPANCY,), conditions.discrepancies),
    Part("bookings", (Type.BOOKING,), conditions.bookings),
    Part("orders", (Type.ORDER,), conditions.orders),
    Part("deployments", (Type.DEPLOYMENT,), conditions.deployments),
    BRAKES,  # last, by what the others found
)


def check_invariants() -> None:
    """Go on with the invariants between rounds: on a large database a round alone would take a day to see everything."""
    _do(INVARIANTS, clock.now())


def tell_of_brakes() -> None:
    """Tell of brakes that were engaged between rounds: one may be over before the next."""
    _do(BRAKES, clock.now())


def watch() -> Round:
    """Do one round, and store what it took."""
    now, began = clock.now(), time.perf_counter()
    took: dict[str, int] = {}
    failed: dict[str, str] = {}
    broken: list[Finding] = []

    def look_at_system(now: datetime) -> Sequence[Finding]:
        return [*system.look(now), *broken]  # last, so that it tells of the parts that failed

    for part in (*PARTS, Part("system", (Type.SYSTEM,), look_at_system)):
        since = time.perf_counter()
        try:
            _do(part, now)
        except Exception as error:  # whatever it is, the other parts are looked at
            failed[part.name] = f"{type(error).__name__}: {error}"[:300]
            broken.append(_broken(part, error))
            log.exception("watch.part_failed", part=part.name)
        took[part.name] = _ms_since(since)
    return Round.objects.create(started_at=now, took_ms=_ms_since(began), parts=took, failed=failed)


def _do(part: Part, now: datetime) -> None:
    alerts.reconcile(part.types, part.look(now), now=now)


def _broken(part: Part, error: Exception) -> Finding:
    said = "the database refused" if isinstance(error, DatabaseError) else type(error).__name__
    return Finding(
        type=Type.SYSTEM, key=f"watch:{part.name}", severity=HIGH,
        message=f"{part.name} could not be looked at in the last round: {said}. What it would find is not known.",
    )  # fmt: skip


def _ms_since(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
