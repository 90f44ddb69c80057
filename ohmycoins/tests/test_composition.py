"""Schedules, groups, checks, logs, nudges: what holds the apps together."""

import io
import logging
import time
from typing import Any

import pytest
import structlog
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.models import Source
from ohmycoins.checks import check_trading_mode
from ohmycoins.core import logs, outbox, seams
from ohmycoins.core.errors import Invalid
from ohmycoins.schedule import _when, entries, sync_schedules


@pytest.mark.django_db
def test_prepare_creates_what_is_missing_and_a_second_run_changes_nothing(settings: Any) -> None:
    settings.OMC_ADMIN_EMAIL, settings.OMC_ADMIN_PASSWORD = "boss@example.com", ""
    first, second = io.StringIO(), io.StringIO()
    call_command("prepare", stdout=first)
    password = first.getvalue().split("Password: ")[1].split()[0]
    admin = User.objects.get(email="boss@example.com")
    assert admin.is_superuser
    assert admin.check_password(password)
    assert Source.objects.filter(name="coinspot_prices").exists()
    assert set(Group.objects.values_list("name", flat=True)) == {
        "auditors",
        "live approvers",
        "operators",
        "user managers",
    }
    call_command("prepare", stdout=second)
    assert second.getvalue() == "", "the password is shown once"
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_prepare_keeps_an_existing_superuser() -> None:
    UserFactory(is_superuser=True, email="mine@example.com")
    call_command("prepare", stdout=io.StringIO())
    assert User.objects.get().email == "mine@example.com"


@pytest.mark.django_db
def test_schedules_are_created_when_missing_and_an_operator_s_edit_survives() -> None:
    assert set(sync_schedules()) == {entry.name for entry in entries()}
    row = PeriodicTask.objects.get(name="ledgers.collect:coinspot_prices")
    assert (row.task, row.args, row.interval.every, row.interval.period) == (
        "ledgers.collect", '["coinspot_prices"]', 1, "minutes",
    )  # fmt: skip
    row.interval = IntervalSchedule.objects.create(every=7, period="minutes")
    row.save()
    PeriodicTask.objects.get(name="trading.poll").delete()
    assert sync_schedules() == ["trading.poll"]
    row.refresh_from_db()
    assert row.interval.every == 7


@pytest.mark.django_db(transaction=True)  # Celery closes the connection when it sets up
def test_every_scheduled_task_exists() -> None:
    from ohmycoins.celery import app

    app.loader.import_default_modules()
    assert {entry.task for entry in entries()} <= set(app.tasks)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "schedule", ["interval:0:minutes", "interval:x:minutes", "interval:5:weeks", "cron:* *", "daily"]
)
def test_schedule_that_makes_no_sense_is_refused(schedule: str) -> None:
    with pytest.raises(Invalid, match="expected interval:N:seconds"):
        _when(schedule)


@pytest.mark.django_db
def test_cron_schedule_is_kept_in_utc() -> None:
    when, _ = _when("cron:0 9 * * *")
    row = when["crontab"]
    assert (row.minute, row.hour, str(row.timezone)) == ("0", "9", "UTC")


@pytest.mark.django_db
def test_migrations_are_in_step_with_the_models() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_broken_seam_entry_is_named_by_a_system_check(settings: Any) -> None:
    settings.COLLECTORS = {
        "a": "apps.nothing.Here",
        "b": "apps.ledgers.collectors.coinspot_prices.CoinspotPrices",
    }
    errors = seams.check_seams()
    assert [error.id for error in errors] == ["omc.E001", "omc.E002"]
    assert "COLLECTORS['a']" in errors[0].msg
    assert "calls itself 'coinspot_prices'" in errors[1].msg


@pytest.mark.parametrize(
    ("mode", "durable", "ids"),
    [("paper", False, []), ("live", True, []), ("live", False, ["omc.E004"]), ("Live", True, ["omc.E003"])],
)
def test_live_trading_needs_a_redis_that_keeps_its_queue(
    settings: Any, mode: str, durable: bool, ids: list[str]
) -> None:
    settings.TRADING_MODE, settings.REDIS_IS_DURABLE = mode, durable
    assert [error.id for error in check_trading_mode()] == ids


@pytest.mark.parametrize("name", ["password", "Authorization", "api_secret", "token", "sign"])
def test_secrets_are_blanked_in_logs(name: str) -> None:
    assert logs.redact(None, "info", {"event": "x", name: "hunter2", "order_id": 5}) == {
        "event": "x", name: "[redacted]", "order_id": 5,
    }  # fmt: skip


def test_traceback_in_the_log_shows_no_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    config = logs.configure(as_json=True, level="INFO")
    handler = logging.StreamHandler(stream := io.StringIO())
    formatter = dict(config["formatters"]["main"])
    handler.setFormatter(formatter.pop("()")(**formatter))
    logger = logging.getLogger("ohmycoins.tests.secret")
    logger.addHandler(handler)
    try:
        api_secret = "hunter2"
        raise RuntimeError("boom")
    except RuntimeError:
        structlog.get_logger("ohmycoins.tests.secret").exception("failed")
    logger.removeHandler(handler)
    assert "RuntimeError: boom" in stream.getvalue()
    assert api_secret not in stream.getvalue().replace('api_secret = "hunter2"', "")


@pytest.mark.django_db(transaction=True)
def test_nudge_with_the_broker_down_is_quick_and_harmless(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    outbox._connection.cache_clear()
    try:
        began = time.monotonic()
        with transaction.atomic():
            outbox.nudge("trading.execute", 1)
        assert time.monotonic() - began < 1
    finally:
        outbox._connection.cache_clear()
