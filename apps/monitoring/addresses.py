"""Read the addresses that alerts are sent to, in the spellings that people know; pure.

| Kind | Spellings |
| --- | --- |
| email | `you@example.com`, `mailto:you@example.com` |
| slack | `https://hooks.slack.com/services/A/B/C`, `slack://A/B/C` |
| discord | `https://discord.com/api/webhooks/ID/TOKEN`, `discord://ID/TOKEN` |
| telegram | `tgram://TOKEN/CHAT` |
| webhook | any other `https://` or `http://` URL |

Only these: the options that apprise's own spellings carry (other servers, headers, no check of certificates)
are not read. Most addresses hold a key, so no error here quotes one.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ohmycoins.core import public, sealing
from ohmycoins.core.public import Allowed, Malformed, NotPublic
from ohmycoins.core.sealing import NotOpened

__all__ = ["Address", "Malformed", "NotOpened", "NotPublic", "is_newest", "read", "seal", "unseal"]

PURPOSE = b"ohmycoins alert addresses 1"
EMAIL, SLACK, DISCORD, TELEGRAM, WEBHOOK = "email", "slack", "discord", "telegram", "webhook"
ACCEPTED = (
    "an e-mail address, a Slack or Discord webhook's URL, tgram://TOKEN/CHAT, another https:// or http:// URL,"
    " or the name of a channel of yours"
)
LONGEST_EMAIL = 100
# What mail servers take without quoting (RFC 5321 §4.1.2), and a domain as in RFC 1035.
MAILBOX = re.compile(
    r"[A-Za-z0-9!#$&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z"
)
SLACK_HOOK = re.compile(
    r"(?:https://hooks\.slack\.com/services/|slack://)([A-Z0-9]+)/([A-Z0-9]+)/([A-Za-z0-9]+)/?\Z"
)
DISCORD_HOOK = re.compile(
    r"(?:https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/|discord://)(\d{1,24})/([A-Za-z0-9_-]+)/?\Z"
)
TELEGRAM_CHAT = re.compile(
    r"tgram://(?:bot)?(\d{1,16}:[A-Za-z0-9_-]{20,80})/(-?\d{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31})/?\Z"
)
SPELT = {
    SLACK: "is not a Slack webhook: https://hooks.slack.com/services/A/B/C, or slack://A/B/C",
    DISCORD: "is not a Discord webhook: https://discord.com/api/webhooks/ID/TOKEN, or discord://ID/TOKEN",
    TELEGRAM: "is not a Telegram chat: tgram://TOKEN/CHAT, with the bot's token and the chat's number or @name",
}


@dataclass(frozen=True, slots=True)
class Address:
    """A place to send to: its kind, and what tells it from others of that kind; no repr shows it."""

    kind: str
    parts: tuple[str, ...] = field(repr=False)

    @property
    def shown(self) -> str:
        """What may be shown of it: a mailbox, a webhook's host, or nothing."""
        if self.kind == EMAIL:
            return self.parts[0]
        return urlsplit(self.parts[0]).hostname or "" if self.kind == WEBHOOK else ""

    @property
    def text(self) -> str:
        """Give one text for the address, the same for every spelling of it."""
        return json.dumps([self.kind, *self.parts], separators=(",", ":"))


def read(text: str, allowed: Allowed) -> Address:
    """Read an address. Raises Malformed, and NotPublic for one that leads into our own networks."""
    text = text.strip()
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon and "@" in text:
        return _mailbox(text)
    if scheme == "mailto":
        return _mailbox(rest.removeprefix("//"))
    if scheme in ("slack", "discord", "tgram"):
        kind = TELEGRAM if scheme == "tgram" else scheme
        return _service(kind, f"{scheme}:{rest}")
    if scheme in ("http", "https"):
        return _web(f"{scheme}:{rest}", allowed)
    raise Malformed(f"is not {ACCEPTED}")


def seal(address: Address, *, user_id: int, keys: Sequence[str]) -> str:
    """Seal with the first of `keys`, for the user's own row alone."""
    return sealing.seal(json.dumps([user_id, address.kind, *address.parts]), purpose=PURPOSE, keys=keys)


def unseal(sealed: str, *, user_id: int, keys: Sequence[str]) -> Address:
    """Open what was sealed for the user. Raises NotOpened."""
    try:
        owner, kind, *parts = json.loads(sealing.unseal(sealed, purpose=PURPOSE, keys=keys))
        if owner == user_id:
            return Address(kind, tuple(parts))
    except (NotOpened, json.JSONDecodeError, TypeError):
        pass  # what these say may quote the text
    raise NotOpened("the text does not open for this user with the configured keys")


def is_newest(sealed: str, keys: Sequence[str]) -> bool:
    """Tell whether the text was sealed with the first of `keys`."""
    return sealing.is_newest(sealed, purpose=PURPOSE, keys=keys)


def _mailbox(text: str) -> Address:
    if len(text) > LONGEST_EMAIL or not MAILBOX.match(text):
        raise Malformed(f"is not an e-mail address of at most {LONGEST_EMAIL} characters")
    name, _, domain = text.rpartition("@")
    return Address(EMAIL, (f"{name}@{domain.lower()}",))


def _service(kind: str, text: str) -> Address:
    pattern = {SLACK: SLACK_HOOK, DISCORD: DISCORD_HOOK, TELEGRAM: TELEGRAM_CHAT}[kind]
    if len(text) > public.LONGEST_URL or not (found := pattern.match(text)):
        raise Malformed(SPELT[kind])
    return Address(kind, found.groups())


def _web(text: str, allowed: Allowed) -> Address:
    parts = public.require_url(text, allowed)
    host = public.normal(parts.hostname or "")
    if host == "hooks.slack.com":
        return _service(SLACK, text)
    if host in ("discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"):
        return _service(DISCORD, text)
    if host == "api.telegram.org":
        raise Malformed(SPELT[TELEGRAM])
    port = f":{parts.port}" if parts.port and parts.port != public.WEB_PORTS[parts.scheme] else ""
    shown = f"[{host}]" if ":" in host else host
    query = f"?{parts.query}" if parts.query else ""
    return Address(WEBHOOK, (f"{parts.scheme}://{shown}{port}{parts.path or '/'}{query}",))
