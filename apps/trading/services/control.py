"""PLACEHOLDER until the emergency stop's author writes this file."""

from dataclasses import dataclass

from ohmycoins.core.locks import advisory_lock


@dataclass(frozen=True, slots=True)
class StopView:
    state: str
    scope: str


def hold_gate() -> None:
    advisory_lock("trading.stop", shared=True)


def standing_stop(*, user_id: int, account_id: int, algorithm_id: int | None, coin_type: str) -> StopView:
    return StopView("active", "global")
