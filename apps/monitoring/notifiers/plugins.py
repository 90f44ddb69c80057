"""Make apprise's plugin for an address, with no option but ours.

The plugins are made from parts that we read ourselves, never from a URL that somebody wrote: apprise's own
spellings can name other servers, headers and files, and switch the check of certificates off. Each is
made anew for each message, so that none waits for what it sent before.

apprise is imported here and in functions only: it is big, and few processes ever send.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings

from apps.monitoring.addresses import DISCORD, EMAIL, SLACK, TELEGRAM, Address
from apps.monitoring.messages import Message
from ohmycoins.core import public

if TYPE_CHECKING:
    from apprise.plugins.base import NotifyBase

SENDER = "OhMyCoins"
SMTP = "django.core.mail.backends.smtp.EmailBackend"


def plugin_for(address: Address, message: Message) -> "NotifyBase":
    """Make the plugin that sends `message`, which is some of a webhook's content."""
    from apprise import AppriseAsset

    asset = AppriseAsset(
        app_id=SENDER, app_desc="Oh My Coins", app_url="", storage_mode="memory", http_redirects=False,
        plugin_paths=[],
    )  # fmt: skip
    ours: dict[str, Any] = {"asset": asset, "overflow": "truncate", "format": "text"}
    if address.kind == EMAIL:
        return _mail(address, message, ours)
    if address.kind == SLACK:
        from apprise.plugins.slack import NotifySlack

        first, second, third = address.parts
        return NotifySlack(token_a=first, token_b=second, token_c=third, include_image=False, **ours)
    if address.kind == DISCORD:
        from apprise.plugins.discord import NotifyDiscord

        hook, token = address.parts
        return NotifyDiscord(webhook_id=hook, webhook_token=token, avatar=False, **ours)
    if address.kind == TELEGRAM:
        from apprise.plugins.telegram import NotifyTelegram

        token, chat = address.parts
        return NotifyTelegram(bot_token=token, targets=[chat], detect_owner=False, **ours)
    return _webhook(address, message, ours)


def _webhook(address: Address, message: Message, ours: dict[str, Any]) -> "NotifyBase":
    from apprise.plugins.custom_json import NotifyJSON

    parts = urlsplit(address.parts[0])
    host = parts.hostname or ""
    made = NotifyJSON(
        host=f"[{host}]" if ":" in host else host, port=parts.port, secure=parts.scheme == "https",
        schema="jsons" if parts.scheme == "https" else "json",
        headers={"Idempotency-Key": message.key}, payload={**message.fields, "attachments": ""}, **ours,
    )  # fmt: skip
    # Given to the plugin, it would be decoded; it is what must be sent, to the letter.
    made.fullpath = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return made


def _mail(address: Address, message: Message, ours: dict[str, Any]) -> "NotifyBase":
    from apprise.plugins.email.base import NotifyEmail

    secure = "ssl" if settings.EMAIL_USE_SSL else "starttls" if settings.EMAIL_USE_TLS else "insecure"
    made = NotifyEmail(
        host=settings.EMAIL_HOST, smtp_host=settings.EMAIL_HOST, port=settings.EMAIL_PORT, secure_mode=secure,
        secure=secure != "insecure", from_addr=settings.DEFAULT_FROM_EMAIL, targets=[address.parts[0]],
        headers={"Auto-Submitted": "auto-generated", "X-Delivery": message.key}, **ours,
    )  # fmt: skip
    # As they are, not decoded.
    made.user, made.password = settings.EMAIL_HOST_USER or None, settings.EMAIL_HOST_PASSWORD or None
    return made


def mail_is_set_up() -> bool:
    """Tell whether EMAIL_URL names a server."""
    return bool(settings.EMAIL_BACKEND == SMTP and settings.EMAIL_HOST)


def allowed_hosts() -> public.Allowed:
    """Give what may be alerted although it is not on the public internet (`OMC_ALERT_HOSTS`)."""
    return public.read_allowed(settings.OMC_ALERT_HOSTS)
