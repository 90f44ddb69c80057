"""Keep who is told of which alerts, and where."""

from collections.abc import Sequence
from typing import Any

import structlog
from django.db import transaction

from apps.accounts.models import User
from apps.monitoring.models import AlertRule, Delivery
from apps.monitoring.services.channels import channels_of
from ohmycoins.core import clock, locks
from ohmycoins.core.errors import Invalid, Refused

log = structlog.get_logger(__name__)

MOST_RULES = 20
MOST_CHANNELS = 10
LONGEST_COOLDOWN_MINUTES = 7 * 24 * 60


@transaction.atomic
def create_rule(user: User, *, channels: Sequence[str], actor: str, **fields: Any) -> AlertRule:
    """Make a rule. Raises Invalid, and Refused: TOO_MANY_RULES, ADDRESS_REFUSED, TOO_MANY_CHANNELS."""
    _alone(user)
    if AlertRule.objects.of(user).count() >= MOST_RULES:
        raise Refused(
            f"There are {MOST_RULES} alert rules already, the most that a user may have: delete one.",
            code="TOO_MANY_RULES",
        )
    _require_few(channels)
    rule = AlertRule.objects.create(user=user, **fields)
    rule.channels.set(channels_of(user, channels))
    log.info("rule.created", rule_id=rule.pk, actor=actor)
    return rule


@transaction.atomic
def change_rule(
    rule: AlertRule, *, actor: str, channels: Sequence[str] | None = None, **fields: Any
) -> AlertRule:
    """Change what is given; `channels` replaces all of them. Raises as `create_rule`."""
    _alone(rule.user)
    for name, value in fields.items():
        setattr(rule, name, value)
    rule.save(update_fields=list(fields))
    if channels is not None:
        _require_few(channels)
        rule.channels.set(channels_of(rule.user, channels))
    log.info("rule.changed", rule_id=rule.pk, actor=actor, fields=sorted(fields))
    return rule


@transaction.atomic
def delete_rule(rule: AlertRule, *, actor: str) -> None:
    """Delete the rule; what was not sent for it yet is not sent any more. Its channels stay."""
    _alone(rule.user)
    now = clock.now()
    Delivery.objects.filter(rule=rule, status=Delivery.Status.PENDING).update(
        status=Delivery.Status.FAILED, next_at=None, leased_until=None, ended_at=now,
        last_error="its rule was deleted before it was sent",
    )  # fmt: skip
    rule_id = rule.pk
    rule.delete()
    log.info("rule.deleted", rule_id=rule_id, actor=actor)


def _alone(user: User) -> None:
    """Let one change of the user's rules and channels at a time count them."""
    locks.advisory_lock(f"monitoring.rules:{user.pk}")


def _require_few(channels: Sequence[str]) -> None:
    if not 1 <= len(channels) <= MOST_CHANNELS:
        raise Invalid(f"channels: {len(channels)} were given; a rule has from 1 to {MOST_CHANNELS}")
