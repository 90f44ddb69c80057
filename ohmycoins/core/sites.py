"""Ask an outside source again and again, as a good guest.

A `Site` says who we are, keeps to a budget that all workers share, backs off when the source is in
trouble, stays away for as long as the source asks, and does not fetch again what has not changed.
What is shared lives in Redis; without Redis a source is still asked, only less politely.
"""

import hashlib
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache as cache_forever
from urllib.parse import urlsplit

import redis
import structlog
import tenacity
from django.conf import settings
from django.core.cache import cache
from pyrate_limiter import Limiter, Rate, RedisBucket, SingleBucketFactory
from redis.backoff import NoBackoff
from redis.retry import Retry

from ohmycoins.core import http
from ohmycoins.core.errors import TransientError
from ohmycoins.core.http import Ask, Page
from ohmycoins.core.stopping import stopping

log = structlog.get_logger(__name__)

ATTEMPTS = 3
BACKOFF_SECONDS = 1.0  # doubled each time, and jittered
SILENT_SECONDS = 30.0  # how long a host is left alone that did not answer at all
SILENCE_REMEMBERED_SECONDS = 300
PATIENCE_SECONDS = 10.0  # a longer wait is left to the next run
REDIS_SECONDS = 0.5
REMEMBERED_SECONDS = 7 * 86_400
REMEMBERED_BYTES = 1024 * 1024


class HostBlocked(TransientError):
    """The source asked us to stay away, or did not answer just now: nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A source as a host to ask: at most `calls` in any `per_seconds`, over all workers."""

    name: str
    user_agent: str
    calls: int
    per_seconds: float = 1.0
    secrets: tuple[str, ...] = ()

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: tuple[str, ...] = http.JSON,
        about: str = "",
        conditional: bool = False,
        total_seconds: float | None = None,
        max_bytes: int = http.MAX_BYTES,
    ) -> Page:
        """GET a page, up to three times. `conditional` spares the body when it has not changed.

        Raises TransientError or PermanentError as `http.request` does, and HostBlocked.
        """
        ask = Ask(
            url=url, params=params or {}, headers=self._headers(accept, headers), accept=accept,
            secrets=self.secrets, total_seconds=total_seconds or http.TOTAL_SECONDS, max_bytes=max_bytes,
        )  # fmt: skip
        page = self._patiently(ask) if not conditional else self._if_changed(ask)
        return replace(page, about=about)

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Page:
        """POST what may safely be posted again, such as a request for a token; as `get` otherwise."""
        ask = Ask(
            url=url, method="POST", body=body, headers=self._headers(http.JSON, headers), secrets=self.secrets
        )
        return self._patiently(ask)

    def stay_away(self, url: str, *, seconds: float) -> None:
        """Ask the host of `url` nothing for that long, in any worker."""
        with suppress(redis.RedisError):
            _redis().set(self._blocked(url), "1", px=max(int(seconds * 1000), 1))

    def _silent_again(self, url: str) -> bool:
        """Count the pages in a row that the host left unanswered; true from the second on."""
        with suppress(redis.RedisError):
            key = self._blocked(url).replace("blocked", "silent")
            count = int(_redis().incr(key))
            _redis().expire(key, SILENCE_REMEMBERED_SECONDS)
            return count > 1
        return False

    def _spoke(self, url: str) -> None:
        with suppress(redis.RedisError):
            _redis().delete(self._blocked(url).replace("blocked", "silent"))

    def _blocked(self, url: str) -> str:
        return f"omc:blocked:{self.name}:{urlsplit(url).netloc}"

    def _headers(self, accept: tuple[str, ...], more: Mapping[str, str] | None) -> dict[str, str]:
        return {"User-Agent": self.user_agent, "Accept": ", ".join(accept), **(more or {})}

    def _patiently(self, ask: Ask) -> Page:
        try:
            page = self._up_to_three_times(ask)
        except HostBlocked:
            raise
        except TransientError as error:
            if error.status is None and (error.unsent or self._silent_again(ask.url)):
                self.stay_away(ask.url, seconds=SILENT_SECONDS)  # the next page would only wait in vain too
            raise
        self._spoke(ask.url)
        return page

    def _up_to_three_times(self, ask: Ask) -> Page:
        for attempt in tenacity.Retrying(
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(ATTEMPTS), tenacity.stop_when_event_set(stopping)
            ),
            sleep=tenacity.sleep_using_event(stopping),
            retry=tenacity.retry_if_exception(_may_be_asked_again),
            wait=_wait,
            reraise=True,
        ):
            with attempt:
                return self._once(ask)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _once(self, ask: Ask) -> Page:
        store = _redis()
        try:
            if (left := store.pttl(self._blocked(ask.url))) > 0:
                raise HostBlocked(f"{ask.where} is left alone for another {left / 1000:.0f} s")
            self._wait_for_our_turn(store)
        except redis.RedisError as error:
            log.warning("site.budget_unknown", site=self.name, error=type(error).__name__)
            time.sleep(min(self.per_seconds / self.calls, 1.0))
        try:
            return http.request(ask)
        except TransientError as error:
            if error.retry_after:
                self.stay_away(ask.url, seconds=error.retry_after)
            raise

    def _wait_for_our_turn(self, store: "redis.Redis") -> None:
        rate = Rate(self.calls, int(self.per_seconds * 1000))
        bucket = RedisBucket.init([rate], store, f"omc:budget:{self.name}")
        bucket.leak(bucket.now())
        # A budget that is used up for longer than this is waited for by the next run.
        limiter = Limiter(SingleBucketFactory(bucket, schedule_leak=False))
        try:
            free = limiter.try_acquire(self.name, blocking=True, timeout=PATIENCE_SECONDS)
        except TimeoutError:
            free = False
        if not free:
            raise HostBlocked(
                f"{self.name} was asked {self.calls} times in {self.per_seconds:g} s; that is all"
            )

    def _if_changed(self, ask: Ask) -> Page:
        key = hashlib.sha256(repr((ask.url, sorted(ask.params.items()))).encode()).hexdigest()
        known = _recall(key)
        validators = {
            name: known.headers[given]
            for name, given in (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified"))
            if known and given in known.headers
        }
        statuses = (200, 304) if validators else (200,)
        page = self._patiently(replace(ask, headers={**ask.headers, **validators}, statuses=statuses))
        if page.status == 304 and known:
            return known
        if {"etag", "last-modified"} & page.headers.keys() and len(page.body) <= REMEMBERED_BYTES:
            with suppress(redis.RedisError):
                cache.set(key, (dict(page.headers), page.body), timeout=REMEMBERED_SECONDS)
        return page


@cache_forever
def _redis() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )  # fmt: skip


def _recall(key: str) -> Page | None:
    with suppress(redis.RedisError):
        if known := cache.get(key):
            headers, body = known
            return Page(status=200, headers=headers, body=body)
    return None


def _may_be_asked_again(error: BaseException) -> bool:
    return (
        isinstance(error, TransientError)
        and not isinstance(error, HostBlocked)
        and (error.retry_after or 0) <= PATIENCE_SECONDS
    )


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, TransientError) else None
    backoff = BACKOFF_SECONDS * 2.0 ** (state.attempt_number - 1)
    return (asked or 0.0) + backoff * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret
