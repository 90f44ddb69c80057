"""Who is told what: once, when it opens, is raised or is over; not what flaps; nobody what is not theirs."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from apps.accounts.tests.factories import UserFactory
from apps.monitoring.findings import HIGH, LOW, MEDIUM
from apps.monitoring.models import Alert, AlertRule, Delivery, Type
from apps.monitoring.services.alerts import reconcile
from apps.monitoring.services.rules import change_rule, delete_rule
from apps.monitoring.tests.alerting import WEB, alert, finding, look, planned, rule, settle
from apps.trading.tests.factories import make_account
from ohmycoins.core import clock as system_clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
OTHER = "https://alerts.example.com/other"


def test_alert_is_told_when_it_opens_and_when_it_is_over_and_once_each() -> None:
    made = rule()
    for _ in range(3):
        look(finding())
        settle()
    assert planned() == [("opened", "sent")]
    for _ in range(2):
        look()
        settle()
    assert planned() == [("opened", "sent"), ("resolved", "sent")]
    assert set(Delivery.objects.values_list("rule_id", "alert_id")) == {(made.pk, alert().pk)}


@pytest.mark.parametrize(
    ("type_", "least", "severity", "told"),
    [("", LOW, LOW, 1), ("", MEDIUM, LOW, 0), ("", MEDIUM, MEDIUM, 1), ("", HIGH, MEDIUM, 0), ("", HIGH, HIGH, 1),
     (Type.QUALITY, LOW, LOW, 1), (Type.SYSTEM, LOW, HIGH, 0)],
)  # fmt: skip
def test_rule_hears_its_type_from_its_severity(type_: str, least: str, severity: str, told: int) -> None:
    rule(type=type_, min_severity=least)
    look(finding(severity))
    assert len(planned()) == told


def test_rule_that_is_off_or_whose_user_may_not_sign_in_hears_nothing() -> None:
    rule(enabled=False)
    rule(UserFactory(is_active=False))
    look(finding())
    assert planned() == []


def test_two_rules_that_match_tell_a_channel_once_and_two_channels_once_each() -> None:
    user = UserFactory()
    rule(user, [WEB])
    rule(user, [WEB, OTHER], min_severity=LOW)
    look(finding())
    assert planned() == [("opened", "pending")] * 2
    settle()
    look()
    assert planned()[2:] == [("resolved", "pending")] * 2
    assert Delivery.objects.values("channel", "event").distinct().count() == 4


def test_end_of_what_was_not_told_is_not_told() -> None:
    rule()
    look(finding())
    settle("failed")
    look()
    assert planned() == [("opened", "failed")]


def test_end_of_what_is_still_to_be_told_is_left_to_that_message() -> None:
    rule()
    look(finding())
    look()
    assert planned() == [("opened", "pending")]


@pytest.mark.parametrize(("minutes", "told"), [(0, False), (59, False), (60, True), (61, True)])
def test_alert_opened_again_is_told_only_after_the_cooldown(clock: Any, minutes: int, told: bool) -> None:
    rule(cooldown_minutes=60)
    look(finding())
    settle()
    look()
    settle()
    clock.shift(minutes * 60)
    look(finding())
    again = [("opened", "pending")] if told else []
    assert planned() == [("opened", "sent"), ("resolved", "sent"), *again]
    assert Alert.objects.count() == 2


def test_end_of_what_the_cooldown_kept_silent_is_not_told(clock: Any) -> None:
    rule(cooldown_minutes=60)
    look(finding())
    settle()
    look()
    settle()
    clock.shift(300)
    look(finding())
    clock.shift(300)
    look()
    assert len(planned()) == 2


def test_what_the_cooldown_kept_silent_is_told_when_it_still_stands_after(clock: Any) -> None:
    rule(cooldown_minutes=60)
    look(finding())
    settle()
    look()
    settle()
    clock.shift(300)
    look(finding())
    clock.shift(54 * 60)
    look(finding())
    assert len(planned()) == 2
    clock.shift(60)
    look(finding())
    assert planned()[2:] == [("opened", "pending")]


def test_cooldown_is_of_the_same_condition_only() -> None:
    rule(cooldown_minutes=60)
    look(finding())
    settle()
    look(finding(key="ledger:glass"))
    assert planned() == [("opened", "sent"), ("opened", "pending"), ("resolved", "pending")]


@pytest.mark.parametrize(
    ("cooldown", "minutes", "again"), [(5, 59, False), (5, 60, True), (90, 89, False), (90, 90, True)]
)
def test_what_was_given_up_is_due_anew_while_the_alert_stands(
    clock: Any, cooldown: int, minutes: int, again: bool
) -> None:
    rule(cooldown_minutes=cooldown)
    look(finding())
    settle("failed")
    Delivery.objects.update(attempts=6, last_error="answered 503")
    clock.shift(minutes * 60)
    look(finding())
    assert planned() == [("opened", "pending" if again else "failed")]
    if again:
        made = Delivery.objects.get()
        at = system_clock.now()
        assert (made.attempts, made.next_at, made.created_at, made.ended_at) == (0, at, at, None)
        settle()
        clock.shift(90 * 60)
        look(finding())
        assert planned() == [("opened", "sent")]


def test_raise_that_was_given_up_is_due_anew_and_the_opening_is_not(clock: Any) -> None:
    rule(min_severity=LOW)
    look(finding(LOW))
    settle()
    look(finding(HIGH))
    settle("failed")
    clock.shift(3600)
    look(finding(HIGH))
    assert planned() == [("opened", "sent"), ("raised", "pending")]


def test_what_was_taken_back_with_its_rule_is_told_by_another_that_names_the_channel() -> None:
    user = UserFactory()
    first = rule(user)
    second = rule(user, min_severity=HIGH)
    look(finding(HIGH), finding(MEDIUM, key="b"))
    delete_rule(first, actor="tests")
    look(finding(HIGH), finding(MEDIUM, key="b"))
    told = Delivery.objects.order_by("id").values_list("alert__key", "status", "rule_id")
    assert list(told) == [("ledger:exchange", "pending", second.pk), ("b", "failed", None)]


def test_what_was_never_told_cools_nothing_down() -> None:
    rule(cooldown_minutes=60)
    look(finding())
    settle("failed")
    look()
    look(finding())
    assert planned() == [("opened", "failed"), ("opened", "pending")]


def test_cooldown_of_none_tells_each_time() -> None:
    rule(cooldown_minutes=0)
    for _ in range(2):
        look(finding())
        settle()
        look()
        settle()
    assert [event for event, _ in planned()] == ["opened", "resolved"] * 2


def test_rule_whose_cooldown_is_over_tells_a_channel_that_another_rule_keeps_silent(clock: Any) -> None:
    user = UserFactory()
    rule(user, cooldown_minutes=60)
    rule(user, cooldown_minutes=5)
    look(finding())
    settle()
    look()
    settle()
    clock.shift(300)
    look(finding())
    assert planned()[2:] == [("opened", "pending")]


def test_severity_raised_to_a_rules_minimum_is_told_and_only_then() -> None:
    rule(min_severity=HIGH)
    look(finding(MEDIUM))
    look(finding(MEDIUM))
    assert planned() == []
    look(finding(HIGH))
    assert planned() == [("raised", "pending")]
    settle()
    look(finding(HIGH))
    look(finding(LOW))
    look()
    assert planned() == [("raised", "sent"), ("resolved", "pending")]


def test_alert_that_gets_worse_after_it_was_told_is_told_each_time() -> None:
    rule(min_severity=LOW)
    for severity in (LOW, MEDIUM, MEDIUM, HIGH, MEDIUM, HIGH):
        look(finding(severity))
        settle()
    assert planned() == [("opened", "sent"), ("raised", "sent"), ("raised", "sent")]


def test_what_opens_again_worse_than_it_was_told_is_told_in_spite_of_the_cooldown(clock: Any) -> None:
    rule(cooldown_minutes=60)
    look(finding(MEDIUM))
    settle()
    look()
    settle()
    clock.shift(300)
    look(finding(HIGH))
    assert planned()[2:] == [("opened", "pending")]
    settle()
    look()
    settle()
    clock.shift(300)
    look(finding(HIGH))
    assert len(planned()) == 4


def test_what_the_cooldown_kept_silent_is_told_when_it_gets_worse_than_was_told(clock: Any) -> None:
    rule(cooldown_minutes=60)
    look(finding(MEDIUM))
    settle()
    look()
    settle()
    clock.shift(300)
    look(finding(MEDIUM))
    assert len(planned()) == 2
    look(finding(HIGH))
    assert planned()[2:] == [("raised", "pending")]


def test_rule_hears_of_what_opened_before_it_when_that_gets_worse() -> None:
    look(finding(LOW))
    rule(min_severity=LOW)
    AlertRule.objects.update(created_at=system_clock.now() + timedelta(seconds=1))
    look(finding(LOW))
    assert planned() == []
    look(finding(MEDIUM))
    assert planned() == [("raised", "pending")]


def test_raised_severity_is_told_once_to_a_channel_that_two_rules_name() -> None:
    user = UserFactory()
    rule(user, min_severity=LOW)
    rule(user, min_severity=HIGH)
    look(finding(LOW))
    settle()
    look(finding(HIGH))
    assert planned() == [("opened", "sent"), ("raised", "pending")]


def test_raised_severity_is_left_to_a_message_that_is_still_to_be_written(clock: Any) -> None:
    user = UserFactory()
    rule(user, min_severity=LOW)
    rule(user, min_severity=HIGH)
    look(finding(LOW))
    look(finding(HIGH))
    assert planned() == [("opened", "pending")]


def test_raised_severity_is_told_beside_a_message_that_is_on_its_way() -> None:
    user = UserFactory()
    rule(user, min_severity=LOW)
    rule(user, min_severity=HIGH)
    look(finding(LOW))
    Delivery.objects.update(leased_until=system_clock.now() + timedelta(seconds=60))
    look(finding(HIGH))
    assert planned() == [("opened", "pending"), ("raised", "pending")]


def test_new_rule_hears_of_what_opens_after_it_and_of_what_is_raised_to_it(clock: Any) -> None:
    look(finding(LOW), finding(LOW, key="b"))
    clock.shift(60)
    rule(min_severity=MEDIUM)
    look(finding(LOW), finding(HIGH, key="b"), finding(MEDIUM, key="c"))
    told = Delivery.objects.order_by("id").values_list("alert__key", "event")
    assert list(told) == [("b", "raised"), ("c", "opened")]


def test_rule_switched_on_again_hears_of_what_still_stands() -> None:
    made = rule()
    change_rule(made, actor="tests", enabled=False)
    look(finding())
    assert planned() == []
    change_rule(made, actor="tests", enabled=True)
    look(finding())
    assert planned() == [("opened", "pending")]


def test_alert_about_someones_trading_is_told_to_them_and_to_who_may_view_alerts() -> None:
    owner, viewer, superuser = UserFactory(), UserFactory(), UserFactory(is_superuser=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_alert"))
    rules = {user: rule(user) for user in (owner, UserFactory(), viewer, superuser)}
    look(finding(user_id=owner.pk), finding(key="b"))
    told = Delivery.objects.filter(alert__key="ledger:exchange").values_list("rule_id", flat=True)
    assert set(told) == {rules[owner].pk, rules[viewer].pk, rules[superuser].pk}
    assert Delivery.objects.filter(alert__key="b").count() == 4


def test_alert_about_an_account_is_its_users_though_the_finding_names_none() -> None:
    account = make_account()
    rule(account.user)
    rule()
    look(finding(account_id=account.pk))
    assert alert().user_id == account.user_id
    assert len(planned()) == 1


def test_finding_that_comes_twice_in_a_round_is_one_alert() -> None:
    rule()
    look(finding(LOW), finding(HIGH))
    assert (Alert.objects.count(), alert().severity) == (1, HIGH)
    assert planned() == [("opened", "pending")]


def test_part_that_could_not_look_ends_nothing_of_its_types() -> None:
    rule()
    look(finding())
    settle()
    reconcile((Type.SYSTEM,), [], now=system_clock.now())
    assert planned() == [("opened", "sent")]


def test_look_that_began_before_another_that_has_spoken_changes_nothing(clock: Any) -> None:
    rule()
    began = system_clock.now()
    clock.shift(1)
    look(finding())
    settle()
    reconcile((Type.QUALITY,), [], now=began)
    assert planned() == [("opened", "sent")], "it stands still"
    began = system_clock.now()
    clock.shift(1)
    look()
    settle()
    reconcile((Type.QUALITY,), [finding()], now=began)
    assert planned() == [("opened", "sent"), ("resolved", "sent")]
    assert Alert.objects.count() == 1
    reconcile((Type.COLLECTOR,), [finding(type=Type.COLLECTOR)], now=began)
    assert Alert.objects.standing().get().type == Type.COLLECTOR, "of another type nobody has spoken"


def test_rule_that_is_deleted_has_what_it_did_not_send_yet_taken_back() -> None:
    made = rule()
    look(finding())
    delete_rule(made, actor="tests")
    assert planned() == [("opened", "failed")]
    assert Delivery.objects.get().last_error == "its rule was deleted before it was sent"
    assert not AlertRule.objects.exists()


def test_round_asks_no_more_for_many_alerts_and_rules(django_assert_num_queries: Any) -> None:
    users = [UserFactory() for _ in range(4)]
    for user in users:
        rule(user, [WEB, OTHER])
    findings = [finding(key=f"k{n}", user_id=users[0].pk) for n in range(10)]
    look(*findings)
    settle()
    with django_assert_num_queries(
        9 + len(findings)
    ):  # one alert each, and: savepoint, lock, outdated, standing, told
        look(*findings)
