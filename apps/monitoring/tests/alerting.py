"""What the tests of alerts share: findings, rules, an inbox that is served, and what came there."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.monitoring.findings import MEDIUM, Finding
from apps.monitoring.models import Alert, AlertRule, Delivery, Type
from apps.monitoring.services.alerts import reconcile
from apps.monitoring.services.rules import create_rule
from ohmycoins.core import clock
from ohmycoins.sandbox.server import Sandbox

KEY = "key-THAT-NOBODY-SEES-81923"
WEB = "https://alerts.example.com/hook"
SLACK = f"https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/{KEY.replace('-', '')}"
DISCORD = f"https://discord.com/api/webhooks/123456789/{KEY}"
TELEGRAM = f"tgram://123456:{KEY}/-1001234"


@contextmanager
def serving(settings: Any) -> Iterator[Sandbox]:
    """Serve a sandbox whose inbox alerts may be sent to."""
    settings.OMC_ALERT_HOSTS = ["127.0.0.1"]
    with Sandbox(0, seed=42) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def finding(severity: str = MEDIUM, *, key: str = "ledger:exchange", **fields: Any) -> Finding:
    return Finding(
        **({"type": Type.QUALITY, "key": key, "severity": severity, "message": "it is stale"} | fields)
    )


def look(*findings: Finding) -> None:
    """Do what a round does with what it found of quality."""
    reconcile((Type.QUALITY,), findings, now=clock.now())


def rule(user: User | None = None, channels: Sequence[str] = (WEB,), **fields: Any) -> AlertRule:
    return create_rule(user or UserFactory(), channels=channels, actor="tests", **fields)


def planned() -> list[tuple[str, str]]:
    """Give the event and the state of every delivery, the oldest first."""
    return list(Delivery.objects.order_by("id").values_list("event", "status"))


def settle(status: str = "sent") -> None:
    """Let whatever is pending have ended so, without sending it."""
    Delivery.objects.filter(status="pending").update(status=status, next_at=None, ended_at=clock.now())


def alert() -> Alert:
    return Alert.objects.latest("id")
