"""Plan who is told what: rows in the transaction that found it, each sent once by `deliveries`.

A rule tells its channels of an alert when it opens, and each time that it gets worse, from the rule's minimum
on. Where the channel was told of the same condition, as bad as it is now, within the rule's cooldown it is not
told again; if the alert still stands when that is over, it is told then, since nobody would know otherwise. So is,
while the alert stands, what was given up: its message is due anew.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Q

from apps.monitoring.findings import rank
from apps.monitoring.models import Alert, AlertRule, Channel, Delivery
from ohmycoins.core import outbox

TASK = "monitoring.deliver"
OPENED, RAISED, RESOLVED = Delivery.Event.OPENED, Delivery.Event.RAISED, Delivery.Event.RESOLVED
PENDING, SENT, FAILED = Delivery.Status.PENDING, Delivery.Status.SENT, Delivery.Status.FAILED
ANEW_AFTER = timedelta(hours=1)
"""At least, since a message was given up; one that was taken back with its rule is anew what another rule tells."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert that stands, and its severity before this round; None if it opened in it."""

    alert: Alert
    before: str | None


def plan(standing: Collection[Standing], *, now: datetime) -> None:
    """Plan what is to be told of alerts that stand. Within the transaction that stored them."""
    if not standing:
        return
    heard = AlertRule.objects.heard().select_related("user").prefetch_related("channels")
    rules = list(heard.order_by("id"))
    if not rules:
        return
    told = _Told([entry.alert for entry in standing], rules, now)
    viewers = _viewers(rules, standing)
    planned: dict[tuple[int, int], Delivery] = {}
    anew: dict[int, int] = {}
    places = [(rule, list(rule.channels.all())) for rule in rules]
    for entry in standing:
        for rule, channels in places:
            if not _hears(rule, entry.alert, viewers):
                continue
            for channel in channels:
                event = _event(entry, rule, channel, told)
                if event and (entry.alert.pk, channel.pk) not in planned:
                    planned[entry.alert.pk, channel.pk] = _made(entry.alert, channel.pk, rule.pk, event, now)
                elif not event and (given_up := told.given_up(entry.alert, channel, rule)):
                    anew.setdefault(given_up, rule.pk)
    _store(planned.values())
    for delivery_id, rule_id in anew.items():
        Delivery.objects.filter(pk=delivery_id, status=FAILED).update(
            status=PENDING, rule=rule_id, attempts=0, next_at=now, created_at=now, ended_at=None
        )
    if anew:
        outbox.nudge(TASK)


def conclude(alerts: Iterable[Alert], *, now: datetime, channel: Channel | None = None) -> None:
    """Plan to say that alerts are over, to each channel that was told of them and of no end yet.

    While something about the alert is still to be sent to a channel, that will say so. Locks the alerts'
    deliveries: whoever ends one and whoever resolves the alert come here one after the other.
    """
    over = {alert.pk: alert for alert in alerts if alert.resolved_at}
    rows = Delivery.objects.select_for_update().filter(alert__in=over).order_by("id")
    if channel is not None:
        rows = rows.filter(channel=channel)
    by_place: dict[tuple[int, int], list[Delivery]] = {}
    for row in rows:
        if row.alert_id is not None:
            by_place.setdefault((row.alert_id, row.channel_id), []).append(row)
    _store(
        _made(over[alert_id], channel_id, rows[-1].rule_id, RESOLVED, now)
        for (alert_id, channel_id), rows in by_place.items()
        if _is_owed_the_end(rows)
    )


def _is_owed_the_end(rows: list[Delivery]) -> bool:
    ended = any(row.event == RESOLVED or (row.status == SENT and row.says_resolved) for row in rows)
    waits = any(row.status == PENDING for row in rows)
    return not (ended or waits) and any(row.status == SENT for row in rows)


def _event(entry: Standing, rule: AlertRule, channel: Channel, told: "_Told") -> Delivery.Event | None:
    """Say what the rule tells the channel of the alert now, if anything."""
    alert, before = entry.alert, entry.before
    is_worse = before is not None and rank(before) < rank(alert.severity)
    if told.of_this(alert, channel):
        # What waits says how severe the alert is when it is sent.
        return RAISED if is_worse and not told.waits(alert, channel) else None
    is_older = before is not None and not is_worse and alert.opened_at < rule.created_at
    if is_older or told.lately(alert, channel, rule):
        return None
    return RAISED if is_worse else OPENED


class _Told:
    """What was said of these alerts, and of the same conditions before, by channel."""

    def __init__(self, alerts: Collection[Alert], rules: Collection[AlertRule], now: datetime) -> None:
        self._newest: dict[tuple[int, int], Any] = {}
        self._waits: set[tuple[int, int]] = set()
        self._last: dict[tuple[str, str, int], list[tuple[int, datetime]]] = {}
        since = now - max(timedelta(minutes=rule.cooldown_minutes) for rule in rules)
        rows = Delivery.objects.filter(
            Q(alert__in=alerts) | Q(created_at__gt=since, alert__key__in={alert.key for alert in alerts}),
            event__in=(OPENED, RAISED), alert__type__in={alert.type for alert in alerts},
        ).order_by("id").values_list(
            "pk", "alert_id", "alert__type", "alert__key", "alert__severity", "channel_id", "rule_id", "status", "created_at",
            "ended_at", "leased_until", named=True,
        )  # fmt: skip
        for row in rows:
            place = (row.alert_id, row.channel_id)
            self._newest[place] = row
            if row.status == PENDING and not (row.leased_until and row.leased_until > now):
                self._waits.add(place)
            if row.status != FAILED:
                condition = (row.alert__type, row.alert__key, row.channel_id)
                self._last.setdefault(condition, []).append((rank(row.alert__severity), row.created_at))
        self._now = now

    def of_this(self, alert: Alert, channel: Channel) -> bool:
        return (alert.pk, channel.pk) in self._newest

    def given_up(self, alert: Alert, channel: Channel, rule: AlertRule) -> int | None:
        """Give the newest message of the alert to the channel, if it was given up long enough ago to be due anew."""
        row = self._newest.get((alert.pk, channel.pk))
        if row is None or row.status != FAILED:
            return None
        wait = max(timedelta(minutes=rule.cooldown_minutes), ANEW_AFTER)
        return row.pk if row.rule_id is None or row.ended_at + wait <= self._now else None

    def waits(self, alert: Alert, channel: Channel) -> bool:
        """Tell whether something of the alert is to be written yet for the channel."""
        return (alert.pk, channel.pk) in self._waits

    def lately(self, alert: Alert, channel: Channel, rule: AlertRule) -> bool:
        """Tell whether the channel heard of the condition within the rule's cooldown, and no milder than it is now."""
        since = self._now - timedelta(minutes=rule.cooldown_minutes)
        said = self._last.get((alert.type, alert.key, channel.pk), ())
        return any(at > since and severity >= rank(alert.severity) for severity, at in said)


def _hears(rule: AlertRule, alert: Alert, viewers: Collection[int]) -> bool:
    if rule.type not in ("", alert.type) or rank(alert.severity) < rank(rule.min_severity):
        return False
    return alert.user_id in (None, rule.user_id) or rule.user_id in viewers


def _viewers(rules: Iterable[AlertRule], standing: Iterable[Standing]) -> Collection[int]:
    """Give the rules' users who may see alerts about others (`AlertQuerySet.seen_by`)."""
    if all(entry.alert.user_id is None for entry in standing):
        return ()
    users = ModelBackend().with_perm("monitoring.view_alert")
    return set(users.filter(pk__in={rule.user_id for rule in rules}).values_list("pk", flat=True))


def _made(
    alert: Alert, channel_id: int, rule_id: int | None, event: Delivery.Event, now: datetime
) -> Delivery:
    return Delivery(
        alert=alert, channel_id=channel_id, rule_id=rule_id, event=event, next_at=now, created_at=now
    )


def _store(planned: Iterable[Delivery]) -> None:
    rows = list(planned)
    if rows:
        Delivery.objects.bulk_create(rows, ignore_conflicts=True)
        outbox.nudge(TASK)
