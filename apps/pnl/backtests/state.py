"""Keep all that a backtest has come to so far, and write it down; pure."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.pnl.backtests.account import Account, instant, written
from apps.pnl.backtests.curve import Curve, Exposure
from apps.pnl.backtests.holding import Holding
from apps.pnl.backtests.plan import Plan
from apps.pnl.backtests.slicing import Sliced
from apps.pnl.periods import local_day, midnight
from ohmycoins.core.money import ZERO


@dataclass(slots=True)
class State:
    """Everything that a backtest has come to so far; what it reads is not in it."""

    account: Account
    curve: Curve
    holding: Holding
    next_midnight: datetime
    counted_at: datetime
    """Until when exposure is counted."""
    equity: Decimal
    day_start_aud: Decimal
    """What the account was worth when its local day began."""
    step: int = 0
    exposure: Exposure = field(default_factory=Exposure)
    value: Decimal = ZERO
    """What coins were worth at `counted_at`."""
    days: list[tuple[date, Decimal, Decimal]] = field(default_factory=list)
    """Days that ended, with equity and what holding would have been worth."""
    reduce_only: bool = False
    """Whether too much was lost today to buy more."""
    book_day: date | None = None
    """The local day that the book was first looked at, with what it was worth and had cost by then."""
    book_value: Decimal = ZERO
    book_spent: Decimal = ZERO
    slices: list[Sliced] = field(default_factory=list)
    decisions: dict[str, int] = field(default_factory=dict)
    denials: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> "State":
        """Begin a backtest."""
        return cls(
            account=Account(plan.capital_aud), curve=Curve.of(plan.steps + 1, plan.capital_aud),
            holding=Holding.of(plan.coins, plan.capital_aud),
            next_midnight=midnight(local_day(plan.start, plan.timezone) + timedelta(days=1), plan.zone),
            counted_at=plan.start, equity=plan.capital_aud, day_start_aud=plan.capital_aud,
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Write it so that `from_json` gives exactly the same."""
        return {
            "account": self.account.as_json(), "curve": self.curve.as_json(), "holding": self.holding.as_json(),
            "next_midnight": written(self.next_midnight), "counted_at": written(self.counted_at),
            "equity": str(self.equity), "day_start": str(self.day_start_aud), "step": self.step,
            "exposure": [self.exposure.weighted, self.exposure.seconds], "value": str(self.value),
            "days": [[day.isoformat(), str(equity), str(held)] for day, equity, held in self.days],
            "reduce_only": self.reduce_only, "book_day": self.book_day.isoformat() if self.book_day else None,
            "book_value": str(self.book_value), "book_spent": str(self.book_spent),
            "slices": [each.as_json() for each in self.slices], "decisions": self.decisions,
            "denials": self.denials,
        }  # fmt: skip

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "State":
        next_midnight, counted_at = instant(kept["next_midnight"]), instant(kept["counted_at"])
        if next_midnight is None or counted_at is None:
            raise ValueError("a checkpoint has its times")
        return cls(
            account=Account.from_json(kept["account"]), curve=Curve.from_json(kept["curve"]),
            holding=Holding.from_json(kept["holding"]), next_midnight=next_midnight, counted_at=counted_at,
            equity=Decimal(kept["equity"]), day_start_aud=Decimal(kept["day_start"]), step=kept["step"],
            exposure=Exposure(*kept["exposure"]), value=Decimal(kept["value"]),
            days=[
                (date.fromisoformat(day), Decimal(equity), Decimal(held)) for day, equity, held in kept["days"]
            ],
            reduce_only=kept["reduce_only"],
            book_day=date.fromisoformat(kept["book_day"]) if kept["book_day"] else None,
            book_value=Decimal(kept["book_value"]), book_spent=Decimal(kept["book_spent"]),
            slices=[Sliced.from_json(each) for each in kept["slices"]], decisions=dict(kept["decisions"]),
            denials=dict(kept["denials"]),
        )  # fmt: skip
