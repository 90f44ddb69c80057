"""Ask an operator why before acting on the rows they selected."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.trading.admin.forms import ReasonForm
from ohmycoins.core.errors import DomainError


class AsksForReason:
    """Let an action of an admin say what it will do, ask why, and do it row by row."""

    admin_site: Any
    model: Any

    def ask_and_act(
        self, request: HttpRequest, queryset: QuerySet[Any], *, name: str, title: str, plan: Callable[[Any], str],
        act: Callable[[Any, str], str], submit: str,
    ) -> HttpResponse | None:  # fmt: skip
        """Show the page that asks, or, once it is answered, call `act(row, reason)` and show what it says.

        `name` is the action's; what a row refuses is shown, and does not keep the others from it.
        """
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            hidden = [("action", name), *((ACTION_CHECKBOX_NAME, row.pk) for row in queryset)]
            return TemplateResponse(request, "trading/ask.html", {
                **self.admin_site.each_context(request), "opts": self.model._meta, "model_admin": self,
                "title": title, "form": form, "submit": submit, "plan": [plan(row) for row in queryset],
                "hidden": hidden, "action_url": request.path, "back": request.path, "asks_for_reason": True,
            })  # fmt: skip
        for row in queryset:
            try:
                messages.success(request, act(row, form.cleaned_data["reason"]))
            except DomainError as error:
                messages.error(request, error.message)
        return None
