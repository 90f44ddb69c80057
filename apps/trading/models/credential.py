"""The keys with which an account's orders reach its venue."""

from django.db import models

from apps.trading.models.account import Account
from ohmycoins.core import clock


class Credential(models.Model):
    """An account's API keys, sealed; readable only through `services.credentials`."""

    account = models.OneToOneField(Account, models.PROTECT, related_name="credential")
    sealed = models.TextField(editable=False, help_text="Encrypted, and bound to its account.")
    api_key_end = models.CharField("API key", max_length=4, help_text="Its last four characters.")
    read_only_key_end = models.CharField("read-only key", max_length=4, blank=True)
    # A key's nonces rise in one sequence: two accounts with one key would fence each other off.
    key_digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now)
    validated_at = models.DateTimeField(null=True, help_text="When the venue last let both keys in.")
    error = models.CharField(max_length=300, blank=True, help_text="Why it did not, the last time.")

    def __str__(self) -> str:
        return f"…{self.api_key_end}"
