"""Serve `/floor/deployments`."""

from collections.abc import Callable
from typing import ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.trading.api import deployment_serializers as serializers
from apps.trading.api.algorithm_views import algorithm_of
from apps.trading.api.views import ACCOUNT, account_named
from apps.trading.models import Deployment
from apps.trading.services.accounts import account_of
from apps.trading.services.deployments import deploy, pause, resume, stop
from ohmycoins.core.api.params import choice_param, id_param


def _own(request: Request) -> QuerySet[Deployment]:
    return Deployment.objects.filter(user=signed_in(request)).with_latest()


def _shown(request: Request, pk: int | str) -> Response:
    return Response(serializers.DeploymentSerializer(get_object_or_404(_own(request), pk=pk)).data)


@extend_schema(
    parameters=[
        OpenApiParameter("account", int, description="All of the caller's accounts when left out."),
        OpenApiParameter("algorithm", int),
        OpenApiParameter("status", enum=Deployment.Status.values),
    ]
)
class DeploymentsView(ListAPIView[Deployment]):
    """List one's deployments and how they do, or deploy an algorithm into an account."""

    serializer_class = serializers.DeploymentSerializer
    ordering = "id"

    def get_queryset(self) -> QuerySet[Deployment]:
        deployments = _own(self.request)
        if (account := id_param(self.request, "account")) is not None:
            deployments = deployments.filter(account=account_of(signed_in(self.request), account))
        if (algorithm := id_param(self.request, "algorithm")) is not None:
            deployments = deployments.filter(algorithm=algorithm_of(self.request, algorithm))
        if status := choice_param(self.request, "status", Deployment.Status.values):
            deployments = deployments.filter(status=status)
        return deployments

    @extend_schema(
        parameters=[ACCOUNT],
        request=serializers.NewDeploymentSerializer,
        responses={201: serializers.DeploymentSerializer},
    )
    def post(self, request: Request) -> Response:
        form = serializers.NewDeploymentSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = dict(form.validated_data)
        account = account_named(request, given.pop("account", None))
        algorithm = algorithm_of(request, given.pop("algorithm_id"))
        deployment = deploy(user=signed_in(request), algorithm=algorithm, account=account, **given)
        answer = _shown(request, deployment.pk)
        answer.status_code = 201
        return answer


class DeploymentView(APIView):
    @extend_schema(responses=serializers.DeploymentSerializer)
    def get(self, request: Request, pk: str) -> Response:
        return _shown(request, pk)


class _CommandView(APIView):
    """Tell a deployment what to do."""

    command: ClassVar[Callable[..., Deployment]]

    def post(self, request: Request, pk: str) -> Response:
        deployment = get_object_or_404(Deployment, pk=pk, user=signed_in(request))
        form = serializers.CommandSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        self.command(deployment.pk, actor=f"user:{request.user.pk}", reason=form.validated_data["reason"])
        return _shown(request, deployment.pk)


@extend_schema(request=serializers.CommandSerializer, responses=serializers.DeploymentSerializer)
class DeploymentPauseView(_CommandView):
    """Let nothing run until it is resumed."""

    command = staticmethod(pause)


@extend_schema(request=serializers.CommandSerializer, responses=serializers.DeploymentSerializer)
class DeploymentResumeView(_CommandView):
    """Let it run again, from its next slot."""

    command = staticmethod(resume)


@extend_schema(request=serializers.CommandSerializer, responses=serializers.DeploymentSerializer)
class DeploymentStopView(_CommandView):
    """End it for good; its coins stay, and what is left of its sliced orders is cancelled."""

    command = staticmethod(stop)
