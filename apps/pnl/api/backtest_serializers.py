"""Read what is to be tried from JSON, and write backtests."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.pnl.models import Backtest, BacktestTrade
from apps.pnl.periods import instants
from apps.pnl.services.backtests import MOST_COINS, Wish
from apps.trading.deciding import LONGEST_PAUSE_SECONDS, MOST_SLICES
from ohmycoins.core.api.fields import InstantField, PlainDecimalField, PositiveDecimalField, SymbolField
from ohmycoins.core.api.params import YEARS, parse_instant
from ohmycoins.core.errors import Invalid

MOST_TRADES_SHOWN = 1_000
MOST_CAPITAL = 10**12


@extend_schema_field(OpenApiTypes.DATETIME)
class DateOrInstantField(serializers.Field[Any, Any, Any, Any]):
    """A whole local day, or an instant; without an offset that is UTC."""

    default_error_messages = {"unreadable": "{found}"}

    def to_internal_value(self, data: Any) -> date | datetime:
        text = str(data)
        found: date | datetime
        try:
            found = date.fromisoformat(text)
        except ValueError:
            try:
                found = parse_instant(text, self.field_name or "")
            except Invalid as error:
                self.fail("unreadable", found=error.message)
        if found.year not in YEARS:
            self.fail("unreadable", found=f"{text!r} is not in the years {YEARS[0]} to {YEARS[-1]}")
        return found

    def to_representation(self, value: Any) -> str:
        return str(value.isoformat())


class NewBacktestSerializer(serializers.Serializer[object]):
    """A backtest as asked for; `wish()` gives it to the services."""

    slug = serializers.CharField(max_length=40, required=False, help_text="A rule; or give algorithm_id.")
    algorithm_id = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**62,
        help_text="One of your own: its rule, with its parameters.",
    )
    parameters = serializers.DictField(
        default=dict, help_text="On top of the algorithm's, or of the defaults."
    )
    coins = serializers.ListField(
        child=SymbolField(), required=False, max_length=MOST_COINS,
        help_text="What may be traded, and is held instead for comparison; those that the rule reads if left out.",
    )  # fmt: skip
    start = DateOrInstantField(help_text="The first decision's clock; of a day, its beginning.")
    end = DateOrInstantField(help_text="Nothing is decided from here on; of a day, its end.")
    initial_capital = PositiveDecimalField(default=Decimal(100_000), max_digits=21, max_value=MOST_CAPITAL)
    step = serializers.ChoiceField(choices=Backtest.Step.choices, default=Backtest.Step.HOUR)
    position_limit_aud = PositiveDecimalField(required=False, allow_null=True)
    daily_loss_limit_aud = PositiveDecimalField(required=False, allow_null=True)
    slices = serializers.IntegerField(default=1, min_value=1, max_value=MOST_SLICES)
    slice_seconds = serializers.IntegerField(default=60, min_value=1, max_value=LONGEST_PAUSE_SECONDS)
    spread_percent = PlainDecimalField(
        default=Decimal("0.2"), max_digits=6, decimal_places=4, min_value=0, max_value=Decimal("99.9999"),
        help_text="Between bid and ask where only candles are known.",
    )  # fmt: skip
    account = serializers.IntegerField(
        required=False, min_value=1, max_value=2**62, help_text="Whose limits and time zone count."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = self.initial_data
        if isinstance(given, Mapping) and (unknown := set(given) - set(self.fields)):
            accepted = ", ".join(self.fields)
            raise serializers.ValidationError(
                dict.fromkeys(sorted(unknown), f"is not a field of a backtest; accepted: {accepted}")
            )
        return attrs

    def wish(self, timezone: str) -> Wish:
        """Give the validated backtest, its days being those of `timezone`."""
        given = {name: value for name, value in self.validated_data.items() if name != "account"}
        start, end = instants(given.pop("start"), given.pop("end"), timezone)
        if start is None or end is None:
            raise Invalid("give start and end")
        return Wish(**given | {"coins": tuple(given.get("coins", ()))}, start=start, end=end)


class BacktestTradeSerializer(serializers.ModelSerializer[BacktestTrade]):
    executed_at = InstantField()
    quantity = PlainDecimalField()
    price = PlainDecimalField()
    value_aud = PlainDecimalField()
    fee_aud = PlainDecimalField()
    realized_pnl = PlainDecimalField(allow_null=True, help_text="Of a sale.")

    class Meta:
        model = BacktestTrade
        fields: ClassVar[tuple[str, ...]] = (
            "number", "executed_at", "coin_type", "side", "quantity", "price", "value_aud", "fee_aud", "realized_pnl",
            "ledger", "reason",
        )  # fmt: skip


class BacktestRowSerializer(serializers.ModelSerializer[Backtest]):
    """A backtest in a list: without its curve and its trades."""

    algorithm_id = serializers.IntegerField(allow_null=True)
    account = serializers.IntegerField(source="account_id", allow_null=True)
    initial_capital = PlainDecimalField()
    position_limit_aud = PlainDecimalField(allow_null=True)
    daily_loss_limit_aud = PlainDecimalField(allow_null=True)
    spread_percent = PlainDecimalField()
    error = serializers.SerializerMethodField()

    class Meta:
        model = Backtest
        fields: ClassVar[tuple[str, ...]] = (
            "id", "status", "progress", "error", "slug", "algorithm_id", "algorithm_version", "account", "parameters",
            "coins", "start", "end", "step", "initial_capital", "timezone", "limits", "position_limit_aud",
            "daily_loss_limit_aud", "slices", "slice_seconds", "spread_percent", "code_digest", "code_version",
            "created_at", "started_at", "ended_at", "counts_for_promotion", "promotion_reason", "metrics",
        )  # fmt: skip

    def get_error(self, backtest: Backtest) -> str | None:
        return backtest.error or None


class BacktestSerializer(BacktestRowSerializer):
    """A backtest with its curve, and its first trades."""

    trades = serializers.SerializerMethodField(
        help_text=f"The first {MOST_TRADES_SHOWN}; all of them are at /lab/backtests/{{id}}/trades."
    )

    class Meta(BacktestRowSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (*BacktestRowSerializer.Meta.fields, "equity_curve", "trades")

    @extend_schema_field(BacktestTradeSerializer(many=True))
    def get_trades(self, backtest: Backtest) -> Any:
        first = backtest.trades.order_by("number")[:MOST_TRADES_SHOWN]
        return BacktestTradeSerializer(first, many=True).data
