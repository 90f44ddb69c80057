"""Log requests."""

from typing import Any

from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware


class RequestLog(RequestMiddleware):
    """Log each request once; probes, which come every few seconds, are left out."""

    def __call__(self, request: HttpRequest) -> Any:
        answer = self.get_response if request.path.startswith(("/health", "/metrics")) else super().__call__
        return answer(request)
