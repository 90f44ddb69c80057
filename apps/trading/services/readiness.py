"""Say whether an account's venue can be traded on."""

from django.conf import settings

from apps.trading.models import Account, Credential

LIVE = "live"


def refusal_of(account: Account) -> str:
    """Give why the account's venue cannot be traded on, in a sentence; empty if it can.

    A live account is refused unless live trading was asked for, its keys were let in, and someone
    permitted activated it (`services.activation`). Asked at accept and again at every claim.
    """
    if account.mode != LIVE:
        return ""
    if settings.TRADING_MODE != LIVE:
        return "Live trading is off: TRADING_MODE is not live."
    if account.activated_at is None:
        return "The account was not activated for live trading."
    if not Credential.objects.filter(account=account, validated_at__isnull=False).exists():
        return "The account has no API keys that CoinSpot was seen to accept."
    return ""
