"""Serve `/monitoring/protections`."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.monitoring.api import protection_serializers as serializers
from apps.monitoring.models import Protection
from apps.monitoring.services.protections import change_protection, delete_protection, make_protection
from apps.trading.models import Deployment
from apps.trading.services.accounts import account_of
from apps.trading.services.activation import NotPermitted
from ohmycoins.core import clock
from ohmycoins.core.api.params import choice_param
from ohmycoins.core.errors import Invalid


@extend_schema(parameters=[OpenApiParameter("kind", enum=Protection.Kind.values)])
class ProtectionsView(ListAPIView[Protection]):
    """List one's protections, or make one; who may view protections sees all."""

    serializer_class = serializers.ProtectionSerializer
    ordering = "id"

    def get_queryset(self) -> QuerySet[Protection]:
        protections = Protection.objects.seen_by(signed_in(self.request))
        kind = choice_param(self.request, "kind", Protection.Kind.values)
        return protections.filter(kind=kind) if kind else protections

    @extend_schema(
        request=serializers.NewProtectionSerializer, responses={201: serializers.ProtectionSerializer}
    )
    def post(self, request: Request) -> Response:
        user, form = signed_in(request), serializers.NewProtectionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        account_id, deployment_id, everybody = (
            given[name] for name in ("account", "deployment", "everybody")
        )
        if everybody:
            _require(request, "monitoring.add_protection")
            if account_id or deployment_id:
                raise Invalid("everybody: true goes with no account and no deployment")
        protection = make_protection(
            kind=given["kind"], parameters=given["parameters"], user=None if everybody else user,
            account=account_of(user, account_id) if account_id else None,
            deployment=_deployment_of(request, deployment_id) if deployment_id else None,
            enabled=given["enabled"], actor=f"user:{user.pk}", now=clock.now(),
        )  # fmt: skip
        return Response(serializers.ProtectionSerializer(protection).data, status=201)


class ProtectionView(APIView):
    @extend_schema(responses=serializers.ProtectionSerializer)
    def get(self, request: Request, pk: str) -> Response:
        return Response(serializers.ProtectionSerializer(_seen(request, pk)).data)

    @extend_schema(request=serializers.ProtectionChangeSerializer, responses=serializers.ProtectionSerializer)
    def patch(self, request: Request, pk: str) -> Response:
        """Set it to other parameters, or switch it on or off."""
        protection = _seen(request, pk, to="change")
        form = serializers.ProtectionChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changed = change_protection(
            protection.pk, actor=f"user:{request.user.pk}", now=clock.now(), **form.validated_data
        )
        return Response(serializers.ProtectionSerializer(changed).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Watch no more, and release what it holds back."""
        delete_protection(_seen(request, pk, to="delete"), actor=f"user:{request.user.pk}", now=clock.now())
        return Response(status=204)


def _seen(request: Request, pk: str, to: str = "view") -> Protection:
    """Give a protection that the caller sees and, if another's, may do this to. Raises Http404 or NotPermitted."""
    user = signed_in(request)
    protection: Protection = get_object_or_404(Protection.objects.seen_by(user), pk=pk)
    if protection.user_id != user.pk and to != "view":
        _require(request, f"monitoring.{to}_protection")
    return protection


def _require(request: Request, permission: str) -> None:
    if not signed_in(request).has_perm(permission):
        raise NotPermitted(f"This needs the permission {permission}.")


def _deployment_of(request: Request, deployment_id: int) -> Deployment:
    return get_object_or_404(Deployment.objects.standing(), pk=deployment_id, user=request.user)
