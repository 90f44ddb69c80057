"""Serve `/health`, open to probes and saying no more than whether each part is alive, and `/metrics`."""

from hmac import compare_digest

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.monitoring.probes import State, probe_all
from ohmycoins.core.api.negotiation import ByPath

VIEW_METRICS = "monitoring.view_metrics"


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Answer while this process serves requests."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every part is alive that is required, else 503; with each one's state."""
    states = probe_all()
    ok = all(state.ok for state in states.values() if state.required)
    parts = {name: {"status": _word(state), "detail": state.detail} for name, state in states.items()}
    return JsonResponse({"status": "ok" if ok else "unavailable", "checks": parts}, status=200 if ok else 503)


def _word(state: State) -> str:
    if state.ok:
        return "ok"
    return "down" if state.required else "degraded"


class MetricsToken(BaseAuthentication):
    """Let in who brings METRICS_TOKEN as a bearer token, without asking the database; other tokens are others' matter."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, str] | None:
        kind, _, token = get_authorization_header(request).partition(b" ")
        known = str(settings.METRICS_TOKEN).encode()
        if kind.lower() != b"bearer" or not known or not compare_digest(token.strip(), known):
            return None
        return AnonymousUser(), VIEW_METRICS

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class MayViewMetrics(BasePermission):
    """Ask for METRICS_TOKEN, or for the permission."""

    message = f"This needs METRICS_TOKEN as a bearer token, or the permission {VIEW_METRICS}."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.auth == VIEW_METRICS or bool(request.user and request.user.has_perm(VIEW_METRICS))


class MetricsView(APIView):
    """Answer what Prometheus reads, as text."""

    permission_classes = (MayViewMetrics,)
    throttle_classes = ()
    content_negotiation_class = ByPath

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [MetricsToken(), *super().get_authenticators()]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        from apps.monitoring.metrics import scrape  # only who is scraped keeps it in memory

        return HttpResponse(scrape.expose(), content_type=scrape.CONTENT_TYPE)
