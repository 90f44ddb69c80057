"""Keep the places that alerts go to; their addresses are sealed, and opened only to send.

No address shows in an error, a log line, a task's arguments or an answer: a channel is known by its name.
"""

import hashlib
import uuid
from collections.abc import Sequence

import structlog
from django.conf import settings
from django.db import transaction

from apps.accounts.models import User
from apps.monitoring import addresses
from apps.monitoring.addresses import EMAIL, Address, Malformed, NotPublic
from apps.monitoring.models import AlertRule, Channel, Delivery
from apps.monitoring.notifiers.plugins import allowed_hosts
from ohmycoins.core import clock, outbox
from ohmycoins.core.errors import Conflict, Invalid, Refused
from ohmycoins.core.resealing import Resealing, reseal_each

log = structlog.get_logger(__name__)

LONGEST_NAME = 100
MOST_CHANNELS = 50


def channels_of(user: User, texts: Sequence[str]) -> list[Channel]:
    """Give the user's channels that are named, or that have these addresses; new addresses make new ones.

    Within the caller's transaction, which holds the user's rules (`rules.alone`). Raises Invalid for what is
    neither, and Refused (ADDRESS_REFUSED) for an address within our own networks; each says which it was
    by its place, since the text may hold a key.
    """
    found: dict[int, Channel] = {}
    for place, text in enumerate(texts):
        channel = _named(user, text) or _addressed(user, _read(text, place))
        found[channel.pk] = channel
    return list(found.values())


def address_of(channel: Channel) -> Address:
    """Open the channel's address. Raises NotOpened."""
    return addresses.unseal(channel.sealed, user_id=channel.user_id, keys=settings.VENUE_SECRET_KEYS)


@transaction.atomic
def test_channel(channel: Channel, *, actor: str) -> Delivery:
    """Have a test sent to the channel; what came of it is in the delivery."""
    now = clock.now()
    delivery = Delivery.objects.create(
        channel=channel, event=Delivery.Event.TEST, next_at=now, created_at=now
    )
    outbox.nudge("monitoring.deliver")
    log.info("channel.tested", channel_id=channel.pk, delivery_id=delivery.pk, actor=actor)
    return delivery


@transaction.atomic
def delete_channel(channel: Channel, *, actor: str) -> None:
    """Forget the channel's address, and with it what was sent there. Raises Conflict (CHANNEL_IN_USE)."""
    if rule := AlertRule.objects.filter(channels=channel).order_by("id").first():
        raise Conflict(
            f"Alert rule {rule.pk} sends to {channel.name}: take it out of there first.",
            code="CHANNEL_IN_USE",
        )
    channel_id = channel.pk
    channel.delete()
    log.info("channel.deleted", channel_id=channel_id, actor=actor)


def reseal_channels() -> Resealing:
    """Seal every address with the newest key; those that no key opens are named by their channel."""
    done = reseal_each(Channel.objects.all(), key="id", reseal=_resealed)
    log.info(
        "channels.resealed", resealed=done.resealed, unchanged=done.unchanged, unopened=list(done.unopened)
    )
    return done


def _resealed(channel: Channel) -> str | None:
    address = address_of(channel)
    if addresses.is_newest(channel.sealed, settings.VENUE_SECRET_KEYS):
        return None
    return _seal(address, channel.user_id)


def _named(user: User, text: str) -> Channel | None:
    name = text.strip()
    if not name or len(name) > LONGEST_NAME or "\x00" in name:
        return None
    return Channel.objects.filter(user=user, name=name).first()


def _read(text: str, place: int) -> Address:
    try:
        return addresses.read(text, allowed_hosts())
    except Malformed as error:
        raise Invalid(f"channels[{place}]: {error}") from None
    except NotPublic as error:
        raise Refused(
            f"channels[{place}]: {error}; OMC_ALERT_HOSTS is where an operator allows one",
            code="ADDRESS_REFUSED",
        ) from None


def _addressed(user: User, address: Address) -> Channel:
    digest = hashlib.sha256(address.text.encode()).hexdigest()
    known = Channel.objects.filter(user=user, digest=digest).first()
    if known is not None:
        return known
    if Channel.objects.filter(user=user).count() >= MOST_CHANNELS:
        raise Refused(
            f"There are {MOST_CHANNELS} channels already, the most that a user may have: delete one.",
            code="TOO_MANY_CHANNELS",
        )
    channel = Channel.objects.create(
        user=user, kind=address.kind, name=str(uuid.uuid4()), sealed=_seal(address, user.pk), digest=digest
    )
    channel.name = _name(channel, address)
    channel.save(update_fields=["name"])
    log.info("channel.created", channel_id=channel.pk, kind=channel.kind)
    return channel


def _name(channel: Channel, address: Address) -> str:
    name = address.shown if address.kind == EMAIL else f"{address.kind}-{channel.pk} {address.shown}".strip()
    return name[:LONGEST_NAME]


def _seal(address: Address, user_id: int) -> str:
    return addresses.seal(address, user_id=user_id, keys=settings.VENUE_SECRET_KEYS)
