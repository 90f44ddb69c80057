"""Send one message to one address, once, and say what came of it without quoting the address."""

import html
import re
from dataclasses import dataclass

from apps.monitoring.addresses import DISCORD, EMAIL, TELEGRAM, Address
from apps.monitoring.messages import Message
from apps.monitoring.notifiers import quiet
from apps.monitoring.notifiers.plugins import allowed_hosts, mail_is_set_up, plugin_for
from ohmycoins.core.guarded import Outcome, guarded

SEND_SECONDS = 10.0
NO_MAIL_SERVER = (
    "EMAIL_URL names no mail server: set it to one, such as smtp+tls://user:password@mail.example.com:587"
)
# What smtplib's errors look like once apprise has made texts of them: `(550, b'…')`, or `…refused: 550 …`.
MAIL_ANSWER = re.compile(r"(?:\(|refused: )([45]\d\d)\b")
SYSTEM_ERROR = re.compile(r"\[Errno -?\d+\] ([A-Za-z ]+)")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of trying to send; `reason` says why it failed, and is empty where it did not."""

    reason: str = ""
    may_retry: bool = True
    retry_after: float | None = None
    """How many seconds the receiver asked us to wait."""

    @property
    def sent(self) -> bool:
        return not self.reason


def send(address: Address, message: Message) -> Result:
    """Try once. What leaves for anywhere but the mail server of EMAIL_URL goes to public addresses only."""
    if address.kind == EMAIL and not mail_is_set_up():
        return Result(NO_MAIL_SERVER, may_retry=False)
    try:
        with quiet.listening() as said, guarded(allowed_hosts(), total_seconds=SEND_SECONDS) as outcome:
            sent = plugin_for(address, message).notify(
                notify_type=_type(message), **_written(address, message)
            )
    except Exception as error:  # a plugin that breaks; what it says may quote the address
        return Result(f"apprise failed: {type(error).__name__}")
    if sent:
        return Result()
    return _mail_failure(said) if address.kind == EMAIL else _web_failure(address, outcome)


def _written(address: Address, message: Message) -> dict[str, str]:
    """Write the message so that nothing in it, which may come from outside, is a link or calls everybody."""
    from apprise import NotifyFormat

    title, body = message.title, message.body
    if address.kind == TELEGRAM:  # apprise takes what looks like HTML in a text for HTML
        title, body = html.escape(title, quote=False), html.escape(body, quote=False)
        return {"title": title, "body": body, "body_format": NotifyFormat.HTML}
    if address.kind == DISCORD:
        body = body.replace("@", "@\u200b").replace("[", "\\[")
    return {"title": title, "body": body, "body_format": NotifyFormat.TEXT}


def _type(message: Message) -> object:
    from apprise import NotifyType

    return NotifyType(message.kind)


def _web_failure(address: Address, outcome: Outcome) -> Result:
    if outcome.reason:
        return Result(outcome.reason, outcome.may_retry, outcome.retry_after)
    if outcome.status:
        return Result(f"answered {outcome.status}, but not as {address.kind} does", may_retry=False)
    return Result("apprise did not take the address", may_retry=False)


def _mail_failure(said: list[str]) -> Result:
    """Find why in what was said: the server's code, or the system's word."""
    for line in reversed(said):
        if found := MAIL_ANSWER.search(line):
            return Result(f"the mail server answered {found[1]}", may_retry=found[1].startswith("4"))
    for line in reversed(said):
        if found := SYSTEM_ERROR.search(line):
            return Result(f"the mail server could not be reached: {found[1].strip()}")
        if "timed out" in line:
            return Result("the mail server did not answer in time")
    return Result("the mail server did not take it")
