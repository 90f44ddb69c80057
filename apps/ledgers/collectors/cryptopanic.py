"""Collect crypto news from CryptoPanic, every quarter of an hour."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings

from apps.ledgers.collectors.base import Collector, Missing, NeedsCredentials
from apps.ledgers.parsers import cryptopanic
from apps.ledgers.records import Parsed, UnreadablePage
from ohmycoins.core.errors import OutsideError, PermanentError
from ohmycoins.core.http import Page
from ohmycoins.core.sites import Site

V1 = {"free": "/api/free/v1/posts/", "v1": "/api/v1/posts/"}
PLANS = ("developer", "v1", "free")  # tried in turn when no plan is set: a key works on its own path only
PAGES = 50  # the source has no more


class Cryptopanic(Collector):
    """Posts newest first, by page number: `next` is never followed, since it echoes the key."""

    slug = "cryptopanic"
    ledger = "human"
    schedule = "interval:15:minutes"

    def needs(self) -> str | None:
        return None if settings.CRYPTOPANIC_API_KEY else "CRYPTOPANIC_API_KEY"

    def fetch(self, since: datetime | None) -> Iterator[Page | Missing]:
        page, plan = _first_page()
        yield page
        for number in range(2, PAGES + 1):
            try:
                oldest = cryptopanic.oldest_of(page.body)
            except UnreadablePage:
                return  # the run will say so
            if oldest is None or since is None or oldest <= since:
                return
            try:
                page = _posts(number, plan)
            except OutsideError as error:
                yield Missing(f"page {number}", str(error), for_good=error.status == 404)  # past its end
                return
            yield page
        if since:
            yield Missing(
                "older pages", f"the source goes back no further towards {since:%d %b %H:%M}", for_good=True
            )

    def parse(self, page: Page, observed_at: datetime) -> Parsed:
        return cryptopanic.parse(page.body)


def _first_page() -> tuple[Page, str]:
    """Get page 1, and the plan under whose path it was found."""
    plans = (settings.CRYPTOPANIC_PLAN,) if settings.CRYPTOPANIC_PLAN else PLANS
    for plan in plans:
        try:
            return _posts(1, plan), plan
        except PermanentError as error:
            if error.status != 404 or plan == plans[-1]:
                raise
    raise AssertionError("unreachable: the last plan raises")


def _posts(number: int, plan: str) -> Page:
    key = settings.CRYPTOPANIC_API_KEY
    site = Site(
        name="cryptopanic", user_agent=settings.CRYPTOPANIC_USER_AGENT, calls=1, per_seconds=2, secrets=(key,)
    )
    try:
        return site.get(
            settings.CRYPTOPANIC_URL + V1.get(plan, f"/api/{plan}/v2/posts/"),
            params={"auth_token": key, "public": "true", "page": str(number)},
            about=f"page {number}",
        )
    except PermanentError as error:
        if error.status not in (401, 403):
            raise
        raise NeedsCredentials(
            f"{error}: CRYPTOPANIC_API_KEY is refused, or not for the plan {plan!r}"
        ) from error
