"""Each kind of channel takes a message by apprise, as its service wants it; and no key is logged or said."""

import io
import logging
import smtplib
import socket
from collections.abc import Iterator
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram

from apps.monitoring.addresses import read
from apps.monitoring.messages import WARNING, Message
from apps.monitoring.notifiers.plugins import SMTP, allowed_hosts
from apps.monitoring.notifiers.sending import Result, send
from apps.monitoring.tests.alerting import DISCORD, KEY, SLACK, TELEGRAM, serving
from ohmycoins.sandbox.server import Sandbox

MESSAGE = Message(
    delivery_id=7, title="high collector alert of Oh My Coins", body="<b> & @everyone\nSince 2026-03-02 12:00 UTC.", kind=WARNING
)  # fmt: skip


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    with serving(settings) as server:
        yield server


@pytest.fixture
def all_logs() -> Iterator[io.StringIO]:
    """Catch every line that any library logs, at whatever level."""
    out = io.StringIO()
    handler, root = logging.StreamHandler(out), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(handler)
    root.setLevel(before)


def post(text: str) -> Result:
    return send(read(text, allowed_hosts()), MESSAGE)


def serve_as(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, name: str) -> None:
    """Let the services be the sandbox's inbox."""
    url = f"{sandbox.url}/inbox/{name}"
    monkeypatch.setattr(NotifySlack, "webhook_url", url)
    monkeypatch.setattr(NotifyDiscord, "notify_url", url)
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"{url}/bot")


def test_slack_takes_the_message_at_the_hooks_path(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    serve_as(monkeypatch, sandbox, "s")
    assert post(SLACK) == Result()
    (got,) = sandbox.inbox.messages(f"s/{SLACK.rpartition('/services/')[2]}")
    (attachment,) = got["body"]["attachments"]
    assert attachment["title"] == "high collector alert of Oh My Coins"
    assert "&lt;b&gt; &amp; @everyone" in attachment["text"]
    assert "<" not in attachment["text"].replace("<!", "")


def test_discord_takes_the_message_and_calls_nobody(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    serve_as(monkeypatch, sandbox, "d")
    assert post(DISCORD) == Result()
    (got,) = sandbox.inbox.messages(f"d/123456789/{KEY}")
    assert "high collector alert of Oh My Coins" in str(got["body"])
    assert "@everyone" not in str(got["body"])


def test_telegram_takes_the_message_for_the_chat(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    serve_as(monkeypatch, sandbox, "t")
    assert post(TELEGRAM) == Result()
    (got,) = sandbox.inbox.messages(f"t/bot123456:{KEY}/sendMessage")
    assert str(got["body"]["chat_id"]) == "-1001234"
    assert "&lt;b&gt; &amp;" in got["body"]["text"]


@pytest.mark.parametrize("text", [SLACK, DISCORD, TELEGRAM])
@pytest.mark.parametrize(
    ("name", "reason"), [("429", "answered 429"), ("500", "answered 500"), ("404", "answered 404")]
)
def test_refusal_is_said_with_its_status_and_asked_once(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, text: str, name: str, reason: str
) -> None:
    serve_as(monkeypatch, sandbox, name)
    result = post(text)
    assert (result.reason, result.may_retry) == (reason, name != "404")
    assert sum(len(kept) for kept in sandbox.inbox._kept.values()) == 1


def test_slack_that_answers_200_and_not_ok_did_not_take_it(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{sandbox.url}/pubapi/v2/latest?")
    assert post(SLACK).reason.startswith("answered ")


@pytest.mark.parametrize("text", [SLACK, DISCORD, TELEGRAM])
def test_service_whose_name_leads_into_our_networks_is_not_called(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, settings: Any, text: str
) -> None:
    serve_as(monkeypatch, sandbox, "x")
    settings.OMC_ALERT_HOSTS = []
    assert post(text).reason == "its address leads to an address that is not on the public internet"
    assert sandbox.inbox._kept == {}


def test_webhook_is_asked_for_exactly_the_path_and_query_that_were_given(sandbox: Sandbox) -> None:
    asked: list[str] = []
    real = sandbox.inbox.answer
    sandbox.inbox.answer = lambda request: asked.append(request.path) or real(request)  # type: ignore[method-assign, func-returns-value]
    assert post(f"{sandbox.url}/inbox/a%2Fb%20c?k=%26&k=2") == Result()
    assert asked == ["/inbox/a%2Fb%20c"]
    assert sandbox.inbox.messages("a%2Fb%20c")[0]["query"] == {"k": "2"}


def test_webhook_that_answers_slowly_is_not_waited_for_beyond_the_limit(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.monitoring.notifiers.sending.SEND_SECONDS", 0.5)
    assert post(f"{sandbox.url}/inbox/slow-a") == Result()


@pytest.mark.parametrize("text", [SLACK, DISCORD, TELEGRAM, "WEBHOOK"])
@pytest.mark.parametrize("name", ["ok", "500", "down", "redirect"])
def test_nothing_that_is_logged_or_said_holds_the_key(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, all_logs: io.StringIO, text: str, name: str
) -> None:
    serve_as(monkeypatch, sandbox, name)
    logging.getLogger("urllib3").setLevel(logging.INFO)  # as in settings.LOGGING
    result = post(f"{sandbox.url}/inbox/{name}?key={KEY}" if text == "WEBHOOK" else text)
    said = all_logs.getvalue() + repr(result)
    for key in (KEY, KEY.replace("-", ""), "B0BBBBBBB"):
        assert key not in said


def test_urllib3_may_not_log_paths_whatever_the_level(settings: Any) -> None:
    assert settings.LOGGING["loggers"]["urllib3"]["level"] == "INFO"


# E-mail ---------------------------------------------------------------------------------------------


class Mailbox:
    """A mail server's inside: keep what comes, refuse who is `full@…` for now and `nobody@…` for good."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address.startswith("full"):
            return "452 too much"
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.kept.append((envelope.mail_from, envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = SMTP, "127.0.0.1"
    settings.EMAIL_PORT = port
    yield mailbox
    server.stop()


def test_mail_goes_through_the_installations_own_server_though_it_is_private(mailbox: Mailbox) -> None:
    assert post("me@example.com") == Result()
    ((sender, recipients, mail),) = mailbox.kept
    assert (sender, recipients) == ("ohmycoins@localhost", ["me@example.com"])
    assert mail["Subject"] == "high collector alert of Oh My Coins"
    assert mail["X-Delivery"] == "omc-delivery-7"
    assert mail.get_content_type() == "text/plain"
    body = mail.get_payload(decode=True).decode().replace("\r\n", "\n").strip()
    assert body == "<b> & @everyone\nSince 2026-03-02 12:00 UTC."


@pytest.mark.parametrize(
    ("who", "reason", "may_retry"),
    [("full", "the mail server answered 452", True), ("nobody", "the mail server answered 550", False)],
)
def test_mail_that_is_refused_says_the_servers_code(
    mailbox: Mailbox, who: str, reason: str, may_retry: bool
) -> None:
    assert post(f"{who}@example.com") == Result(reason, may_retry)
    assert mailbox.kept == []


def test_mail_server_that_is_away_is_tried_again(mailbox: Mailbox, settings: Any) -> None:
    settings.EMAIL_PORT = 1
    assert post("me@example.com") == Result("the mail server could not be reached: Connection refused")


def test_mail_server_that_wants_no_password_of_ours_never_sees_it_in_a_log(
    mailbox: Mailbox, settings: Any, all_logs: io.StringIO
) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "me@example.com", f"{KEY}%41"
    result = post("me@example.com")
    assert not result.sent
    assert KEY not in all_logs.getvalue() + repr(result)


def test_password_reaches_the_mail_server_to_the_letter(
    mailbox: Mailbox, settings: Any, monkeypatch: Any
) -> None:
    given: list[tuple[str, str]] = []
    monkeypatch.setattr(smtplib.SMTP, "login", lambda self, user, password: given.append((user, password)))
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "me%40x", "pass%41+ word"
    assert post("me@example.com") == Result()
    assert given == [("me%40x", "pass%41+ word")]


@pytest.mark.parametrize("backend", ["console", "dummy", "locmem", "filebased"])
def test_mail_without_a_server_fails_and_says_that_none_is_named(settings: Any, backend: str) -> None:
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
    result = post("me@example.com")
    assert result.reason.startswith("EMAIL_URL names no mail server")
    assert not result.may_retry
