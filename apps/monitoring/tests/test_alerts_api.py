"""Alerts, rules and channels over HTTP: one's own, counted, checked, and without keys."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.monitoring.findings import HIGH, LOW
from apps.monitoring.models import AlertRule, Channel, Delivery, Type
from apps.monitoring.services.deliveries import deliver_due
from apps.monitoring.tests.alerting import (
    DISCORD,
    KEY,
    SLACK,
    TELEGRAM,
    WEB,
    finding,
    look,
    rule,
    serving,
    settle,
)
from ohmycoins.tests.test_public import MALFORMED, REFUSED

pytestmark = pytest.mark.django_db
RULES, ALERTS, CHANNELS = (
    "/api/v1/monitoring/alert-rules",
    "/api/v1/monitoring/alerts",
    "/api/v1/monitoring/channels",
)


def test_rule_is_made_with_its_defaults_and_shows_names_without_keys(api: APIClient) -> None:
    hook = f"{WEB}?key={KEY}"
    answer = api.post(RULES, {"channels": ["Me@Example.com", SLACK, DISCORD, TELEGRAM, hook]}, format="json")
    assert answer.status_code == 201, answer.json()
    ids = {channel.kind: channel.pk for channel in Channel.objects.all()}
    body = answer.json()
    assert body | {"id": 0, "created_at": ""} == {
        "id": 0, "type": "", "min_severity": "medium", "cooldown_minutes": 60, "enabled": True, "created_at": "",
        "channels": sorted([
            "Me@example.com", f"slack-{ids['slack']}", f"discord-{ids['discord']}", f"telegram-{ids['telegram']}",
            f"webhook-{ids['webhook']} alerts.example.com",
        ]),
    }  # fmt: skip
    for path in (RULES, f"{RULES}/{body['id']}", CHANNELS, ALERTS):
        text = api.get(path).content.decode()
        for key in (KEY, KEY.replace("-", "")):
            assert key not in text
    stored = str(list(Channel.objects.values()))
    assert KEY not in stored
    assert KEY.replace("-", "") not in stored


def test_rule_is_read_changed_and_deleted(api: APIClient, user: User) -> None:
    made = rule(user, [WEB, SLACK], type=Type.QUALITY)
    path = f"{RULES}/{made.pk}"
    slack = Channel.objects.get(kind="slack")
    answer = api.patch(
        path, {"min_severity": "high", "channels": [slack.name, "you@example.com"]}, format="json"
    )
    assert answer.status_code == 200
    assert answer.json()["channels"] == sorted([slack.name, "you@example.com"])
    assert (answer.json()["min_severity"], answer.json()["type"]) == ("high", "quality")
    assert api.patch(path, {"enabled": False}, format="json").json()["enabled"] is False
    assert api.get(path).json() == api.get(RULES).json()["results"][0]
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert Channel.objects.count() == 3


def test_address_in_another_spelling_is_the_same_channel(api: APIClient, user: User) -> None:
    made = rule(user, [SLACK])
    again = f"slack://{SLACK.rpartition('/services/')[2]}"
    answer = api.post(RULES, {"channels": [again, SLACK]}, format="json")
    assert answer.json()["channels"] == [made.channels.get().name]
    assert Channel.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "channels"), ({"channels": []}, "channels"), ({"channels": "me@example.com"}, "channels"),
        ({"channels": [5]}, "channels"), ({"channels": [None]}, "channels"), ({"channels": [""]}, "channels"),
        ({"channels": [WEB], "type": "weather"}, "type"), ({"channels": [WEB], "min_severity": "urgent"}, "min_severity"),
        ({"channels": [WEB], "cooldown_minutes": -1}, "cooldown_minutes"),
        ({"channels": [WEB], "cooldown_minutes": 10081}, "cooldown_minutes"), ({"channels": [WEB], "enabled": "x"}, "enabled"),
        ({"channels": [WEB], "user": 1}, "user"), ({"channels": [f"{WEB}/{n}" for n in range(11)]}, "channels: 11"),
        ({"channels": [WEB, "ops"]}, "channels[1]"), ({"channels": ["a\x00b"]}, "channels"), ([], "Invalid data"),
    ],
)  # fmt: skip
def test_malformed_rule_is_a_400_that_names_the_field_and_stores_nothing(
    api: APIClient, body: Any, named: str
) -> None:
    answer = api.post(RULES, body, format="json")
    assert answer.status_code == 400
    assert named in answer.json()["message"]
    assert (AlertRule.objects.count(), Channel.objects.count()) == (0, 0)


@pytest.mark.parametrize("url", [*MALFORMED, "json://127.0.0.1", "file:///x", f"xmpp://{KEY}@127.0.0.1"])
def test_malformed_address_is_a_400_that_says_nothing_back(api: APIClient, url: str) -> None:
    answer = api.post(RULES, {"channels": [WEB, url]}, format="json")
    assert answer.status_code == 400
    assert "channels" in answer.json()["message"]
    assert KEY not in answer.content.decode()
    assert (AlertRule.objects.count(), Channel.objects.count()) == (0, 0)


@pytest.mark.parametrize("url", REFUSED)
def test_address_in_our_networks_is_a_422_and_stores_nothing(api: APIClient, url: str) -> None:
    answer = api.post(RULES, {"channels": [WEB, url]}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (422, "ADDRESS_REFUSED")
    assert answer.json()["message"].startswith("channels[1]: ")
    assert (AlertRule.objects.count(), Channel.objects.count()) == (0, 0)


def test_change_that_is_refused_changes_nothing(api: APIClient, user: User) -> None:
    made = rule(user)
    for body, status in (
        ({"enabled": False, "channels": ["http://10.0.0.1/"]}, 422),
        ({}, 400),
        ({"id": 5}, 400),
    ):
        assert api.patch(f"{RULES}/{made.pk}", body, format="json").status_code == status
    made.refresh_from_db()
    assert made.enabled


def test_twenty_first_rule_is_refused(api: APIClient, user: User) -> None:
    for _ in range(20):
        rule(user)
    answer = api.post(RULES, {"channels": [WEB]}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (422, "TOO_MANY_RULES")
    assert api.get(RULES).json()["results"][0].keys() == {
        "id", "type", "min_severity", "cooldown_minutes", "channels", "enabled", "created_at",
    }  # fmt: skip


def test_rules_and_channels_of_another_user_are_not_found(api: APIClient) -> None:
    made = rule(channels=[WEB])
    channel = made.channels.get()
    for path in (f"{RULES}/{made.pk}", f"{CHANNELS}/{channel.pk}"):
        assert api.get(path).status_code == 404
        assert api.delete(path).status_code == 404
    assert api.patch(f"{RULES}/{made.pk}", {"enabled": False}, format="json").status_code == 404
    assert api.post(f"{CHANNELS}/{channel.pk}/test").status_code == 404
    assert api.get(RULES).json()["results"] == api.get(CHANNELS).json()["results"] == []
    answer = api.post(RULES, {"channels": [channel.name]}, format="json")
    assert answer.status_code == 400, "another user's channel has no name for us"


@pytest.mark.parametrize("path", [RULES, ALERTS, CHANNELS])
def test_nobody_reads_without_signing_in(path: str) -> None:
    assert APIClient().get(path).status_code == 401


def test_channel_is_tested_and_shows_what_came_of_it(
    api: APIClient, user: User, settings: Any, clock: Any
) -> None:
    with serving(settings) as server:
        channel = rule(user, [f"{server.url}/inbox/404-a"]).channels.get()
        assert api.get(CHANNELS).json()["results"][0]["last_delivery"] is None
        answer = api.post(f"{CHANNELS}/{channel.pk}/test")
        assert answer.status_code == 202
        assert (answer.json()["event"], answer.json()["status"]) == ("test", "pending")
        deliver_due()
    shown = api.get(f"{CHANNELS}/{channel.pk}").json()
    assert shown == api.get(CHANNELS).json()["results"][0]
    assert shown["last_delivery"] | {"id": answer.json()["id"]} == shown["last_delivery"]
    assert (shown["last_delivery"]["status"], shown["last_delivery"]["last_error"]) == (
        "failed",
        "answered 404",
    )


def test_eleventh_test_in_a_minute_is_refused(api: APIClient, user: User, clock: Any) -> None:
    channel = rule(user).channels.get()
    statuses = [api.post(f"{CHANNELS}/{channel.pk}/test").status_code for _ in range(11)]
    assert statuses == [202] * 10 + [429]
    assert Delivery.objects.count() == 10


def test_channel_that_a_rule_names_stays_and_one_that_none_does_goes_with_its_deliveries(
    api: APIClient, user: User
) -> None:
    made = rule(user)
    path = f"{CHANNELS}/{made.channels.get().pk}"
    assert (api.delete(path).status_code, api.delete(path).json()["code"]) == (409, "CHANNEL_IN_USE")
    api.post(f"{path}/test")
    api.delete(f"{RULES}/{made.pk}")
    assert api.delete(path).status_code == 204
    assert (Channel.objects.count(), Delivery.objects.count()) == (0, 0)


def test_alerts_are_listed_newest_first_with_what_one_was_told(
    api: APIClient, user: User, clock: Any, client_for: Callable[[User], APIClient]
) -> None:
    other = UserFactory()
    rule(user)
    rule(other, ["you@example.com"])
    look(finding(key="a"))
    clock.shift(60)
    look(finding(key="a"), finding(HIGH, key="b"), finding(key="mine", user_id=user.pk))
    look(
        finding(HIGH, key="b"), finding(key="mine", user_id=user.pk), finding(key="theirs", user_id=other.pk)
    )
    rows = api.get(ALERTS).json()["results"]
    assert [row["key"] for row in rows] == ["mine", "b", "a"]
    assert [len(row["deliveries"]) for row in rows] == [1, 1, 1]
    assert rows[1] | {"id": 0, "deliveries": []} == {
        "id": 0, "type": "quality", "key": "b", "severity": "high", "message": "it is stale", "evidence": {},
        "account": None, "opened_at": "2026-03-02T12:01:00Z", "seen_at": "2026-03-02T12:01:00Z", "resolved_at": None,
        "deliveries": [],
    }  # fmt: skip
    told = rows[1]["deliveries"][0]
    assert (told["event"], told["status"], told["attempts"], told["last_error"]) == (
        "opened",
        "pending",
        0,
        None,
    )
    assert told["channel"].endswith("alerts.example.com")
    viewer = UserFactory()
    viewer.user_permissions.set(
        Permission.objects.filter(
            codename__in=["view_alert", "view_delivery"], content_type__app_label="monitoring"
        )
    )
    every = client_for(viewer).get(ALERTS).json()["results"]
    assert [row["key"] for row in every] == ["theirs", "mine", "b", "a"]
    assert [len(row["deliveries"]) for row in every] == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("query", "keys"),
    [("type=quality", ["b", "a"]), ("type=system", []), ("severity=high", ["b"]), ("standing=true", ["b"]),
     ("standing=false", ["a"]), ("standing=false&severity=high", [])],
)  # fmt: skip
def test_alerts_are_filtered(api: APIClient, clock: Any, query: str, keys: list[str]) -> None:
    look(finding(LOW, key="a"))
    look(finding(HIGH, key="b"))
    assert [row["key"] for row in api.get(f"{ALERTS}?{query}").json()["results"]] == keys


@pytest.mark.parametrize(
    "query", ["type=weather", "severity=urgent", "standing=yes", "page_size=0", "cursor=x"]
)
def test_filter_that_is_none_is_a_400(api: APIClient, query: str) -> None:
    assert api.get(f"{ALERTS}?{query}").status_code == 400


def test_lists_ask_no_more_for_more_rows(api: APIClient, user: User, django_assert_num_queries: Any) -> None:
    rule(user, [WEB, SLACK])
    look(*(finding(key=f"k{n}") for n in range(5)))
    settle()
    look()
    counts = {
        ALERTS: 2 + 2,
        RULES: 2,
        CHANNELS: 2,
    }  # the page and what belongs to it; and the rights of who may see all
    for path, count in counts.items():
        with django_assert_num_queries(count):
            assert api.get(path).status_code == 200
        for _ in range(3):
            rule(user, [WEB, SLACK, DISCORD])
        look(*(finding(key=f"{path}{n}") for n in range(10)))
        with django_assert_num_queries(count if path != ALERTS else 2):
            api.get(path)
