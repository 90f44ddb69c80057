"""Tell the app above what was recorded: the project's only signals (docs/adr/0006).

Each is sent inside the transaction that records the facts, with their account locked.
"""

from django.dispatch import Signal

fill_recorded = Signal()
"""Sent with `fill: FillRecord` for one fill."""

history_recorded = Signal()
"""Sent with `account: Account`, `coins: Collection[str]` and `since: datetime`, the first instant of it: many
fills of those coins at once, or coins that came or went by no fill."""

timezone_changed = Signal()
"""Sent with `account: Account`: its days begin elsewhere from now on, the past ones too."""
