"""Serve `/health`: open to probes, and saying no more than whether each part is alive."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from apps.monitoring.probes import probe_all


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Answer while this process serves requests."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every part is alive, else 503; with each one's state."""
    states = probe_all()
    ok = all(state.ok for state in states.values())
    parts = {
        name: {"status": "ok" if state.ok else "down", "detail": state.detail}
        for name, state in states.items()
    }
    return JsonResponse({"status": "ok" if ok else "unavailable", "checks": parts}, status=200 if ok else 503)
