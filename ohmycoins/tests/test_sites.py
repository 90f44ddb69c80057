"""Being a good guest: budgets, backoff, staying away, and not fetching twice what has not changed."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from ohmycoins.core import sites
from ohmycoins.core.errors import PermanentError, TransientError
from ohmycoins.core.sites import HostBlocked, Site

SITE = Site(name="test", user_agent="Test/1 (me@example.com)", calls=100)


class Host(ThreadingHTTPServer):
    """Answer with what `answers` gives in turn, the last one for ever; remember what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, dict[str, str], bytes]] = [(200, {}, b"{}")]
        self.asked: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/x"


class _Handler(BaseHTTPRequestHandler):
    server: Host

    def do_GET(self) -> None:
        self.server.asked.append(dict(self.headers.items()))
        answers = self.server.answers
        status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        if headers.get("ETag") and self.headers["If-None-Match"] == headers["ETag"]:
            status, body = 304, b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def host() -> Iterator[Host]:
    client = redis.Redis.from_url(django_settings.REDIS_URL)
    for key in client.scan_iter("omc:*"):
        client.delete(key)
    server = Host()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_says_who_we_are_and_accepts_no_exotic_encoding(host: Host) -> None:
    SITE.get(host.url)
    assert host.asked[0]["User-Agent"] == "Test/1 (me@example.com)"
    assert host.asked[0]["Accept-Encoding"] == "gzip, deflate"


def test_trouble_that_passes_is_outlasted(host: Host) -> None:
    host.answers = [(503, {}, b""), (502, {}, b""), (200, {}, b"[1]")]
    assert SITE.get(host.url).body == b"[1]"
    assert len(host.asked) == 3


def test_three_tries_and_no_more(host: Host) -> None:
    host.answers = [(503, {}, b"")]
    with pytest.raises(TransientError):
        SITE.get(host.url)
    assert len(host.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_will_not_pass_is_asked_once(host: Host, status: int) -> None:
    host.answers = [(status, {}, b"")]
    with pytest.raises(PermanentError) as caught:
        SITE.get(host.url)
    assert (caught.value.status, len(host.asked)) == (status, 1)


def test_waits_as_long_as_it_is_asked_to_when_that_is_short(host: Host) -> None:
    host.answers = [(429, {"Retry-After": "1"}, b""), (200, {}, b"[1]")]
    began = time.monotonic()
    assert SITE.get(host.url).body == b"[1]"
    assert time.monotonic() - began >= 1


def test_stays_away_from_a_host_that_asks_for_longer_in_every_worker(host: Host) -> None:
    host.answers = [(429, {"Retry-After": "120"}, b"")]
    with pytest.raises(TransientError, match="answered 429"):
        SITE.get(host.url)
    with pytest.raises(HostBlocked, match=r"left alone for another 1[12]\d s"):
        replace(SITE).get(host.url)
    assert len(host.asked) == 1
    with pytest.raises(TransientError, match="answered 429"):
        replace(SITE, name="another source at that host").get(host.url)


def test_host_that_does_not_answer_is_not_asked_for_the_next_page(host: Host) -> None:
    nowhere = "http://127.0.0.1:1/x"
    with pytest.raises(TransientError, match="Connection refused"):
        SITE.get(nowhere)
    with pytest.raises(HostBlocked, match="left alone for another 30 s"):
        SITE.get(nowhere)
    assert SITE.get(host.url).status == 200, "another host is asked"


def test_process_that_is_told_to_stop_asks_once(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()
    monkeypatch.setattr(sites, "stopping", told)
    monkeypatch.setattr(sites, "BACKOFF_SECONDS", 60.0)
    host.answers = [(503, {}, b"")]
    threading.Timer(0.2, told.set).start()
    began = time.monotonic()
    with pytest.raises(TransientError):
        SITE.get(host.url)
    assert time.monotonic() - began < 5


def test_budget_is_kept_across_workers(host: Host) -> None:
    slow = replace(SITE, name="slow", calls=3, per_seconds=0.6)
    began = time.monotonic()
    for _ in range(7):
        slow.get(host.url)
    assert time.monotonic() - began >= 1.2


def test_budget_that_is_used_up_for_long_is_left_to_the_next_run(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites, "PATIENCE_SECONDS", 0.2)
    scarce = replace(SITE, name="scarce", calls=1, per_seconds=3600)
    scarce.get(host.url)
    with pytest.raises(HostBlocked, match="asked 1 times in 3600 s"):
        scarce.get(host.url)
    assert len(host.asked) == 1


def test_without_redis_a_source_is_still_asked(host: Host, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    sites._redis.cache_clear()
    try:
        assert SITE.get(host.url).status == 200
        assert SITE.get(host.url, conditional=True).status == 200
    finally:
        sites._redis.cache_clear()


def test_page_that_has_not_changed_is_not_sent_again(host: Host) -> None:
    host.answers = [(200, {"ETag": '"v1"', "Content-Type": "application/json"}, b'{"a": 1}')]
    first = SITE.get(host.url, conditional=True, about="feed")
    again = SITE.get(host.url, conditional=True, about="feed")
    assert first == again
    assert [request.get("If-None-Match") for request in host.asked] == [None, '"v1"']
    host.answers = [(200, {"ETag": '"v2"'}, b'{"a": 2}')]
    assert SITE.get(host.url, conditional=True).body == b'{"a": 2}'


def test_secret_is_in_no_error(host: Host) -> None:
    keyed = replace(SITE, secrets=("s3cret",))
    host.answers = [(404, {}, b"")]
    with pytest.raises(PermanentError) as caught:
        keyed.get(host.url + "/s3cret", params={"auth_token": "s3cret"})
    assert "s3cret" not in str(caught.value)
