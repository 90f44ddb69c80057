"""Judge a collector by its last runs; pure."""

HEALTHY_FROM = 0.95
DEGRADED_FROM = 0.80


def health(*, off: bool, success_rate: float | None) -> str:
    """Say healthy, degraded, failing, off, or unknown when it never ran."""
    if off:
        return "off"
    if success_rate is None:
        return "unknown"
    if success_rate >= HEALTHY_FROM:
        return "healthy"
    return "degraded" if success_rate >= DEGRADED_FROM else "failing"
