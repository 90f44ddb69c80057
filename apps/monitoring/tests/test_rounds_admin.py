"""Rounds, and collectors' figures and marks, in the admin."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.accounts.models import User
from apps.accounts.tests.factories import UserFactory
from apps.ledgers.tests.factories import make_run
from apps.monitoring.models import MetricsMark, Round
from ohmycoins.core.clock import now

pytestmark = pytest.mark.django_db


def signed_in(*rights: str) -> tuple[Client, User]:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client, user


def test_rounds_are_listed_with_a_plot_of_what_they_took(clock: Any) -> None:
    for minutes, took in ((10, 900), (5, 1_500)):
        Round.objects.create(
            started_at=now() - timedelta(minutes=minutes), took_ms=took, failed={"quality": "ValueError: x"}
        )
    client, _ = signed_in("view_round")
    page = client.get("/admin/monitoring/round/").content.decode()
    assert "<svg" in page
    assert "1,500.00 ms" in page
    assert "ValueError: x" in page


def test_figures_stand_over_the_marks_and_escape_what_sources_say(clock: Any) -> None:
    make_run(status="failed", error="<script>HTTP 500</script>")
    client, _ = signed_in("view_metricsmark")
    page = client.get("/admin/monitoring/metricsmark/").content.decode()
    assert "coinspot_prices" in page
    assert "failing" in page
    assert "<script>HTTP" not in page
    assert "HTTP 500" in page
    assert "Collector figures" in page


def test_mark_is_made_by_who_may_and_never_changed(clock: Any) -> None:
    client, user = signed_in("view_metricsmark", "add_metricsmark")
    answer = client.post("/admin/monitoring/metricsmark/add/", {"reason": "the proxy was down"})
    assert answer.status_code == 302
    mark = MetricsMark.objects.get()
    assert (mark.at, mark.made_by, mark.reason) == (now(), f"user:{user.pk}", "the proxy was down")
    assert client.get(f"/admin/monitoring/metricsmark/{mark.pk}/change/").status_code == 200
    assert client.post(f"/admin/monitoring/metricsmark/{mark.pk}/change/", {"reason": "x"}).status_code == 403
    assert client.post(f"/admin/monitoring/metricsmark/{mark.pk}/delete/").status_code == 403
    viewer, _ = signed_in("view_metricsmark")
    assert viewer.post("/admin/monitoring/metricsmark/add/", {"reason": "x"}).status_code == 403
    assert MetricsMark.objects.count() == 1
