"""Read and write users and tokens as JSON."""

from typing import ClassVar

from rest_framework import serializers

from apps.accounts.models import User


class LoginSerializer(serializers.Serializer[object]):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False, style={"input_type": "password"})


class TokenSerializer(serializers.Serializer[object]):
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class ResetSerializer(serializers.Serializer[object]):
    email = serializers.CharField(max_length=254)


class ConfirmResetSerializer(serializers.Serializer[object]):
    uid = serializers.CharField(max_length=64)
    code = serializers.CharField(max_length=128)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class UserSerializer(serializers.ModelSerializer[User]):
    """A user's own profile; the e-mail address is changed by staff only."""

    class Meta:
        model = User
        fields: ClassVar[tuple[str, ...]] = (
            "email", "full_name", "timezone", "preferred_currency", "risk_tolerance", "trading_experience",
        )  # fmt: skip
        read_only_fields: ClassVar[tuple[str, ...]] = ("email",)


class NewUserSerializer(serializers.Serializer[object]):
    email = serializers.EmailField()
    password = serializers.CharField(max_length=128, trim_whitespace=False, write_only=True)
    full_name = serializers.CharField(max_length=150, required=False, default="", allow_blank=True)
    groups = serializers.ListField(child=serializers.CharField(), required=False, default=list)
