"""Stop trading, and mark volatile markets."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from apps.accounts.models import User
from apps.trading.admin.asking import AsksForReason
from apps.trading.admin.forms import MarketForm, StopForm
from apps.trading.models import Order, Stop, VolatileMarket
from apps.trading.services.control import HALTED, clear, history_of
from apps.trading.services.scopes import PERMISSION
from apps.trading.services.stopping import Preview, Stopped, in_flight, preview, stop_trading
from apps.trading.services.volatile import mark_market, unmark_market
from ohmycoins.core.admin import FactAdmin
from ohmycoins.core.errors import DomainError
from ohmycoins.core.money import ZERO, plain

STATES = {"active": "success", "reduce_only": "warning", "halted": "danger"}
LIST = "admin:trading_stop_changelist"
MOST_SHOWN = 500


@admin.register(Stop)
class StopAdmin(AsksForReason, FactAdmin):
    """What is stopped, by whom and why; stopping and clearing each ask twice."""

    list_display = ("name", "user", "shown_state", "reason", "changed_by", "changed_at", "fence")
    list_display_links = ("name",)
    list_filter = ("state", "scope")
    list_select_related = ("user",)
    ordering = ("id",)
    actions = ("clear_stops",)
    actions_list = ("trip", "flying")
    change_form_outer_after_template = "trading/stop_history.html"

    def has_trip_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @display(description="state", label=STATES)
    def shown_state(self, stop: Stop) -> str:
        return stop.state

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        stop = self.get_object(request, object_id)
        history = list(history_of(stop)[:MOST_SHOWN]) if stop else []
        table = {
            "headers": ["when", "from", "to", "who", "why", "fence"],
            "rows": [
                [f"{event.at:%Y-%m-%d %H:%M:%S} UTC", event.from_status, event.to_status, event.actor,
                 event.reason, event.inputs.get("fence", "")]
                for event in history
            ],
        }  # fmt: skip
        page: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "table": table}
        )
        return page

    @action(
        description="Emergency stop", url_path="trip", permissions=["trip"], icon="emergency_home",
        variant=ActionVariant.DANGER,
    )  # fmt: skip
    def trip(self, request: HttpRequest) -> HttpResponse:
        """Ask what to stop, say what that will do, and do it."""
        form = StopForm(request.POST or None)
        if not form.is_valid():
            return self._ask(request, "Emergency stop", form, submit="Go on: show what will happen")
        asked = form.cleaned_data
        try:
            if "confirmed" in request.POST:
                return self._stopped(request, stop_trading(actor=_person(request), **asked))
            ahead = preview(scope=asked["scope"], state=asked["state"], actor=_person(request))
        except DomainError as error:
            form.add_error(None, error.message)
            return self._ask(request, "Emergency stop", form, submit="Go on: show what will happen")
        return self._ask(
            request, f"Stop {ahead.scope}?", form, submit="Yes, stop it now", plan=_plan(ahead, asked)
        )

    @action(description="Orders in flight", url_path="in-flight", permissions=["view"], icon="flight_takeoff")
    def flying(self, request: HttpRequest) -> HttpResponse:
        """Show the orders that a stop does not reach, until there are none."""
        number = request.GET.get("stop", "")
        stop = get_object_or_404(Stop, pk=number) if number.isdecimal() else None
        orders = in_flight(stop=stop)
        context = {
            "title": f"In flight: {stop}" if stop else "Orders in flight", "table": _table(orders),
            "count": orders.count(), "shown": MOST_SHOWN, "back": reverse(LIST),
        }  # fmt: skip
        return self._page(request, "trading/in_flight.html", context)

    @admin.action(description="Clear: trade again", permissions=["trip"])
    def clear_stops(self, request: HttpRequest, queryset: QuerySet[Stop]) -> HttpResponse | None:
        """Ask why, and clear the selected stops."""

        def act(stop: Stop, reason: str) -> str:
            clear(scope=stop, reason=reason, actor=_person(request))
            return f"{stop.name} is cleared."

        return self.ask_and_act(
            request, queryset, name="clear_stops", title="Clear stops?", submit="Yes, trade again", act=act,
            plan=lambda stop: f"{stop} will be active again. What was cancelled stays cancelled.",
        )  # fmt: skip

    def _stopped(self, request: HttpRequest, done: Stopped) -> HttpResponse:
        messages.warning(
            request,
            f"{done.stop}. Orders cancelled: {done.swept.cancelled}, left to workers: {done.swept.left}.",
        )
        for sale in done.sales:
            what = (
                f"Sale {sale.pk}: {plain(sale.quantity or ZERO)} {sale.coin_type}, account {sale.account_id}"
            )
            messages.info(request, f"{what}: {sale.status} {sale.error}".strip())
        if done.unsold:
            messages.error(request, f"Holdings not sold yet: {done.unsold}. Stop again to sell them.")
        return redirect(f"{reverse('admin:trading_stop_flying')}?stop={done.stop.pk}")

    def _ask(
        self, request: HttpRequest, title: str, form: Form, *, submit: str, plan: list[str] | None = None
    ) -> HttpResponse:
        context = {
            "title": title, "form": form, "submit": submit, "plan": plan, "hidden": [],
            "action_url": request.path, "back": reverse(LIST),
        }  # fmt: skip
        return self._page(request, "trading/ask.html", context)

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.model._meta, "model_admin": self}
        return TemplateResponse(request, template, shared | context)


@admin.register(VolatileMarket)
class VolatileMarketAdmin(ModelAdmin):
    """Coins whose position and loss limits are halved; adding one marks it, deleting it takes the mark off."""

    form = MarketForm
    list_display = ("coin_type", "reason", "marked_by", "marked_at")
    list_fullwidth = True
    ordering = ("coin_type",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: VolatileMarket, form: Any, change: bool) -> None:
        row = mark_market(obj.coin_type, reason=obj.reason, actor=f"user:{request.user.pk}")
        obj.pk, obj.marked_by, obj.marked_at = row.pk, row.marked_by, row.marked_at

    def delete_model(self, request: HttpRequest, obj: VolatileMarket) -> None:
        unmark_market(obj.coin_type, actor=f"user:{request.user.pk}")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[VolatileMarket]) -> None:
        for row in queryset:
            self.delete_model(request, row)


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _plan(ahead: Preview, asked: dict[str, Any]) -> list[str]:
    """Say in sentences what a stop will do."""
    halted = asked["state"] == HALTED
    plan = [
        f"No order in scope {ahead.scope} is accepted or sent any more"
        + ("." if halted else ", but for sales of what is held."),
        f"{'Orders' if halted else 'Purchases'} that wait or rest, and are cancelled: {ahead.to_cancel}.",
        f"Orders in flight at a venue now: {ahead.in_flight}. They are shown until it says what became of them.",
    ]
    if asked["liquidate"]:
        plan.append(f"Holdings that are sold at market: {ahead.holdings}. This cannot be taken back.")
    return [*plan, "This holds until someone clears it, with a reason."]


def _table(orders: QuerySet[Order]) -> dict[str, Any]:
    return {
        "headers": ["order", "account", "coin", "side", "status", "quantity", "filled"],
        "rows": [
            [order.pk, order.account_id, order.coin_type, order.side, order.status,
             plain(order.quantity or ZERO), plain(order.filled_quantity)]
            for order in orders[:MOST_SHOWN]
        ],
    }  # fmt: skip
