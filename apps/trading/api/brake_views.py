"""Serve `/floor/brakes`."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.trading.api.brake_serializers import BrakeSerializer, ReleaseSerializer
from apps.trading.models import Brake
from apps.trading.services.accounts import account_of
from apps.trading.services.brakes import release_as
from ohmycoins.core import clock
from ohmycoins.core.api.params import choice_param, id_param, text_param

TRUE, FALSE = "true", "false"


@extend_schema(
    parameters=[
        OpenApiParameter("engaged", enum=[TRUE, FALSE], description="Whether it holds purchases back now."),
        OpenApiParameter("account", int, description="Only what can hold back an order of this account."),
        OpenApiParameter("kind", str, description="What engaged it, such as cooldown."),
    ]
)
class BrakesView(ListAPIView[Brake]):
    """List what holds, or held, purchases back by itself, newest first."""

    serializer_class = BrakeSerializer
    ordering = "-id"

    def get_queryset(self) -> QuerySet[Brake]:
        user, now = signed_in(self.request), clock.now()
        brakes = Brake.objects.seen_by(user)
        if (account := id_param(self.request, "account")) is not None:
            brakes = brakes.on(account_of(user, account))
        if (kind := text_param(self.request, "kind")) is not None:
            brakes = brakes.filter(kind=kind)
        if engaged := choice_param(self.request, "engaged", (TRUE, FALSE)):
            brakes = brakes.engaged(now) if engaged == TRUE else brakes.over(now)
        return brakes


class BrakeReleaseView(APIView):
    """Let orders buy again, as far as one brake goes."""

    @extend_schema(request=ReleaseSerializer, responses=BrakeSerializer)
    def post(self, request: Request, pk: str) -> Response:
        form = ReleaseSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        reason = form.validated_data["reason"]
        brake = release_as(signed_in(request), int(pk), reason=reason, now=clock.now())
        return Response(BrakeSerializer(brake).data)
