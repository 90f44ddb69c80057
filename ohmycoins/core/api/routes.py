"""Route requests, and say who may make them."""

from django.urls import URLPattern, re_path
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

ID = r"(?P<pk>\d{1,18})"


def route(path: str, view: type[APIView]) -> URLPattern:
    """Route `path`, a regular expression, with or without a trailing slash; named after the view."""
    return re_path(rf"^{path}/?$", view.as_view(), name=view.__name__.removesuffix("View").lower())


def has_permission(name: str) -> type[BasePermission]:
    """Give the DRF permission that asks for Django's permission `name` (app_label.codename)."""

    class HasPermission(BasePermission):
        message = f"This needs the permission {name}."

        def has_permission(self, request: Request, view: APIView) -> bool:
            return bool(request.user and request.user.has_perm(name))

    return HasPermission


def without_trailing_slash(endpoints: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Show the schema's readers one spelling of each path; drf-spectacular's preprocessing hook."""
    return [(path.rstrip("/"), *rest) for path, *rest in endpoints]
