"""Addresses stay sealed: for their user, under the newest key, and out of every row and line."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from structlog.testing import capture_logs

from apps.accounts.tests.factories import UserFactory
from apps.monitoring.addresses import NotOpened
from apps.monitoring.models import Channel
from apps.monitoring.services.channels import address_of
from apps.monitoring.services.channels import test_channel as send_test
from apps.monitoring.services.deliveries import deliver_due
from apps.monitoring.tests.alerting import DISCORD, KEY, SLACK, finding, look, rule, serving
from apps.trading.tests.credentials import live_account, stored
from ohmycoins.core import outbox
from ohmycoins.core.errors import Refused

pytestmark = pytest.mark.django_db


def rotate() -> str:
    call_command("rotate_keys", stdout=(out := io.StringIO()))
    return out.getvalue().strip()


def test_rotation_seals_addresses_and_venue_keys_anew_and_again_changes_nothing(settings: Any) -> None:
    settings.VENUE_SECRET_KEYS = ["old"]
    rule(channels=[SLACK, DISCORD])
    stored(live_account())
    settings.VENUE_SECRET_KEYS = ["new", "old"]
    assert rotate() == "sealed anew: 3, sealed with the newest key already: 0"
    texts = list(Channel.objects.order_by("pk").values_list("sealed", flat=True))
    assert rotate() == "sealed anew: 0, sealed with the newest key already: 3"
    assert list(Channel.objects.order_by("pk").values_list("sealed", flat=True)) == texts
    settings.VENUE_SECRET_KEYS = ["new"]
    assert {address_of(channel).kind for channel in Channel.objects.all()} == {"slack", "discord"}


def test_channel_that_no_key_opens_is_named_and_the_others_are_rotated(settings: Any) -> None:
    settings.VENUE_SECRET_KEYS = ["lost"]
    lost = rule(channels=[SLACK]).channels.get()
    settings.VENUE_SECRET_KEYS = ["old"]
    other = rule(channels=[DISCORD]).channels.get()
    settings.VENUE_SECRET_KEYS = ["new", "old"]
    with pytest.raises(CommandError, match=f"the address of alert channel {lost.pk}: "):
        rotate()
    settings.VENUE_SECRET_KEYS = ["new"]
    other.refresh_from_db()
    assert address_of(other).kind == "discord"


def test_sealed_address_copied_to_another_users_row_does_not_open_there() -> None:
    mine, theirs = rule(channels=[SLACK]).channels.get(), rule(channels=[DISCORD]).channels.get()
    theirs.sealed = mine.sealed
    with pytest.raises(NotOpened):
        address_of(theirs)


def test_two_users_have_a_channel_each_for_the_same_address() -> None:
    rule(channels=[SLACK])
    rule(channels=[SLACK])
    assert Channel.objects.count() == 2


def test_fifty_first_channel_is_refused() -> None:
    user = UserFactory()
    for n in range(5):
        rule(user, [f"https://alerts.example.com/{n}-{m}" for m in range(10)])
    with pytest.raises(Refused) as caught:
        rule(user, [SLACK])
    assert caught.value.code == "TOO_MANY_CHANNELS"
    assert Channel.objects.count() == 50


def test_no_line_and_no_message_to_a_worker_holds_a_key(
    settings: Any, monkeypatch: pytest.MonkeyPatch, clock: Any, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(outbox, "publish", lambda *args, **options: sent.append((args, options)))
    with (
        serving(settings) as server,
        capture_logs() as lines,
        django_capture_on_commit_callbacks(execute=True),
    ):
        made = rule(channels=[f"{server.url}/inbox/500-a?key={KEY}"])
        send_test(made.channels.get(), actor="tests")
        look(finding())
        assert deliver_due() == 2
    assert [args for args, _ in sent] == [("monitoring.deliver",)] * 2
    assert {"channel.created", "alert.opened", "delivery.waits"} <= {line["event"] for line in lines}
    assert KEY not in repr((sent, lines))
