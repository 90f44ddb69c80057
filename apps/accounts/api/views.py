"""Serve `/auth` and `/users`."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import services
from apps.accounts.api import serializers
from apps.accounts.api.auth import signed_in
from ohmycoins.core.api.routes import has_permission
from ohmycoins.core.api.throttles import LoginThrottle


class PublicView(APIView):
    """Open to everyone, and therefore slowed down."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (LoginThrottle,)


class TokenView(PublicView):
    """Exchange e-mail and password for a token."""

    @extend_schema(request=serializers.LoginSerializer, responses=serializers.TokenSerializer)
    def post(self, request: Request) -> Response:
        form = serializers.LoginSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        issued = services.issue_token(**form.validated_data)
        return Response(serializers.TokenSerializer(issued).data)


class RevokeView(APIView):
    """Revoke the token that makes this request."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        if request.auth is not None:
            request.auth.delete()
        return Response(status=204)


class PasswordResetView(PublicView):
    """Mail a one-time code; the answer is the same whether or not the user exists."""

    @extend_schema(request=serializers.ResetSerializer, responses={202: None})
    def post(self, request: Request) -> Response:
        form = serializers.ResetSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        services.send_reset_mail(**form.validated_data)
        return Response(status=202)


class ConfirmPasswordResetView(PublicView):
    """Set a new password with the mailed code; all tokens of the user end."""

    @extend_schema(request=serializers.ConfirmResetSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        form = serializers.ConfirmResetSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        services.reset_password(**form.validated_data)
        return Response(status=204)


class MeView(APIView):
    """Read and change one's own profile."""

    @extend_schema(responses=serializers.UserSerializer)
    def get(self, request: Request) -> Response:
        return Response(serializers.UserSerializer(signed_in(request)).data)

    @extend_schema(request=serializers.UserSerializer(partial=True), responses=serializers.UserSerializer)
    def patch(self, request: Request) -> Response:
        form = serializers.UserSerializer(signed_in(request), data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        form.save()
        return Response(form.data)


class UsersView(APIView):
    """Create users (staff)."""

    permission_classes = (has_permission("accounts.add_user"),)

    @extend_schema(request=serializers.NewUserSerializer, responses={201: serializers.UserSerializer})
    def post(self, request: Request) -> Response:
        form = serializers.NewUserSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = services.create_user(**form.validated_data)
        return Response(serializers.UserSerializer(user).data, status=201)
