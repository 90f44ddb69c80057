"""Show which accounts have keys, and whether the venue lets them in."""

from collections.abc import Callable
from typing import ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from apps.trading.models import Credential
from apps.trading.services.credentials import delete_credentials, validate_credentials
from ohmycoins.core.admin import FactAdmin
from ohmycoins.core.errors import DomainError

LABELS = {"let in": "success", "refused": "danger", "not validated": "warning"}


@admin.register(Credential)
class CredentialAdmin(FactAdmin):
    """Show the ends of keys; the keys themselves are not shown to anyone."""

    list_display = (
        "id",
        "account",
        "user",
        "key",
        "read_only",
        "state",
        "validated_at",
        "error",
        "updated_at",
    )
    list_select_related = ("account__user",)
    search_fields: ClassVar[tuple[str, ...]] = ("account__user__email", "account__name")
    exclude = ("sealed", "key_digest")
    actions = ("validate", "remove")

    def has_validate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.change_credential")

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("trading.delete_credential")

    @display(description="user", ordering="account__user__email")
    def user(self, credential: Credential) -> str:
        return credential.account.user.email

    @display(description="API key")
    def key(self, credential: Credential) -> str:
        return f"…{credential.api_key_end}"

    @display(description="read-only key")
    def read_only(self, credential: Credential) -> str:
        return f"…{credential.read_only_key_end}" if credential.read_only_key_end else "–"

    @display(description="CoinSpot", label=LABELS)
    def state(self, credential: Credential) -> str:
        if credential.error:
            return "refused"
        return "let in" if credential.validated_at else "not validated"

    @admin.action(description="Validate with a read-only call", permissions=["validate"])
    def validate(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        def ask(credential: Credential) -> str:
            return validate_credentials(credential.account, actor=f"user:{request.user.pk}").error

        self._each(request, queryset, ask, "CoinSpot lets the keys in.")

    @admin.action(description="Delete keys", permissions=["remove"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        def forget(credential: Credential) -> str:
            delete_credentials(
                credential.account, actor=f"user:{request.user.pk}", reason="deleted by an operator"
            )
            return ""

        self._each(request, queryset, forget, "the keys are deleted.")

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Credential],
        act: Callable[[Credential], str],
        done: str,
    ) -> None:
        """Do `act` to each row, and say what came of it: what it says against, or else `done`."""
        for credential in queryset.select_related("account"):
            try:
                fault = act(credential)
            except DomainError as error:
                fault = error.message
            if fault:
                messages.error(request, f"{credential.account}: {fault}")
            else:
                messages.success(request, f"{credential.account}: {done}")
