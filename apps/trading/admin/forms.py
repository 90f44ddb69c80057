"""The forms with which operators hold trading back."""

from typing import Any, ClassVar

from django import forms
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.trading.models import Stop, VolatileMarket
from apps.trading.services.control import HALTED, LONGEST_REASON, REDUCE_ONLY
from apps.trading.services.scopes import SPELLINGS
from ohmycoins.core.symbols import symbol


class ReasonForm(forms.Form):
    """Why; it goes into the trail."""

    reason = forms.CharField(
        max_length=LONGEST_REASON, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept in the trail.",
    )  # fmt: skip


class StopForm(ReasonForm):
    """What to stop, and how hard."""

    scope = forms.CharField(
        max_length=40, initial=Stop.Scope.GLOBAL.value, widget=UnfoldAdminTextInputWidget,
        help_text=f"{SPELLINGS}; user:{{id}} for someone else. Coins and algorithms are stopped for everyone.",
    )  # fmt: skip
    state = forms.ChoiceField(
        choices=[(state.value, state.label) for state in (HALTED, REDUCE_ONLY)],
        widget=UnfoldAdminSelectWidget,
    )
    liquidate = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget,
        help_text="Also sell everything that the scope holds, at market. Only with reduce only.",
    )  # fmt: skip
    field_order = ("scope", "state", "reason", "liquidate")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("liquidate") and cleaned.get("state") == HALTED:
            self.add_error("liquidate", "Nothing is sold while halted: choose reduce only.")
        return cleaned


class HistoryForm(forms.Form):
    """A file of trade history."""

    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget,
        help_text="CSV: time, side, coin, quantity, price, fee_aud, or one of CoinSpot's exports. Sent again it adds nothing.",
    )  # fmt: skip


class MarketForm(forms.ModelForm):
    """A coin, and why its market is volatile."""

    class Meta:
        model = VolatileMarket
        fields: ClassVar[tuple[str, ...]] = ("coin_type", "reason")

    def clean_coin_type(self) -> str:
        coin = symbol(self.cleaned_data["coin_type"])
        if coin is None:
            raise forms.ValidationError("That is not a coin's symbol, such as BTC.")
        return coin
