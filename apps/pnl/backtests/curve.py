"""Follow equity step by step: its peak, its deepest fall, and so many points that it can be drawn; pure.

A drawdown is how far equity lies below its peak so far: 0 or less. It is followed at every step; the curve
keeps the first and the last point, and of each stretch between them its highest, its lowest and the one
of its deepest fall.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ohmycoins.core.money import ZERO

MOST_POINTS = 1_000
KEPT_OF_STRETCH = 3


@dataclass(frozen=True, slots=True)
class Point:
    """What equity was at an instant, and how far below its peak."""

    at: datetime
    equity: Decimal
    peak: Decimal

    @property
    def drawdown(self) -> Decimal:
        return self.equity - self.peak

    @property
    def share(self) -> float:
        """Give the drawdown as a share of the peak, for statistics."""
        return float(self.drawdown) / float(self.peak) if self.peak else 0.0

    def as_json(self) -> list[str]:
        return [self.at.isoformat(), str(self.equity), str(self.peak)]

    @classmethod
    def from_json(cls, kept: list[str]) -> "Point":
        return cls(datetime.fromisoformat(kept[0]), Decimal(kept[1]), Decimal(kept[2]))


@dataclass(slots=True)
class Curve:
    """Equity so far. `stretch` is how many points share a stretch, of which few are kept."""

    stretch: int
    peak: Decimal
    deepest: Decimal = ZERO
    deepest_share: float = 0.0
    count: int = 0
    points: list[Point] = field(default_factory=list)
    current: list[Point] = field(default_factory=list)
    """Of the stretch that is going on: the highest, the lowest, the deepest fallen and the newest."""

    @classmethod
    def of(cls, points: int, capital: Decimal) -> "Curve":
        """Begin a curve that will have so many points."""
        room = MOST_POINTS - 2 - KEPT_OF_STRETCH
        stretch = 1 if points <= MOST_POINTS else -(-points * KEPT_OF_STRETCH // room)
        return cls(stretch=stretch, peak=capital)

    def add(self, at: datetime, equity: Decimal) -> None:
        """Go on to the next point."""
        if equity > self.peak:
            self.peak = equity
        point = Point(at, equity, self.peak)
        drawdown = equity - self.peak
        if drawdown:
            self.deepest = min(self.deepest, drawdown)
            self.deepest_share = min(self.deepest_share, point.share)
        self.count += 1
        if self.stretch == 1 or self.count == 1:
            self.points.append(point)
            return
        if not self.current:
            self.current = [point] * 4
        else:
            highest, lowest, fallen, _ = self.current
            if equity > highest.equity:
                self.current[0] = point
            if equity < lowest.equity:
                self.current[1] = point
            if drawdown < fallen.drawdown:
                self.current[2] = point
            self.current[3] = point
        if (self.count - 1) % self.stretch == 0:
            self.points += _in_order(self.current[:3])
            self.current = []

    def drawn(self) -> list[Point]:
        """Give the points to draw, oldest first; at most MOST_POINTS."""
        return [*self.points, *_in_order(self.current)]

    def as_json(self) -> dict[str, Any]:
        return {
            "stretch": self.stretch, "peak": str(self.peak), "deepest": str(self.deepest),
            "deepest_share": self.deepest_share, "count": self.count,
            "points": [point.as_json() for point in self.points],
            "current": [point.as_json() for point in self.current],
        }  # fmt: skip

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Curve":
        return cls(
            stretch=kept["stretch"], peak=Decimal(kept["peak"]), deepest=Decimal(kept["deepest"]),
            deepest_share=kept["deepest_share"], count=kept["count"],
            points=[Point.from_json(point) for point in kept["points"]],
            current=[Point.from_json(point) for point in kept["current"]],
        )  # fmt: skip


@dataclass(slots=True)
class Exposure:
    """How much of equity was in coins, each moment counted alike; a statistic, in floating point."""

    weighted: float = 0.0
    seconds: float = 0.0

    def add(self, value: Decimal, equity: Decimal, lasted: timedelta) -> None:
        """Count what was in coins for as long as it was."""
        seconds = lasted.total_seconds()
        self.seconds += seconds
        if value and equity > 0:
            self.weighted += float(value) / float(equity) * seconds

    @property
    def percent(self) -> float:
        return 100 * self.weighted / self.seconds if self.seconds else 0.0


def _in_order(points: list[Point]) -> list[Point]:
    """Give each point once, oldest first."""
    return sorted({point.at: point for point in points}.values(), key=lambda point: point.at)
