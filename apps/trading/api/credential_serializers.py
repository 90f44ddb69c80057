"""Read venue keys from JSON, and write what may be seen of them; no error quotes what was given."""

from typing import Any, ClassVar

from rest_framework import serializers

from apps.trading.models import Credential

LONGEST = 200


class SecretField(serializers.CharField):
    """A key or its secret: visible ASCII characters without spaces, never written back."""

    default_error_messages = {
        "invalid": "must be a text",
        "characters": "may hold letters, digits and signs only: no spaces, control or other characters",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            write_only=True, trim_whitespace=False, max_length=LONGEST, style={"input_type": "password"}, **kwargs
        )  # fmt: skip

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if not all("!" <= letter <= "~" for letter in data):
            self.fail("characters")
        return data


class TargetSerializer(serializers.Serializer[object]):
    """The account that is meant; the default one when left out."""

    account = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if set(self.initial_data) - set(self.fields):
            raise serializers.ValidationError(f"there is a field other than {', '.join(self.fields)}")
        return attrs


class NewCredentialSerializer(TargetSerializer):
    """The keys to store. A read-only key and its secret come together, or not at all."""

    api_key = SecretField()
    api_secret = SecretField()
    read_only_key = SecretField(required=False, allow_null=True)
    read_only_secret = SecretField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        given = {name for name in ("read_only_key", "read_only_secret") if attrs.get(name) is not None}
        if len(given) == 1:
            missing = "read_only_secret" if "read_only_key" in given else "read_only_key"
            raise serializers.ValidationError({missing: "a read-only key and its secret come together"})
        if given and attrs["read_only_key"] == attrs["api_key"]:
            raise serializers.ValidationError({"read_only_key": "is the trading key: leave it out"})
        return attrs

    def keys(self) -> dict[str, Any]:
        """Give the validated keys and secrets by name."""
        return {name: value for name, value in self.validated_data.items() if name != "account"}


class CredentialSerializer(serializers.ModelSerializer[Credential]):
    """An account's keys, but for their last four characters hidden."""

    account = serializers.IntegerField(source="account_id", read_only=True)
    api_key = serializers.SerializerMethodField()
    read_only_key = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()

    class Meta:
        model = Credential
        fields: ClassVar[tuple[str, ...]] = (
            "account", "api_key", "read_only_key", "validated_at", "error", "created_at", "updated_at",
        )  # fmt: skip

    def get_api_key(self, credential: Credential) -> str:
        return f"…{credential.api_key_end}"

    def get_read_only_key(self, credential: Credential) -> str | None:
        return f"…{credential.read_only_key_end}" if credential.read_only_key_end else None

    def get_error(self, credential: Credential) -> str | None:
        return credential.error or None
