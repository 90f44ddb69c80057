"""Reach the venue outside that an account trades at."""

from apps.trading.models import Account
from apps.trading.services.credentials import NoCredentials
from apps.trading.venues.base import LiveVenue
from ohmycoins.clients.coinspot import NotSent, OutcomeUnknown, Refused
from ohmycoins.core import seams

# What a call to it may end in; for a call that only reads, each is merely a failure.
FAILURES = (NotSent, Refused, OutcomeUnknown, NoCredentials)


def live_venue(account: Account) -> LiveVenue:
    """Give the implementation behind the account's venue."""
    venue: LiveVenue = seams.load("VENUES")[account.venue]
    return venue
