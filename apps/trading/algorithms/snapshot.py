"""Hold what an algorithm declared, as it was known at one instant: rows and nothing that could read more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from apps.trading.algorithms.base import Input, Known
from apps.trading.algorithms.rows import Row


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows of each declared input, and when its newest one occurred; it leads to nothing else."""

    found: Mapping[Input, Sequence[Row]]
    newest_at: Mapping[Input, datetime | None]

    @classmethod
    def of(cls, inputs: Sequence[Input], known: Known) -> "Snapshot":
        """Take all that the inputs are from what is known, once."""
        return cls(
            MappingProxyType({wanted: tuple(known.rows(wanted)) for wanted in inputs}),
            MappingProxyType({wanted: known.newest(wanted) for wanted in inputs}),
        )

    def rows(self, wanted: Input) -> Sequence[Row]:
        """Give an input's rows, oldest first. Raises KeyError for one that was not declared."""
        return self.found[wanted]

    def newest(self, wanted: Input) -> datetime | None:
        """Give when the newest row of an input's series occurred; None if there was none."""
        return self.newest_at[wanted]
