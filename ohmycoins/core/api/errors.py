"""Give every error answer one shape, whatever raised it; never an HTML page, never a traceback."""

import math
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ohmycoins.core.errors import DomainError

log = structlog.get_logger(__name__)


def error_body(code: str, message: str, detail: Any = None) -> dict[str, Any]:
    """Give the one shape of every error answer."""
    return {"code": code, "message": message, "detail": detail}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what a view raised into an error answer; None leaves it to the 500 handler."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, DomainError):
        set_rollback()
        return Response(_domain_body(error), status=error.status)
    if isinstance(error, OperationalError | InterfaceError):
        set_rollback()
        log.error("database.unavailable", error=type(error).__name__)
        body = error_body(
            "DATABASE_UNAVAILABLE", "The database is not available; nothing was done. Try again."
        )
        return Response(body, status=503, headers={"Retry-After": "5"})
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(math.ceil(wait))
    return Response(_api_body(error), status=error.status_code, headers=headers)


def _domain_body(error: DomainError) -> dict[str, Any]:
    return error_body(error.code, error.message, error.detail) | getattr(error, "extra", {})


def _api_body(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return error_body("INVALID", _first_message(error.detail), error.detail)
    code = str(error.default_code).upper()
    return error_body(code, str(error.detail))


def _first_message(detail: Any, path: str = "") -> str:
    """Name the first field that was wrong, and what was wrong with it."""
    if isinstance(detail, dict):
        name, inner = next(iter(detail.items()))
        field = "" if name == "non_field_errors" else str(name)
        return _first_message(inner, ".".join(part for part in (path, field) if part))
    if isinstance(detail, list):
        return _first_message(detail[0], path) if detail else "invalid"
    return f"{path}: {detail}" if path else str(detail)


def _answer(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    if request.path.startswith("/admin"):
        return render(request, "error.html", {"status": status, "message": message}, status=status)
    return JsonResponse(error_body(code, message), status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 400, "INVALID", "The request is malformed, or its Host is not in ALLOWED_HOSTS.")


def forbidden(request: HttpRequest, exception: Exception | None = None, reason: str = "") -> HttpResponse:
    return _answer(
        request, 403, "PERMISSION_DENIED", "You may not do this, or the form is too old: reload it."
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 404, "NOT_FOUND", f"There is nothing at {request.path}.")


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, 500, "INTERNAL_ERROR", "Something went wrong on our side; it has been logged.")
