"""Addresses are read in the spellings that people know; nothing else gets near a plugin."""

from typing import Any

import pytest

from apps.monitoring import addresses
from apps.monitoring.addresses import Malformed, NotOpened, NotPublic, read
from apps.monitoring.tests.alerting import DISCORD, KEY, SLACK, TELEGRAM
from ohmycoins.core.public import Allowed

HOOK = SLACK.rpartition("/services/")[2]


@pytest.mark.parametrize(
    ("text", "kind", "parts"),
    [
        ("Me@Example.COM", "email", ("Me@example.com",)),
        ("mailto:me@example.com", "email", ("me@example.com",)),
        ("mailto://me@example.com", "email", ("me@example.com",)),
        (" ops+coins@localhost ", "email", ("ops+coins@localhost",)),
        (SLACK, "slack", tuple(HOOK.split("/"))),
        (f"slack://{HOOK}/", "slack", tuple(HOOK.split("/"))),
        (DISCORD, "discord", ("123456789", KEY)),
        (DISCORD.replace("discord.com/api", "discordapp.com/api/v10"), "discord", ("123456789", KEY)),
        (f"discord://123456789/{KEY}", "discord", ("123456789", KEY)),
        (TELEGRAM, "telegram", (f"123456:{KEY}", "-1001234")),
        (f"tgram://bot123456:{KEY}/@my_chat", "telegram", (f"123456:{KEY}", "@my_chat")),
        ("HTTPS://Alerts.Example.com:443/A%2Fb?key=1&b=%20", "webhook", ("https://alerts.example.com/A%2Fb?key=1&b=%20",)),
        ("http://alerts.example.com:8080", "webhook", ("http://alerts.example.com:8080/",)),
        ("https://[2606:4700:4700::1111]:8443/x", "webhook", ("https://[2606:4700:4700::1111]:8443/x",)),
    ],
)  # fmt: skip
def test_spelling_is_read(text: str, kind: str, parts: tuple[str, ...]) -> None:
    address = read(text, Allowed())
    assert (address.kind, address.parts) == (kind, parts)
    assert parts[0] not in repr(address)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "ops", "json://127.0.0.1", "jsons://alerts.example.com", "xml://alerts.example.com", "form://127.0.0.1",
        "file:///etc/passwd", "xmpp://user:pass@127.0.0.1", "syslog://127.0.0.1", "dbus://", "gnome://", "exec://ls",
        "mqtt://127.0.0.1", "redis://127.0.0.1", "apprise://127.0.0.1/token", "apprises://alerts.example.com/token",
        "mailto://user:pass@smtp.example.com?smtp=127.0.0.1", "mailtos://user:pass@gmail.com", "mailto:me@example.com?cc=x@y.com",
        "mailto:me@example.com,you@example.com", "me@example.com, you@example.com", "me@example.com\nBcc: you@example.com",
        "me@@example.com", "@example.com", "me@", '"a b"@example.com', "me@[127.0.0.1]", "me@exa mple.com", f"{'a' * 100}@example.com",
        f"{SLACK}?footer=no", f"slack://{HOOK}/#general", "slack://xoxb-1234-5678-abc/#general", "slack://A/B",
        "https://hooks.slack.com/triggers/T/1/2", "https://hooks.slack.com/", "https://HOOKS.slack.com./services/A/B/C",
        f"{DISCORD}?wait=true", "https://discord.com/api/webhooks/abc/def", "https://discord.com/channels/1/2", "discord://1",
        f"{TELEGRAM}/5", f"{TELEGRAM}?silent=yes", "tgram://123/456", "https://api.telegram.org/bot1:x/sendMessage",
        "https://user:pass@alerts.example.com/", "https://alerts.example.com/#x", "tgram://127.0.0.1/5",
    ],
)  # fmt: skip
def test_anything_else_is_malformed_and_not_said_back(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        read(text, Allowed())
    assert KEY not in str(caught.value)
    assert "xoxb" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["http://127.0.0.1/x", "https://localhost/", "http://[::1]/", "https://db.internal/"]
)
def test_webhook_in_our_networks_is_not_public(text: str) -> None:
    with pytest.raises(NotPublic):
        read(text, Allowed())


def test_every_spelling_of_an_address_is_one_address() -> None:
    assert read(SLACK, Allowed()).text == read(f"slack://{HOOK}", Allowed()).text
    assert read("a@X.com", Allowed()).text == read("mailto:a@x.com", Allowed()).text
    assert read("a@x.com", Allowed()).text != read("A@x.com", Allowed()).text


def test_sealed_address_opens_for_its_user_alone_and_for_no_other_purpose(settings: Any) -> None:
    sealed = addresses.seal(read(SLACK, Allowed()), user_id=1, keys=["old"])
    assert HOOK not in sealed
    assert addresses.unseal(sealed, user_id=1, keys=["new", "old"]) == read(SLACK, Allowed())
    assert not addresses.is_newest(sealed, ["new", "old"])
    for user_id, keys in ((2, ["old"]), (1, ["new"])):
        with pytest.raises(NotOpened):
            addresses.unseal(sealed, user_id=user_id, keys=keys)
    from apps.trading import sealing as venue_keys

    with pytest.raises(NotOpened):
        venue_keys.unseal(sealed, account_id=1, keys=["old"])
