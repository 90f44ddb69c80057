"""Serve `/credentials/coinspot`: store, show, replace and delete an account's keys, and validate them."""

import traceback

import structlog
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.auth import signed_in
from apps.trading.api.credential_serializers import (
    CredentialSerializer,
    NewCredentialSerializer,
    TargetSerializer,
)
from apps.trading.models import Account
from apps.trading.services.accounts import account_of
from apps.trading.services.credentials import (
    credential_of,
    delete_credentials,
    store_credentials,
    validate_credentials,
)
from ohmycoins.core.api.errors import error_body
from ohmycoins.core.api.params import id_param
from ohmycoins.core.api.throttles import MinuteThrottle
from ohmycoins.core.errors import Invalid

log = structlog.get_logger(__name__)

ACCOUNT = OpenApiParameter(
    "account", int, description="An account's id, here or in the body; the default account when left out."
)


class AskThrottle(MinuteThrottle):
    """Spare CoinSpot: it is asked on our users' word."""

    scope = "validate"
    limit = 10


class SecretView(APIView):
    """Answer an unforeseen failure without Django's debug page, which would show the body's secrets."""

    def handle_exception(self, exc: Exception) -> Response:
        try:
            return super().handle_exception(exc)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]  # the message may quote a secret
            log.error(
                "credential.failed", error=type(error).__name__, where=f"{frame.filename}:{frame.lineno}"
            )
            message = "Something went wrong on our side; it has been logged."
            return Response(error_body("INTERNAL_ERROR", message), status=500)


class CredentialView(SecretView):
    @extend_schema(parameters=[ACCOUNT], responses=CredentialSerializer)
    def get(self, request: Request) -> Response:
        """Show what may be seen of an account's keys."""
        account = account_of(signed_in(request), id_param(request, "account"))
        return Response(CredentialSerializer(credential_of(account)).data)

    @extend_schema(
        parameters=[ACCOUNT], request=NewCredentialSerializer, responses={201: CredentialSerializer}
    )
    def post(self, request: Request) -> Response:
        """Store the keys of an account that has none."""
        return self._store(request, replacing=False)

    @extend_schema(parameters=[ACCOUNT], request=NewCredentialSerializer, responses=CredentialSerializer)
    def put(self, request: Request) -> Response:
        """Replace an account's keys, all of them."""
        return self._store(request, replacing=True)

    @extend_schema(parameters=[ACCOUNT], request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        """Forget an account's keys."""
        delete_credentials(_target(request), actor=_actor(request))
        return Response(status=204)

    def _store(self, request: Request, *, replacing: bool) -> Response:
        form = NewCredentialSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        account = _account(request, form.validated_data.get("account"))
        credential = store_credentials(account, **form.keys(), actor=_actor(request), replacing=replacing)
        return Response(CredentialSerializer(credential).data, status=200 if replacing else 201)


class CredentialValidateView(SecretView):
    """Ask CoinSpot whether it lets the keys in, by calls that only read."""

    throttle_classes = (MinuteThrottle, AskThrottle)

    @extend_schema(parameters=[ACCOUNT], request=TargetSerializer, responses=CredentialSerializer)
    def post(self, request: Request) -> Response:
        credential = validate_credentials(_target(request), actor=_actor(request))
        return Response(CredentialSerializer(credential).data)


def _target(request: Request) -> Account:
    """Give the account that the body or the query names, or the default one."""
    form = TargetSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    return _account(request, form.validated_data.get("account"))


def _account(request: Request, named: int | None) -> Account:
    asked = id_param(request, "account")
    if named is not None and asked is not None and named != asked:
        raise Invalid(f"account: the body names {named}, the query {asked}")
    return account_of(signed_in(request), asked if named is None else named)


def _actor(request: Request) -> str:
    return f"user:{request.user.pk}"
