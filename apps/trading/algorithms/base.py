"""Say what an algorithm is: the seam behind the setting ALGORITHMS (docs/seams.md)."""

import hashlib
import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.functional_validators import AfterValidator

from apps.trading.algorithms.rows import Ref, Row
from apps.trading.algorithms.view import View
from ohmycoins.core.errors import Invalid
from ohmycoins.core.money import ZERO
from ohmycoins.core.symbols import is_symbol

HOLD = "hold"
"""Beside `records.BUY` and `records.SELL`: trade nothing."""


def _require_symbol(text: str) -> str:
    if not is_symbol(text):
        raise ValueError("expected a coin's symbol in upper case, such as BTC")
    return text


Coin = Annotated[
    str,
    AfterValidator(_require_symbol),
    WithJsonSchema({"type": "string", "maxLength": 20, "pattern": r"^[A-Z0-9]+(\.[A-Z0-9]+)*$"}),
]
Share = Annotated[Decimal, Field(gt=0, le=1, decimal_places=8)]
"""More than nothing, and at most all."""
Stake = Annotated[Share, Field(description="Share of the book's budget that a purchase takes.")]


class Parameters(BaseModel):
    """What an algorithm can be set to: names, types, bounds and defaults; forms and schemas come from it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def require_less(self, lesser: str, greater: str, because: str = "") -> None:
        """Refuse two parameters that are not in this order: for a model's validator. Raises ValueError."""
        less, more = getattr(self, lesser), getattr(self, greater)
        if less >= more:
            raise ValueError(f"{lesser} ({less}) must be less than {greater} ({more}){because}")


class Series(StrEnum):
    """What an algorithm can ask of the ledgers."""

    PRICE = "price"
    CANDLES = "candles"
    NEWS = "news"
    POSTS = "posts"
    EVENTS = "events"
    FUNDAMENTALS = "fundamentals"
    METRICS = "metrics"


LEDGER_OF = {
    Series.PRICE: "exchange", Series.CANDLES: "exchange", Series.FUNDAMENTALS: "glass", Series.METRICS: "glass",
    Series.NEWS: "human", Series.POSTS: "human", Series.EVENTS: "catalyst",
}  # fmt: skip
MOST_ROWS = 1_000
"""What an input may hold; of more, the newest count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A series that an algorithm reads: how much of it, and how old its newest row may be.

    News, posts and events are as old as their whole ledger's newest: silence about one coin is no fault.
    """

    series: Series
    of: str
    """The coin; of fundamentals the protocol, of metrics the asset."""
    max_age: timedelta
    detail: str = ""
    """The interval of candles (5min, hour, day), or a metric's name."""
    count: int = MOST_ROWS
    """How many rows at most, the newest."""
    within: timedelta | None = None
    """Only rows that occurred so long ago or less."""

    @property
    def ledger(self) -> str:
        return LEDGER_OF[self.series]

    @property
    def label(self) -> str:
        """Name the series in a sentence, such as `candles:BTC:hour`."""
        return ":".join(part for part in (self.series.value, self.of, self.detail) if part)


class Known(Protocol):
    """What the ledgers say as of one instant, of the inputs that were declared."""

    def rows(self, wanted: Input) -> Sequence[Row]:
        """Give the input's rows as they were known, each item in its newest version, oldest first."""

    def newest(self, wanted: Input) -> datetime | None:
        """Give when the newest row of the input's series occurred (a candle: ended); None if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What an algorithm wants: at most one trade, at market, and why.

    A purchase says one of `quantity` (coins), `fraction` (of the book's budget) and `amount_aud` (fee
    included); a sale `quantity` or `fraction` (of what the book holds).
    """

    action: str
    reason: str
    coin_type: str = ""
    quantity: Decimal | None = None
    fraction: Decimal | None = None
    amount_aud: Decimal | None = None
    confidence: Decimal = ZERO
    """0 to 1."""
    evidence: tuple[Ref, ...] = ()
    """The rows it rests on, most important first; the first one's ledger is the signal's."""

    @property
    def ledger(self) -> str:
        return self.evidence[0].ledger if self.evidence else ""


def hold(reason: str, evidence: Iterable[Row] = ()) -> Signal:
    """Trade nothing, and say why."""
    return Signal(action=HOLD, reason=reason, evidence=refs(evidence))


def refs(rows: Iterable[Row]) -> tuple[Ref, ...]:
    """Name the rows."""
    return tuple(row.ref for row in rows)


def rounded(value: Fraction, places: int = 4) -> Decimal:
    """Write an exact ratio with so many decimals, half to even: for a confidence, a size, a sentence."""
    return Decimal(round(value * 10**places)).scaleb(-places)


class Algorithm(Protocol):
    """A rule that decides what to trade. Stateless, pure: the same view gives the same signal.

    Its docstring is shown to users: what it does, why that may earn something, and where it fails.
    """

    slug: str
    """Its name everywhere: setting, API, rows, logs."""
    title: str
    version: str
    """Raised with every change that may change a signal."""
    parameters: type[Parameters]

    def inputs(self, parameters: Any) -> tuple[Input, ...]:
        """Declare what it reads with these parameters; the view refuses everything else."""

    def decide(self, view: View) -> Signal:
        """Say what to trade, from what the view shows and nothing else."""


Given = TypeVar("Given", bound=Parameters)


def read_parameters(algorithm: Algorithm, given: dict[str, Any]) -> Parameters:
    """Give an algorithm's parameters, defaults filled in. Raises Invalid, naming each that is wrong."""
    try:
        return algorithm.parameters.model_validate(given)
    except ValidationError as error:
        wrong = {
            ".".join(map(str, each["loc"])) or "parameters": _problem(each["type"], each["msg"])
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        }
        said = "; ".join(f"{name}: {message}" for name, message in wrong.items())
        raise Invalid(f"parameters of {algorithm.slug}: {said}", detail={"parameters": wrong}) from None


def _problem(type_: str, message: str) -> str:
    return (
        "is not one of its parameters"
        if type_ == "extra_forbidden"
        else message.removeprefix("Value error, ")
    )


def as_json(parameters: Parameters) -> dict[str, Any]:
    """Give parameters as they are stored and shown; decimals as text."""
    return parameters.model_dump(mode="json")


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


_HERE = Path(__file__).parent
SHARED = tuple(
    _digest(path)
    for path in (_HERE / "base.py", _HERE / "rows.py", _HERE / "view.py", _HERE.parent / "deciding.py")
)
"""What every rule's signal goes through, as this process runs it, whatever an upgrade puts there since."""


@cache
def code_digest(algorithm_class: type) -> str:
    """Fingerprint what makes an algorithm's signals, its module and what rules share: SHA-256, in hex.

    Every process asks once when it starts (`TradingConfig.ready`): the files may be newer later on.
    """
    own = _digest(Path(inspect.getfile(algorithm_class)))
    return hashlib.sha256(b"".join((*SHARED, own))).hexdigest()
