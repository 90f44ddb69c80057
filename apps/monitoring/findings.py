"""Carry what was found wrong, from whoever looked to whoever tells of it; pure."""

from dataclasses import dataclass, field
from typing import Any

LOW, MEDIUM, HIGH = "low", "medium", "high"
SEVERITIES = (LOW, MEDIUM, HIGH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A condition that stands now; `type` and `key` tell it from every other, now and in the next round."""

    type: str
    """One of `models.alert.Type`."""
    key: str
    """What it is about, such as `ledger:exchange`; never a figure that changes while it stands."""
    severity: str
    message: str
    """A sentence for people: what is wrong, since when, and the figure; no secrets."""
    evidence: dict[str, Any] = field(default_factory=dict)
    """The rows and figures behind it, as JSON."""
    user_id: int | None = None
    """Whose trading it is about; None: everybody's."""
    account_id: int | None = None


def rank(severity: str) -> int:
    """Give how much a severity matters, 0 the least."""
    return SEVERITIES.index(severity)
