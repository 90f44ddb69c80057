"""Serve `/floor/rules` and `/floor/algorithms`."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.trading.api import algorithm_serializers as serializers
from apps.trading.api.promotion_serializers import PromoteSerializer, PromotionSerializer
from apps.trading.models import Algorithm
from apps.trading.services.algorithms import archive_algorithm, change_algorithm, make_algorithm
from apps.trading.services.promotions import promote
from ohmycoins.core import seams
from ohmycoins.core.api.params import choice_param


class RulesView(APIView):
    """List every rule that an algorithm can follow, with the schema of its parameters."""

    @extend_schema(responses=serializers.RuleSerializer(many=True))
    def get(self, request: Request) -> Response:
        rules = seams.load("ALGORITHMS").values()
        rows = [serializers.RuleSerializer(rule).data for rule in rules]
        return Response({"next": None, "previous": None, "results": rows})


@extend_schema(
    parameters=[
        OpenApiParameter("status", enum=Algorithm.Status.values),
        OpenApiParameter("slug", str, description="Which rule; see /floor/rules."),
    ]
)
class AlgorithmsView(ListAPIView[Algorithm]):
    """List one's algorithms, or set another up."""

    serializer_class = serializers.AlgorithmSerializer
    ordering = "id"

    def get_queryset(self) -> QuerySet[Algorithm]:
        algorithms = Algorithm.objects.filter(user=signed_in(self.request))
        if status := choice_param(self.request, "status", Algorithm.Status.values):
            algorithms = algorithms.filter(status=status)
        if slug := choice_param(self.request, "slug", sorted(seams.load("ALGORITHMS"))):
            algorithms = algorithms.filter(slug=slug)
        return algorithms

    @extend_schema(
        parameters=[], request=serializers.NewAlgorithmSerializer,
        responses={201: serializers.AlgorithmSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        form = serializers.NewAlgorithmSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        algorithm = make_algorithm(user=signed_in(request), **form.validated_data)
        return Response(serializers.AlgorithmSerializer(algorithm).data, status=201)


def algorithm_of(request: Request, pk: int | str) -> Algorithm:
    """Give one's own algorithm; 404 otherwise."""
    return get_object_or_404(Algorithm, pk=pk, user=signed_in(request))


class AlgorithmView(APIView):
    @extend_schema(responses=serializers.AlgorithmSerializer)
    def get(self, request: Request, pk: str) -> Response:
        return Response(serializers.AlgorithmSerializer(algorithm_of(request, pk)).data)

    @extend_schema(request=serializers.AlgorithmChangeSerializer, responses=serializers.AlgorithmSerializer)
    def patch(self, request: Request, pk: str) -> Response:
        """Rename it, or change parameters: it is a draft of the next version then."""
        algorithm = algorithm_of(request, pk)
        form = serializers.AlgorithmChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changed = change_algorithm(algorithm.pk, actor=f"user:{request.user.pk}", **form.validated_data)
        return Response(serializers.AlgorithmSerializer(changed).data)


class AlgorithmArchiveView(APIView):
    """Put an algorithm away for good."""

    @extend_schema(request=None, responses=serializers.AlgorithmSerializer)
    def post(self, request: Request, pk: str) -> Response:
        algorithm = archive_algorithm(algorithm_of(request, pk).pk, actor=f"user:{request.user.pk}")
        return Response(serializers.AlgorithmSerializer(algorithm).data)


class AlgorithmPromoteView(APIView):
    """Ask for the next step: paper is approved at once, live by a second person; what is missing is named."""

    @extend_schema(request=PromoteSerializer, responses={201: PromotionSerializer})
    def post(self, request: Request, pk: str) -> Response:
        algorithm = algorithm_of(request, pk)
        form = PromoteSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        promotion = promote(algorithm.pk, user=signed_in(request), **form.validated_data)
        return Response(PromotionSerializer(promotion).data, status=201)
