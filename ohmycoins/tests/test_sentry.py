"""What is reported to Sentry, and what never is."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from ohmycoins import sentry
from ohmycoins.env import BASE_DIR

REPORT = """
import json, sentry_sdk
from sentry_sdk.transport import Transport
from django.conf import settings
from django.test import RequestFactory
from django.views.decorators.csrf import csrf_exempt
import django
django.setup()

seen = []
class Kept(Transport):
    def capture_envelope(self, envelope):
        seen.extend(item.payload.json for item in envelope.items if item.payload.json)
sentry_sdk.get_client().transport = Kept({})

@csrf_exempt
def view(request):
    api_secret = "hunter2-local"
    raise RuntimeError("boom")

from django.core.handlers.wsgi import WSGIHandler
from django.urls import path
import ohmycoins.urls
ohmycoins.urls.urlpatterns.insert(0, path("boom", view))
request = RequestFactory().post("/boom?token=hunter2-query", {"password": "hunter2-body"},
    HTTP_HOST="localhost", HTTP_AUTHORIZATION="Bearer hunter2-header", HTTP_COOKIE="seen=hunter2-cookie", REMOTE_ADDR="203.0.113.9")
WSGIHandler()(request.environ, lambda *_: None)
sentry_sdk.flush()
print("SEEN" + json.dumps(seen))
"""


def test_error_is_reported_without_variables_bodies_headers_cookies_queries_or_callers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REPORT], cwd=BASE_DIR, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"SENTRY_DSN": "http://key@127.0.0.1:1/1", "DJANGO_SETTINGS_MODULE": "ohmycoins.settings"},
    )  # fmt: skip
    assert "SEEN" in done.stdout, done.stdout + done.stderr
    text = done.stdout.partition("SEEN")[2]
    (event,) = [item for item in json.loads(text) if "exception" in item]
    raised = event["exception"]["values"][-1]
    assert (raised["type"], raised["value"]) == ("RuntimeError", "boom")
    assert event["request"] == {"method": "POST", "url": "http://localhost/boom"}
    assert "hunter2" not in text
    assert "203.0.113.9" not in text
    assert "vars" not in text


@pytest.mark.parametrize("dsn", ["", None])
def test_nothing_of_sentry_is_loaded_unless_it_is_asked_for(dsn: str | None) -> None:
    program = "import django, sys; django.setup(); print('sentry_sdk' in sys.modules)"
    asked = {"SENTRY_DSN": dsn} if dsn is not None else {}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=BASE_DIR, capture_output=True, text=True, timeout=60, check=False,
        env={name: value for name, value in os.environ.items() if name != "SENTRY_DSN"} | asked
        | {"DJANGO_SETTINGS_MODULE": "ohmycoins.settings"},
    )  # fmt: skip
    assert done.stdout.strip().endswith("False"), done.stderr


def test_task_is_named_and_its_arguments_are_not() -> None:
    event: dict[str, Any] = {
        "user": {"id": 1}, "breadcrumbs": {"values": [1]}, "extra": {
            "celery-job": {"task_name": "trading.execute", "args": [7], "kwargs": {"secret": "hunter2"}}, "sys.argv": ["x"],
        },
        "contexts": {"trace": {"op": "task", "token": "hunter2"}},
    }  # fmt: skip
    assert sentry.scrub(event, {}) == {
        "extra": {"task": "trading.execute"},
        "contexts": {"trace": {"op": "task"}},
    }


def test_of_what_an_error_says_the_first_line_is_sent() -> None:
    said = 'duplicate key value violates unique constraint "x"\nDETAIL:  Key (email)=(hal@example.com) already exists.'
    event = {
        "exception": {
            "values": [{"type": "IntegrityError", "value": said}, {"type": "KeyError", "value": None}]
        }
    }
    values = [raised["value"] for raised in sentry.scrub(event, {})["exception"]["values"]]
    assert values == ['duplicate key value violates unique constraint "x"', ""]
