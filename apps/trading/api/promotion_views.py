"""Serve `/floor/promotions`."""

from typing import ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.accounts.models import User
from apps.trading.api import promotion_serializers as serializers
from apps.trading.api.algorithm_serializers import StrictSerializer
from apps.trading.models import Promotion
from apps.trading.services.promotions import PERMISSION, decide_promotion
from ohmycoins.core.api.params import choice_param, id_param


def promotions_seen_by(user: User) -> QuerySet[Promotion]:
    """Give the promotions of one's own algorithms; everyone's to those who may answer them."""
    every = Promotion.objects.select_related("algorithm")
    return every if user.has_perm(PERMISSION) else every.filter(algorithm__user=user)


@extend_schema(
    parameters=[
        OpenApiParameter("algorithm", int),
        OpenApiParameter("status", enum=Promotion.Status.values),
        OpenApiParameter("target", enum=Promotion.Target.values),
    ]
)
class PromotionsView(ListAPIView[Promotion]):
    """List what was asked for and how it was answered, newest first; approvers see everyone's."""

    serializer_class = serializers.PromotionSerializer
    ordering = "-id"

    def get_queryset(self) -> QuerySet[Promotion]:
        promotions = promotions_seen_by(signed_in(self.request))
        if (algorithm := id_param(self.request, "algorithm")) is not None:
            promotions = promotions.filter(algorithm=algorithm)
        if status := choice_param(self.request, "status", Promotion.Status.values):
            promotions = promotions.filter(status=status)
        if target := choice_param(self.request, "target", Promotion.Target.values):
            promotions = promotions.filter(target=target)
        return promotions


class _AnswerView(APIView):
    """Answer a promotion as a second person."""

    approve: ClassVar[bool]
    form: ClassVar[type[StrictSerializer]]

    def post(self, request: Request, pk: str) -> Response:
        user = signed_in(request)
        promotion = get_object_or_404(promotions_seen_by(user), pk=pk)
        form = self.form(data=request.data)
        form.is_valid(raise_exception=True)
        reason = form.validated_data["reason"]
        decided = decide_promotion(promotion.pk, approve=self.approve, reason=reason, user=user)
        return Response(serializers.PromotionSerializer(decided).data)


@extend_schema(request=serializers.ApproveSerializer, responses=serializers.PromotionSerializer)
class PromotionApproveView(_AnswerView):
    """Let an algorithm trade live; what spoke for it is looked at once more."""

    approve, form = True, serializers.ApproveSerializer


@extend_schema(request=serializers.RejectSerializer, responses=serializers.PromotionSerializer)
class PromotionRejectView(_AnswerView):
    """Say no, and why."""

    approve, form = False, serializers.RejectSerializer
