"""Messages are sent once, tried again as agreed, and what failed says why, without a key."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.monitoring.messages import Message
from apps.monitoring.models import Channel, Delivery
from apps.monitoring.notifiers import sending
from apps.monitoring.notifiers.sending import Result
from apps.monitoring.services import deliveries
from apps.monitoring.services.channels import test_channel as send_test
from apps.monitoring.services.deliveries import deliver_due, deliver_now, wait_seconds
from apps.monitoring.tests.alerting import finding, look, planned, rule, serving
from apps.trading.tests.races import in_threads
from ohmycoins.core import clock as system_clock
from ohmycoins.sandbox.server import Sandbox


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    with serving(settings) as server:
        yield server


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "JITTER", 0.0)


def waits() -> float:
    at = Delivery.objects.get().next_at
    assert at is not None
    return (at - system_clock.now()).total_seconds()


@pytest.mark.django_db
def test_alert_goes_to_a_webhook_once_with_its_fields_and_then_its_end(clock: Any, sandbox: Sandbox) -> None:
    rule(channels=[f"{sandbox.url}/inbox/a?key=5"])
    look(finding())
    assert (deliver_due(), deliver_due()) == (1, 0)
    clock.shift(300)
    look()
    assert (deliver_due(), deliver_due()) == (1, 0)
    opened, resolved = sandbox.inbox.messages("a")
    first, second = Delivery.objects.order_by("id")
    assert opened["query"] == {"key": "5"}
    assert opened["headers"]["idempotency-key"] == f"omc-delivery-{first.pk}"
    assert resolved["headers"]["idempotency-key"] == f"omc-delivery-{second.pk}"
    assert opened["body"] == {
        "version": "1.0", "title": "medium quality alert of Oh My Coins", "type": "warning", "event": "opened",
        "message": "it is stale\nSince 2026-03-02 12:00 UTC.",
        "alert": {"id": first.alert_id, "type": "quality", "severity": "medium", "message": "it is stale",
                  "opened_at": "2026-03-02T12:00:00Z", "resolved_at": None},
    }  # fmt: skip
    assert resolved["body"]["title"] == "Resolved: medium quality alert of Oh My Coins"
    assert resolved["body"]["event"] == "resolved"
    assert (
        resolved["body"]["message"]
        == "it is stale\nIt stood from 2026-03-02 12:00 UTC to 2026-03-02 12:05 UTC."
    )
    assert resolved["body"]["alert"]["resolved_at"] == "2026-03-02T12:05:00Z"
    assert (first.status, first.attempts, first.last_error, first.next_at) == ("sent", 1, "", None)


@pytest.mark.django_db
def test_nobody_who_may_not_sign_in_any_more_is_told_anything(clock: Any, sandbox: Sandbox) -> None:
    made = rule(channels=[f"{sandbox.url}/inbox/a"])
    look(finding())
    deliver_due()
    User.objects.filter(pk=made.user_id).update(is_active=False)
    look()
    deliver_due()
    assert [message["body"]["event"] for message in sandbox.inbox.messages("a")] == ["opened"]
    assert planned() == [("opened", "sent"), ("resolved", "failed")]
    assert Delivery.objects.latest("id").last_error == "its user may not sign in, or see the alert, any more"


@pytest.mark.django_db
def test_what_was_over_before_it_was_told_is_told_as_one_message(clock: Any, sandbox: Sandbox) -> None:
    rule(channels=[f"{sandbox.url}/inbox/a"])
    look(finding())
    look()
    deliver_due()
    look()
    deliver_due()
    assert [message["body"]["event"] for message in sandbox.inbox.messages("a")] == ["resolved"]
    assert planned() == [("opened", "sent")]


@pytest.mark.django_db
def test_alert_that_is_over_while_its_opening_is_on_its_way_is_said_to_be_after(
    clock: Any, sandbox: Sandbox
) -> None:
    rule(channels=[f"{sandbox.url}/inbox/a"])
    look(finding())
    (claim,) = deliveries._claim(system_clock.now(), 8, None)
    look()
    assert planned() == [("opened", "pending")]
    deliveries._record(claim, deliveries._send(claim), system_clock.now())
    assert planned() == [("opened", "sent"), ("resolved", "pending")]
    deliver_due()
    assert [m["body"]["event"] for m in sandbox.inbox.messages("a")] == ["opened", "resolved"]


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 5), (2, 30), (3, 180), (4, 1080), (5, 3600), (6, 3600)]
)
def test_wait_after_failures(failures: int, seconds: float) -> None:
    assert wait_seconds(failures) == seconds


@pytest.mark.django_db
def test_failure_is_tried_again_five_times_and_then_given_up(clock: Any, sandbox: Sandbox) -> None:
    rule(channels=[f"{sandbox.url}/inbox/500-a?key=SECRET"])
    look(finding())
    for attempt, wait in enumerate((5, 30, 180, 1080, 3600), start=1):
        assert deliver_due() == 1
        row = Delivery.objects.get()
        assert (row.status, row.attempts, row.last_error) == ("pending", attempt, "answered 500")
        assert waits() == wait
        clock.shift(wait - 1)
        assert deliver_due() == 0
        clock.shift(1)
    assert (deliver_due(), deliver_due()) == (1, 0)
    row = Delivery.objects.get()
    assert (row.status, row.attempts, row.last_error, row.next_at) == ("failed", 6, "answered 500", None)
    assert row.ended_at == system_clock.now()
    assert len(sandbox.inbox.messages("500-a")) == 6
    look()
    assert len(planned()) == 1


@pytest.mark.django_db
def test_failure_that_passes_is_sent(clock: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    rule(channels=[f"{sandbox.url}/inbox/a"])
    look(finding())
    results = [Result("answered 503"), Result()]
    monkeypatch.setattr(sending, "send", lambda address, message: results.pop(0))
    deliver_due()
    clock.shift(5)
    deliver_due()
    row = Delivery.objects.get()
    assert (row.status, row.attempts, row.last_error) == ("sent", 2, "")


@pytest.mark.django_db
def test_receiver_that_asks_to_wait_longer_is_given_that(clock: Any, sandbox: Sandbox) -> None:
    rule(channels=[f"{sandbox.url}/inbox/429-a"])
    look(finding())
    deliver_due()
    assert waits() == 30
    assert Delivery.objects.get().last_error == "answered 429"


@pytest.mark.django_db
def test_jitter_only_lengthens_the_wait(
    clock: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "JITTER", 0.1)
    for _ in range(50):
        assert 5 <= deliveries._pause(1, None) <= 5.5


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "reason"),
    [("404-a", "answered 404"), ("redirect-a?to=http://10.0.0.1/", "its address leads to an address that is not on the public internet")],
)  # fmt: skip
def test_failure_that_would_stay_is_not_tried_again(
    clock: Any, sandbox: Sandbox, name: str, reason: str
) -> None:
    rule(channels=[f"{sandbox.url}/inbox/{name}"])
    look(finding())
    deliver_due()
    row = Delivery.objects.get()
    assert (row.status, row.attempts, row.last_error) == ("failed", 1, reason)


@pytest.mark.django_db
def test_host_that_is_allowed_no_longer_is_refused_when_it_is_connected_to(
    clock: Any, sandbox: Sandbox, settings: Any
) -> None:
    rule(channels=[f"{sandbox.url}/inbox/a"])
    settings.OMC_ALERT_HOSTS = []
    look(finding())
    deliver_due()
    assert planned() == [("opened", "failed")]
    assert sandbox.inbox.messages("a") == []


@pytest.mark.django_db
def test_address_that_no_key_opens_fails_and_says_so(clock: Any, settings: Any) -> None:
    settings.VENUE_SECRET_KEYS = ["lost"]
    rule()
    settings.VENUE_SECRET_KEYS = ["new"]
    look(finding())
    deliver_due()
    assert "VENUE_SECRET_KEYS lacks the key" in Delivery.objects.get().last_error


@pytest.mark.django_db
def test_worker_that_died_leaves_the_message_to_another_after_its_lease_under_the_same_key(
    clock: Any, sandbox: Sandbox
) -> None:
    rule(channels=[f"{sandbox.url}/inbox/a"])
    look(finding())
    (claim,) = deliveries._claim(system_clock.now(), 8, None)
    assert deliver_due() == 0
    clock.shift(119)
    assert deliver_due() == 0
    clock.shift(1)
    assert deliver_due() == 1
    assert Delivery.objects.get().attempts == 2
    assert sandbox.inbox.messages("a")[0]["headers"]["idempotency-key"] == claim.message.key


@pytest.mark.django_db
def test_late_failure_of_a_worker_whose_lease_was_over_changes_nothing(clock: Any, sandbox: Sandbox) -> None:
    rule(channels=[f"{sandbox.url}/inbox/a"])
    look(finding())
    (claim,) = deliveries._claim(system_clock.now(), 8, None)
    clock.shift(120)
    (again,) = deliveries._claim(system_clock.now(), 8, None)
    deliveries._record(claim, Result("answered 404", may_retry=False), system_clock.now())
    assert planned() == [("opened", "pending")]
    deliveries._record(again, Result(), system_clock.now())
    deliveries._record(claim, Result(), system_clock.now())
    assert planned() == [("opened", "sent")]


@pytest.mark.django_db
def test_message_whose_every_worker_died_is_given_up(clock: Any, sandbox: Sandbox) -> None:
    rule(channels=[f"{sandbox.url}/inbox/a"])
    look(finding())
    for _ in range(6):
        assert len(deliveries._claim(system_clock.now(), 8, None)) == 1
        clock.shift(120)
    deliver_due()
    assert planned() == [("opened", "failed")]
    assert "cut off" in Delivery.objects.get().last_error
    assert sandbox.inbox.messages("a") == []


@pytest.mark.django_db
def test_test_goes_at_once_and_its_outcome_is_kept(clock: Any, sandbox: Sandbox) -> None:
    rule(channels=[f"{sandbox.url}/inbox/a", f"{sandbox.url}/inbox/down-b"])
    good, bad = Channel.objects.order_by("id")
    deliver_now([send_test(good, actor="tests").pk, send_test(bad, actor="tests").pk])
    first, second = Delivery.objects.order_by("id")
    assert (first.event, first.status, first.last_error) == ("test", "sent", "")
    assert (second.event, second.status) == ("test", "pending")
    assert second.last_error.startswith("could not be reached: ")
    assert sandbox.inbox.messages("a")[0]["body"]["title"] == "Test of an alert channel"
    deliver_now([send_test(good, actor="tests").pk])
    assert len(sandbox.inbox.messages("a")) == 2


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_each_message_once(sandbox: Sandbox) -> None:
    user = UserFactory()
    rule(user, [f"{sandbox.url}/inbox/{n}" for n in range(5)], cooldown_minutes=0)
    rule(user, [f"{sandbox.url}/inbox/{n}" for n in range(5, 10)], cooldown_minutes=0)
    look(*(finding(key=f"k{n}") for n in range(3)))
    ids = set(Delivery.objects.values_list("pk", flat=True))
    assert len(ids) == 30
    in_threads(4, lambda number: deliver_now(ids) if number % 2 else deliver_due())
    while deliver_due():
        pass
    assert set(Delivery.objects.values_list("status", "attempts")) == {("sent", 1)}
    assert [len(sandbox.inbox.messages(f"{n}")) for n in range(10)] == [3] * 10


@pytest.mark.django_db
def test_channel_that_hangs_holds_up_no_other_and_is_sent_one_message_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = UserFactory()
    rule(user, [f"https://alerts.example.com/{n}" for n in range(3)], cooldown_minutes=0)
    look(*(finding(key=f"k{n}") for n in range(4)))
    at_once, most, ended = 0, 0, dict[int, list[float]]()
    gate, began = threading.Lock(), time.monotonic()
    hanging = Channel.objects.order_by("id").first()
    assert hanging is not None
    first = Delivery.objects.filter(channel=hanging).order_by("id").values_list("pk", flat=True)

    def send(address: Any, message: Message) -> Result:
        nonlocal at_once, most
        hangs = message.delivery_id in slow
        with gate:
            at_once += hangs
            most = max(most, at_once)
        if hangs:
            time.sleep(0.4)
        with gate:
            at_once -= hangs
            ended.setdefault(hangs, []).append(time.monotonic() - began)
        return Result()

    slow = set(first)
    monkeypatch.setattr(sending, "send", send)
    assert deliver_due() == 12
    assert most == 1
    assert max(ended[False]) < 1.2 < max(ended[True])
    assert set(Delivery.objects.values_list("status", flat=True)) == {"sent"}


@pytest.mark.django_db
def test_deleted_channel_takes_what_was_on_its_way_with_it(clock: Any, sandbox: Sandbox) -> None:
    rule(channels=[f"{sandbox.url}/inbox/a"])
    send_test(Channel.objects.get(), actor="tests")
    (claim,) = deliveries._claim(system_clock.now(), 8, None)
    Channel.objects.get().delete()
    deliveries._record(claim, Result(), system_clock.now())
    assert planned() == []


@pytest.mark.django_db
def test_nothing_due_costs_few_questions(django_assert_num_queries: Any) -> None:
    rule()
    look(finding())
    Delivery.objects.update(next_at=system_clock.now() + timedelta(hours=1))
    with django_assert_num_queries(5):  # the lock, a savepoint, what is due, its end, the lock's end
        assert deliver_due() == 0
