"""Call CoinSpot's public API, version 2 (coinspot.com.au/v2/api)."""

from django.conf import settings

from ohmycoins.core import http

LATEST = "/pubapi/v2/latest"


def fetch_latest() -> http.Page:
    """Get the price list of every market with an order book.

    Raises TransientError or PermanentError (see `core.http.fetch`).
    """
    return http.fetch(settings.COINSPOT_URL + LATEST, user_agent=settings.COINSPOT_USER_AGENT)
