"""Serve `/floor/safety`, its limits, and what a person decides about an account."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.accounts.models import User
from apps.trading.api.brake_serializers import BrakeSerializer
from apps.trading.api.serializers import AccountSerializer
from apps.trading.api.views import ACCOUNT, account_named, account_param
from apps.trading.models import Account
from apps.trading.records import Bounds
from apps.trading.services.accounts import NoSuchAccount, account_of
from apps.trading.services.activation import PERMISSION, activate_account, deactivate_account
from apps.trading.services.limits import Exposure, Usage, read_usage, set_limits
from apps.trading.services.standing import bounds_of
from apps.trading.services.status import restore_account
from ohmycoins.core.api.fields import PlainDecimalField, PositiveDecimalField
from ohmycoins.core.money import plain

PERCENT_STEP = Decimal("0.01")


class PercentField(PlainDecimalField):
    """A share in percent, above 0 and at most 100, with at most two decimals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_digits=5, decimal_places=2, min_value=PERCENT_STEP, max_value=Decimal(100), **kwargs
        )


class LimitsSerializer(serializers.Serializer[Bounds]):
    """Limits as they are shown and set; what a PUT leaves out takes its default."""

    max_position_percent = PercentField(default=Decimal(20))
    max_daily_loss_percent = PercentField(default=Decimal(5))
    max_algorithm_percent = PercentField(default=Decimal(30))
    max_order_aud = PositiveDecimalField(default=None, allow_null=True)
    account = serializers.IntegerField(required=False, min_value=1, write_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if unknown := set(self.initial_data) - set(self.fields):
            raise serializers.ValidationError(dict.fromkeys(sorted(unknown), "is not a limit"))
        if not set(self.initial_data) - {"account"}:
            raise serializers.ValidationError("name at least one limit; those left out take their defaults")
        return attrs


class ReasonSerializer(serializers.Serializer[object]):
    reason = serializers.CharField(max_length=200)


class SafetyView(APIView):
    """Say what holds an account back: its limits, and how much of each is used."""

    @extend_schema(
        parameters=[ACCOUNT],
        responses=inline_serializer(
            "Safety",
            {
                "account": serializers.IntegerField(), "status": serializers.CharField(),
                "status_reason": serializers.CharField(), "stop": serializers.DictField(),
                "brakes": BrakeSerializer(many=True),
                "equity_aud": PlainDecimalField(), "day_start_equity_aud": PlainDecimalField(),
                "day_loss_aud": PlainDecimalField(), "limits": LimitsSerializer(),
                "positions": serializers.ListField(), "algorithms": serializers.ListField(),
                "unpriced": serializers.ListField(),
            },
        ),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        account = account_param(request)
        usage = read_usage(account.pk)
        account.refresh_from_db()
        return Response(_as_json(account, usage))


class LimitsView(APIView):
    @extend_schema(parameters=[ACCOUNT], responses=LimitsSerializer)
    def get(self, request: Request) -> Response:
        account = account_param(request)
        return Response({"account": account.pk, **LimitsSerializer(bounds_of(account)).data})

    @extend_schema(request=LimitsSerializer, responses=LimitsSerializer, parameters=[ACCOUNT])
    def put(self, request: Request) -> Response:
        form = LimitsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = dict(form.validated_data)
        account = account_named(request, given.pop("account", None))
        bounds = Bounds(**given)
        set_limits(account, bounds=bounds, actor=f"user:{request.user.pk}")
        return Response({"account": account.pk, **LimitsSerializer(bounds).data})


class ActivateView(APIView):
    """Let a live account trade: everything that must be there is checked, and named if it is missing."""

    @extend_schema(request=None, responses=AccountSerializer)
    def post(self, request: Request, pk: str) -> Response:
        by = signed_in(request)
        account = activate_account(_account_for(by, int(pk)).pk, by=by)
        return Response(AccountSerializer(account).data)


class DeactivateView(APIView):
    """Accept no more orders of an account."""

    @extend_schema(request=ReasonSerializer, responses=AccountSerializer)
    def post(self, request: Request, pk: str) -> Response:
        by, reason = signed_in(request), _reason(request)
        account = deactivate_account(_account_for(by, int(pk)).pk, actor=f"user:{by.pk}", reason=reason)
        return Response(AccountSerializer(account).data)


class RestoreView(APIView):
    """Let an account that may only sell buy again."""

    @extend_schema(request=ReasonSerializer, responses=AccountSerializer)
    def post(self, request: Request, pk: str) -> Response:
        by, reason = signed_in(request), _reason(request)
        account = restore_account(_account_for(by, int(pk)).pk, actor=f"user:{by.pk}", reason=reason)
        return Response(AccountSerializer(account).data)


def _account_for(user: User, account_id: int) -> Account:
    """Give one's own account, or anyone's to those who may activate accounts. Raises NoSuchAccount."""
    if not user.has_perm(PERMISSION):
        return account_of(user, account_id)
    account = Account.objects.filter(pk=account_id).first()
    if account is None:
        raise NoSuchAccount(f"There is no account {account_id}.")
    return account


def _reason(request: Request) -> str:
    form = ReasonSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    return str(form.validated_data["reason"])


def _as_json(account: Account, usage: Usage) -> dict[str, Any]:
    equity, bounds = usage.equity_aud, usage.bounds
    return {
        "account": account.pk,
        "status": account.status,
        "status_reason": account.status_reason,
        "stop": {"state": usage.stop.state, "scope": usage.stop.scope},
        "brakes": BrakeSerializer(usage.brakes, many=True).data,
        "equity_aud": plain(equity),
        "day_start_equity_aud": plain(usage.day_start_aud),
        "day_loss_aud": plain(usage.day_loss_aud),
        "max_day_loss_aud": plain(usage.day_start_aud * bounds.max_daily_loss_percent / 100),
        "max_position_aud": plain(equity * bounds.max_position_percent / 100),
        "max_algorithm_aud": plain(equity * bounds.max_algorithm_percent / 100),
        "limits": {**LimitsSerializer(bounds).data, "set_at": usage.limits_set_at},
        "positions": [{"coin_type": row.name, **_share(row, usage)} for row in usage.positions],
        "algorithms": [{"algorithm_id": int(row.name), **_share(row, usage)} for row in usage.algorithms],
        "unpriced": list(usage.unpriced),
    }


def _share(row: Exposure, usage: Usage) -> dict[str, str | None]:
    percent = usage.percent_of_equity(row.value_aud)
    return {
        "value_aud": plain(row.value_aud),
        "percent": None if percent is None else plain(percent.quantize(PERCENT_STEP)),
    }
